//! The parts of a process, put together. Parts that share it talk to each other without a socket.

use std::{net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use kit::{
    ambient::Ambient,
    boot::{Readiness, StopSignals, Tasks, serve_admin},
    db::Database,
    grpc::{Address, Layered, Listen, Peer, Served},
    telemetry::{Metrics, Telemetry},
    tls::Tls,
};
use tokio::net::TcpListener;
use tonic::service::Routes;

use crate::{
    built_in::{BuiltIn, Directory, Gatekeeper},
    failure::Failure,
    roles::Roles,
};

/// How long a stop takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    /// For how long it goes on serving, so that nobody is sent here any more by then.
    pub(crate) grace: Duration,
    /// How long it then waits for what is under way.
    pub(crate) drain: Duration,
}

impl Stop {
    /// Of `standalone`: nobody else could serve meanwhile, and people wait for it.
    pub(crate) const AT_ONCE: Self = Self { grace: Duration::ZERO, drain: Duration::from_secs(5) };

    /// Of one process among several: as long as a call may take.
    fn of(roles: &Roles) -> Self {
        let token = roles.token.as_ref().map(|config| config.stop_grace);
        let portal = roles.portal.as_ref().map(|config| config.stop_grace);
        let gateway = roles.gateway.as_ref().map(|config| config.stop_grace);
        let grace = [token, portal, gateway].into_iter().flatten().max().unwrap_or_default();
        Self { grace, drain: Duration::from_secs(35) }
    }
}

/// The parts of this process.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) token: Option<token::Service>,
    pub(crate) portal: Option<portal::Service>,
    pub(crate) pipelines: Option<pipelines::Api>,
    /// The RPCs of the pipelines, which are served with the portal service's.
    pub(crate) pipelines_rpc: Option<pipelines::Service>,
    pub(crate) gateway: Option<gateway::Gateway>,
}

/// Where the services listen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Addresses {
    pub(crate) token_grpc: Option<SocketAddr>,
    pub(crate) portal_grpc: Option<SocketAddr>,
}

/// Runs `roles` until the process is asked to stop.
pub(crate) async fn run(roles: Roles, telemetry: &mut Telemetry) -> Result<(), Failure> {
    let tasks = Tasks::default();
    telemetry.export(&tasks);
    let start = start(&roles, &tasks, telemetry.metrics.clone());
    until_stopped(&tasks, Stop::of(&roles), Box::pin(start)).await
}

async fn start(roles: &Roles, tasks: &Tasks, metrics: Metrics) -> Result<(), Failure> {
    let public = match &roles.gateway {
        Some(config) => Some(listen(&config.listen).await?),
        None => None,
    };
    let parts = Parts::open(roles, &Ambient::system(), tasks).await?;
    let addresses = parts.serve_grpc(roles, tasks).await?;
    for address in admin_addresses(roles) {
        serve_admin(tasks, listen(&address).await?, parts.readiness(), metrics.clone());
    }
    if let (Some(gateway), Some(listener)) = (&parts.gateway, public) {
        gateway.serve(tasks, listener);
    }
    tracing::info!(?addresses, "started");
    Ok(())
}

/// Brings the databases of `roles` up to this version.
pub(crate) async fn migrate(roles: &Roles) -> Result<(), Failure> {
    if let Some(config) = &roles.token {
        token::Service::migrate(config).await.map_err(|error| Failure::because("can't migrate", error))?;
    }
    if let Some(config) = &roles.portal {
        portal::Service::migrate(config).await.map_err(|error| Failure::because("can't migrate", error))?;
        let database = open_pipelines(config).await?;
        database
            .migrate::<pipelines::Migrator>()
            .await
            .map_err(|error| Failure::because("pipelines database", error))?;
    }
    Ok(())
}

/// Ends what lives for a day at most, in migrated databases that were restored from a backup.
pub(crate) async fn restored(roles: &Roles, ambient: &Ambient) -> Result<(), Failure> {
    let Some(config) = &roles.token else { return Ok(()) };
    let ended =
        token::Service::restored(config, ambient).await.map_err(|error| Failure::because("can't go on", error))?;
    let token::Ended { tokens, codes, sessions } = ended;
    tracing::info!(tokens, codes, sessions, "ended what may have been ended after the backup was made");
    Ok(())
}

/// A start that is under way.
pub(crate) type Starting<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + 'a>>;

/// Runs `start`, then waits until the process is asked to stop, and stops it. A stop that is asked for during the start
/// cuts the start off; nothing that it leaves half done can't be finished by the next one. A process that has lost one of its
/// tasks to a panic or an error stops too, and fails: whoever watches it starts it anew.
///
/// A second signal ends the process at once.
pub(crate) async fn until_stopped(tasks: &Tasks, stop: Stop, start: Starting<'_>) -> Result<(), Failure> {
    let mut signals = StopSignals::listen().map_err(|error| Failure::because("signals can't be received", error))?;
    let run = async {
        start.await?;
        std::future::pending().await
    };
    let ended = tokio::select! {
        failed = run => return failed,
        () = tasks.broken() => Err(Failure::Plain("a task that this process needs has panicked or failed: its log says which".to_owned())),
        () = signals.next() => Ok(()),
    };
    tracing::info!("stopping");
    let stopped = async {
        tasks.leave();
        if ended.is_ok() {
            tokio::time::sleep(stop.grace).await;
        }
        tasks.stop(stop.drain).await
    };
    let stopped = tokio::select! {
        stopped = stopped => stopped,
        () = signals.next() => false,
    };
    if !stopped {
        tracing::warn!("what was still under way has been cut off");
    }
    ended
}

/// Listens on `address`.
pub(crate) async fn listen(address: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| Failure::because(format!("can't listen on {address}"), error))
}

/// Where health and metrics are asked for, each address once.
pub(crate) fn admin_addresses(roles: &Roles) -> Vec<String> {
    let token = roles.token.as_ref().and_then(|config| config.admin_listen.clone());
    let portal = roles.portal.as_ref().and_then(|config| config.admin_listen.clone());
    let gateway = roles.gateway.as_ref().and_then(|config| config.admin_listen.clone());
    let mut addresses: Vec<String> = [token, portal, gateway].into_iter().flatten().collect();
    addresses.sort();
    addresses.dedup();
    addresses
}

async fn open_pipelines(config: &portal::Config) -> Result<Database, Failure> {
    let database = Database::open_with(&config.pipelines_database_url, config.database_connections).await;
    database.map_err(|error| Failure::because("pipelines database", error))
}

impl Parts {
    /// Opens the parts on migrated databases.
    pub(crate) async fn open(roles: &Roles, ambient: &Ambient, tasks: &Tasks) -> Result<Self, Failure> {
        let mut parts = Self::default();
        if let Some(config) = &roles.token {
            watch(config.tls.as_ref(), tasks);
            let opened = token::Service::open(config.clone(), ambient.clone(), tasks).await;
            parts.token = Some(opened.map_err(|error| Failure::because("can't start", error))?);
        }
        if let Some(config) = &roles.portal {
            parts.open_portal(config, ambient, tasks).await?;
        }
        if let Some(config) = &roles.gateway {
            watch(config.tls.as_ref(), tasks);
            let token = parts.token_peer(config.token_url.as_deref(), config.tls.as_ref(), tasks)?;
            let portal = parts.portal_peer(config.portal_url.as_deref(), config.tls.as_ref(), tasks)?;
            parts.gateway = Some(gateway::Gateway::new(config.clone(), token, portal, ambient.clone()));
        }
        Ok(parts)
    }

    async fn open_portal(&mut self, config: &portal::Config, ambient: &Ambient, tasks: &Tasks) -> Result<(), Failure> {
        let database = open_pipelines(config).await?;
        let migrated = database.require_schema::<pipelines::Migrator>().await;
        migrated.map_err(|error| Failure::because("pipelines database", error))?;
        database.show("pipelines");
        let settings = pipelines::Settings { public_url: config.public_url.clone(), ..pipelines::Settings::default() };
        watch(config.tls.as_ref(), tasks);
        let token = self.token_peer(config.token_url.as_deref(), config.tls.as_ref(), tasks)?;
        let directory = Arc::new(Directory::new(token.clone(), config.service_key.clone()));
        let pipelines = pipelines::Api::new(database, directory, ambient.clone(), settings);
        let built_in = Arc::new(BuiltIn(pipelines.clone()));
        let opened = portal::Service::open(config.clone(), ambient.clone(), token, built_in, tasks).await;
        let portal = opened.map_err(|error| Failure::because("can't start", error))?;
        let gatekeeper = Arc::new(Gatekeeper(portal.clone()));
        self.pipelines_rpc = Some(pipelines::Service::new(&pipelines, gatekeeper, config.service_key.clone()));
        self.portal = Some(portal);
        self.pipelines = Some(pipelines);
        Ok(())
    }

    /// Serves the services' RPCs on their sockets.
    pub(crate) async fn serve_grpc(&self, roles: &Roles, tasks: &Tasks) -> Result<Addresses, Failure> {
        let failed = |error| Failure::because("grpc", error);
        let mut addresses = Addresses::default();
        if let (Some(service), Some(config)) = (&self.token, &roles.token) {
            let listen = Listen { at: config.grpc_listen.clone(), tls: config.tls.clone() };
            let served = Served::start(tasks, listen, service.routes(), &token::NAMES, contracts::DESCRIPTORS).await;
            addresses.token_grpc = Some(served.map_err(failed)?.address);
        }
        if let (Some(service), Some(config)) = (&self.portal, &roles.portal) {
            let names = [&portal::Service::NAMES[..], &[pipelines::Service::NAME]].concat();
            let routes = self.portal_routes(service);
            let listen = Listen { at: config.grpc_listen.clone(), tls: config.tls.clone() };
            let served = Served::start(tasks, listen, routes, &names, contracts::DESCRIPTORS).await;
            addresses.portal_grpc = Some(served.map_err(failed)?.address);
        }
        Ok(addresses)
    }

    /// What must work before the process is ready.
    pub(crate) fn readiness(&self) -> Vec<Arc<dyn Readiness>> {
        let token = self.token.clone().map(|service| Arc::new(service) as Arc<dyn Readiness>);
        let portal = self.portal.clone().map(|service| Arc::new(service) as Arc<dyn Readiness>);
        token.into_iter().chain(portal).collect()
    }

    fn token_peer(&self, url: Option<&str>, tls: Option<&Tls>, tasks: &Tasks) -> Result<Peer, Failure> {
        match (&self.token, url) {
            (Some(service), None) => Ok(Peer::local(Layered::new(service.routes().prepare()))),
            (_, url) => remote(url, "token", tls, tasks),
        }
    }

    /// The RPCs of the portal service, and those that are served with them.
    fn portal_routes(&self, portal: &portal::Service) -> Routes {
        self.pipelines_rpc.iter().fold(portal.routes(), |routes, pipelines| pipelines.add_to(routes))
    }

    fn portal_peer(&self, url: Option<&str>, tls: Option<&Tls>, tasks: &Tasks) -> Result<Peer, Failure> {
        match (&self.portal, url) {
            (Some(service), None) => Ok(Peer::local(Layered::new(self.portal_routes(service).prepare()))),
            (_, url) => remote(url, "portal", tls, tasks),
        }
    }
}

/// Keeps what a part shows to others as its files have it.
fn watch(tls: Option<&Tls>, tasks: &Tasks) {
    if let Some(tls) = tls {
        tls.watch(tasks);
    }
}

/// A service in other processes.
pub(crate) fn remote(url: Option<&str>, part: &str, tls: Option<&Tls>, tasks: &Tasks) -> Result<Peer, Failure> {
    let url = url.ok_or_else(|| Failure::Plain(format!("where the {part} service is isn't set")))?;
    let address: Address =
        url.parse().map_err(|error| Failure::because(format!("{url} is no address of the {part} service"), error))?;
    if address.is_tls && tls.is_none() {
        return Err(Failure::Plain(format!("{url} needs GATEWAY_TLS__CERT_FILE, …KEY_FILE and …CA_FILE")));
    }
    Ok(Peer::remote(&address, tls, tasks))
}

#[cfg(test)]
mod tests {
    use contracts::token::v1::{ReportUsesRequest, token_service_client::TokenServiceClient};

    use super::*;

    #[tokio::test]
    async fn a_process_that_has_lost_a_task_stops_and_fails() {
        let tasks = Tasks::default();
        let stopping = tasks.stopping();
        let start = async {
            tasks.spawn(async { panic!("on purpose") });
            Ok(())
        };
        let ended =
            tokio::time::timeout(Duration::from_secs(30), until_stopped(&tasks, Stop::AT_ONCE, Box::pin(start)));
        let ended = ended.await.unwrap();
        assert!(ended.unwrap_err().to_string().contains("panicked"));
        assert!(stopping.is_cancelled());
    }

    #[tokio::test]
    async fn a_call_of_a_part_that_has_fallen_silent_breaks_off() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut client = TokenServiceClient::new(remote(Some(&url), "token", None, &Tasks::default()).unwrap());
        let call = client.report_uses(ReportUsesRequest::default());
        // It accepts, and never says a word.
        let (silent, broken) = tokio::join!(listener.accept(), tokio::time::timeout(Duration::from_secs(30), call));
        assert!(silent.is_ok());
        assert!(broken.unwrap().is_err());
    }
}
