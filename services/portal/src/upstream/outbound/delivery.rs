//! Webhooks go out the same way: the same addresses are refused, no redirect is followed, and little of what comes back is read.

use std::{error::Error, fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header::USER_AGENT};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use kit::trace::Span;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{
    Outbound,
    client::{AGENT, describe},
    resolver::Forbidden,
    show_host,
};
use crate::domain::id::{DeliveryId, NotificationServiceId};

/// How much of an answer is read.
const MOST_READ: usize = 4 << 10;

/// A request to a receiver. Its `Debug` shows nothing of it.
pub(crate) struct Letter {
    pub(crate) delivery: DeliveryId,
    pub(crate) service: NotificationServiceId,
    pub(crate) url: Url,
    /// Those of its own; sensitive values.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// How long it may take in all.
    pub(crate) patience: Duration,
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Letter({})", self.url.origin().ascii_serialization())
    }
}

/// What a receiver answered.
#[derive(Debug)]
pub(crate) struct Receipt {
    pub(crate) status: StatusCode,
    /// The beginning of the body, some kilobytes at most.
    pub(crate) beginning: Bytes,
}

impl Outbound {
    /// Sends a letter once. The error is a sentence that names no address. Receivers aren't told of the trace: they get what
    /// the documentation says, and nothing that others know us by.
    pub(crate) async fn post(&self, letter: Letter) -> Result<Receipt, &'static str> {
        let span = span(&letter);
        let receipt = span.within(self.try_to_post(letter, &span)).await;
        match &receipt {
            Ok(Receipt { status, .. }) if status.is_success() => {}
            Ok(Receipt { status, .. }) => span.fail(status.as_str().to_owned()),
            Err((kind, _)) => span.fail(*kind),
        }
        receipt.map_err(|(_, sentence)| sentence)
    }

    /// The error is a word for traces, and the sentence.
    async fn try_to_post(&self, letter: Letter, span: &Span) -> Result<Receipt, (&'static str, &'static str)> {
        let end = Instant::now() + letter.patience;
        let answered = timeout_at(end, self.ask_receiver(letter)).await;
        let response = answered.unwrap_or(Err(("timeout", "The receiver gave no answer in time")))?;
        span.set("http.response.status_code", i64::from(response.status().as_u16()));
        let (status, mut read) = (response.status(), Vec::new());
        // The status is the answer: who goes on after it, or breaks off, has taken the delivery all the same.
        let _in_time = timeout_at(end, read_beginning(response.into_body(), &mut read)).await;
        read.truncate(MOST_READ);
        Ok(Receipt { status, beginning: read.into() })
    }

    async fn ask_receiver(
        &self,
        Letter { url, headers, body, .. }: Letter,
    ) -> Result<Response<Incoming>, (&'static str, &'static str)> {
        let uri = url.as_str().split('#').next().unwrap_or_default();
        let request = Request::post(uri).body(Full::new(body));
        let mut request = request.map_err(|_unfit| ("unavailable", "The address can't be used"))?;
        *request.headers_mut() = headers;
        request.headers_mut().insert(USER_AGENT, AGENT);
        self.client.ask(request).await.map_err(|error| ("unavailable", failure(&error)))
    }
}

/// What a trace shows of a delivery: whom it goes to, and nothing of what is sent.
fn span(letter: &Letter) -> Span {
    let span = Span::client_alone("POST");
    if span.is_recording() {
        show_host(&span, &letter.url);
        span.set("portals.service.uuid", letter.service.0.to_string());
        span.set("portals.delivery.uuid", letter.delivery.0.to_string());
    }
    span
}

/// What there is of the beginning.
async fn read_beginning(mut body: Incoming, read: &mut Vec<u8>) {
    while read.len() < MOST_READ
        && let Some(Ok(frame)) = body.frame().await
    {
        read.extend(frame.into_data().unwrap_or_default());
    }
}

fn failure(error: &hyper_util::client::legacy::Error) -> &'static str {
    tracing::info!(error = %describe(error), "a webhook's receiver wasn't reached");
    let mut causes = std::iter::successors(Some(error as &(dyn Error + 'static)), |&error| error.source());
    if causes.any(<dyn Error>::is::<Forbidden>) {
        "The receiver has no address that may be called from here"
    } else if error.is_connect() {
        "The receiver can't be reached"
    } else {
        "The receiver broke the connection off, or answered something that is no HTTP"
    }
}
