//! Connects: the only place that opens a socket to an upstream.

use std::{
    fmt,
    future::Future,
    io,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{Uri, uri::Scheme};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::{
    client::legacy::connect::{Connected, Connection, HttpConnector},
    rt::TokioIo,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName},
};
use tokio::task::coop;
use tokio_rustls::TlsConnector;
use tower::Service;

use super::{
    policy::Policy,
    resolver::{Forbidden, Names, Resolver},
};

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Names in ALPN, the one that is liked best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];
/// How long a connection is silent before TCP asks whether the other end is there.
const TCP_KEEPALIVE: Duration = Duration::from_secs(15);

/// What may be read for one of the 128 units that a task has in its turn on a thread. To the runtime a read is one unit, however
/// much it brings, and an upstream may send 64 KiB of interim responses in each, which are parsed and dropped without an end:
/// turns of seconds, in which nobody else gets the thread.
const BYTES_A_UNIT: usize = 1 << 10;
/// What a read takes at most. A task that never had enough would never read.
const MOST_UNITS: usize = 64;

/// Dials, over TLS where the URL says so.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector<Resolver>,
    tls: TlsConnector,
    policy: Policy,
    patience: Duration,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl Connector {
    /// `authorities` are trusted beside those that browsers trust; connecting, TLS included, takes `patience` at most.
    pub(super) fn new(
        names: Arc<dyn Names>,
        policy: Policy,
        authorities: &[CertificateDer<'static>],
        patience: Duration,
    ) -> Result<Self, rustls::Error> {
        let mut tcp = HttpConnector::new_with_resolver(Resolver { names, policy: policy.clone() });
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // Shared among the addresses of a name, so that one that is silent leaves time for the next.
        tcp.set_connect_timeout(Some(patience));
        tcp.set_keepalive(Some(TCP_KEEPALIVE));
        Ok(Self { tcp, tls: TlsConnector::from(Arc::new(tls(authorities)?)), policy, patience })
    }

    async fn connect(mut self, uri: Uri) -> Result<Stream, Fault> {
        // The connector beneath doesn't ask its resolver about addresses that are written out.
        if literal(&uri).is_some_and(|address| !self.policy.permits(address)) {
            return Err(Forbidden.into());
        }
        let (secure, host) = (uri.scheme() == Some(&Scheme::HTTPS), bare(uri.host().unwrap_or_default()).to_owned());
        let tcp = self.tcp.call(uri).await?;
        if !secure {
            return Ok(Stream { io: Box::new(tcp), is_http2: false });
        }
        let tls = self.tls.connect(ServerName::try_from(host)?, TokioIo::new(tcp)).await?;
        let is_http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok(Stream { io: Box::new(TokioIo::new(tls)), is_http2 })
    }
}

fn tls(authorities: &[CertificateDer<'static>]) -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for authority in authorities {
        roots.add(authority.clone())?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = versions.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(config)
}

/// The address that is written out in a URL.
fn literal(uri: &Uri) -> Option<IpAddr> {
    bare(uri.host()?).parse().ok()
}

/// A host without the brackets of IPv6 addresses.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, Fault>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = tokio::time::timeout(self.patience, self.clone().connect(uri));
        Box::pin(async move { connecting.await? })
    }
}

trait Io: Read + Write + Send + Unpin {}
impl<T: Read + Write + Send + Unpin> Io for T {}

/// An open connection.
pub(super) struct Stream {
    io: Box<dyn Io>,
    is_http2: bool,
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        if self.is_http2 { Connected::new().negotiated_h2() } else { Connected::new() }
    }
}

impl Read for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        for _ in 0..MOST_UNITS.min(buf.remaining() / BYTES_A_UNIT) {
            ready!(coop::poll_proceed(cx)).made_progress();
        }
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }
}
