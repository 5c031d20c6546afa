//! API access tokens: what a new one may be asked to be, who may use one from where, and when an unused one dies.

use std::{collections::BTreeSet, net::IpAddr};

use chrono::TimeDelta;
use kit::{address::Networks, ambient::Instant, error::Violation};
use uuid::Uuid;

use super::{expiry, scope::Scope, token::Imprint, user::User};

const MOST_DESCRIPTION: usize = 255;
/// How long a token lives when nothing is said.
const DEFAULT_LIFE: TimeDelta = TimeDelta::days(7);
/// The limits that an organization can choose for unused tokens, in days.
pub(crate) const INACTIVITY_DAYS: [u32; 5] = [30, 60, 90, 180, 365];

/// What is asked for, before it is known to be valid.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wishes {
    pub(crate) scopes: Vec<String>,
    pub(crate) description: String,
    pub(crate) expires_at: Option<Instant>,
    pub(crate) never_expires: bool,
    pub(crate) allowed_ip_addresses: Option<String>,
}

/// What a new token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Sorted by name.
    pub(crate) scopes: Vec<Scope>,
    pub(crate) description: String,
    pub(crate) expires_at: Option<Instant>,
    pub(crate) allowed_ip_addresses: Option<String>,
}

/// A token to be stored.
#[derive(Clone, Debug)]
pub(crate) struct NewApiToken {
    pub(crate) imprint: Imprint,
    pub(crate) terms: Terms,
    /// Those that it shall reach; `None`: all of the user's.
    pub(crate) organizations: Option<BTreeSet<Uuid>>,
}

/// A token as lists show it.
#[derive(Clone, Debug)]
pub(crate) struct ListedApiToken {
    pub(crate) uuid: Uuid,
    pub(crate) terms: Terms,
    pub(crate) last_four: String,
    pub(crate) user: User,
    pub(crate) created_at: Instant,
    pub(crate) last_used_at: Option<Instant>,
    pub(crate) last_used_ip: Option<String>,
}

/// Which organizations a new token was asked to reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All of the user's.
    All,
    /// Those that were named.
    Chosen,
}

impl Reach {
    /// What the audit calls it. Which ones are chosen tells whose trail it stands in: no organization learns of another.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Chosen => "chosen",
        }
    }
}

impl NewApiToken {
    /// See [`Reach`].
    pub(crate) fn reach(&self) -> Reach {
        if self.organizations.is_none() { Reach::All } else { Reach::Chosen }
    }
}

impl Wishes {
    /// What the token is, or everything that is wrong.
    pub(crate) fn check(self, now: Instant) -> Result<Terms, Vec<Violation>> {
        let mut faults = Vec::new();
        let scopes = scopes(&self.scopes).map_err(|bad| faults.extend(bad)).unwrap_or_default();
        if self.description.chars().count() > MOST_DESCRIPTION {
            let why = format!("must not be longer than {MOST_DESCRIPTION} characters");
            faults.push(Violation::new("description", why));
        }
        // PostgreSQL can't keep them, and nobody means them.
        if self.description.contains('\0') {
            faults.push(Violation::new("description", "must not contain NUL characters"));
        }
        let expires_at = self.expiry(now).map_err(|bad| faults.push(bad)).unwrap_or_default();
        let allowed_ip_addresses = self.allowed_ip_addresses.filter(|list| !is_blank(list));
        if let Err(fault) = Networks::parse(allowed_ip_addresses.as_deref().unwrap_or_default()) {
            faults.push(Violation::new("allowed_ip_addresses", format!("can't be used: {fault}")));
        }
        let terms = Terms { scopes, description: self.description, expires_at, allowed_ip_addresses };
        if faults.is_empty() { Ok(terms) } else { Err(faults) }
    }

    fn expiry(&self, now: Instant) -> Result<Option<Instant>, Violation> {
        match (self.expires_at, self.never_expires) {
            (Some(_), true) => Err(Violation::new("never_expires", "can't be together with `expires_at`")),
            (Some(at), false) => expiry::check(Some(at), now),
            (None, true) => Ok(None),
            (None, false) => Ok(Some(now + DEFAULT_LIFE)),
        }
    }
}

fn scopes(names: &[String]) -> Result<Vec<Scope>, Vec<Violation>> {
    let mut faults = Vec::new();
    let mut known = Vec::new();
    for name in names {
        match Scope::of_name(name) {
            Some(scope) => known.push(scope),
            None => faults.push(Violation::new("scopes", format!("has none of the name {name:?}"))),
        }
    }
    if names.is_empty() {
        faults.push(Violation::new("scopes", "must not be empty"));
    }
    known.sort_unstable_by_key(|scope| scope.name());
    known.dedup();
    if faults.is_empty() { Ok(known) } else { Err(faults) }
}

fn is_blank(list: &str) -> bool {
    list.split_whitespace().next().is_none()
}

/// Whether a request from `address` may use a token with that list. Where it came from must be known if there is a list, and
/// a list that can't be read admits nobody.
pub(crate) fn admits(list: Option<&str>, address: Option<IpAddr>) -> bool {
    let Some(list) = list.filter(|list| !is_blank(list)) else { return true };
    let Ok(networks) = Networks::parse(list) else { return false };
    address.is_some_and(|address| networks.contains(address))
}

/// Tokens whose last use, or making where there was none, is at or before this are past a limit of `days`.
pub(crate) fn inactive_since(days: u32, now: Instant) -> Instant {
    now - TimeDelta::days(days.into())
}

#[cfg(test)]
mod tests;
