//! Portals as calls need them: found by id, checked, compiled, kept in memory.
//!
//! Everything kept belongs to a generation. A change made here, or noticed in the database's change counter, begins the
//! next one, and what is older is read anew when next asked for. Reading begins after the generation is known, so that
//! what was read before a change can't be kept beyond it.
//!
//! What is kept counts only for a while after the last look at the change counter: a node that can't see changes, or was
//! suspended, reads anew, and refuses to answer where it can't.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use kit::{address::Networks, ambient::Ambient};
use moka::sync::Cache;
use sea_orm::DbErr;
use tokio::sync::Semaphore;

use crate::{
    compiler::{Compiler, Unfit},
    domain::{id::PortalId, organization::Organization, portal::Portal},
    graphql::{Document, Reach, Viewer},
    store::{Store, in_time},
    upstream::target::{Target, Targets},
    usage::{Tally, Usage},
};

/// How long what is kept counts, from the asking of the last look at the change counter: an edit takes effect within a second
/// on every node, whatever befalls it (spec §3). Looks are half of it apart, and most of the rest is for slow ones; when they
/// are slower still, calls read anew and go on.
pub(crate) const LIFE: Duration = Duration::from_secs(1);
/// After how long without a look the database may be another one – a copy that was behind – and the counter have come to the same
/// number by other changes.
const OUTAGE: Duration = Duration::from_secs(3);
/// The pause between two looks.
pub(crate) const FOLLOW: Duration = Duration::from_millis(500);

/// Bytes of documents that portals are kept for.
const MOST_KEPT: u64 = 16 << 20;

/// Portals whose permits are kept: more than whose documents are, the shortest of which count 1 KiB.
const MOST_PLACES: u64 = 2 * (MOST_KEPT >> 10);

/// A portal that is ready to be called.
#[derive(Debug)]
pub(crate) struct Callable {
    pub(crate) portal: Portal,
    pub(crate) organization: Organization,
    /// Where calls may come from; `None`: anywhere.
    pub(crate) networks: Option<Networks>,
    /// Where it runs.
    pub(crate) target: Arc<Target>,
    /// The document, or why nothing of it can run.
    pub(crate) document: Result<Arc<Document>, Unfit>,
    /// The authority of service tokens: the organization's.
    pub(crate) viewer: Viewer,
    /// One permit for each call that may be under way.
    pub(crate) in_flight: Arc<Semaphore>,
    /// Where its calls are counted.
    pub(crate) tally: Arc<Tally>,
}

/// The portals that were called lately.
#[derive(Debug)]
pub(crate) struct Catalog {
    kept: Cache<PortalId, (u64, Arc<Callable>)>,
    /// The permits of each portal. Beside what is kept, so that calls under way count on when it is read anew, and calls that
    /// find nothing kept count together.
    places: Cache<PortalId, Arc<Semaphore>>,
    usage: Usage,
    generation: AtomicU64,
    /// The change counter when last looked at.
    seen: AtomicI64,
    /// Until when what is kept counts, in nanoseconds since boot.
    until: AtomicU64,
    ambient: Ambient,
    in_flight: usize,
}

impl Catalog {
    /// An empty catalog whose portals take `in_flight` calls at once.
    pub(crate) fn new(in_flight: u32, ambient: Ambient) -> Self {
        let weight = |_: &PortalId, (_, callable): &(u64, Arc<Callable>)| callable.weight();
        let kept = Cache::builder().weigher(weight).max_capacity(MOST_KEPT).build();
        let in_flight = usize::try_from(in_flight).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let (generation, seen, until) = (AtomicU64::new(0), AtomicI64::new(0), AtomicU64::new(0));
        let (places, usage) = (Cache::new(MOST_PLACES), Usage::default());
        Self { kept, places, usage, generation, seen, until, ambient, in_flight }
    }

    /// Where the calls of all portals are counted.
    pub(crate) fn usage(&self) -> &Usage {
        &self.usage
    }

    /// The open portal of that id.
    pub(crate) async fn find(
        &self,
        id: PortalId,
        store: &Store,
        targets: &Targets,
        compiler: &Compiler,
    ) -> Result<Option<Arc<Callable>>, DbErr> {
        let (generation, counts) = self.generation();
        if let Some((kept_in, callable)) = self.kept.get(&id)
            && counts
            && kept_in == generation
        {
            return Ok(Some(callable));
        }
        let Some((portal, organization)) = in_time(store.find_portal_with_organization(id)).await? else {
            return Ok(None);
        };
        let Some(target) = targets.find(portal.upstream, (generation, counts), store).await? else { return Ok(None) };
        let in_flight = self.places.get_with(id, || Arc::new(Semaphore::new(self.in_flight)));
        let counts = (in_flight, self.usage.of(id));
        let callable = Arc::new(Callable::new(organization, portal, target, counts, compiler));
        self.kept.insert(id, (generation, Arc::clone(&callable)));
        Ok(Some(callable))
    }

    /// The present generation, and whether what was kept in it counts. What is read after this was asked is at least as new.
    pub(crate) fn generation(&self) -> (u64, bool) {
        // In this order: whoever sees that a look prolonged the time sees the generation that it began.
        let counts = nanos(self.ambient.since_boot()) < self.until.load(Ordering::Acquire);
        (self.generation.load(Ordering::Acquire), counts)
    }

    /// Begins the next generation: something changed.
    pub(crate) fn changed(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Looks whether another node changed something.
    pub(crate) async fn follow(&self, store: &Store) -> Result<(), DbErr> {
        let asked = self.ambient.since_boot();
        let number = in_time(store.changes()).await?;
        let lost = nanos(asked) > self.until.load(Ordering::Acquire).saturating_add(nanos(OUTAGE));
        if self.seen.swap(number, Ordering::AcqRel) != number || lost {
            self.changed();
        }
        self.until.fetch_max(nanos(asked + LIFE), Ordering::AcqRel);
        Ok(())
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Callable {
    /// Whether it is the portal at `/organizations/{organization}/portals/{portal}`.
    pub(crate) fn is_at(&self, organization: &str, portal: &str) -> bool {
        self.organization.slug == organization && self.portal.slug.as_str() == portal
    }

    fn weight(&self) -> u32 {
        // What a portal takes beside its text.
        const LEAST: usize = 1 << 10;
        u32::try_from(self.portal.content.query.len().max(LEAST)).unwrap_or(u32::MAX)
    }

    fn new(
        organization: Organization,
        portal: Portal,
        target: Arc<Target>,
        (in_flight, tally): (Arc<Semaphore>, Arc<Tally>),
        compiler: &Compiler,
    ) -> Self {
        // The list was valid when it was saved; one that can't be read any more admits nobody.
        let list = portal.content.allowed_ip_addresses.as_deref().filter(|list| !list.trim().is_empty());
        let networks = list.map(|list| Networks::parse(list).unwrap_or_default());
        let reach = Reach { uuid: organization.id.0, slug: organization.slug.clone(), name: organization.name.clone() };
        let viewer = Viewer { user: None, organizations: Arc::new([reach]) };
        let document = compiler.document(&portal, &target);
        Self { portal, organization, networks, target, document, viewer, in_flight, tally }
    }
}
