//! What `/metrics` says of verdicts and of the lease that they count under.

use metrics::{Counter, counter, gauge};

use super::Verifier;

/// How often a verdict was looked for.
#[derive(Clone)]
pub(super) struct Lookups {
    pub(super) hits: Counter,
    pub(super) misses: Counter,
}

impl Default for Lookups {
    fn default() -> Self {
        let of = |outcome: &'static str| counter!("portals_verdict_lookups_total", "outcome" => outcome);
        Self { hits: of("hit"), misses: of("miss") }
    }
}

impl Verifier {
    /// Sets what is as it is now.
    pub(crate) fn show_figures(&self) {
        let entries = u32::try_from(self.verdicts.len()).unwrap_or(u32::MAX);
        gauge!("portals_verdicts").set(entries);
        gauge!("portals_lease_age_seconds").set(self.lease.age(self.ambient.since_boot()));
        gauge!("portals_uses_waiting").set(u32::try_from(self.uses.waiting()).unwrap_or(u32::MAX));
    }
}
