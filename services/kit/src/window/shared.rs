//! Windows that are shared with other processes: parts of them are claimed from the database, ahead of need where that can be,
//! and spent in memory.
//!
//! No more is let pass by all processes than is claimed, and no more is claimed than the limit. Only a process that gets no
//! answer lets pass a share of the limit of its own, once in a window, and tells when it can.

mod claims;
mod held;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant as Moment, timeout, timeout_at};

use self::held::{Held, Waiting, Window};
use super::{Figures, Key, number, part::Part, reset, sharing::Source};
use crate::ambient::Instant;

/// How long a request waits for a claim.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often it is looked for what is to be given back.
const TIDY: Duration = Duration::from_secs(1);
/// The most of them at once.
const MOST_GIVEN_BACK: usize = 200;

/// The shared counter behind a [`Counter`](super::Counter).
#[derive(Debug)]
pub(super) struct Shared<K> {
    scope: &'static str,
    seconds: u32,
    source: Source,
    /// Until when the database isn't waited for, in nanoseconds since boot: it didn't answer.
    silent_until: AtomicU64,
    state: Mutex<Window<K>>,
}

/// What of a part a request asks for; what is to be told of it, or `None`: more must be claimed first.
type Step = fn(&mut Part, u32, Duration) -> Option<u32>;

impl<K: Key> Shared<K> {
    pub(super) fn begin(scope: &'static str, seconds: u32, source: Source) -> Arc<Self> {
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

    /// See [`Counter::room`](super::Counter::room).
    pub(super) async fn room(self: &Arc<Self>, key: &K, limit: u32) -> Option<Figures> {
        self.ask(key, limit, Part::room).await
    }

    /// See [`Counter::add`](super::Counter::add).
    pub(super) fn add(self: &Arc<Self>, key: &K, amount: u32, limit: u32) -> Option<Figures> {
        let (mut window, now) = (self.window(), self.since_boot());
        let number = window.number;
        let held = window.held(key)?;
        let current = held.part.spend(amount, now);
        self.claim_if_due(held, key, (limit, number), now);
        Some(self.figures(limit, current))
    }

    /// See [`Counter::peek`](super::Counter::peek). `None`: it isn't known here.
    pub(super) fn peek(&self, key: &K, limit: u32) -> Option<Figures> {
        let current = self.window().held.get(key)?.part.stands(limit);
        Some(self.figures(limit, current))
    }

    /// See [`Counter::look`](super::Counter::look). `None`: it can't be known.
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

    /// See [`Counter::take_back`](super::Counter::take_back). Whether it was counted here.
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

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
