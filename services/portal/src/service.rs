//! The service: its parts, its start, and what several RPCs need.

use std::{net::IpAddr, sync::Arc, time::Duration};

use contracts::{
    execution::v1::execution_service_server::{ExecutionServiceServer, SERVICE_NAME as EXECUTION},
    registry::v1::registry_service_server::{RegistryServiceServer, SERVICE_NAME as REGISTRY},
};
use kit::{
    ambient::Ambient,
    boot::{Readiness, Tasks},
    canary::{self, WrongKeys},
    db::{Database, OpenError},
    grpc::{Caller, MOST_REQUEST_BYTES, Peer},
    keys::{BadKeyFile, RootKeys},
    window::Counter,
};
use moka::sync::Cache;
use tonic::service::Routes;
use uuid::Uuid;

use crate::{
    catalog::Catalog,
    compiler::Compiler,
    config::Config,
    domain::id::{OrganizationId, PortalId},
    error::Error,
    graphql::{BadSchema, Embedded},
    store::{Migrator, Store},
    verifier::Verifier,
};

/// How often the change counter is read: an edit must reach every node within a second.
const FOLLOW: Duration = Duration::from_millis(500);
/// How often half-done removals are finished.
const SWEEP: Duration = Duration::from_secs(30);
/// A portal's refusals of one address are audited once in this time.
const DENIAL: Duration = Duration::from_mins(1);
const MOST_DENIALS: u64 = 10_000;

/// Why the service can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error("portal database")]
    Database(#[from] OpenError),
    /// The key file.
    #[error("portal keys")]
    Keys(#[from] BadKeyFile),
    /// The key file is another's.
    #[error("portal keys")]
    WrongKeys(#[from] WrongKeys),
    /// The built-in API's schema.
    #[error("built-in API")]
    Schema(#[from] BadSchema),
    /// The verifier can't be made.
    #[error("the verifier can't be made")]
    Verifier,
    /// The registry can't be written.
    #[error("portal database")]
    Registry(#[from] sea_orm::DbErr),
}

/// The portal service. Clones share it.
#[derive(Clone, Debug)]
pub struct Service(pub(crate) Arc<Parts>);

/// What the service is made of.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) ambient: Ambient,
    pub(crate) store: Store,
    pub(crate) verifier: Verifier,
    pub(crate) compiler: Compiler,
    pub(crate) catalog: Catalog,
    pub(crate) calls: Counter<OrganizationId>,
    pub(crate) denials: Cache<(PortalId, Option<IpAddr>), ()>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Parts")
    }
}

impl Service {
    /// The gRPC services that it answers.
    pub const NAMES: [&'static str; 2] = [REGISTRY, EXECUTION];

    /// Brings the database's schema up to this version.
    pub async fn migrate(config: &Config) -> Result<(), StartError> {
        Ok(Database::open(&config.database_url).await?.migrate::<Migrator>().await?)
    }

    /// Opens the service on a migrated database. `token` is the token service, `upstream` the built-in API.
    pub async fn open(
        config: Config,
        ambient: Ambient,
        token: Peer,
        upstream: Arc<dyn Embedded>,
        tasks: &Tasks,
    ) -> Result<Self, StartError> {
        let database = Database::open(&config.database_url).await?;
        database.require_schema::<Migrator>().await?;
        canary::check(&database, &RootKeys::read(&config.keys_file)?).await?;
        let verifier = Verifier::new(token, config.service_key.clone(), ambient.clone());
        let service = Self(Arc::new(Parts {
            store: Store::new(database, ambient.clone()),
            verifier: verifier.map_err(|_short_key: Error| StartError::Verifier)?,
            compiler: Compiler::new(upstream)?,
            catalog: Catalog::new(config.limits.in_flight_per_portal),
            calls: Counter::default(),
            denials: Cache::builder().max_capacity(MOST_DENIALS).time_to_live(DENIAL).build(),
            ambient,
            config,
        }));
        service.keep_up(tasks);
        Ok(service)
    }

    /// The RPCs.
    #[must_use]
    pub fn routes(&self) -> Routes {
        let registry = RegistryServiceServer::new(self.clone()).max_decoding_message_size(MOST_REQUEST_BYTES);
        let execution = ExecutionServiceServer::new(self.clone()).max_decoding_message_size(MOST_REQUEST_BYTES);
        Routes::new(registry).add_service(execution)
    }

    /// Makes an organization unless one of that slug is there. The UUID of the one that is there.
    pub async fn ensure_organization(&self, slug: &str, name: &str) -> Result<Uuid, StartError> {
        Ok(self.0.store.ensure_organization(slug, name).await?.id.0)
    }

    fn keep_up(&self, tasks: &Tasks) {
        let follower = self.clone();
        tasks.every(FOLLOW, move || {
            let Self(parts) = follower.clone();
            async move {
                if let Err(error) = parts.catalog.follow(&parts.store).await {
                    // What changed meanwhile can't be known, so nothing kept may be used unread.
                    parts.catalog.changed();
                    tracing::warn!(%error, "the change counter can't be read");
                }
            }
        });
        let sweeper = self.clone();
        tasks.every(SWEEP, move || {
            let Self(parts) = sweeper.clone();
            async move {
                if let Err(error) = parts.finish_removals().await {
                    tracing::warn!(%error, "half-done removals can't be finished");
                }
            }
        });
    }
}

impl Parts {
    /// Who calls, as far as this service believes it.
    pub(crate) fn caller<T>(&self, request: &tonic::Request<T>) -> Caller {
        Caller::of(request, &self.config.service_key)
    }

    /// Revokes the credentials of portals that were closed when the token service couldn't be asked.
    pub(crate) async fn finish_removals(&self) -> Result<(), Error> {
        for unrevoked in self.store.list_unrevoked().await? {
            self.verifier.revoke_portal(&Caller::default(), unrevoked.organization, unrevoked.portal, None).await?;
            self.store.mark_revoked(unrevoked.portal).await?;
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl Readiness for Service {
    async fn ready(&self) -> Result<(), String> {
        self.0.store.ping().await.map_err(|error| format!("portal database: {error}"))
    }
}
