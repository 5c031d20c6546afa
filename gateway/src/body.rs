//! Bodies of requests: announced as JSON, bounded in size and time.

use std::time::Duration;

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

/// Reads a body that must be announced as JSON unless it is empty: 415, then 413.
pub(crate) async fn read(request: Request, bounds: Bounds) -> Result<Bytes, Error> {
    let (parts, body) = request.into_parts();
    let hint = HttpBody::size_hint(&body);
    if hint.exact() == Some(0) {
        return Ok(Bytes::new());
    }
    let mut body = Incoming { body, is_json: is_json(&parts.headers), most: bounds.bytes };
    let read = match body.admit(hint.lower()) {
        Ok(()) => tokio::time::timeout(bounds.patience, body.gather()).await.unwrap_or(Err(Error::BodyTimeout)),
        Err(refused) => Err(refused),
    };
    let refused = matches!(read, Err(Error::UnsupportedMediaType | Error::BodyTooLarge(_)));
    // A client that waits for "100 Continue" hasn't written anything, and reading would tell it to.
    if refused && hint.lower() <= MOST_DISCARDED_BYTES && !parts.headers.contains_key(header::EXPECT) {
        let _in_vain = tokio::time::timeout(MOST_DISCARDING, body.discard()).await;
    }
    read
}

struct Incoming {
    body: Body,
    is_json: bool,
    most: usize,
}

impl Incoming {
    /// Whether a body of at least `bytes` is taken.
    fn admit(&self, bytes: u64) -> Result<(), Error> {
        if bytes > 0 && !self.is_json {
            return Err(Error::UnsupportedMediaType);
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

/// `application/json`, with any parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split_once(';').map_or(value, |(essence, _)| essence);
    essence.trim().eq_ignore_ascii_case("application/json")
}
