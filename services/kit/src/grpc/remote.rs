//! Calling another part over the network: a connection to each of its processes, and calls spread over them (ADR 0026).
//!
//! A call goes to the connection that has the fewest. It is sent once more, to another process, only if none of it was
//! processed: nothing had left yet, or the process said so (GOAWAY, `REFUSED_STREAM`; RFC 9113 §8.7). Calls that only read
//! are sent once more after any broken connection. Nothing else is: it may have run.

mod line;
mod replay;
mod resolve;
#[cfg(test)]
mod tests;

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use arc_swap::ArcSwap;
use http::{HeaderValue, Request, Response, Uri, header, uri::PathAndQuery};
use hyper::client::conn::TrySendError;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};
use tonic::{ConnectError, Status, body::Body};
use tower::{BoxError, Service};

use self::{
    line::{Line, State},
    replay::Replay,
    resolve::Place,
};
use super::{address::Address, budget, layer::deadline, spans::Reached};
use crate::{boot::Tasks, tls::Tls};

pub(super) use resolve::{Names, Resolve};

/// How long connecting may take, with all that belongs to it.
const CONNECT: Duration = Duration::from_secs(2);
/// How often names are looked up again.
const LOOK_UP: Duration = Duration::from_secs(5);
/// How often one call is sent at most.
const MOST_TRIES: usize = 4;
/// What we call ourselves.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("portals/", env!("CARGO_PKG_VERSION")));
/// What RPCs begin with that only read. One that counts what is asked may count once too often.
const READS: [&str; 6] = ["Describe", "Get", "List", "Resolve", "Validate", "Verify"];

/// A part elsewhere. Clones share its connections.
#[derive(Clone)]
pub(super) struct Remote(Arc<Pool>);

struct Pool {
    address: Address,
    tls: Option<Tls>,
    resolver: Arc<dyn Resolve>,
    lines: ArcSwap<Vec<Arc<Line>>>,
    /// When names were looked up last.
    looked_up: tokio::sync::Mutex<Option<Instant>>,
    /// What went wrong last, to be told where nothing goes any more.
    trouble: Mutex<String>,
    /// Changes whenever a line does.
    news: watch::Sender<()>,
    turn: AtomicUsize,
}

/// A call that failed.
enum Failed {
    /// None of it was processed; it can be sent again as it is.
    Unsent(Replay),
    /// It left, and what came of it isn't known.
    Broken(Option<Replay>, hyper::Error),
}

impl Remote {
    /// Connects when first used. Names are looked up again until the stop.
    pub(super) fn new(address: &Address, tls: Option<&Tls>, resolver: Arc<dyn Resolve>, tasks: &Tasks) -> Self {
        let pool = Arc::new(Pool {
            address: address.clone(),
            tls: tls.cloned(),
            resolver,
            lines: ArcSwap::default(),
            looked_up: tokio::sync::Mutex::default(),
            trouble: Mutex::default(),
            news: watch::Sender::default(),
            turn: AtomicUsize::default(),
        });
        if !resolve::is_fixed(address) {
            let looking = Arc::clone(&pool);
            tasks.every(LOOK_UP, move || {
                let looking = Arc::clone(&looking);
                async move { looking.look_up_again().await }
            });
        }
        Self(pool)
    }
}

impl Service<Request<Body>> for Remote {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let pool = Arc::clone(&self.0);
        let end = deadline(request.headers()).map(|after| Instant::now() + after);
        Box::pin(async move {
            let Some(end) = end else { return pool.send(request, None).await };
            let late = |_elapsed| BoxError::from(Status::deadline_exceeded("no answer in time"));
            timeout_at(end, pool.send(request, Some(end))).await.map_err(late)?
        })
    }
}

impl Pool {
    async fn send(self: &Arc<Self>, request: Request<Body>, end: Option<Instant>) -> Result<Response<Body>, BoxError> {
        let mut again_after_break = is_read(request.uri().path());
        let mut call = Replay::of(request);
        let mut avoided = None;
        for _ in 0..MOST_TRIES {
            let line = self.ready(avoided.as_ref()).await?;
            match self.send_once(&line, call, end).await {
                Ok(response) => return Ok(response),
                Err(Failed::Unsent(unsent)) => call = unsent,
                Err(Failed::Broken(Some(same), _)) if again_after_break => {
                    again_after_break = false;
                    call = same;
                }
                Err(Failed::Broken(_, error)) => return Err(error.into()),
            }
            avoided = Some(line);
        }
        Err(self.unreachable("every connection was closed before the call left"))
    }

    async fn send_once(&self, line: &Arc<Line>, call: Replay, end: Option<Instant>) -> Result<Response<Body>, Failed> {
        let (mut request, copy) = call.request();
        self.direct(line, &mut request);
        if let Some(end) = end {
            budget::write(request.headers_mut(), end.saturating_duration_since(Instant::now()));
        }
        let Some((mut sender, place)) = line.take() else { return Err(Failed::Unsent(Replay::of(request))) };
        if let Some(reached) = request.extensions().get::<Reached>() {
            reached.note(line.place.address);
        }
        match sender.try_send_request(request).await {
            Ok(response) => Ok(response.map(|body| place.until_read(body))),
            Err(mut error) => {
                line.look(&sender);
                Err(failed(error.take_message(), copy, error))
            }
        }
    }

    /// Writes where the request goes.
    fn direct(&self, line: &Line, request: &mut Request<Body>) {
        let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        let uri = Uri::builder().scheme(self.address.scheme()).authority(line.place.host.clone()).path_and_query(path);
        if let Ok(uri) = uri.build() {
            *request.uri_mut() = uri;
        }
        request.headers_mut().entry(header::USER_AGENT).or_insert(AGENT);
    }

    /// A line that is connected, another than `avoided` if there is one. Waits for one where there is none.
    async fn ready(self: &Arc<Self>, avoided: Option<&Arc<Line>>) -> Result<Arc<Line>, BoxError> {
        let (begun, mut news) = (Instant::now(), self.news.subscribe());
        loop {
            news.mark_unchanged();
            let lines = self.lines.load_full();
            if let Some(line) = self.choose(&lines, avoided, begun) {
                return Ok(line);
            }
            if lines.iter().all(|line| line.has_failed_since(begun)) {
                // Nobody is known yet, or others may have taken the place of those who are gone.
                let looked_up = timeout_at(begun + CONNECT, self.look_up(begun)).await;
                let looked_up = looked_up.unwrap_or_else(|_elapsed| Err("looking names up takes too long".to_owned()));
                looked_up.map_err(|error| self.unreachable(&error))?;
                if self.lines.load().iter().all(|line| line.has_failed_since(begun)) {
                    return Err(self.unreachable("it can't be reached"));
                }
                continue;
            }
            if !matches!(timeout_at(begun + CONNECT, news.changed()).await, Ok(Ok(()))) {
                return Err(self.unreachable("connecting takes too long"));
            }
        }
    }

    /// The connected line with the fewest calls. Wakes those that aren't: where they are needed at once, but once a call.
    fn choose(self: &Arc<Self>, lines: &[Arc<Line>], avoided: Option<&Arc<Line>>, begun: Instant) -> Option<Arc<Line>> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let (before, after) = lines.split_at(turn.checked_rem(lines.len()).unwrap_or(0));
        let in_turn = || after.iter().chain(before);
        let is_avoided = |line: &Arc<Line>| avoided.is_some_and(|avoided| Arc::ptr_eq(avoided, line));
        let ready = in_turn().filter(|line| line.is_ready());
        let chosen = ready.min_by_key(|line| (is_avoided(line), line.load())).cloned();
        let needed = chosen.is_none().then_some(begun);
        for line in in_turn().filter(|line| line.begin(needed)) {
            line.connect(self);
        }
        chosen
    }

    async fn look_up_again(self: &Arc<Self>) {
        // Until it is used first nobody needs to know.
        if !self.lines.load().is_empty()
            && let Err(error) = self.look_up(Instant::now()).await
        {
            tracing::warn!(address = %self.address, error, "a part's name can't be looked up; its processes stay as known");
        }
    }

    /// Looks names up, unless that was done since `since`. Connections to who isn't there any more are used no longer.
    async fn look_up(self: &Arc<Self>, since: Instant) -> Result<(), String> {
        let mut looked_up = self.looked_up.lock().await;
        if looked_up.is_some_and(|at| at >= since) {
            return Ok(());
        }
        let places = resolve::places(&self.address, &*self.resolver).await?;
        *looked_up = Some(Instant::now());
        let known = self.lines.load_full();
        if known.len() == places.len() && known.iter().all(|line| places.contains(&line.place)) {
            return Ok(());
        }
        let mut seen = HashSet::new();
        let line = |place: Place| {
            let same = known.iter().find(|line| line.place == place);
            same.map_or_else(|| Arc::new(Line::to(place)), Arc::clone)
        };
        let lines: Vec<_> = places.into_iter().filter(|place| seen.insert(place.clone())).map(line).collect();
        tracing::debug!(address = %self.address, processes = lines.len(), "a part's processes are known");
        self.lines.store(Arc::new(lines));
        self.news.send_replace(());
        Ok(())
    }

    /// A line got into that state.
    fn changed(&self, line: &Line, state: State, trouble: Option<String>) {
        if let Some(trouble) = trouble {
            tracing::debug!(address = %line.place.address, trouble, "a part's process can't be reached");
            *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
        }
        line.set(state);
        self.news.send_replace(());
    }

    /// Nothing has left, and nothing will.
    fn unreachable(&self, why: &str) -> BoxError {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let said = if trouble.is_empty() { why.to_owned() } else { format!("{why}: {trouble}") };
        ConnectError(said.into()).into()
    }
}

/// What a failure means. `message`: the request, if it never left; `copy`: the same, if there is one.
fn failed(message: Option<Request<Body>>, copy: Option<Replay>, error: TrySendError<Request<Body>>) -> Failed {
    let error = error.into_error();
    match (message, copy) {
        (Some(message), None) => Failed::Unsent(Replay::of(message)),
        (Some(_), Some(copy)) => Failed::Unsent(copy),
        (None, Some(copy)) if is_refused(&error) => Failed::Unsent(copy),
        (None, copy) => Failed::Broken(copy, error),
    }
}

/// Whether the other side says that it has done nothing (RFC 9113 §8.7). Streams that a GOAWAY leaves open aren't told so.
fn is_refused(error: &hyper::Error) -> bool {
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        if let Some(error) = source.downcast_ref::<h2::Error>() {
            let is_refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
            let is_gone = error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR);
            return error.is_remote() && (is_refused || is_gone);
        }
        next = source.source();
    }
    false
}

fn is_read(path: &str) -> bool {
    let rpc = path.rsplit('/').next().unwrap_or_default();
    READS.iter().any(|read| rpc.starts_with(read))
}
