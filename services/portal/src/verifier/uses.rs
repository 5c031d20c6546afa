//! Which tokens were used, told to the token service now and then.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

use contracts::token::v1::{ReportUsesRequest, TokenUse};
use kit::{
    ambient::Instant,
    boot::Tasks,
    grpc::{Caller, to_timestamp},
};
use uuid::Uuid;

use super::{Verifier, WRITE_PATIENCE, send, verdict::Verdict};

/// How often uses are reported.
const PERIOD: Duration = Duration::from_secs(10);
/// A token's use is reported once in this time.
const REST: Duration = Duration::from_mins(1);
/// Uses in one message.
const MOST_IN_A_MESSAGE: usize = 1_000;
/// Tokens of which something is remembered; uses of more aren't reported.
const MOST_TOKENS: usize = 100_000;

#[derive(Clone, Copy, Debug)]
struct Use {
    at: Instant,
    from: Option<IpAddr>,
}

/// Uses that wait to be reported, and when others were.
#[derive(Debug, Default)]
pub(super) struct Uses(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    waiting: HashMap<Uuid, Use>,
    /// When a token's use was last noted, since boot.
    noted: HashMap<Uuid, Duration>,
}

impl Uses {
    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, token: Uuid, used: Use, now: Duration) {
        let mut book = self.lock();
        let rests = book.noted.get(&token).is_some_and(|at| now.saturating_sub(*at) < REST);
        if !rests && book.noted.len() < MOST_TOKENS {
            book.noted.insert(token, now);
            book.waiting.insert(token, used);
        }
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    /// What waits, in messages.
    fn take(&self, now: Duration) -> Vec<Vec<(Uuid, Use)>> {
        let mut book = self.lock();
        book.noted.retain(|_, at| now.saturating_sub(*at) < REST);
        let waiting: Vec<_> = book.waiting.drain().collect();
        waiting.chunks(MOST_IN_A_MESSAGE).map(<[_]>::to_vec).collect()
    }

    /// Lets uses wait again that couldn't be reported.
    fn put_back(&self, uses: Vec<(Uuid, Use)>) {
        let mut book = self.lock();
        for (token, used) in uses {
            if book.waiting.len() < MOST_TOKENS {
                book.waiting.entry(token).or_insert(used);
            }
        }
    }
}

impl Verifier {
    /// Notes that a token was used. Costs a warm token two atomic operations.
    pub(crate) fn used(&self, verdict: &Verdict, caller: &Caller) {
        let now = self.ambient.since_boot();
        // From 1: 0 stands for never.
        let (second, before) = (now.as_secs() + 1, verdict.noted.load(Ordering::Relaxed));
        if before != 0 && second.saturating_sub(before) < REST.as_secs() {
            return;
        }
        verdict.noted.store(second, Ordering::Relaxed);
        self.uses.note(verdict.token, Use { at: self.ambient.now(), from: caller.client_ip }, now);
    }

    /// Reports uses every ten seconds, and the last ones at the stop.
    pub(crate) fn report_uses(&self, tasks: &Tasks) {
        let (verifier, stop) = (self.clone(), tasks.stopping());
        tasks.spawn(async move {
            while stop.run_until_cancelled(tokio::time::sleep(PERIOD)).await.is_some() {
                verifier.report().await;
            }
            verifier.report().await;
        });
    }

    /// Reports what waits.
    pub(crate) async fn report(&self) {
        for uses in self.uses.take(self.ambient.since_boot()) {
            let request = Caller::default().onward(message(&uses), &self.key);
            let mut client = self.client.clone();
            let sent = send(WRITE_PATIENCE, request, |request| async move { client.report_uses(request).await }).await;
            if sent.is_err() {
                self.uses.put_back(uses);
            }
        }
    }
}

fn message(uses: &[(Uuid, Use)]) -> ReportUsesRequest {
    let wire = |(token, Use { at, from }): &(Uuid, Use)| TokenUse {
        token_uuid: token.to_string(),
        used_at: Some(to_timestamp(*at)),
        client_ip: from.map(|ip| ip.to_string()),
    };
    ReportUsesRequest { uses: uses.iter().map(wire).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USE: Use = Use { at: Instant::UNIX_EPOCH, from: None };

    fn tokens(uses: &Uses, now: Duration) -> usize {
        uses.take(now).iter().map(Vec::len).sum()
    }

    #[test]
    fn a_token_is_noted_once_a_minute() {
        let (uses, second) = (Uses::default(), Duration::from_secs(1));
        uses.note(Uuid::nil(), USE, second);
        uses.note(Uuid::nil(), USE, second * 2);
        assert_eq!(tokens(&uses, second * 10), 1);
        uses.note(Uuid::nil(), USE, second * 60);
        assert_eq!(tokens(&uses, second * 60), 0);
        uses.note(Uuid::nil(), USE, second * 61);
        assert_eq!(tokens(&uses, second * 61), 1);
    }

    #[test]
    fn memory_and_messages_are_bounded_and_what_failed_waits_again() {
        let uses = Uses::default();
        for number in 0..MOST_TOKENS as u128 + 10 {
            uses.note(Uuid::from_u128(number), USE, Duration::ZERO);
        }
        let messages = uses.take(Duration::ZERO);
        assert!(messages.iter().all(|message| message.len() <= MOST_IN_A_MESSAGE));
        assert_eq!(messages.iter().map(Vec::len).sum::<usize>(), MOST_TOKENS);
        assert_eq!(tokens(&uses, Duration::ZERO), 0);
        for message in messages {
            uses.put_back(message);
        }
        assert_eq!(tokens(&uses, REST), MOST_TOKENS);
        assert!(uses.lock().noted.is_empty());
    }
}
