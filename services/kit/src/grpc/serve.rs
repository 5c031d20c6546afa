//! Serving a part's RPCs on a socket.

use std::{io, net::SocketAddr, time::Duration};

use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{service::Routes, transport::Server};
use tonic_health::server::health_reporter;

use super::layer::Layered;
use crate::boot::Tasks;

/// How often a silent connection is asked whether its client is there.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How long a client may take to say so.
const KEEP_ALIVE_PATIENCE: Duration = Duration::from_secs(5);
/// The most requests of one connection at once.
const MOST_STREAMS: u32 = 1_024;

/// A part that is served.
#[derive(Clone, Debug)]
pub struct Served {
    /// Where it listens.
    pub address: SocketAddr,
}

/// Why a part can't be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address can't be listened on.
    #[error("can't listen on {0}")]
    Listen(String, #[source] io::Error),
    /// The descriptors that this binary was built with can't be read.
    #[error("the service descriptors are broken")]
    Descriptors(#[from] tonic_reflection::server::Error),
}

impl Served {
    /// Serves `routes` with health and reflection on `listen` (port 0: any free one) until the stop.
    ///
    /// `names` are the services that health reports on; `descriptors` what reflection shows.
    pub async fn start(
        tasks: &Tasks,
        listen: &str,
        routes: Routes,
        names: &[&'static str],
        descriptors: &[u8],
    ) -> Result<Self, ServeError> {
        let failed = |error| ServeError::Listen(listen.to_owned(), error);
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (health, health_service) = health_reporter();
        for name in names {
            health.set_service_status(name, tonic_health::ServingStatus::Serving).await;
        }
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(descriptors)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        // Many clients, grpcio's among them, still ask by the older name.
        let (v1, v1alpha) = (reflection().build_v1()?, reflection().build_v1alpha()?);
        let routes = routes.add_service(health_service).add_service(v1).add_service(v1alpha);
        let stop = tasks.stopping();
        tasks.spawn(async move {
            let mut builder = Server::builder()
                .http2_keepalive_interval(Some(KEEP_ALIVE))
                .http2_keepalive_timeout(Some(KEEP_ALIVE_PATIENCE))
                .max_concurrent_streams(MOST_STREAMS)
                .layer(tower::layer::layer_fn(Layered::new));
            let incoming = TcpListenerStream::new(listener);
            let served =
                builder.add_routes(routes).serve_with_incoming_shutdown(incoming, stop.cancelled_owned()).await;
            if let Err(error) = served {
                tracing::error!(error = crate::error::chain(&error), "a grpc listener failed");
            }
        });
        Ok(Self { address })
    }
}
