//! How many requests a user and an organization make (spec §8: REST).

use std::{collections::BTreeMap, net::IpAddr};

use kit::{
    ambient::Instant,
    window::{Counter, Figures, Sharing},
};
use uuid::Uuid;

use crate::{Service, config::Limits, domain::token::ApiToken};

/// What the figures of an organization are about.
pub(crate) const SCOPE: &str = "rest";

/// Counts requests of this minute.
#[derive(Debug)]
pub(crate) struct Limiter {
    limits: Limits,
    users: Counter<Uuid>,
    organizations: Counter<Uuid>,
    /// By network, see `failures`.
    codes: Counter<Option<IpAddr>>,
}

/// How user and organization stand; `None` where nothing was counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rates {
    pub(crate) user: Option<Figures>,
    pub(crate) organization: Option<Figures>,
}

impl Rates {
    /// The figures of the limit that is exceeded.
    pub(crate) fn over(&self) -> Option<Figures> {
        [self.user, self.organization].into_iter().flatten().find(Figures::is_over)
    }

    /// The exceeded limit, for machines.
    pub(crate) fn facts(&self) -> BTreeMap<String, String> {
        self.over().map(|figures| figures_facts(figures, SCOPE)).unwrap_or_default()
    }
}

/// An exceeded limit, for machines; `scope` says what it is about.
pub(crate) fn figures_facts(Figures { limit, current, reset }: Figures, scope: &str) -> BTreeMap<String, String> {
    let numbers = [("limit", limit), ("current", current), ("reset", reset), ("retry_after", reset)];
    let mut facts: BTreeMap<_, _> = numbers.map(|(name, number)| (name.to_owned(), number.to_string())).into();
    facts.insert("scope".to_owned(), scope.to_owned());
    facts
}

impl Limiter {
    pub(crate) fn new(limits: Limits, sharing: &Sharing) -> Self {
        let (users, organizations) = (sharing.counter("rest_user"), sharing.counter("rest"));
        Self { limits, users, organizations, codes: sharing.counter("codes") }
    }

    /// Counts one request. A user who is over spends nothing of the organization's rate: else one member could use up
    /// everybody's.
    pub(crate) async fn count(&self, user: Uuid, organization: Option<Uuid>, now: Instant) -> Rates {
        let user = self.users.count(user, self.limits.rest_user_per_minute, now).await;
        let Some(organization) = organization.filter(|_| !user.is_some_and(|figures| figures.is_over())) else {
            return Rates { user, organization: None };
        };
        Rates { user, organization: self.organizations.count(organization, self.limits.rest_per_minute, now).await }
    }
}

impl Limiter {
    /// Counts one code that was asked for from `address`; answers the figures if that is too many.
    pub(crate) async fn count_code(&self, address: Option<IpAddr>, now: Instant) -> Option<Figures> {
        self.codes.count(address, self.limits.codes_per_minute, now).await.filter(Figures::is_over)
    }
}

impl Service {
    /// Counts one request of the token's user; for `organization` too, if user and token reach it.
    pub(crate) async fn count(&self, token: &ApiToken, organization: Option<Uuid>) -> Rates {
        let reached = organization.filter(|uuid| token.role_in(*uuid).is_some());
        self.0.limiter.count(token.user.uuid, reached, self.0.ambient.now()).await
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[tokio::test]
    async fn a_user_over_the_limit_spends_nothing_of_the_organizations() {
        let limits = Limits { rest_user_per_minute: 1, rest_per_minute: 9, ..Limits::default() };
        let (limiter, now) = (Limiter::new(limits, &Sharing::none()), DateTime::from_timestamp(18, 0).unwrap());
        let organization = Some(Uuid::nil());
        let count = |user| limiter.count(Uuid::from_u128(user), organization, now);
        assert_eq!(count(1).await.organization.unwrap().current, 1);
        let over = count(1).await;
        assert!(over.organization.is_none());
        assert_eq!(over.over(), Some(Figures { limit: 1, current: 2, reset: 42 }));
        assert_eq!(count(2).await.organization.unwrap().current, 2);
    }

    #[test]
    fn the_facts_are_those_of_the_exceeded_limit() {
        let over = Figures { limit: 2, current: 3, reset: 42 };
        let rates = Rates { user: Some(Figures { current: 1, ..over }), organization: Some(over) };
        let facts = rates.facts();
        let facts: Vec<_> = facts.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(facts, ["current=3", "limit=2", "reset=42", "retry_after=42", "scope=rest"]);
        assert!(Rates { organization: None, ..rates }.facts().is_empty());
    }
}
