//! The way to one process: its connection, made when it is needed.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use http_body::{Frame, SizeHint};
use hyper::{
    body::Incoming,
    client::conn::http2::{self, Connection, SendRequest},
    rt::Executor as _,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::{DnsName, IpAddr, ServerName};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::TlsConnector;
use tokio_util::either::Either;
use tonic::body::Body;

use super::{CONNECT, Pool, resolve::Place};
use crate::{error::chain, grpc::address::bare, tls::Tls};

/// After a partition that closes no connection TCP takes minutes to notice, and until then every RPC goes into the void. With
/// these it is noticed within 4 s; on idle connections, too, for the next call mustn't be the one that finds out. Only parts
/// of ours are called, which answer pings however many there are.
const PING: Duration = Duration::from_secs(2);
const PONG: Duration = Duration::from_secs(2);
/// How often it is looked whether the other side has spoken: hyper doesn't say.
const LISTEN: Duration = Duration::from_millis(1);
/// How long a process is left alone that couldn't be reached or has gone, as long as there are others.
const REST: Duration = Duration::from_secs(1);

type Stream = Either<TcpStream, tokio_rustls::client::TlsStream<TcpStream>>;
type Driver = Connection<TokioIo<Stream>, Body, TokioExecutor>;

/// The way to one process.
pub(super) struct Line {
    pub(super) place: Place,
    state: Mutex<State>,
    calls: Arc<AtomicUsize>,
}

/// What there is of a connection.
pub(super) enum State {
    /// None yet.
    New,
    Connecting,
    Ready(SendRequest<Body>),
    /// It couldn't be made, then.
    Failed(Instant),
    /// It ended, then.
    Ended(Instant),
}

impl Line {
    pub(super) fn to(place: Place) -> Self {
        Self { place, state: Mutex::new(State::New), calls: Arc::default() }
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(&*self.state(), State::Ready(sender) if !sender.is_closed())
    }

    /// How many calls are under way.
    pub(super) fn load(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    pub(super) fn has_failed_since(&self, begun: Instant) -> bool {
        matches!(&*self.state(), State::Failed(at) if *at >= begun)
    }

    /// Whether to connect; it counts as begun then. `needed`: since when there is no other.
    pub(super) fn begin(&self, needed: Option<Instant>) -> bool {
        let mut state = self.state();
        let begins = match &*state {
            State::New => true,
            State::Connecting => false,
            State::Ready(sender) => sender.is_closed() && needed.is_some(),
            State::Ended(at) => needed.is_some() || at.elapsed() > REST,
            // Who waits for it learns that it failed, and doesn't try again and again.
            State::Failed(at) => needed.is_some_and(|since| *at < since) || at.elapsed() > REST,
        };
        if begins {
            *state = State::Connecting;
        }
        begins
    }

    pub(super) fn set(&self, next: State) {
        let mut state = self.state();
        // The end of a connection in whose place there is another one already says nothing.
        let is_over = !matches!(next, State::Ended(_)) || matches!(&*state, State::Ready(sender) if sender.is_closed());
        if is_over {
            *state = next;
        }
    }

    /// The connection, and a place on it that counts until it is dropped.
    pub(super) fn take(&self) -> Option<(SendRequest<Body>, Taken)> {
        let State::Ready(sender) = &*self.state() else { return None };
        self.calls.fetch_add(1, Ordering::Relaxed);
        Some((sender.clone(), Taken(Arc::clone(&self.calls))))
    }

    /// Uses a connection no longer that has ended under a call.
    pub(super) fn look(&self, used: &SendRequest<Body>) {
        let mut state = self.state();
        if used.is_closed() && matches!(&*state, State::Ready(sender) if sender.is_closed()) {
            *state = State::Ended(Instant::now());
        }
    }

    /// Connects. What comes of it is told to `pool`.
    pub(super) fn connect(self: &Arc<Self>, pool: &Arc<Pool>) {
        let (place, tls, is_tls) = (self.place.clone(), pool.tls.clone(), pool.address.is_tls);
        let (line, pool) = (Arc::downgrade(self), Arc::downgrade(pool));
        // Not a task that a stop waits for: calls go on until the last request is answered, and connections with them.
        TokioExecutor::new().execute(async move {
            let driver = match timeout(CONNECT, open(&place, is_tls, tls)).await {
                Ok(Ok((sender, driver))) => {
                    tell(&line, &pool, State::Ready(sender), None);
                    driver
                }
                Ok(Err(error)) => return tell(&line, &pool, State::Failed(Instant::now()), Some(error)),
                Err(_) => {
                    return tell(
                        &line,
                        &pool,
                        State::Failed(Instant::now()),
                        Some("connecting takes too long".to_owned()),
                    );
                }
            };
            if let Err(error) = driver.await {
                tracing::debug!(address = %place.address, error = chain(&error), "a connection to a part broke off");
            }
            tell(&line, &pool, State::Ended(Instant::now()), None);
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell(line: &Weak<Line>, pool: &Weak<Pool>, state: State, trouble: Option<String>) {
    if let (Some(line), Some(pool)) = (line.upgrade(), pool.upgrade()) {
        pool.changed(&line, state, trouble);
    }
}

async fn open(place: &Place, is_tls: bool, tls: Option<Tls>) -> Result<(SendRequest<Body>, Driver), String> {
    let failed = |error: io::Error| chain(&error);
    let tcp = TcpStream::connect(place.address).await.map_err(failed)?;
    tcp.set_nodelay(true).map_err(failed)?;
    let stream = if is_tls {
        let tls = tls.ok_or("there is no certificate to show")?;
        let encrypted = TlsConnector::from(tls.client()).connect(server_name(place)?, tcp).await;
        Either::Right(encrypted.map_err(failed)?)
    } else {
        Either::Left(tcp)
    };
    let connected = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        // Nothing leaves before the other side has said how much may.
        .initial_max_send_streams(0)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG)
        .keep_alive_while_idle(true)
        .handshake(TokioIo::new(stream))
        .await;
    let (sender, mut driver) = connected.map_err(|error| chain(&error))?;
    // The kernel lets a connection in for a process that is paused or about to stop: it counts when that has spoken.
    while driver.current_max_send_streams() == 0 {
        tokio::select! {
            ended = &mut driver => return Err(ended.err().map_or_else(|| "it was closed".to_owned(), |error| chain(&error))),
            () = tokio::time::sleep(LISTEN) => {}
        }
    }
    Ok((sender, driver))
}

/// Whom the certificate must name: the host as it is written in the setting.
fn server_name(place: &Place) -> Result<ServerName<'static>, String> {
    let bare = bare(&place.host);
    if let Ok(address) = bare.parse::<std::net::IpAddr>() {
        return Ok(ServerName::IpAddress(IpAddr::from(address)));
    }
    let name = DnsName::try_from(bare.to_owned()).map_err(|_invalid| format!("no certificate can name {bare}"))?;
    Ok(ServerName::DnsName(name))
}

/// A call's place on a connection.
pub(super) struct Taken(Arc<AtomicUsize>);

impl Taken {
    /// The same, held until the answer is read.
    pub(super) fn until_read(self, body: Incoming) -> Body {
        Body::new(Answer { body, _place: self })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Answer {
    body: Incoming,
    _place: Taken,
}

impl http_body::Body for Answer {
    type Data = bytes::Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<bytes::Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
