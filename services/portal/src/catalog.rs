//! Portals as calls need them: found by address, checked, compiled, kept in memory.
//!
//! Everything kept belongs to a generation. A change made here, or noticed in the database's change counter, begins the
//! next one, and what is older is read anew when next asked for. Reading begins after the generation is known, so that
//! what was read before a change can't be kept beyond it.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use kit::address::Networks;
use moka::sync::Cache;
use sea_orm::DbErr;
use tokio::sync::Semaphore;

use crate::{
    compiler::{Compiler, Unfit},
    domain::{organization::Organization, portal::Portal},
    graphql::{Document, Reach, Viewer},
    store::Store,
};

/// Bytes of documents that portals are kept for.
const MOST_KEPT: u64 = 16 << 20;

/// A portal that is ready to be called.
#[derive(Debug)]
pub(crate) struct Callable {
    pub(crate) portal: Portal,
    pub(crate) organization: Organization,
    /// Where calls may come from; `None`: anywhere.
    pub(crate) networks: Option<Networks>,
    /// The document, or why it doesn't fit its schema any more.
    pub(crate) document: Result<Arc<Document>, Unfit>,
    /// The authority of service tokens: the organization's.
    pub(crate) viewer: Viewer,
    /// One permit for each call that may be under way.
    pub(crate) in_flight: Arc<Semaphore>,
}

/// The portals that were called lately.
#[derive(Debug)]
pub(crate) struct Catalog {
    kept: Cache<String, (u64, Arc<Callable>)>,
    generation: AtomicU64,
    /// The change counter when last looked at.
    seen: AtomicI64,
    in_flight: usize,
}

impl Catalog {
    /// An empty catalog whose portals take `in_flight` calls at once.
    pub(crate) fn new(in_flight: u32) -> Self {
        let weight = |_: &String, (_, callable): &(u64, Arc<Callable>)| callable.weight();
        let kept = Cache::builder().weigher(weight).max_capacity(MOST_KEPT).build();
        let in_flight = usize::try_from(in_flight).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { kept, generation: AtomicU64::new(0), seen: AtomicI64::new(0), in_flight }
    }

    /// The portal at `/organizations/{organization}/portals/{portal}`.
    pub(crate) async fn find(
        &self,
        organization: &str,
        portal: &str,
        store: &Store,
        compiler: &Compiler,
    ) -> Result<Option<Arc<Callable>>, DbErr> {
        let address = format!("{organization}/{portal}");
        let generation = self.generation.load(Ordering::Acquire);
        let before = self.kept.get(&address);
        if let Some((kept_in, callable)) = &before
            && *kept_in == generation
        {
            return Ok(Some(Arc::clone(callable)));
        }
        let Some(organization) = store.find_organization(organization).await? else { return Ok(None) };
        let Some(portal) = store.find_portal(organization.id, portal).await? else { return Ok(None) };
        // Calls that are under way count on.
        let in_flight = before.filter(|(_, old)| old.portal.id == portal.id).map(|(_, old)| Arc::clone(&old.in_flight));
        let in_flight = in_flight.unwrap_or_else(|| Arc::new(Semaphore::new(self.in_flight)));
        let callable = Arc::new(Callable::new(organization, portal, in_flight, compiler));
        self.kept.insert(address, (generation, Arc::clone(&callable)));
        Ok(Some(callable))
    }

    /// Begins the next generation: something changed.
    pub(crate) fn changed(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Looks whether another node changed something.
    pub(crate) async fn follow(&self, store: &Store) -> Result<(), DbErr> {
        let number = store.changes().await?;
        if self.seen.swap(number, Ordering::AcqRel) != number {
            self.changed();
        }
        Ok(())
    }
}

impl Callable {
    fn weight(&self) -> u32 {
        // What a portal takes beside its text.
        const LEAST: usize = 1 << 10;
        u32::try_from(self.portal.query.len().max(LEAST)).unwrap_or(u32::MAX)
    }

    fn new(organization: Organization, portal: Portal, in_flight: Arc<Semaphore>, compiler: &Compiler) -> Self {
        // The list was valid when it was saved; one that can't be read any more admits nobody.
        let list = portal.allowed_ip_addresses.as_deref().filter(|list| !list.trim().is_empty());
        let networks = list.map(|list| Networks::parse(list).unwrap_or_default());
        let reach = Reach { uuid: organization.id.0, slug: organization.slug.clone(), name: organization.name.clone() };
        let viewer = Viewer { user: None, organizations: Arc::new([reach]) };
        let document = compiler.document(&portal);
        Self { portal, organization, networks, document, viewer, in_flight }
    }
}
