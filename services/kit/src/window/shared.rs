//! Windows that are shared with other processes: parts of them are claimed from the database, ahead of need where that can be,
//! and spent in memory.
//!
//! No more is let pass by all processes than is claimed, and no more is claimed than the limit. Only a process that gets no
//! answer lets pass a share of the limit of its own, once in a window, and tells when it can.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use sha2::{Digest, Sha256};
use tokio::{
    sync::Notify,
    time::{Instant as Moment, timeout, timeout_at},
};
use uuid::Uuid;

use super::{
    Counter, Figures, Key, MINUTE, number,
    part::{Part, REST, SHARE},
    reset,
};
use crate::{
    ambient::{Ambient, Instant},
    boot::Tasks,
    db::{BATCH, Claim, Claimed, Database, Windows},
    error::chain,
};

/// How long a request waits for a claim.
const PATIENCE: Duration = Duration::from_millis(500);
/// The most keys that are shared in a window. What comes after them is counted by each process alone.
const MOST_PARTS: usize = 50_000;
/// How often it is looked for what is to be given back.
const TIDY: Duration = Duration::from_secs(1);
/// The most of them at once.
const MOST_GIVEN_BACK: usize = 200;
/// How often windows that are over are removed.
const SWEEP: Duration = Duration::from_mins(1);
/// How long they stay: clocks of different machines differ.
const KEPT: Duration = Duration::from_mins(2);

/// Makes counters.
#[derive(Clone, Debug)]
pub struct Sharing(Option<Source>);

#[derive(Clone, Debug)]
struct Source {
    windows: Windows,
    tasks: Tasks,
    ambient: Ambient,
}

impl Sharing {
    /// Of counters that share windows with the other processes that use the database, which has the table of
    /// [`crate::db::create_windows`]; on `SQLite` there are none.
    #[must_use]
    pub fn among(database: &Database, tasks: &Tasks, ambient: &Ambient) -> Self {
        let source = |windows| Source { windows, tasks: tasks.clone(), ambient: ambient.clone() };
        let source = Windows::of(database).map(source);
        if let Some(source) = source.clone() {
            tasks.every(SWEEP, move || sweep(source.clone()));
        }
        Self(source)
    }

    /// Of counters that share with nobody.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// A counter in windows of a minute. `scope` tells it from others on the same database, in every process.
    #[must_use]
    pub fn counter<K: Key>(&self, scope: &'static str) -> Counter<K> {
        self.lasting(scope, MINUTE)
    }

    /// A counter in windows of so many seconds.
    #[must_use]
    pub fn lasting<K: Key>(&self, scope: &'static str, seconds: u32) -> Counter<K> {
        let seconds = seconds.max(1);
        let shared = self.0.as_ref().map(|source| Shared::begin(scope, seconds, source.clone()));
        Counter::new(seconds, shared)
    }
}

async fn sweep(Source { windows, ambient, .. }: Source) {
    loop {
        match windows.sweep(ambient.now() - KEPT).await {
            Ok(removed) if removed >= BATCH => {}
            Ok(_) => return,
            Err(error) => return tracing::debug!(error = chain(&error), "windows of limits can't be swept"),
        }
    }
}

/// The shared counter behind a [`Counter`].
#[derive(Debug)]
pub(super) struct Shared<K> {
    scope: &'static str,
    seconds: u32,
    source: Source,
    /// Until when the database isn't waited for, in nanoseconds since boot: it didn't answer.
    silent_until: AtomicU64,
    state: Mutex<Window<K>>,
}

#[derive(Debug)]
struct Window<K> {
    number: i64,
    held: HashMap<K, Held>,
}

#[derive(Debug, Default)]
struct Held {
    part: Part,
    /// How many requests wait for a claim.
    waiting: Arc<AtomicU32>,
    /// Told when one was answered.
    answered: Arc<Notify>,
}

impl<K> Window<K> {
    fn new(number: i64) -> Self {
        Self { number, held: HashMap::new() }
    }
}

/// A request that waits.
struct Waiting(Arc<AtomicU32>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What of a part a request asks for; what is to be told of it, or `None`: more must be claimed first.
type Step = fn(&mut Part, u32, Duration) -> Option<u32>;

impl<K: Key> Shared<K> {
    fn begin(scope: &'static str, seconds: u32, source: Source) -> Arc<Self> {
        let (silent_until, state) = (AtomicU64::new(0), Mutex::new(Window::new(0)));
        let shared = Arc::new(Self { scope, seconds, source, silent_until, state });
        let tasks = &shared.source.tasks;
        let tidying = Arc::clone(&shared);
        tasks.every(TIDY, move || {
            let shared = Arc::clone(&tidying);
            async move { shared.give_back(Part::give_back_idle, MOST_GIVEN_BACK).await }
        });
        let last = Arc::clone(&shared);
        tasks.at_the_end(async move { last.give_back(|part, _| part.give_back(), usize::MAX).await });
        shared
    }

    /// Spends one. `None`: too many keys.
    pub(super) async fn count(self: &Arc<Self>, key: &K, limit: u32) -> Option<Figures> {
        self.ask(key, limit, Part::take).await
    }

    /// See [`Counter::room`].
    pub(super) async fn room(self: &Arc<Self>, key: &K, limit: u32) -> Option<Figures> {
        self.ask(key, limit, Part::room).await
    }

    /// See [`Counter::add`].
    pub(super) fn add(self: &Arc<Self>, key: &K, amount: u32, limit: u32) -> Option<Figures> {
        let (mut window, now) = (self.window(), self.since_boot());
        let number = window.number;
        let held = window.held(key)?;
        let current = held.part.spend(amount, now);
        self.claim_if_due(held, key, (limit, number), now);
        Some(self.figures(limit, current))
    }

    /// See [`Counter::peek`]. `None`: it isn't known here.
    pub(super) fn peek(&self, key: &K, limit: u32) -> Option<Figures> {
        let current = self.window().held.get(key)?.part.stands(limit);
        Some(self.figures(limit, current))
    }

    /// See [`Counter::look`]. `None`: it can't be known.
    pub(super) async fn look(&self, key: &K, limit: u32) -> Option<Figures> {
        let number = self.window().number;
        let claimed = timeout(PATIENCE, self.source.windows.claimed(self.row(key, number))).await;
        let Ok(Ok(claimed)) = claimed else { return None };
        let current = self.window().of(number, key).map(|held| {
            held.part.see(claimed);
            held.part.stands(limit)
        });
        let of_others = || u32::try_from(claimed).unwrap_or(u32::MAX);
        Some(self.figures(limit, current.unwrap_or_else(of_others)))
    }

    /// See [`Counter::take_back`]. Whether it was counted here.
    pub(super) fn take_back(&self, key: &K, figures: Figures, counted: Instant) -> bool {
        let mut window = self.window();
        if number(self.seconds, counted) != window.number {
            return true;
        }
        let Some(held) = window.held.get_mut(key) else { return false };
        held.part.take_back(figures.is_over());
        true
    }

    async fn ask(self: &Arc<Self>, key: &K, limit: u32, step: Step) -> Option<Figures> {
        let deadline = Moment::now() + PATIENCE;
        let mut waiting: Option<(i64, Waiting)> = None;
        let mut is_late = false;
        loop {
            let answered = {
                let (mut window, now) = (self.window(), self.since_boot());
                let number = window.number;
                let held = window.held(key)?;
                let current = step(&mut held.part, limit, now).or_else(|| {
                    if is_late || self.is_silent(now) {
                        held.part.lend(limit, now);
                    }
                    step(&mut held.part, limit, now)
                });
                if let Some(current) = current {
                    self.claim_if_due(held, key, (limit, number), now);
                    return Some(self.figures(limit, current));
                }
                if waiting.as_ref().is_none_or(|(of, _)| *of != number) {
                    waiting = Some((number, held.wait()));
                }
                self.claim(held, key, (limit, number));
                Arc::clone(&held.answered).notified_owned()
            };
            is_late = timeout_at(deadline, answered).await.is_err();
        }
    }

    fn claim_if_due(self: &Arc<Self>, held: &mut Held, key: &K, window: (u32, i64), now: Duration) {
        if held.part.is_due(now) && !self.is_silent(now) {
            self.claim(held, key, window);
        }
    }

    /// Begins a claim, unless one is under way.
    fn claim(self: &Arc<Self>, held: &mut Held, key: &K, (limit, number): (u32, i64)) {
        if held.part.is_claiming() {
            return;
        }
        held.part.begin();
        let (shared, key, waiting) = (Arc::clone(self), key.clone(), Arc::clone(&held.waiting));
        let answered = Arc::clone(&held.answered);
        // Not by the request that needs it: it may go away.
        self.source.tasks.attend(async move {
            loop {
                shared.make_claim(&key, &waiting, (limit, number)).await;
                answered.notify_waiters();
                if !shared.begin_next(&key, number) {
                    return;
                }
            }
        });
    }

    /// Whether another claim is due already, which is under way then.
    fn begin_next(&self, key: &K, number: i64) -> bool {
        let (mut window, now) = (self.window(), self.since_boot());
        let held = window.of(number, key).filter(|held| held.part.is_due(now) && !self.is_silent(now));
        held.map(|held| held.part.begin()).is_some()
    }

    async fn make_claim(&self, key: &K, waiting: &AtomicU32, (limit, number): (u32, i64)) {
        let owed = self.window().of(number, key).map_or(0, |held| held.part.owed());
        // As many as came until now.
        let wanted = waiting.load(Ordering::Acquire);
        let ends_at = (number + 1).saturating_mul(self.seconds.into());
        let ends_at = Instant::from_timestamp(ends_at, 0).unwrap_or_default();
        let claim = Claim { key: self.row(key, number), ends_at, limit, owed, wanted, share: SHARE };
        let answer = timeout(PATIENCE, self.source.windows.claim(claim)).await;
        let now = self.since_boot();
        let outcome = match &answer {
            Ok(Ok(Claimed { part, .. })) if *part > 0 => "part",
            Ok(Ok(_)) => "nothing",
            Ok(Err(_)) | Err(_) => "failed",
        };
        metrics::counter!("portals_limit_claims_total", "scope" => self.scope, "outcome" => outcome).increment(1);
        let mut window = self.window();
        match (answer, window.of(number, key)) {
            (Ok(Ok(Claimed { part, claimed })), Some(held)) => held.part.answered(owed, part, claimed, (limit, now)),
            // Of a window that is over.
            (Ok(Ok(_)), None) => {}
            (Ok(Err(_)) | Err(_), held) => {
                tracing::debug!(scope = self.scope, "a part of a window can't be claimed");
                self.silent_until.store(nanos(now + REST), Ordering::Release);
                if let Some(held) = held {
                    held.part.failed(limit, now);
                }
            }
        }
    }

    /// Gives back what `take` takes out of at most so many parts.
    async fn give_back(&self, take: fn(&mut Part, Duration) -> u32, most: usize) {
        for (row, part) in self.take_unspent(take, most) {
            // What can't be given back is lost to everybody, until the window ends.
            let given = timeout(PATIENCE, self.source.windows.give_back(row, part)).await;
            if !matches!(given, Ok(Ok(()))) {
                return tracing::debug!(scope = self.scope, "parts of windows can't be given back");
            }
        }
    }

    /// What is taken out, with its rows.
    fn take_unspent(&self, take: fn(&mut Part, Duration) -> u32, most: usize) -> Vec<(Uuid, u32)> {
        let (mut window, now) = (self.window(), self.since_boot());
        let number = window.number;
        let taken = window.held.iter_mut().map(|(key, held)| (key, take(&mut held.part, now)));
        let taken = taken.filter(|(_, part)| *part > 0).take(most);
        taken.map(|(key, part)| (self.row(key, number), part)).collect()
    }

    /// The row of a key in a window. It names nobody, but hides nobody either who knows whom to look for: the audit says more,
    /// and for longer.
    fn row(&self, key: &K, number: i64) -> Uuid {
        let mut hash = Sha256::new();
        for part in [self.scope, &number.to_string(), &key.name()] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(hash.finalize()).for_each(|(byte, of_hash)| *byte = of_hash);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }

    fn figures(&self, limit: u32, current: u32) -> Figures {
        Figures { limit, current, reset: reset(self.seconds, self.source.ambient.now()) }
    }
}

impl<K> Shared<K> {
    fn since_boot(&self) -> Duration {
        self.source.ambient.since_boot()
    }

    fn is_silent(&self, now: Duration) -> bool {
        nanos(now) < self.silent_until.load(Ordering::Acquire)
    }

    fn window(&self) -> MutexGuard<'_, Window<K>> {
        let number = number(self.seconds, self.source.ambient.now());
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.number != number {
            *state = Window::new(number);
        }
        state
    }
}

impl<K: Key> Window<K> {
    fn held(&mut self, key: &K) -> Option<&mut Held> {
        if !self.held.contains_key(key) {
            if self.held.len() >= MOST_PARTS {
                return None;
            }
            self.held.insert(key.clone(), Held::default());
        }
        self.held.get_mut(key)
    }

    /// What is held under a key in that window.
    fn of(&mut self, number: i64, key: &K) -> Option<&mut Held> {
        if self.number == number { self.held.get_mut(key) } else { None }
    }
}

impl Held {
    fn wait(&self) -> Waiting {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        Waiting(Arc::clone(&self.waiting))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
