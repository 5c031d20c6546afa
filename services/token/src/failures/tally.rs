//! Failed exchanges for the audit: one row for a client, an address and a minute, however many there were (spec §9).

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chrono::{DurationRound, TimeDelta};
use kit::{
    ambient::Instant,
    audit::{Event, Subject},
    error::chain,
};
use sea_orm::DbErr;
use serde_json::json;
use uuid::Uuid;

use crate::Service;

/// How often minutes that are over are written.
pub(crate) const PERIOD: Duration = Duration::from_secs(10);
/// The most entries that wait to be written. After them only clients that are known to be portals get one.
const MOST: usize = 10_000;
/// The most that wait in any case.
const MOST_IN_ALL: usize = 2 * MOST;
/// The most clients that are told apart at one address in one minute: more are no mistyping, but made up. Their failures are
/// counted by client alone.
const MOST_OF_ADDRESS: usize = 20;

/// Failures that aren't written yet.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<BTreeMap<Key, u64>>);

/// The minute comes first: what is over stands before what isn't. No address: an unknown one, or several.
type Key = (Instant, Option<IpAddr>, Uuid);

/// A failed exchange that is let count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    pub(crate) client: Uuid,
    pub(crate) ip: Option<IpAddr>,
    /// Whether a service of ours says that there is such a portal: there are only so many.
    pub(crate) vouched: bool,
}

/// How often a client failed, from one address, in one minute.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Failed {
    minute: Instant,
    ip: Option<IpAddr>,
    count: u64,
}

impl Tally {
    /// Counts a failure. Who makes clients up, from however many addresses, takes no portal's row away.
    pub(crate) fn note(&self, failure: Failure, now: Instant) {
        let minute = now.duration_trunc(TimeDelta::minutes(1)).unwrap_or(now);
        self.add(minute, failure, 1);
    }

    fn add(&self, minute: Instant, Failure { client, ip, vouched }: Failure, count: u64) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let here = (minute, ip, Uuid::nil())..=(minute, ip, Uuid::max());
        let is_new = !waiting.contains_key(&(minute, ip, client));
        let is_full = waiting.len() >= MOST
            || ip.is_some() && waiting.range(here).take(MOST_OF_ADDRESS).count() == MOST_OF_ADDRESS;
        let key = (minute, ip.filter(|_| !(is_new && is_full)), client);
        let most = if vouched { MOST_IN_ALL } else { MOST };
        if waiting.len() < most || waiting.contains_key(&key) {
            let entry = waiting.entry(key).or_insert(0);
            *entry = entry.saturating_add(count);
        } else {
            metrics::counter!("portals_token_exchange_failures_unaudited_total").increment(count);
        }
    }

    /// Takes what belongs to minutes that were over at `now`.
    fn take(&self, now: Instant) -> Vec<(Uuid, Failed)> {
        let minute = now.duration_trunc(TimeDelta::minutes(1)).unwrap_or(now);
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let later = waiting.split_off(&(minute, None, Uuid::nil()));
        let over = std::mem::replace(&mut *waiting, later);
        drop(waiting);
        over.into_iter().map(|((minute, ip, client), count)| (client, Failed { minute, ip, count })).collect()
    }

    fn put_back(&self, failed: Vec<(Uuid, Failed)>) {
        for (client, Failed { minute, ip, count }) in failed {
            self.add(minute, Failure { client, ip, vouched: false }, count);
        }
    }
}

impl Service {
    /// Writes the failures of minutes that were over at `now`. What can't be written waits for the next time.
    pub(crate) async fn write_failures(&self, now: Instant) {
        let failed = self.0.tally.take(now);
        if failed.is_empty() {
            return;
        }
        let written: Result<(), DbErr> = self.0.store.record_failures(&failed, event).await;
        if let Err(error) = written {
            tracing::warn!(error = chain(&error), "failed exchanges can't be written to the audit");
            self.0.tally.put_back(failed);
        }
    }
}

fn event(organization: Uuid, client: Uuid, Failed { minute, ip, count }: &Failed) -> Event {
    Event {
        kind: "PORTAL_TOKEN_EXCHANGE_FAILED",
        organization,
        actor: None,
        subject: Subject { kind: "portal", uuid: client, name: String::new() },
        context: json!({ "type": "API", "request_ip": ip.map(|ip| ip.to_string()) }),
        data: json!({ "portal_uuid": client, "minute": minute, "count": count }),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn at(second: i64) -> Instant {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn failure(client: u128, ip: &str) -> Failure {
        Failure { client: Uuid::from_u128(client), ip: ip.parse().ok(), vouched: false }
    }

    fn all(tally: &Tally) -> Vec<(Uuid, Failed)> {
        tally.take(DateTime::<chrono::Utc>::MAX_UTC)
    }

    #[test]
    fn minutes_that_are_over_are_taken_once_and_can_be_put_back() {
        let (tally, failure) = (Tally::default(), failure(1, "192.0.2.1"));
        for second in [0, 59, 60] {
            tally.note(failure, at(second));
        }
        assert!(tally.take(at(59)).is_empty());
        let taken = tally.take(at(60));
        assert_eq!(taken, [(failure.client, Failed { minute: at(0), ip: failure.ip, count: 2 })]);
        assert!(tally.take(at(60)).is_empty());
        tally.put_back(taken);
        assert_eq!(all(&tally).len(), 2);
    }

    #[test]
    fn an_address_that_makes_clients_up_takes_no_row_away() {
        let tally = Tally::default();
        for client in 0..20 {
            tally.note(failure(client, "192.0.2.1"), at(0));
        }
        for _ in 0..2 {
            tally.note(failure(99, "192.0.2.1"), at(0));
        }
        tally.note(failure(99, "192.0.2.2"), at(0));
        let taken = all(&tally);
        let of: Vec<_> = taken.iter().filter(|(client, _)| *client == Uuid::from_u128(99)).collect();
        let found: Vec<_> = of.iter().map(|(_, failed)| (failed.ip.is_some(), failed.count)).collect();
        assert_eq!((taken.len(), found), (22, vec![(false, 2), (true, 1)]));
    }

    #[test]
    fn when_it_is_full_a_portal_that_is_vouched_for_still_has_its_row() {
        let tally = Tally::default();
        for number in 0..=u128::try_from(MOST).unwrap() {
            tally
                .note(Failure { ip: Some(std::net::Ipv6Addr::from_bits(number).into()), ..failure(number, "") }, at(0));
        }
        for _ in 0..2 {
            tally.note(Failure { vouched: true, ..failure(u128::MAX, "192.0.2.1") }, at(0));
        }
        let taken = all(&tally);
        let row = (Uuid::max(), Failed { minute: at(0), ip: None, count: 2 });
        assert_eq!((taken.len(), taken.contains(&row)), (MOST + 1, true));
        tally.put_back(taken.clone());
        tally.put_back(
            taken.into_iter().map(|(client, failed)| (client, Failed { minute: at(60), ..failed })).collect(),
        );
        assert_eq!(all(&tally).len(), MOST, "what is put back is bounded");
    }
}
