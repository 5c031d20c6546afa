//! One connection: who is at the other end, and whether anything goes on.

mod timer;
mod watched;

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::StatusCode;

pub(crate) use self::{timer::Timer, watched::Watched};

/// How long a connection on which nothing goes on is kept.
pub(crate) const IDLE: Duration = Duration::from_mins(1);
/// How much of an answer a client takes between two looks, at least, if it reads at all. More than the PINGs of HTTP/2 come to.
const LEAST_TAKEN: u64 = 16 << 10;

/// A connection, as far as its requests are concerned. Each holds a clone while it is being answered.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    peer: IpAddr,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    requests: AtomicUsize,
    refused: AtomicBool,
    /// Bytes that the other end, or the system on its behalf, has taken.
    taken: AtomicU64,
}

impl Connection {
    /// A connection that `peer` opened. It, its service and its socket keep one clone each.
    pub(crate) fn of(peer: IpAddr) -> Self {
        Self { peer, seen: Arc::default() }
    }

    /// What the next request holds.
    pub(crate) fn begin(&self) -> Self {
        self.seen.requests.fetch_add(1, Ordering::Relaxed);
        self.clone()
    }

    /// The other end.
    pub(crate) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// How many requests have begun.
    pub(crate) fn begun(&self) -> usize {
        self.seen.requests.load(Ordering::Relaxed)
    }

    /// Learns from an answer: who was refused is suspect until an answer is good. Failures of ours say nothing.
    pub(crate) fn judge(&self, status: StatusCode) {
        if !status.is_server_error() {
            self.seen.refused.store(status.is_client_error(), Ordering::Relaxed);
        }
    }

    /// Whether it takes [`Turns`](crate::turns::Turns).
    pub(crate) fn is_suspect(&self) -> bool {
        self.seen.refused.load(Ordering::Relaxed)
    }

    /// Whether a request is being answered: it holds a clone beside those of the connection, its service and its socket.
    fn is_busy(&self) -> bool {
        Arc::strong_count(&self.seen) > 3
    }

    /// Notes that the other end took `bytes` more.
    fn took(&self, bytes: usize) {
        self.seen.taken.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Completes when nothing that matters has gone on for too long: no first request within `patience`, or neither a
    /// request nor an answer that the other end takes for `idle`. It is looked once in `patience`. HTTP/1 headers that come
    /// slowly are cut off by hyper itself; this is for connections that don't get so far, idle HTTP/2, and clients that don't
    /// read their answers.
    pub(crate) async fn silence(&self, patience: Duration, idle: Duration) {
        let taken = || self.seen.taken.load(Ordering::Relaxed);
        let (mut seen, mut quiet) = ((self.begun(), taken()), Duration::ZERO);
        loop {
            tokio::time::sleep(patience).await;
            let now = (self.begun(), taken());
            let still = now.0 == seen.0 && now.1 - seen.1 < LEAST_TAKEN && !self.is_busy();
            quiet = if still { quiet + patience } else { Duration::ZERO };
            seen = now;
            if quiet >= if now.0 == 0 { patience } else { idle } {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_millis(20);
    const IDLE: Duration = Duration::from_millis(100);

    /// A connection, and what its service and its socket keep of it.
    fn connection() -> (Connection, [Connection; 2]) {
        let connection = Connection::of([192, 0, 2, 1].into());
        (connection.clone(), [connection.clone(), connection])
    }

    /// Whether the connection becomes silent before `bytes` were taken of it fifty times, more often than it is looked.
    async fn falls_silent(connection: &Connection, bytes: usize) -> bool {
        let taking = async {
            for _ in 0..50 {
                connection.took(bytes);
                tokio::time::sleep(PATIENCE / 4).await;
            }
        };
        tokio::select! {
            // So that however late both are, something was taken between two looks.
            biased;
            () = taking => false,
            () = connection.silence(PATIENCE, IDLE) => true,
        }
    }

    #[tokio::test]
    async fn who_is_being_answered_has_any_time() {
        let (connection, _kept) = connection();
        assert!(falls_silent(&connection, 0).await, "nothing was asked");
        let request = connection.begin();
        assert!(!falls_silent(&connection, 0).await, "a request is being answered");
        drop(request);
        assert!(falls_silent(&connection, 0).await, "nothing more is asked");
    }

    #[tokio::test]
    async fn who_takes_a_long_answer_is_kept_and_who_does_not_is_not() {
        let (connection, _kept) = connection();
        drop(connection.begin());
        assert!(!falls_silent(&connection, 16 << 10).await, "a long answer was broken off");
        assert!(falls_silent(&connection, 17).await, "PINGs keep a connection");
    }
}
