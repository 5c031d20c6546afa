//! One connection: who is at the other end, and whether anything goes on.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::StatusCode;

/// How long a connection on which nothing is being answered is kept.
const IDLE: Duration = Duration::from_mins(1);

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
}

impl Connection {
    /// A connection that `peer` opened. It and its service keep one clone each.
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

    /// Whether a request is being answered: it holds a clone beside those of the connection and its service.
    fn is_busy(&self) -> bool {
        Arc::strong_count(&self.seen) > 2
    }

    /// Completes when the connection has said nothing that matters for too long: no first request within `patience`, or
    /// then none at all for [`IDLE`]. HTTP/1 headers that come slowly are cut off by hyper itself; this is for
    /// connections that don't get so far, idle HTTP/2, and clients that don't read their answers.
    pub(crate) async fn silence(&self, patience: Duration) {
        let (mut seen, mut quiet) = (0, Duration::ZERO);
        loop {
            tokio::time::sleep(patience).await;
            let begun = self.begun();
            let still = begun == seen && !self.is_busy();
            quiet = if still { quiet + patience } else { Duration::ZERO };
            seen = begun;
            if quiet >= if begun == 0 { patience } else { IDLE } {
                return;
            }
        }
    }
}
