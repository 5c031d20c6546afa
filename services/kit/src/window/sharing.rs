//! Who shares windows: the processes that use a database.

use std::time::Duration;

use super::{Counter, Key, MINUTE, shared::Shared};
use crate::{
    ambient::Ambient,
    boot::Tasks,
    db::{BATCH, Database, Windows},
    error::chain,
};

/// How often windows that are over are removed.
const SWEEP: Duration = Duration::from_mins(1);
/// How long they stay: clocks of different machines differ.
const KEPT: Duration = Duration::from_mins(2);

/// Makes counters.
#[derive(Clone, Debug)]
pub struct Sharing(Option<Source>);

/// What a counter needs to share.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) windows: Windows,
    pub(super) tasks: Tasks,
    pub(super) ambient: Ambient,
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
