//! Failed tries at credentials: a brake on guessing that counts by address and by client and address, so that an outsider can
//! lock nobody else out (spec §8, S8).

mod tally;

use std::{
    hash::{BuildHasher, RandomState},
    net::{IpAddr, Ipv6Addr},
};

use kit::{
    ambient::Instant,
    window::{Counter, Figures},
};

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
    pub(crate) fn new(limit: u32) -> Self {
        let none = || Failures::new(limit);
        Self { sign_ins: none(), secrets: none(), codes: none() }
    }
}

/// Failures of this minute.
#[derive(Debug)]
pub(crate) struct Failures {
    /// 0: none.
    limit: u32,
    /// Clients are counted by a keyed hash of what they say: it may be long.
    hasher: RandomState,
    counter: Counter<Key>,
}

/// A failure that was counted before it is known whether it is one. Given back if not; counted for good if it is dropped.
#[must_use]
pub(crate) struct Reserved {
    at: Instant,
    keys: Vec<Key>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Address(IpAddr),
    ClientAt(u64, Option<IpAddr>),
}

impl Failures {
    /// Of which `limit` are let pass in a minute; 0: all.
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit, hasher: RandomState::new(), counter: Counter::default() }
    }

    /// Refuses a try of `client` (a client id, an e-mail address) from `ip` if either of (ip) and (client, ip) failed as often
    /// as it may in this minute. Counts nothing. To be asked before any work is done.
    pub(crate) fn check(&self, client: &str, ip: Option<IpAddr>, now: Instant) -> Result<(), Error> {
        self.pass(&self.keys(client, ip), now)
    }

    /// The same for a try that takes long, which is counted at once: however many come together, no more are let pass than
    /// may fail.
    pub(crate) fn reserve(&self, client: &str, ip: Option<IpAddr>, now: Instant) -> Result<Reserved, Error> {
        let keys = self.keys(client, ip);
        self.pass(&keys, now)?;
        let mut reserved = Reserved { at: now, keys: Vec::new() };
        for key in keys {
            let figures = self.counter.count(key, self.limit, now);
            reserved.keys.push(key);
            // Others may have come in between.
            if let Some(over) = figures.filter(Figures::is_over) {
                self.give_back(reserved, now);
                return Err(Error::TooFast(over, SCOPE));
            }
        }
        Ok(reserved)
    }

    /// What was reserved wasn't a failure.
    pub(crate) fn give_back(&self, Reserved { at, keys }: Reserved, now: Instant) {
        for key in keys {
            self.counter.take_back(&key, at, now);
        }
    }

    /// Counts a failure and answers what to tell the client: `error`, or, so that tries at the same time can't get past the
    /// limit, that they were too many.
    pub(crate) fn count(&self, client: &str, ip: Option<IpAddr>, now: Instant, error: Error) -> Error {
        for key in self.keys(client, ip) {
            // The address comes first: once it is over, it fills no memory with names that it makes up.
            if let Some(over) = self.counter.count(key, self.limit, now).filter(Figures::is_over) {
                return Error::TooFast(over, SCOPE);
            }
        }
        error
    }

    fn pass(&self, keys: &[Key], now: Instant) -> Result<(), Error> {
        let next = |key: &Key| {
            let figures = self.counter.peek(key, self.limit, now)?;
            Some(Figures { current: figures.current.saturating_add(1), ..figures })
        };
        match keys.iter().filter_map(next).max_by_key(|figures| figures.current).filter(Figures::is_over) {
            Some(over) => Err(Error::TooFast(over, SCOPE)),
            None => Ok(()),
        }
    }

    /// The address, if it is known: else all whose addresses aren't known would wait for each other.
    fn keys(&self, client: &str, ip: Option<IpAddr>) -> Vec<Key> {
        let ip = ip.map(network);
        ip.map(Key::Address).into_iter().chain([Key::ClientAt(self.hasher.hash_one(client), ip)]).collect()
    }
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

    fn ip(text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    fn fail(failures: &Failures, client: &str, address: &str) -> Error {
        failures.count(client, ip(address), at(18), Error::InvalidClient)
    }

    #[test]
    fn the_failure_after_the_last_allowed_one_is_too_fast_and_so_is_every_try_then() {
        let failures = Failures::new(2);
        for _ in 0..2 {
            failures.check("a", ip("192.0.2.1"), at(18)).unwrap();
            assert!(matches!(fail(&failures, "a", "192.0.2.1"), Error::InvalidClient));
        }
        let over = Figures { limit: 2, current: 3, reset: 42 };
        assert!(
            matches!(failures.check("a", ip("192.0.2.1"), at(18)), Err(Error::TooFast(figures, _)) if figures == over)
        );
        assert!(matches!(fail(&failures, "a", "192.0.2.1"), Error::TooFast(figures, _) if figures == over));
        failures.check("a", ip("192.0.2.1"), at(60)).unwrap();
    }

    #[test]
    fn an_address_is_slowed_down_whoever_it_says_it_is_and_others_are_not() {
        let failures = Failures::new(1);
        fail(&failures, "a", "192.0.2.1");
        assert!(failures.check("b", ip("192.0.2.1"), at(18)).is_err());
        assert!(failures.check("b", ip("::ffff:192.0.2.1"), at(18)).is_err());
        failures.check("a", ip("192.0.2.2"), at(18)).unwrap();
        failures.check("a", None, at(18)).unwrap();
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_count_as_one() {
        let failures = Failures::new(1);
        fail(&failures, "a", "2001:db8::1");
        assert!(failures.check("a", ip("2001:db8::2"), at(18)).is_err());
        failures.check("a", ip("2001:db8:0:1::1"), at(18)).unwrap();
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        let failures = Failures::new(0);
        assert!(matches!(fail(&failures, "a", "192.0.2.1"), Error::InvalidClient));
        assert_eq!(failures.counter.keys(at(18)), 0);
    }

    #[test]
    fn an_address_that_is_over_adds_no_more_names() {
        let failures = Failures::new(2);
        for number in 0..10 {
            fail(&failures, &number.to_string(), "192.0.2.1");
        }
        assert_eq!(failures.counter.keys(at(18)), 3, "the address and the two clients that were let pass");
    }

    #[test]
    fn clients_of_unknown_addresses_dont_wait_for_each_other() {
        let failures = Failures::new(1);
        failures.count("a", None, at(18), Error::InvalidClient);
        assert!(failures.check("a", None, at(18)).is_err());
        failures.check("b", None, at(18)).unwrap();
    }

    #[test]
    fn what_is_reserved_counts_until_it_is_given_back() {
        let failures = Failures::new(2);
        let [one, two] = [(); 2].map(|()| failures.reserve("a", ip("192.0.2.1"), at(18)).unwrap());
        assert!(failures.reserve("b", ip("192.0.2.1"), at(18)).is_err());
        failures.give_back(one, at(18));
        let _three = failures.reserve("b", ip("192.0.2.1"), at(18)).unwrap();
        assert!(failures.reserve("b", ip("192.0.2.1"), at(18)).is_err());
        // Of a minute that is over nothing is taken from the next one.
        fail_at(&failures, 60);
        failures.give_back(two, at(61));
        fail_at(&failures, 61);
        assert!(failures.check("a", ip("192.0.2.1"), at(61)).is_err());
    }

    fn fail_at(failures: &Failures, second: i64) {
        failures.count("a", ip("192.0.2.1"), at(second), Error::InvalidClient);
    }
}
