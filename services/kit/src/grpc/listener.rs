//! Connections as they arrive, with TLS where that is spoken, and how they end before a stop.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::either::Either;
use tonic::transport::server::{Connected, TcpConnectInfo};

use crate::{boot::Tasks, tls::Tls};

/// How long a client may take to show its certificate.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long accepting rests when there are no descriptors left.
const REST: Duration = Duration::from_millis(200);

/// A connection.
pub(super) struct Accepted {
    stream: Either<TcpStream, TlsStream<TcpStream>>,
    info: TcpConnectInfo,
}

/// Those who arrive, in the order in which they do.
pub(super) type Arrivals = mpsc::UnboundedReceiver<io::Result<Accepted>>;
type Hall = Arc<Mutex<Option<mpsc::UnboundedSender<io::Result<Accepted>>>>>;

/// Accepts connections: the first kind until the process is about to stop, the second from then until it stops. Each ends
/// with its kind: whoever serves it tells those connections to go elsewhere, and waits for what they have under way.
pub(super) fn accept(tasks: &Tasks, listener: TcpListener, tls: Option<Tls>) -> [Arrivals; 2] {
    let ((first, before), (second, after)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
    let hall: Hall = Arc::new(Mutex::new(Some(first)));
    let door = Door { hall, tls, tasks: tasks.clone() };
    tasks.spawn(async move { door.keep(listener, second).await });
    [before, after]
}

struct Door {
    hall: Hall,
    tls: Option<Tls>,
    tasks: Tasks,
}

impl Door {
    async fn keep(self, listener: TcpListener, second: mpsc::UnboundedSender<io::Result<Accepted>>) {
        let (leaving, stopping) = (self.tasks.leaving(), self.tasks.stopping());
        let mut next = Some(second);
        loop {
            tokio::select! {
                biased;
                () = stopping.cancelled() => break,
                () = leaving.cancelled(), if next.is_some() => set(&self.hall, next.take()),
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => self.let_in(stream),
                    Err(error) if is_of_one_connection(&error) => {}
                    Err(error) => {
                        tracing::error!(%error, "accepting connections fails");
                        tokio::time::sleep(REST).await;
                    }
                },
            }
        }
        set(&self.hall, next.or_else(|| current(&self.hall)));
        self.let_in_who_waits(listener);
        set(&self.hall, None);
    }

    /// The kernel has answered these already: closing the listener would cut off what they have sent.
    fn let_in_who_waits(&self, listener: TcpListener) {
        let Ok(listener) = listener.into_std() else { return };
        while let Ok((stream, _)) = listener.accept() {
            if stream.set_nonblocking(true).is_ok()
                && let Ok(stream) = TcpStream::from_std(stream)
            {
                self.let_in(stream);
            }
        }
    }

    fn let_in(&self, stream: TcpStream) {
        let info = stream.connect_info();
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection broke before it began");
            return;
        }
        let Some(tls) = &self.tls else {
            hand(&self.hall, Accepted { stream: Either::Left(stream), info });
            return;
        };
        let (acceptor, hall) = (TlsAcceptor::from(tls.server()), Arc::clone(&self.hall));
        self.tasks.attend(async move {
            match timeout(HANDSHAKE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => hand(&hall, Accepted { stream: Either::Right(stream), info }),
                Ok(Err(error)) => tracing::info!(%error, "a client without a certificate of ours was turned away"),
                Err(_elapsed) => tracing::debug!("a client took too long to show its certificate"),
            }
        });
    }
}

fn current(hall: &Hall) -> Option<mpsc::UnboundedSender<io::Result<Accepted>>> {
    hall.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn set(hall: &Hall, kind: Option<mpsc::UnboundedSender<io::Result<Accepted>>>) {
    *hall.lock().unwrap_or_else(PoisonError::into_inner) = kind;
}

/// Hands a connection over; whoever comes after the end is turned away before a word was said.
fn hand(hall: &Hall, accepted: Accepted) {
    if let Some(kind) = current(hall) {
        let _ = kind.send(Ok(accepted));
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

impl Connected for Accepted {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.info.clone()
    }
}

impl AsyncRead for Accepted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Accepted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
