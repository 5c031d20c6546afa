//! What a process holds of a shared window under one key. Pure: whoever has it asks the database.

use std::time::Duration;

/// What part of what is left is claimed at once. Small enough that what some processes hold and don't spend is little of the
/// whole, and large enough that a window is used up after some tens of claims.
pub(super) const SHARE: u32 = 8;
/// For how long nothing is claimed after there was nothing, or no answer. Others may give something back.
pub(super) const REST: Duration = Duration::from_secs(1);
/// What nobody asked for in this time is given back.
const IDLE: Duration = Duration::from_secs(3);

/// What one process holds under one key.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// What it may spend.
    granted: u32,
    /// What of it is spent.
    used: u32,
    /// What of it the row doesn't know of yet.
    owed: u32,
    /// What all processes had claimed when this one last did.
    claimed: u64,
    /// The most that was told: what is left doesn't become more within a window.
    shown: u32,
    /// Requests that were refused.
    refused: u32,
    /// The last claim's part.
    size: u32,
    is_claiming: bool,
    /// It went on without the database, once.
    has_lent: bool,
    /// Until when nothing is claimed, since boot.
    rest_until: Duration,
    /// When it was last asked for, since boot.
    touched: Duration,
}

impl Part {
    /// Spends one. What is to be told of that; `None`: more must be claimed first.
    pub(super) fn take(&mut self, limit: u32, now: Duration) -> Option<u32> {
        self.touched = now;
        if self.used < self.granted {
            self.used += 1;
            return Some(self.show(limit));
        }
        if now >= self.rest_until {
            return None;
        }
        self.refused = self.refused.saturating_add(1);
        Some(limit.saturating_add(self.refused))
    }

    /// The same without spending: below `limit` if there is something to spend.
    pub(super) fn room(&mut self, limit: u32, now: Duration) -> Option<u32> {
        self.touched = now;
        if self.used < self.granted {
            return Some(self.show(limit).min(limit.saturating_sub(1)));
        }
        (now < self.rest_until).then(|| self.stands(limit).max(limit))
    }

    /// How it stands.
    pub(super) fn stands(&self, limit: u32) -> u32 {
        let known = self.known().max(self.shown);
        if known < limit { known } else { known.saturating_add(self.refused) }
    }

    /// Spends what there may not be any more.
    pub(super) fn spend(&mut self, amount: u32, now: Duration) -> u32 {
        self.touched = now;
        self.used = self.used.saturating_add(amount);
        self.owe(self.used.saturating_sub(self.granted));
        self.shown = self.shown.max(self.known());
        self.shown
    }

    /// Takes one back that was let pass, or refused.
    pub(super) fn take_back(&mut self, was_over: bool) {
        let counted = if was_over { &mut self.refused } else { &mut self.used };
        *counted = counted.saturating_sub(1);
    }

    /// Whether more is to be claimed before it is used up, or something is owed.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        let is_low = self.size > 1 && self.granted.saturating_sub(self.used) <= self.size / 2;
        !self.is_claiming && now >= self.rest_until && (is_low || self.owed > 0)
    }

    /// Whether a claim is under way.
    pub(super) fn is_claiming(&self) -> bool {
        self.is_claiming
    }

    /// A claim is under way from now on.
    pub(super) fn begin(&mut self) {
        self.is_claiming = true;
    }

    /// What the row isn't told of yet.
    pub(super) fn owed(&self) -> u32 {
        self.owed
    }

    /// A claim was answered: `part` of it, the `owed` included, is ours, and `claimed` is everybody's.
    pub(super) fn answered(&mut self, owed: u32, part: u64, claimed: u64, (limit, now): (u32, Duration)) {
        let fresh = u32::try_from(part.saturating_sub(owed.into())).unwrap_or(u32::MAX);
        self.is_claiming = false;
        self.owed = self.owed.saturating_sub(owed);
        self.granted = self.granted.saturating_add(fresh);
        (self.claimed, self.size) = (claimed, fresh);
        if claimed >= limit.into() {
            self.rest_until = now + REST;
        }
    }

    /// A claim came to nothing.
    pub(super) fn failed(&mut self, limit: u32, now: Duration) {
        self.is_claiming = false;
        self.lend(limit, now);
    }

    /// What all processes have claimed by now.
    pub(super) fn see(&mut self, claimed: u64) {
        self.claimed = claimed;
    }

    /// The database doesn't answer. A share of the limit is let pass without it, once in a window.
    pub(super) fn lend(&mut self, limit: u32, now: Duration) {
        self.rest_until = now + REST;
        if !self.has_lent {
            self.has_lent = true;
            self.owe((limit / SHARE).max(1));
        }
    }

    /// Takes out what is to be given back to the row, if nobody asked for it lately.
    pub(super) fn give_back_idle(&mut self, now: Duration) -> u32 {
        if now < self.touched + IDLE { 0 } else { self.give_back() }
    }

    /// The same however lately.
    pub(super) fn give_back(&mut self) -> u32 {
        if self.is_claiming {
            return 0;
        }
        let unspent = self.granted.saturating_sub(self.used);
        let unknown = unspent.min(self.owed);
        self.granted -= unspent;
        self.owed -= unknown;
        let known = unspent - unknown;
        self.claimed = self.claimed.saturating_sub(known.into());
        self.size = 0;
        known
    }

    fn owe(&mut self, amount: u32) {
        self.granted = self.granted.saturating_add(amount);
        self.owed = self.owed.saturating_add(amount);
    }

    /// What others claimed, and this process spent.
    fn known(&self) -> u32 {
        let all = self.claimed.saturating_add(self.owed.into());
        u32::try_from(all.saturating_sub(self.granted.saturating_sub(self.used).into())).unwrap_or(u32::MAX)
    }

    fn show(&mut self, limit: u32) -> u32 {
        self.shown = self.shown.max(self.known().min(limit));
        self.shown
    }
}
