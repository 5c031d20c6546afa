//! Bodies of requests: announced as what the route takes, bounded in size and time.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
};
use bytes::BytesMut;
use http::{HeaderMap, header};
use http_body_util::BodyExt;

use crate::error::Error;

/// How much of a refused body is read, and for how long, so that the client has written all and reads the answer
/// instead of a reset connection.
const MOST_DISCARDED_BYTES: u64 = 1 << 20;
const MOST_DISCARDING: Duration = Duration::from_secs(1);

/// What a route takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// The most bytes.
    pub(crate) bytes: usize,
    /// The longest time.
    pub(crate) patience: Duration,
}

/// What a body is announced as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    /// `application/json`, with any parameters.
    Json,
    /// `application/x-www-form-urlencoded`, with any parameters.
    Form,
}

/// Reads a body that must be announced as JSON unless it is empty: 415, then 413.
pub(crate) async fn read(request: Request, bounds: Bounds) -> Result<Bytes, Error> {
    read_as(request, bounds, |headers| announced(headers) == Some(Media::Json), "application/json").await
}

/// Reads a form. See [`read`].
pub(crate) async fn read_form(request: Request, bounds: Bounds) -> Result<Bytes, Error> {
    let wanted = "application/x-www-form-urlencoded";
    read_as(request, bounds, |headers| announced(headers) == Some(Media::Form), wanted).await
}

/// Reads JSON or a form, and says which; an empty body that isn't announced counts as JSON. See [`read`].
pub(crate) async fn read_either(request: Request, bounds: Bounds) -> Result<(Media, Bytes), Error> {
    let media = announced(request.headers()).unwrap_or(Media::Json);
    let wanted = "application/json or application/x-www-form-urlencoded";
    Ok((media, read_as(request, bounds, |headers| announced(headers).is_some(), wanted).await?))
}

/// The types that gRPC-Web announces, without parameters as its clients write them; the last two are base64.
const GRPC_WEB: [&str; 4] = [
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/grpc-web-text",
    "application/grpc-web-text+proto",
];

/// Reads a call of gRPC-Web; an empty one must be announced, too. See [`read`].
pub(crate) async fn read_grpc_web(request: Request, bounds: Bounds) -> Result<Bytes, Error> {
    let wanted = "application/grpc-web+proto";
    let is_announced = is_grpc_web(request.headers());
    let body = read_as(request, bounds, is_grpc_web, wanted).await?;
    if is_announced { Ok(body) } else { Err(Error::UnsupportedMediaType(wanted)) }
}

fn is_grpc_web(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| GRPC_WEB.iter().any(|media| value == media))
}

/// Whether the body is announced as base64.
pub(crate) fn is_base64(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| GRPC_WEB.iter().skip(2).any(|media| value == media))
}

async fn read_as(
    request: Request,
    bounds: Bounds,
    is_taken: impl FnOnce(&HeaderMap) -> bool,
    wanted: &'static str,
) -> Result<Bytes, Error> {
    let (parts, body) = request.into_parts();
    let hint = HttpBody::size_hint(&body);
    if hint.exact() == Some(0) {
        return Ok(Bytes::new());
    }
    let is_taken = is_taken(&parts.headers);
    let mut body = Incoming { body, is_taken, wanted, most: bounds.bytes };
    let read = match body.admit(hint.lower()) {
        Ok(()) => within(bounds.patience, body.gather()).await.unwrap_or(Err(Error::BodyTimeout)),
        Err(refused) => Err(refused),
    };
    let refused = matches!(read, Err(Error::UnsupportedMediaType(_) | Error::BodyTooLarge(_)));
    // A client that waits for "100 Continue" hasn't written anything, and reading would tell it to.
    if refused && hint.lower() <= MOST_DISCARDED_BYTES && !parts.headers.contains_key(header::EXPECT) {
        let _in_vain = within(MOST_DISCARDING, body.discard()).await;
    }
    read
}

/// What `work` comes to; `None` if it takes longer.
///
/// Bodies are mostly there with their headers, so that a timer is made only for those that aren't, and by itself: it is large,
/// and would be a part of every request that has a body.
async fn within<F: Future>(patience: Duration, work: F) -> Option<F::Output> {
    let mut work = pin!(work);
    let at_once = poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => Poll::Ready(None),
    });
    match at_once.await {
        Some(done) => Some(done),
        None => Box::pin(tokio::time::timeout(patience, work)).await.ok(),
    }
}

struct Incoming {
    body: Body,
    is_taken: bool,
    wanted: &'static str,
    most: usize,
}

impl Incoming {
    /// Whether a body of at least `bytes` is taken.
    fn admit(&self, bytes: u64) -> Result<(), Error> {
        if bytes > 0 && !self.is_taken {
            return Err(Error::UnsupportedMediaType(self.wanted));
        }
        if bytes > self.most as u64 {
            return Err(Error::BodyTooLarge(self.most));
        }
        Ok(())
    }

    /// The whole body; without a copy if it came in one piece.
    async fn gather(&mut self) -> Result<Bytes, Error> {
        let Some(first) = self.piece().await? else { return Ok(Bytes::new()) };
        self.admit(first.len() as u64)?;
        let Some(second) = self.piece().await? else { return Ok(first) };
        let mut whole = BytesMut::from(first);
        let mut next = Some(second);
        while let Some(piece) = next {
            self.admit((whole.len() + piece.len()) as u64)?;
            whole.extend_from_slice(&piece);
            next = self.piece().await?;
        }
        Ok(whole.freeze())
    }

    /// The next piece that isn't empty.
    async fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        while let Some(frame) = self.body.frame().await {
            match frame.map_err(Error::BodyBroken)?.into_data() {
                Ok(data) if !data.is_empty() => return Ok(Some(data)),
                _ => {}
            }
        }
        Ok(None)
    }

    async fn discard(&mut self) {
        let mut read = 0;
        while let Ok(Some(piece)) = self.piece().await {
            read += piece.len() as u64;
            if read > MOST_DISCARDED_BYTES {
                return;
            }
        }
    }
}

fn announced(headers: &HeaderMap) -> Option<Media> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split_once(';').map_or(value, |(essence, _)| essence).trim();
    let is = |name: &str| essence.eq_ignore_ascii_case(name);
    match () {
        () if is("application/json") => Some(Media::Json),
        () if is("application/x-www-form-urlencoded") => Some(Media::Form),
        () => None,
    }
}
