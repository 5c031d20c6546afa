//! What an upstream answered: read within its bound, and told apart from what is no GraphQL response.

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, Response, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};

use super::{Failure, client, envelope};

/// What is set aside for a reply before any of it is there, at most: lengths are promises.
const FIRST_BYTES: u64 = 64 << 10;
/// Says that the body is a GraphQL response whatever the status (GraphQL over HTTP, "Media Types").
const RESPONSE: &str = "application/graphql-response+json";

/// Reads a reply of at most `most` bytes. What comes back is a GraphQL response, byte for byte.
pub(super) async fn read(response: Response<Incoming>, most: u64) -> Result<Bytes, Failure> {
    let (head, body) = response.into_parts();
    let status = head.status;
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return Err(Failure::AuthFailed);
    }
    if !status.is_success() && !announces_response(&head.headers) {
        return Err(failed(status));
    }
    if head.headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(invalid("it is compressed, though that wasn't asked for"));
    }
    let body = bounded(body, most).await?;
    match envelope::check(&body) {
        Ok(()) => Ok(body),
        Err(_) if !status.is_success() => Err(failed(status)),
        Err(why) => Err(invalid(why)),
    }
}

async fn bounded(mut body: Incoming, most: u64) -> Result<Bytes, Failure> {
    let too_long = || invalid(&format!("it is longer than {most} bytes"));
    let promised = body.size_hint().lower();
    if promised > most {
        return Err(too_long());
    }
    let mut read = BytesMut::with_capacity(usize::try_from(promised.min(FIRST_BYTES)).unwrap_or(0));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broke_off(&error))?;
        let Ok(data) = frame.into_data() else { continue };
        if read.len().saturating_add(data.len()) as u64 > most {
            return Err(too_long());
        }
        read.extend_from_slice(&data);
    }
    Ok(read.freeze())
}

fn broke_off(error: &hyper::Error) -> Failure {
    tracing::info!(error = %client::describe(error), "an upstream broke off its reply");
    Failure::Unavailable("The GraphQL API broke its answer off. The operation may have run".to_owned())
}

fn announces_response(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media_type.split(';').next().is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(RESPONSE))
}

/// A status without a GraphQL response.
fn failed(status: StatusCode) -> Failure {
    let sentence = format!("The GraphQL API answered with HTTP status {}", status.as_u16());
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        Failure::Unavailable(format!("{sentence}. The operation may have run"))
    } else {
        Failure::InvalidResponse(sentence)
    }
}

pub(super) fn invalid(why: &str) -> Failure {
    Failure::InvalidResponse(format!("What the GraphQL API answered is no GraphQL response: {why}"))
}
