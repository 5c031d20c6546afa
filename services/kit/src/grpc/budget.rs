//! Deadlines that shrink on the way: what an RPC causes has to be over before the RPC itself is.

use std::{future::Future, time::Duration};

use http::{HeaderMap, HeaderValue};
use tokio::time::Instant;

use super::layer::deadline;

/// How much earlier than the RPC that causes it an RPC ends, so that there is time to say why.
const MARGIN: Duration = Duration::from_millis(10);

const TIMEOUT: &str = "grpc-timeout";
/// The largest number that the header holds.
const MOST: u128 = 99_999_999;

tokio::task_local! {
    static END: Option<Instant>;
}

/// How long what is being answered may take still, the time for saying so taken off; `None`: as long as it likes.
#[must_use]
pub fn remaining() -> Option<Duration> {
    let end = END.try_with(|end| *end).ok().flatten()?;
    Some(end.saturating_duration_since(Instant::now()).saturating_sub(MARGIN))
}

/// Runs `work` for several callers: none of their deadlines is its own.
pub fn for_all<F: Future>(work: F) -> impl Future<Output = F::Output> {
    END.scope(None, work)
}

/// Runs `work` so that what it causes knows when it has to be over.
pub(super) fn until<F: Future>(end: Option<Instant>, work: F) -> impl Future<Output = F::Output> {
    END.scope(end, work)
}

/// Takes the deadline of a request down to what remains.
pub(super) fn shrink(headers: &mut HeaderMap) {
    let Some(remaining) = remaining() else { return };
    if deadline(headers).is_none_or(|asked| asked > remaining) {
        write(headers, remaining);
    }
}

/// Writes a deadline, not longer than it is.
pub(super) fn write(headers: &mut HeaderMap, after: Duration) {
    let (micros, millis) = (after.as_micros(), after.as_millis());
    let text = if micros <= MOST { format!("{micros}u") } else { format!("{}m", millis.min(MOST)) };
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.insert(TIMEOUT, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shrunk(asked: Option<&str>, end: Option<Duration>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        if let Some(asked) = asked {
            headers.insert(TIMEOUT, asked.parse().unwrap());
        }
        until(end.map(|end| Instant::now() + end), async { shrink(&mut headers) }).await;
        deadline(&headers)
    }

    /// Time goes on while a test runs.
    fn is_about(found: Option<Duration>, expected: Duration) -> bool {
        found.is_some_and(|found| found <= expected && found + Duration::from_secs(20) > expected)
    }

    #[tokio::test]
    async fn a_deadline_is_never_later_than_that_of_the_cause() {
        let minute = Duration::from_mins(1);
        assert_eq!(shrunk(Some("500m"), Some(minute)).await, Some(Duration::from_millis(500)));
        assert!(is_about(shrunk(Some("90S"), Some(minute)).await, minute.saturating_sub(MARGIN)));
        assert!(is_about(shrunk(None, Some(minute)).await, minute.saturating_sub(MARGIN)));
        assert_eq!(shrunk(None, Some(MARGIN / 2)).await, Some(Duration::ZERO));
        assert!(is_about(shrunk(None, Some(minute * 5)).await, (minute * 5).saturating_sub(MARGIN)));
        assert_eq!((shrunk(Some("5S"), None).await, shrunk(None, None).await), (Some(Duration::from_secs(5)), None));
    }

    #[tokio::test]
    async fn what_is_for_all_has_no_deadline() {
        let end = Some(Instant::now() + Duration::from_secs(1));
        let (own, shared) = until(end, async { (remaining(), for_all(async { remaining() }).await) }).await;
        assert!(own.is_some() && shared.is_none() && remaining().is_none());
    }
}
