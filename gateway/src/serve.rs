//! The public listener. Our own loop, because `axum::serve` bounds neither headers, silence nor the number of connections.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    io, iter,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use axum::{Router, body::Body, response::Response, routing::future::RouteFuture};
use http::{HeaderValue, Request, Version, header};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto,
};
use kit::boot::Tasks;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{either::Either, sync::CancellationToken};
use tower::Service as _;

use crate::{
    config::Limits,
    connection::{Connection, IDLE, Timer, Watched},
    gateway::Gateway,
    turns::Turns,
};

/// Requests at once on one HTTP/2 connection.
const STREAMS: u32 = 100;
/// Streams that a client may open and reset before it is sent away (CVE-2023-44487).
const RESET_STREAMS: usize = 20;
/// How often a silent HTTP/2 connection is asked whether it lives, and how long it may take to say so.
const PING: Duration = Duration::from_secs(20);
const PONG: Duration = Duration::from_secs(10);
/// How long accepting rests when there are no descriptors left.
const REST: Duration = Duration::from_millis(200);

/// Serves `gateway` on `listener` until the stop.
pub(crate) fn start(gateway: &Gateway, tasks: &Tasks, listener: TcpListener) {
    let limits = gateway.config().limits;
    let server = Arc::new(Server {
        router: gateway.router(),
        protocol: protocol(&limits, tasks),
        patience: limits.header_timeout,
        turns: Turns::start(tasks),
        leaving: tasks.leaving(),
    });
    let places = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
    let (tasks, stop) = (tasks.clone(), tasks.stopping());
    tasks.clone().spawn(async move {
        let attend = |(stream, peer, place): Guest| {
            let (server, stop) = (Arc::clone(&server), stop.child_token());
            tasks.attend(async move {
                server.converse(stream, peer, stop).await;
                drop(place);
            });
        };
        while let Some(guest) = stop.run_until_cancelled(accept(&listener, &places)).await {
            attend(guest);
        }
        waiting(listener, &places).for_each(attend);
    });
}

/// A connection, who opened it, and its place among those that there may be.
type Guest = (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>);

/// Those whom the kernel has let in already: closing the listener would cut off what they have sent. Nobody comes after them.
fn waiting(listener: TcpListener, places: &Arc<Semaphore>) -> impl Iterator<Item = Guest> {
    let listener = listener.into_std().ok();
    iter::from_fn(move || {
        let place = Arc::clone(places).try_acquire_owned().ok()?;
        let (stream, peer) = listener.as_ref()?.accept().ok()?;
        stream.set_nonblocking(true).ok()?;
        Some((TcpStream::from_std(stream).ok()?, peer, Some(place)))
    })
}

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> Guest {
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, place),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "accepting connections fails");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn protocol(limits: &Limits, tasks: &Tasks) -> auto::Builder<Spawner> {
    let mut builder = auto::Builder::new(Spawner(tasks.clone()));
    builder
        .http1()
        .header_read_timeout(limits.header_timeout)
        // Headers that don't fit are answered 431.
        .max_buf_size(limits.header_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS)
        .max_pending_accept_reset_streams(RESET_STREAMS)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG);
    builder
}

/// Runs the streams of HTTP/2 connections as tasks that a stop waits for.
#[derive(Clone)]
struct Spawner(Tasks);

impl<F> hyper::rt::Executor<F> for Spawner
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, stream: F) {
        self.0.attend(async move {
            stream.await;
        });
    }
}

struct Server {
    router: Router,
    protocol: auto::Builder<Spawner>,
    patience: Duration,
    turns: Turns,
    leaving: CancellationToken,
}

impl Server {
    /// Answers what comes on one connection until either end has enough, or until the stop and what has begun by then.
    async fn converse(&self, stream: TcpStream, peer: SocketAddr, stop: CancellationToken) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection broke before it began");
            return;
        }
        let connection = Connection::of(peer.ip());
        let service = Entry {
            router: self.router.clone(),
            connection: connection.clone(),
            turns: self.turns.clone(),
            leaving: self.leaving.clone(),
        };
        let stream = TokioIo::new(Watched::new(stream, connection.clone()));
        let mut protocol = self.protocol.clone();
        protocol.http1().timer(Timer::default());
        let mut talk = pin!(protocol.serve_connection(stream, service));
        let mut watch = pin!(connection.silence(self.patience, IDLE));
        let (mut leaving, mut place) = (false, self.turns.place());
        loop {
            tokio::select! {
                biased;
                ended = poll_fn(|cx| place.poll(connection.is_suspect(), talk.as_mut(), cx)) => {
                    if let Err(error) = ended {
                        tracing::debug!(error, "a connection ended early");
                    }
                    return;
                }
                () = stop.cancelled(), if !leaving => {}
                () = watch.as_mut() => {
                    if leaving || connection.begun() == 0 {
                        return;
                    }
                    // Who doesn't read its last answer isn't waited for as long again.
                    watch.set(connection.silence(self.patience, self.patience));
                }
            }
            leaving = true;
            talk.as_mut().graceful_shutdown();
        }
    }
}

/// Hands the requests of one connection to the router.
struct Entry {
    router: Router,
    connection: Connection,
    turns: Turns,
    leaving: CancellationToken,
}

type Answer = Result<Response, Infallible>;

impl hyper::service::Service<Request<Incoming>> for Entry {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<RouteFuture<Infallible>, Pin<Box<dyn Future<Output = Answer> + Send>>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let connection = self.connection.begin();
        request.extensions_mut().insert(connection.clone());
        let is_stream = request.version() == Version::HTTP_2;
        let answer = self.router.clone().call(request.map(Body::new));
        // An HTTP/1 answer is polled by its connection, in the connection's turn; those of HTTP/2 are tasks of their own.
        if is_stream {
            Either::Right(Box::pin(in_turn(answer, self.turns.clone(), connection)))
        } else if self.leaving.is_cancelled() {
            Either::Right(Box::pin(last(answer)))
        } else {
            Either::Left(answer)
        }
    }
}

async fn in_turn(answer: RouteFuture<Infallible>, turns: Turns, connection: Connection) -> Answer {
    let (mut answer, mut place) = (pin!(answer), turns.place());
    poll_fn(|cx| place.poll(connection.is_suspect(), answer.as_mut(), cx)).await
}

/// The last answer of an HTTP/1 connection: the client says the rest elsewhere. Said while it is served still, so that it
/// doesn't send anything on a connection that is being closed.
async fn last(answer: RouteFuture<Infallible>) -> Answer {
    let mut answer = answer.await?;
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    Ok(answer)
}
