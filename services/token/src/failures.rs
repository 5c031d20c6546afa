//! Failed tries at credentials: a brake on guessing that counts by address and by client and address, so that an outsider can
//! lock nobody else out (spec §8, S8).

mod tally;

use std::net::{IpAddr, Ipv6Addr};

use kit::{
    ambient::Instant,
    window::{self, Counter, Figures, Sharing},
};
use sha2::{Digest, Sha256};

use crate::Error;
pub(crate) use tally::{Failure, PERIOD as TALLY_PERIOD, Tally};

/// What the figures are about.
const SCOPE: &str = "failures";

/// Failures at each kind of credential: nobody who mistypes a password is kept from exchanging a secret.
#[derive(Debug)]
pub(crate) struct AllFailures {
    pub(crate) sign_ins: Failures,
    pub(crate) secrets: Failures,
    pub(crate) codes: Failures,
}

impl AllFailures {
    /// See [`Failures::new`].
    pub(crate) fn new(limit: u32, sharing: &Sharing) -> Self {
        let none = |scope| Failures::new(limit, sharing.counter(scope));
        Self { sign_ins: none("failed_sign_ins"), secrets: none("failed_exchanges"), codes: none("failed_codes") }
    }
}

/// Failures of this minute.
#[derive(Debug)]
pub(crate) struct Failures {
    /// 0: none.
    limit: u32,
    counter: Counter<Key>,
}

/// A failure that was counted before it is known whether it is one. Given back if not; counted for good if it is dropped.
#[must_use]
pub(crate) struct Reserved {
    at: Instant,
    keys: Vec<(Key, Figures)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Address(IpAddr),
    /// Clients are counted by a hash of what they say: it may be long.
    ClientAt(u128, Option<IpAddr>),
}

impl window::Key for Key {
    fn name(&self) -> String {
        match self {
            Self::Address(ip) => ip.to_string(),
            Self::ClientAt(client, ip) => format!("{client:032x}@{}", window::Key::name(ip)),
        }
    }
}

impl Failures {
    /// Of which `limit` are let pass in a minute; 0: all.
    fn new(limit: u32, counter: Counter<Key>) -> Self {
        Self { limit, counter }
    }

    /// Refuses a try of `client` (a client id, an e-mail address) from `ip` if either of (ip) and (client, ip) failed as often
    /// as it may in this minute. Counts nothing. To be asked before any work is done.
    pub(crate) async fn check(&self, client: &str, ip: Option<IpAddr>, now: Instant) -> Result<(), Error> {
        self.pass(&keys(client, ip), now).await
    }

    /// The same for a try that takes long, which is counted at once: however many come together, no more are let pass than
    /// may fail.
    pub(crate) async fn reserve(&self, client: &str, ip: Option<IpAddr>, now: Instant) -> Result<Reserved, Error> {
        let keys = keys(client, ip);
        self.pass(&keys, now).await?;
        let mut reserved = Reserved { at: now, keys: Vec::new() };
        for key in keys {
            let Some(figures) = self.counter.count(key, self.limit, now).await else { continue };
            reserved.keys.push((key, figures));
            // Others may have come in between.
            if figures.is_over() {
                self.give_back(reserved, now);
                return Err(Error::TooFast(figures, SCOPE));
            }
        }
        Ok(reserved)
    }

    /// What was reserved wasn't a failure.
    pub(crate) fn give_back(&self, Reserved { at, keys }: Reserved, now: Instant) {
        for (key, figures) in keys {
            self.counter.take_back(&key, figures, at, now);
        }
    }

    /// Counts a failure and answers what to tell the client: `error`, or, so that tries at the same time can't get past the
    /// limit, that they were too many.
    pub(crate) async fn count(&self, client: &str, ip: Option<IpAddr>, now: Instant, error: Error) -> Error {
        for key in keys(client, ip) {
            // The address comes first: once it is over, it fills no memory with names that it makes up.
            if let Some(over) = self.counter.count(key, self.limit, now).await.filter(Figures::is_over) {
                return Error::TooFast(over, SCOPE);
            }
        }
        error
    }

    /// What isn't known to be over here costs no look at the database: most tries are no failures.
    async fn pass(&self, keys: &[Key], now: Instant) -> Result<(), Error> {
        let mut worst: Option<Figures> = None;
        for key in keys {
            let mut figures = self.counter.peek(key, self.limit, now);
            if figures.is_some_and(|figures| figures.remaining() == 0) {
                figures = self.counter.room(key, self.limit, now).await;
            }
            worst = worst.into_iter().chain(figures).max_by_key(|figures| figures.current);
        }
        let next = worst.map(|figures| Figures { current: figures.current.saturating_add(1), ..figures });
        next.filter(Figures::is_over).map_or(Ok(()), |over| Err(Error::TooFast(over, SCOPE)))
    }
}

/// The address, if it is known: else all whose addresses aren't known would wait for each other.
fn keys(client: &str, ip: Option<IpAddr>) -> Vec<Key> {
    let (ip, mut half) = (ip.map(network), [0; 16]);
    half.iter_mut().zip(Sha256::digest(client)).for_each(|(byte, of_hash)| *byte = of_hash);
    ip.map(Key::Address).into_iter().chain([Key::ClientAt(u128::from_be_bytes(half), ip)]).collect()
}

/// What one subscriber has: an IPv4 address, or the 64 bits of an IPv6 network.
pub(crate) fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
        ip @ IpAddr::V4(_) => ip,
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn at(second: i64) -> Instant {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    fn failures(limit: u32) -> Failures {
        Failures::new(limit, Counter::default())
    }

    fn ip(text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    async fn fail(failures: &Failures, client: &str, address: &str) -> Error {
        failures.count(client, ip(address), at(18), Error::InvalidClient).await
    }

    #[tokio::test]
    async fn the_failure_after_the_last_allowed_one_is_too_fast_and_so_is_every_try_then() {
        let failures = failures(2);
        for _ in 0..2 {
            failures.check("a", ip("192.0.2.1"), at(18)).await.unwrap();
            assert!(matches!(fail(&failures, "a", "192.0.2.1").await, Error::InvalidClient));
        }
        let over = Figures { limit: 2, current: 3, reset: 42 };
        assert!(
            matches!(failures.check("a", ip("192.0.2.1"), at(18)).await, Err(Error::TooFast(figures, _)) if figures == over)
        );
        assert!(matches!(fail(&failures, "a", "192.0.2.1").await, Error::TooFast(figures, _) if figures == over));
        failures.check("a", ip("192.0.2.1"), at(60)).await.unwrap();
    }

    #[tokio::test]
    async fn an_address_is_slowed_down_whoever_it_says_it_is_and_others_are_not() {
        let failures = failures(1);
        fail(&failures, "a", "192.0.2.1").await;
        assert!(failures.check("b", ip("192.0.2.1"), at(18)).await.is_err());
        assert!(failures.check("b", ip("::ffff:192.0.2.1"), at(18)).await.is_err());
        failures.check("a", ip("192.0.2.2"), at(18)).await.unwrap();
        failures.check("a", None, at(18)).await.unwrap();
    }

    #[tokio::test]
    async fn the_addresses_of_one_ipv6_network_count_as_one() {
        let failures = failures(1);
        fail(&failures, "a", "2001:db8::1").await;
        assert!(failures.check("a", ip("2001:db8::2"), at(18)).await.is_err());
        failures.check("a", ip("2001:db8:0:1::1"), at(18)).await.unwrap();
    }

    #[tokio::test]
    async fn without_a_limit_nothing_is_counted() {
        let failures = failures(0);
        assert!(matches!(fail(&failures, "a", "192.0.2.1").await, Error::InvalidClient));
        assert_eq!(failures.counter.keys(at(18)), 0);
    }

    #[tokio::test]
    async fn an_address_that_is_over_adds_no_more_names() {
        let failures = failures(2);
        for number in 0..10 {
            fail(&failures, &number.to_string(), "192.0.2.1").await;
        }
        assert_eq!(failures.counter.keys(at(18)), 3, "the address and the two clients that were let pass");
    }

    #[tokio::test]
    async fn clients_of_unknown_addresses_dont_wait_for_each_other() {
        let failures = failures(1);
        failures.count("a", None, at(18), Error::InvalidClient).await;
        assert!(failures.check("a", None, at(18)).await.is_err());
        failures.check("b", None, at(18)).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_reserved_counts_until_it_is_given_back() {
        let failures = failures(2);
        let reserve = async || failures.reserve("a", ip("192.0.2.1"), at(18)).await.unwrap();
        let (one, two) = (reserve().await, reserve().await);
        assert!(failures.reserve("b", ip("192.0.2.1"), at(18)).await.is_err());
        failures.give_back(one, at(18));
        let _three = failures.reserve("b", ip("192.0.2.1"), at(18)).await.unwrap();
        assert!(failures.reserve("b", ip("192.0.2.1"), at(18)).await.is_err());
        // Of a minute that is over nothing is taken from the next one.
        fail_at(&failures, 60).await;
        failures.give_back(two, at(61));
        fail_at(&failures, 61).await;
        assert!(failures.check("a", ip("192.0.2.1"), at(61)).await.is_err());
    }

    async fn fail_at(failures: &Failures, second: i64) {
        failures.count("a", ip("192.0.2.1"), at(second), Error::InvalidClient).await;
    }
}
