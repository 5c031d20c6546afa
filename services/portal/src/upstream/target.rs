//! Where portals run: the built-in API, or an upstream with its schema and opened headers.
//!
//! What is kept belongs to a generation of the [`Catalog`](crate::catalog::Catalog); schemas are kept by their digest, so that
//! each is compiled once for each change.

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;
use kit::{keys::RootKeys, outbox::Outbox};
use moka::{future, sync};
use sea_orm::DbErr;

use super::{
    assertion::Assertions,
    outbound::Destination,
    seal::{Seals, Unopened},
};
use crate::{
    domain::{id::UpstreamId, portal::Check, upstream::Upstream},
    graphql::{BadSchema, Embedded, Runnable, Schema},
    store::{Store, in_time},
};

/// Upstreams that are kept ready.
const MOST_TARGETS: u64 = 10_000;
/// Bytes of schemas' text whose compiled form is kept; that takes about twenty times as much memory.
const MOST_SCHEMAS: u64 = 16 << 20;

/// Where a portal runs.
pub(crate) enum Target {
    /// In this process.
    BuiltIn { api: Arc<dyn Embedded>, schema: Schema },
    /// Elsewhere.
    Remote(Box<Remote>),
}

/// An upstream that is ready to be called.
pub(crate) struct Remote {
    pub(crate) upstream: Upstream,
    pub(crate) destination: Result<Destination, Unopened>,
    /// The schema, or why there is none: a sentence.
    pub(crate) schema: Result<Schema, String>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn { .. } => f.write_str("BuiltIn"),
            Self::Remote(remote) => write!(f, "Remote({:?})", remote.destination),
        }
    }
}

impl Target {
    /// The schema that documents are held against, or why there is none.
    pub(crate) fn schema(&self) -> Result<&Schema, &str> {
        match self {
            Self::BuiltIn { schema, .. } => Ok(schema),
            Self::Remote(remote) => remote.schema.as_ref().map_err(String::as_str),
        }
    }

    /// What is kept of a document that was held against the schema, and fits.
    pub(crate) fn checked(&self) -> Check {
        Check { schema: self.schema().ok().map(|schema| schema.digest().to_owned()), broken_since: None }
    }

    /// The upstream's slug; `None`: the built-in API.
    pub(crate) fn slug(&self) -> Option<&str> {
        self.upstream().map(|upstream| upstream.slug.as_str())
    }

    /// The upstream; `None`: the built-in API.
    pub(crate) fn upstream(&self) -> Option<&Upstream> {
        match self {
            Self::BuiltIn { .. } => None,
            Self::Remote(remote) => Some(&remote.upstream),
        }
    }

    /// Makes the text of one valid operation ready to run. The error is a sentence.
    pub(crate) fn prepare(&self, operation: &str) -> Result<Runnable, String> {
        match self {
            Self::BuiltIn { api, .. } => api.prepare(operation).map(Runnable::Embedded),
            Self::Remote(_) => Ok(Runnable::Remote),
        }
    }
}

/// Where portals run, as it is known now.
pub(crate) struct Targets {
    built_in: Arc<Target>,
    embedded: Arc<dyn Embedded>,
    seals: ArcSwap<Seals>,
    assertions: ArcSwap<Assertions>,
    kept: sync::Cache<UpstreamId, (u64, Arc<Target>)>,
    schemas: future::Cache<(UpstreamId, String), Result<Schema, String>>,
}

impl fmt::Debug for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Targets")
    }
}

impl Targets {
    /// `api` is the built-in one, `keys` what headers are kept and assertions are made under.
    pub(crate) fn new(api: Arc<dyn Embedded>, keys: &RootKeys) -> Result<Self, BadSchema> {
        let schema = Schema::parse(&api.sdl())?;
        let weight = |_: &_, schema: &Result<Schema, String>| {
            u32::try_from(schema.as_ref().map_or(1 << 10, Schema::bytes)).unwrap_or(u32::MAX)
        };
        Ok(Self {
            embedded: Arc::clone(&api),
            built_in: Arc::new(Target::BuiltIn { api, schema }),
            seals: ArcSwap::from_pointee(Seals::new(keys)),
            assertions: ArcSwap::from_pointee(Assertions::new(keys)),
            kept: sync::Cache::new(MOST_TARGETS),
            schemas: future::Cache::builder().weigher(weight).max_capacity(MOST_SCHEMAS).build(),
        })
    }

    /// The built-in API itself.
    pub(crate) fn embedded(&self) -> &dyn Embedded {
        &*self.embedded
    }

    /// The built-in API.
    pub(crate) fn built_in(&self) -> &Arc<Target> {
        &self.built_in
    }

    /// What the built-in API leaves word of.
    pub(crate) fn built_in_events(&self) -> Option<Outbox> {
        match self.built_in.as_ref() {
            Target::BuiltIn { api, .. } => api.events(),
            Target::Remote(_) => None,
        }
    }

    /// What headers are kept under. To be asked for at each use: keys change.
    pub(crate) fn seals(&self) -> Arc<Seals> {
        self.seals.load_full()
    }

    /// What says on whose behalf operations run. To be asked for at each use.
    pub(crate) fn assertions(&self) -> Arc<Assertions> {
        self.assertions.load_full()
    }

    /// Uses other keys from now on.
    pub(crate) fn replace_keys(&self, keys: &RootKeys) {
        self.seals.store(Arc::new(Seals::new(keys)));
        self.assertions.store(Arc::new(Assertions::new(keys)));
    }

    /// Where a portal on `upstream` runs. `generation` and whether what is kept counts: see
    /// [`Catalog::generation`](crate::catalog::Catalog::generation). `None`: that upstream isn't there.
    pub(crate) async fn find(
        &self,
        upstream: Option<UpstreamId>,
        (generation, counts): (u64, bool),
        store: &Store,
    ) -> Result<Option<Arc<Target>>, DbErr> {
        let Some(id) = upstream else { return Ok(Some(Arc::clone(&self.built_in))) };
        if let Some((kept_in, target)) = self.kept.get(&id)
            && counts
            && kept_in == generation
        {
            return Ok(Some(target));
        }
        let Some((upstream, sealed)) = in_time(store.find_upstream_by_id(id)).await? else { return Ok(None) };
        let destination = self.seals().open(&sealed, id, &upstream.url).map(|headers| Destination {
            id,
            url: upstream.url.clone(),
            headers,
            timeout: upstream.timeout,
        });
        // Without its text it was removed since.
        let Some(schema) = self.schema(&upstream, store).await? else { return Ok(None) };
        let target = Arc::new(Target::Remote(Box::new(Remote { upstream, destination, schema })));
        self.kept.insert(id, (generation, Arc::clone(&target)));
        Ok(Some(target))
    }

    /// An upstream's schema, compiled once for each digest however many ask. `None`: its text isn't there any more.
    async fn schema(&self, of: &Upstream, store: &Store) -> Result<Option<Result<Schema, String>>, DbErr> {
        let Some(digest) = &of.schema.digest else {
            let fault = of.schema.fault.as_deref().unwrap_or("it hasn't been asked yet");
            return Ok(Some(Err(format!("The schema of upstream `{}` isn't known: {fault}", of.slug))));
        };
        if let Some(kept) = self.schemas.get(&(of.id, digest.clone())).await {
            return Ok(Some(kept));
        }
        // The text may be newer than the row of before, and is kept as what it is: whoever reads the row again finds its digest.
        let Some((sdl, digest)) = in_time(store.find_schema(of.id)).await? else { return Ok(None) };
        let kept = self.schemas.try_get_with((of.id, digest), compile(sdl)).await;
        kept.map(Some).map_err(|error: Arc<DbErr>| DbErr::Custom(error.to_string()))
    }
}

/// Compiles a schema beside the runtime's threads: a large one takes tens of milliseconds.
async fn compile(sdl: String) -> Result<Result<Schema, String>, DbErr> {
    let compiled = tokio::task::spawn_blocking(move || Schema::parse(&sdl).map_err(|bad| bad.to_string())).await;
    compiled.map_err(|broke: tokio::task::JoinError| DbErr::Custom(broke.to_string()))
}
