//! Serving a part's RPCs on a socket.

use std::{io, net::SocketAddr, time::Duration};

use tokio::net::TcpListener;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{service::Routes, transport::Server};
use tonic_health::{
    ServingStatus::{NotServing, Serving},
    server::{HealthReporter, health_reporter},
};

use super::{layer::Layered, listener};
use crate::{boot::Tasks, tls::Tls};

/// How often a silent connection is asked whether its client is there.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How long a client may take to say so.
const KEEP_ALIVE_PATIENCE: Duration = Duration::from_secs(5);
/// The most requests of one connection at once.
const MOST_STREAMS: u32 = 1_024;

/// Where to serve, and to whom.
#[derive(Clone, Debug)]
pub struct Listen {
    /// `host:port`; port 0 takes any free one.
    pub at: String,
    /// Only clients with a certificate of the authority are let in, if there is one.
    pub tls: Option<Tls>,
}

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
    /// Serves `routes` with health and reflection until the stop.
    ///
    /// `names` are the services that health reports on; `descriptors` what reflection shows. When the process is about to
    /// stop, health says so and clients are asked to connect anew (GOAWAY), elsewhere if they can; whoever comes back is
    /// served until the stop.
    pub async fn start(
        tasks: &Tasks,
        listen: Listen,
        routes: Routes,
        names: &[&'static str],
        descriptors: &[u8],
    ) -> Result<Self, ServeError> {
        let Listen { at, tls } = listen;
        let failed = |error| ServeError::Listen(at.clone(), error);
        let listener = TcpListener::bind(&at).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (health, health_service) = health_reporter();
        // The empty name is the server as a whole.
        let names: Vec<&'static str> = [""].iter().chain(names).copied().collect();
        for name in &names {
            health.set_service_status(name, Serving).await;
        }
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(descriptors)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        // Many clients, grpcio's among them, still ask by the older name.
        let (v1, v1alpha) = (reflection().build_v1()?, reflection().build_v1alpha()?);
        let routes = routes.add_service(health_service).add_service(v1).add_service(v1alpha);
        take_leave(tasks, health, names);
        for arrivals in listener::accept(tasks, listener, tls) {
            let routes = routes.clone();
            tasks.serve("a grpc listener", async move {
                let mut builder = Server::builder()
                    .http2_keepalive_interval(Some(KEEP_ALIVE))
                    .http2_keepalive_timeout(Some(KEEP_ALIVE_PATIENCE))
                    .max_concurrent_streams(MOST_STREAMS)
                    .layer(tower::layer::layer_fn(Layered::new));
                // Graceful, and told to stop by the end of who arrives.
                let arrivals = UnboundedReceiverStream::new(arrivals);
                builder.add_routes(routes).serve_with_incoming_shutdown(arrivals, std::future::pending()).await
            });
        }
        Ok(Self { address })
    }
}

fn take_leave(tasks: &Tasks, health: HealthReporter, names: Vec<&'static str>) {
    let leaving = tasks.leaving();
    tasks.spawn(async move {
        leaving.cancelled().await;
        for name in names {
            health.set_service_status(name, NotServing).await;
        }
    });
}
