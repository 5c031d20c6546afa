//! The scripted token service's sequence of revocations.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use contracts::token::v1::{Revocation, WatchRevocationsRequest, WatchRevocationsResponse};
use tokio::sync::mpsc;
use tonic::{Status, Streaming};
use uuid::Uuid;

use super::world::until;

/// The sequence of revocations and who watches it.
#[derive(Clone)]
pub(super) struct Sequence {
    pub(super) answering: Arc<AtomicBool>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    head: u64,
    /// What is still known.
    events: Vec<Revocation>,
    streams: Vec<mpsc::Sender<Result<WatchRevocationsResponse, Status>>>,
    heard: Vec<WatchRevocationsRequest>,
}

pub(super) fn revocation(sequence: u64, subject: Uuid) -> Revocation {
    Revocation { sequence, subject_uuid: subject.to_string(), kinds: Vec::new() }
}

impl Sequence {
    pub(super) fn new() -> Self {
        Self { answering: Arc::new(AtomicBool::new(true)), state: Arc::default() }
    }

    /// Someone watches from now on.
    pub(super) fn watch(&self, stream: mpsc::Sender<Result<WatchRevocationsResponse, Status>>) {
        self.state.lock().unwrap().streams.push(stream);
    }

    pub(super) fn head(&self) -> u64 {
        self.state.lock().unwrap().head
    }

    /// Commits a revocation and tells nobody. Watchers hear of it in the answer to their next renewal.
    pub(super) fn commit(&self, subject: Uuid) -> Revocation {
        let mut state = self.state.lock().unwrap();
        state.head += 1;
        let event = revocation(state.head, subject);
        state.events.push(event.clone());
        event
    }

    /// Forgets what was committed.
    pub(super) fn prune(&self) {
        self.state.lock().unwrap().events.clear();
    }

    /// Goes back to the beginning, as a database does that is restored.
    pub(super) fn restore(&self) {
        let mut state = self.state.lock().unwrap();
        *state = State { streams: std::mem::take(&mut state.streams), ..State::default() };
    }

    /// Sends events as if they had just been committed.
    pub(super) fn push(&self, events: Vec<Revocation>) {
        self.send(&WatchRevocationsResponse { renewal: 0, head: self.head(), events });
    }

    /// Sends a message to all who watch.
    pub(super) fn send(&self, message: &WatchRevocationsResponse) {
        self.state.lock().unwrap().streams.retain(|stream| stream.try_send(Ok(message.clone())).is_ok());
    }

    /// Cuts all streams.
    pub(super) fn cut(&self) {
        let mut state = self.state.lock().unwrap();
        state.heard.clear();
        for stream in state.streams.drain(..) {
            let _gone = stream.try_send(Err(Status::unavailable("cut")));
        }
    }

    /// Commits a revocation and waits until it is applied.
    pub(super) async fn revoke(&self, subject: Uuid) {
        let event = self.commit(subject);
        self.push(vec![event]);
        self.applied(self.head()).await;
    }

    /// Waits for a renewal that says that everything up to `sequence` is applied, and answers it.
    pub(super) async fn applied(&self, sequence: u64) -> u64 {
        let found = || {
            let heard = &self.state.lock().unwrap().heard;
            heard.iter().rev().find(|heard| heard.applied == sequence).map(|heard| heard.renewal)
        };
        until(&format!("a renewal after {sequence}"), || found().is_some()).await;
        found().unwrap()
    }

    /// Hears a watcher's renewals, and answers them, until it goes.
    pub(super) async fn hear(self, mut renewals: Streaming<WatchRevocationsRequest>) {
        while let Ok(Some(heard)) = renewals.message().await {
            let mut state = self.state.lock().unwrap();
            let events = state.events.iter().filter(|event| event.sequence > heard.applied).cloned().collect();
            let answer = WatchRevocationsResponse { renewal: heard.renewal, head: state.head, events };
            state.heard.push(heard);
            if self.answering.load(Ordering::SeqCst) {
                state.streams.retain(|stream| stream.try_send(Ok(answer.clone())).is_ok());
            }
        }
    }
}
