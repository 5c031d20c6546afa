//! Waiting for a condition with a deadline, so that no test sleeps in the hope that something has happened.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How often a condition is looked at.
const EVERY: Duration = Duration::from_millis(10);

/// Waits until `look` gives something, at most `patience`.
pub fn find<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if begun.elapsed() > patience {
            return None;
        }
        thread::sleep(EVERY);
    }
}

/// Waits until `look` gives something; fails the test, naming `what`, after `patience`.
pub fn need<T>(what: &str, patience: Duration, look: impl FnMut() -> Option<T>) -> T {
    find(patience, look).unwrap_or_else(|| panic!("waited {patience:?} in vain for {what}"))
}

/// As [`need`], where looking is a request.
pub async fn need_async<T>(what: &str, patience: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begun.elapsed() <= patience, "waited {patience:?} in vain for {what}");
        tokio::time::sleep(EVERY).await;
    }
}
