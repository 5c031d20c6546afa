//! Requests at a steady rate, whatever becomes of them, and what became of them.

use std::{
    net::SocketAddr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crate::{Load, wire::Wire};

/// How many send, each on a connection of its own.
const SENDERS: u32 = 32;

/// One request.
#[derive(Clone, Debug)]
pub struct Sample {
    /// When it was to be sent, counted from the begin.
    pub at: Duration,
    /// The status; `None`: the connection broke, and `said` says how.
    pub status: Option<u16>,
    /// The body of an answer that isn't a 200.
    pub said: String,
    /// From sending to the end of the answer.
    pub took: Duration,
}

/// Sends `rate` requests a second to `address` until it is stopped. `request` makes the nth one.
pub fn paced(
    address: SocketAddr,
    rate: u32,
    request: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static,
) -> Load<Sample> {
    let (request, begun, gap) = (Arc::new(request), Instant::now(), Duration::from_secs(1) / rate);
    Load::start(SENDERS as usize, move |number| {
        let (request, mut wire, mut turn) = (Arc::clone(&request), Wire::to(address), number);
        move || {
            let at = gap * u32::try_from(turn).unwrap();
            thread::sleep(at.saturating_sub(begun.elapsed()));
            let bytes = request(turn);
            turn += SENDERS as usize;
            let sent = Instant::now();
            let answer = wire.send(&bytes);
            let took = sent.elapsed();
            match answer {
                Ok(reply) if reply.status == 200 => Sample { at, status: Some(200), said: String::new(), took },
                Ok(reply) => Sample { at, status: Some(reply.status), said: reply.body, took },
                Err(error) => Sample { at, status: None, said: error.to_string(), took },
            }
        }
    })
}
