//! `WatchRevocations`: one loop for each watcher, which ends with its stream, with the process, or when it doesn't read or says
//! nothing any more.

use std::{error, future::Future, pin::Pin, time::Duration};

use contracts::token::v1::{self as wire, WatchRevocationsRequest, WatchRevocationsResponse};
use kit::error::chain;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Status, Streaming};

use super::reply;
use crate::{
    Error, Service,
    domain::revocation::{LEASE, Revoked},
    watchers::RUN_OUT,
};

pub(super) type Answers = Pin<Box<dyn Stream<Item = Result<WatchRevocationsResponse, Status>> + Send>>;

/// The most events of one message.
pub(crate) const MOST_EVENTS: u64 = 1_000;
/// How many messages wait for a watcher that reads slowly.
const BUFFER: usize = 16;
/// After how long a watcher that doesn't take a message is cut off: its lease has run out then.
const SLOW: Duration = LEASE;
/// How long a read may take: an answer that comes later is of little use, and further renewals wait.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) fn handle(
    service: &Service,
    request: Request<Streaming<WatchRevocationsRequest>>,
) -> Result<Answers, Error> {
    let _caller = service.service(&request)?;
    let (answers, stream) = mpsc::channel(BUFFER);
    let number = service.0.watchers.join(service.0.ambient.since_boot());
    let watch = Watch { service: service.clone(), number, answers, sent: None, heard: service.0.ambient.since_boot() };
    service.0.tasks.attend(watch.serve(request.into_inner()));
    Ok(Box::pin(ReceiverStream::new(stream)))
}

struct Watch {
    service: Service,
    /// Which watcher it is.
    number: u64,
    answers: mpsc::Sender<Result<WatchRevocationsResponse, Status>>,
    /// The last event that it was sent or needn't be; `None` until its first renewal.
    sent: Option<u64>,
    /// When it last said something, since boot.
    heard: Duration,
}

/// The watcher is gone, or is to be.
struct Over;

impl Drop for Watch {
    fn drop(&mut self) {
        self.service.0.watchers.leave(self.number, self.service.0.ambient.since_boot());
    }
}

impl Watch {
    async fn serve(mut self, mut renewals: Streaming<WatchRevocationsRequest>) {
        // At once, so that the watcher has another process to watch before its lease runs out.
        let leaving = self.service.0.tasks.leaving();
        let mut commits = self.service.0.watchers.commits();
        loop {
            let step = async {
                tokio::select! {
                    () = self.answers.closed() => Err(Over),
                    renewal = renewals.message() => match renewal {
                        Ok(Some(renewal)) => self.renew(renewal).await,
                        Ok(None) | Err(_) => Err(Over),
                    },
                    Ok(()) = commits.changed() => self.push().await,
                    // Its lease has run out: a peer that vanished must not be kept for ever.
                    () = sleep(RUN_OUT.saturating_sub(self.silence())) => Err(Over),
                }
            };
            if !matches!(leaving.run_until_cancelled(step).await, Some(Ok(()))) {
                return;
            }
        }
    }

    fn silence(&self) -> Duration {
        self.service.0.ambient.since_boot().saturating_sub(self.heard)
    }

    /// Answers a renewal with the head and all events up to it. Ends the stream if these can't be read, so that the lease runs out: the
    /// database that answers after that may be another one, a copy that was behind, and whoever opens a new stream without a lease
    /// begins anew.
    async fn renew(&mut self, renewal: WatchRevocationsRequest) -> Result<(), Over> {
        let WatchRevocationsRequest { renewal, applied } = renewal;
        let (watchers, now) = (&self.service.0.watchers, self.service.0.ambient.since_boot());
        watchers.renewal_arrived(self.number, now);
        self.heard = now;
        let Some(head) = read(self.service.0.store.revocation_head()).await else { return Err(Over) };
        let is_first = self.sent.is_none();
        if applied > head {
            // Revocations that were acknowledged are gone, and what they ended works again.
            tracing::error!(
                applied,
                head,
                "the database is behind what a verifier has applied: was it restored from a backup, \
                or failed over to a copy that was behind? stop the services and run `portals migrate token --restored`"
            );
        }
        let needs_nothing_older = is_first && applied == 0;
        // What is beyond the head was applied from a database that this one isn't a continuation of: it means nothing.
        let applied = if needs_nothing_older { head } else { applied };
        watchers.applied(self.number, if applied <= head { applied } else { 0 });
        // Where it was sent more than there is the answer's head tells it so.
        let sent = self.sent.unwrap_or(applied).min(head);
        self.sent = Some(sent);
        self.send(renewal, sent, head).await
    }

    /// Sends what was committed.
    async fn push(&mut self) -> Result<(), Over> {
        let Some(sent) = self.sent else { return Ok(()) };
        match read(self.service.0.store.revocation_head()).await {
            Some(head) if head > sent => self.send(0, sent, head).await,
            _ => Ok(()),
        }
    }

    /// Sends the events after `sent` up to `head`, in as many messages as they need. The last one is the renewal's answer.
    async fn send(&mut self, renewal: u64, mut sent: u64, head: u64) -> Result<(), Over> {
        loop {
            let events = read(self.service.0.store.revocations(sent, head, MOST_EVENTS)).await;
            let Some(events) = events else { return Ok(()) };
            // The newest event is always kept: without any there is none to be sent.
            sent = events.last().map_or(head, |last| last.sequence);
            let is_last = sent >= head;
            let renewal = if is_last { renewal } else { 0 };
            let events = events.into_iter().map(event).collect();
            let message = WatchRevocationsResponse { renewal, head, events };
            // A message that is given up may have been sent: the stream ends then.
            match timeout(SLOW, self.answers.send(Ok(message))).await {
                Ok(Ok(())) => self.sent = Some(sent),
                Ok(Err(_gone)) => return Err(Over),
                Err(_elapsed) => {
                    tracing::warn!("a watcher of revocations doesn't read; it is cut off");
                    return Err(Over);
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }
}

async fn read<T, E: error::Error + 'static>(reading: impl Future<Output = Result<T, E>>) -> Option<T> {
    match timeout(PATIENCE, reading).await {
        Ok(Ok(found)) => return Some(found),
        Ok(Err(error)) => tracing::warn!(error = chain(&error), "revocations can't be read; no lease is given"),
        Err(_elapsed) => tracing::warn!("reading revocations takes too long; no lease is given"),
    }
    None
}

fn event(Revoked { sequence, subject, kinds }: Revoked) -> wire::Revocation {
    let kinds = kinds.into_iter().map(|kind| reply::kind(kind).into()).collect();
    wire::Revocation { sequence, subject_uuid: subject.to_string(), kinds }
}
