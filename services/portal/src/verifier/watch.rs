//! The stream of revocations: renewals go out, events and answers come in.

use std::{collections::VecDeque, time::Duration};

use contracts::token::v1::{WatchRevocationsRequest, WatchRevocationsResponse};
use kit::{boot::Tasks, grpc::Caller};
use tokio::{
    sync::mpsc,
    time::{Interval, MissedTickBehavior, interval, sleep, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{Verifier, recent::Event};

/// How often a renewal is sent.
const RENEWAL: Duration = Duration::from_secs(1);
/// How long opening the stream may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// A stream that leaves so many renewals unanswered is dead, though nobody said so.
const MOST_UNANSWERED: usize = 8;
/// How long to wait before the stream is opened again, at first and at most.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

impl Verifier {
    /// Follows the revocations until the stop.
    pub(crate) fn watch(&self, tasks: &Tasks) {
        let (verifier, stop) = (self.clone(), tasks.stopping());
        tasks.spawn(async move {
            stop.run_until_cancelled(verifier.follow_again_and_again()).await;
        });
    }

    async fn follow_again_and_again(&self) {
        let mut wait = BACK_OFF.0;
        loop {
            if !self.is_leased() {
                // After so long the other side may have been restored from a backup, and have gone on beyond what was applied
                // here: that can't be told from a continuation.
                self.verdicts.begin_anew();
            }
            let mut stream = Outgoing::default();
            let end = self.follow(&mut stream).await;
            if stream.answered > 0 {
                tracing::warn!(code = ?end.code(), detail = end.message(), "the stream of revocations broke off");
                wait = BACK_OFF.0;
            } else {
                tracing::debug!(code = ?end.code(), detail = end.message(), "the stream of revocations can't be opened");
            }
            sleep(wait).await;
            wait = (wait * 2).min(BACK_OFF.1);
        }
    }

    /// Follows one stream until it ends, and says why it did.
    async fn follow(&self, stream: &mut Outgoing) -> Status {
        let (sender, receiver) = mpsc::channel(MOST_UNANSWERED);
        let mut pace = interval(RENEWAL);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick comes at once; its renewal goes out with the request, so that a server may wait for it.
        pace.tick().await;
        if let Err(end) = self.renew(stream, &sender, &mut pace) {
            return end;
        }
        let request = Caller::default().onward(ReceiverStream::new(receiver), &self.key);
        let opened = timeout(PATIENCE, self.client.clone().watch_revocations(request)).await;
        let mut incoming = match opened {
            Ok(Ok(response)) => response.into_inner(),
            Ok(Err(status)) => return status,
            Err(_elapsed) => return Status::deadline_exceeded("no answer"),
        };
        loop {
            let renewed = tokio::select! {
                message = incoming.message() => match message {
                    Ok(Some(message)) => {
                        if self.hear(stream, message) { self.renew(stream, &sender, &mut pace) } else { Ok(()) }
                    }
                    Ok(None) => return Status::unavailable("it ended"),
                    Err(status) => return status,
                },
                _ = pace.tick() => self.renew(stream, &sender, &mut pace),
            };
            if let Err(end) = renewed {
                return end;
            }
        }
    }

    /// Takes a message in. Says whether a renewal shall go out at once: others wait to hear that events were applied.
    fn hear(&self, stream: &mut Outgoing, message: WatchRevocationsResponse) -> bool {
        let WatchRevocationsResponse { renewal, head, events } = message;
        let events = events.into_iter().map(Event::read).collect();
        // First the events, then the lease: it vouches for what is kept.
        let moved = self.verdicts.apply(head, events, renewal != 0);
        if let Some(asked) = stream.answer(renewal) {
            self.lease.renew(asked);
        }
        stream.owed |= moved;
        // One at a time: many events in a row need no renewal each.
        stream.owed && stream.unanswered.is_empty()
    }

    fn renew(
        &self,
        stream: &mut Outgoing,
        sender: &mpsc::Sender<WatchRevocationsRequest>,
        pace: &mut Interval,
    ) -> Result<(), Status> {
        pace.reset();
        // The clock is read before anything is sent: the lease must not be longer than the answer is old.
        let asked = self.ambient.since_boot();
        let message = stream.ask(asked, self.verdicts.applied())?;
        let full = |_full_or_closed: mpsc::error::TrySendError<_>| Status::unavailable("it takes no renewal");
        sender.try_send(message).map_err(full)
    }
}

/// What was sent on one stream.
#[derive(Debug, Default)]
struct Outgoing {
    /// The number of the last renewal, from 1.
    number: u64,
    /// Renewals without an answer, oldest first, and when each was sent, since boot.
    unanswered: VecDeque<(u64, Duration)>,
    answered: u64,
    /// Events were applied that the other side hasn't heard of.
    owed: bool,
}

impl Outgoing {
    /// The next renewal, sent at `asked`; refused where too many have no answer.
    fn ask(&mut self, asked: Duration, applied: u64) -> Result<WatchRevocationsRequest, Status> {
        if self.unanswered.len() >= MOST_UNANSWERED {
            return Err(Status::deadline_exceeded("renewals stay unanswered"));
        }
        self.number += 1;
        self.owed = false;
        self.unanswered.push_back((self.number, asked));
        Ok(WatchRevocationsRequest { renewal: self.number, applied })
    }

    /// When the renewal was sent that is answered now. `None`: none, or one that was answered before.
    fn answer(&mut self, renewal: u64) -> Option<Duration> {
        let place = self.unanswered.iter().position(|(number, _)| *number == renewal)?;
        self.answered += 1;
        // Answers come in order: older renewals will have none any more.
        self.unanswered.drain(..=place).next_back().map(|(_, asked)| asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_once_and_from_its_own_renewal() {
        let (mut stream, second) = (Outgoing::default(), Duration::from_secs(1));
        let numbers = [1, 2, 3].map(|at| stream.ask(second * at, 0).unwrap().renewal);
        assert_eq!(numbers, [1, 2, 3]);
        assert_eq!(stream.answer(0), None, "events that answer nothing");
        assert_eq!(stream.answer(9), None, "a renewal that was never sent");
        assert_eq!(stream.answer(2), Some(second * 2));
        assert_eq!(stream.answer(2), None, "answered before");
        assert_eq!(stream.answer(1), None, "overtaken");
        assert_eq!(stream.answer(3), Some(second * 3));
        assert!(stream.unanswered.is_empty());
    }

    #[test]
    fn a_stream_that_leaves_renewals_unanswered_is_given_up() {
        let mut stream = Outgoing::default();
        let most = MOST_UNANSWERED as u64;
        (0..most).for_each(|_| assert!(stream.ask(Duration::ZERO, 0).is_ok()));
        assert!(stream.ask(Duration::ZERO, 0).is_err());
        stream.answer(most);
        assert!(stream.ask(Duration::ZERO, 0).is_ok());
    }
}
