//! Verifiers that watch revocations, and what they are told.

use std::time::Duration;

use contracts::token::v1::{WatchRevocationsRequest, WatchRevocationsResponse};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use uuid::Uuid;

use super::{
    revoke_portal::revoke,
    world::{client, from_service},
};
use crate::Service;

/// Long enough for whatever must come, and no test waits for it that passes.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// For what must not come.
pub(super) const SHORT: Duration = Duration::from_millis(250);

/// A verifier.
pub(super) struct Verifier {
    renewals: mpsc::Sender<WatchRevocationsRequest>,
    answers: Streaming<WatchRevocationsResponse>,
    pub(super) renewal: u64,
}

impl Verifier {
    pub(super) async fn of(service: &Service) -> Self {
        let (renewals, sent) = mpsc::channel(64);
        let request = from_service(ReceiverStream::new(sent), None);
        let answers = client(service).watch_revocations(request).await.unwrap().into_inner();
        Self { renewals, answers, renewal: 0 }
    }

    pub(super) async fn renew(&mut self, applied: u64) {
        self.renewal += 1;
        let renewal = WatchRevocationsRequest { renewal: self.renewal, applied };
        timeout(PATIENCE, self.renewals.send(renewal)).await.unwrap().unwrap();
    }

    pub(super) async fn next(&mut self) -> Option<WatchRevocationsResponse> {
        timeout(PATIENCE, self.answers.message()).await.expect("a message, or the end").unwrap()
    }

    /// The head and the places of the events of the answer to a renewal, and of what comes before it.
    pub(super) async fn renewed(&mut self, applied: u64) -> (u64, Vec<u64>) {
        self.renew(applied).await;
        let mut seen = Vec::new();
        loop {
            let answer = self.next().await.unwrap();
            seen.extend(places(&answer));
            if answer.renewal == self.renewal {
                return (answer.head, seen);
            }
            assert_eq!(answer.renewal, 0);
        }
    }
}

pub(super) fn places(answer: &WatchRevocationsResponse) -> Vec<u64> {
    answer.events.iter().map(|event| event.sequence).collect()
}

/// Revokes a portal, any, `times`.
pub(super) async fn revoke_any(service: &Service, times: u64) {
    for _ in 0..times {
        client(service).revoke_portal(from_service(revoke(Uuid::from_u128(0x99)), None)).await.unwrap();
    }
}

pub(super) async fn until(mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("it comes to hold");
}
