//! What a receiver is sent, and what is kept of its answer.

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue, header::CONTENT_TYPE};
use kit::ambient::Instant;
use sha2::Sha256;

use super::seal;
use crate::domain::{
    delivery::Delivery,
    notification_service::{NotificationService, TokenMode},
};

const EVENT: HeaderName = HeaderName::from_static("x-buildkite-event");
/// The delivery's UUID: the same with each try, by which receivers know what they have.
const REQUEST: HeaderName = HeaderName::from_static("x-buildkite-request");
const SIGNATURE: HeaderName = HeaderName::from_static("x-buildkite-signature");
const TOKEN: HeaderName = HeaderName::from_static(seal::HEADER);
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// How much is kept of an answer, in characters.
const MOST_EXCERPT: usize = 1_000;

/// The headers of a delivery that is tried at `now`. `None`: they can't be made, which no token and no event of ours brings
/// about.
pub(super) fn headers(to: &NotificationService, token: &str, delivery: &Delivery, now: Instant) -> Option<HeaderMap> {
    let (name, value) = match to.token_mode {
        TokenMode::Token => (TOKEN, token.to_owned()),
        TokenMode::Signature => (SIGNATURE, signature(token, now.timestamp(), delivery.payload.as_bytes())?),
    };
    let mut proof = HeaderValue::try_from(value).ok()?;
    proof.set_sensitive(true);
    Some(HeaderMap::from_iter([
        (CONTENT_TYPE, JSON),
        (EVENT, HeaderValue::from_str(&delivery.event).ok()?),
        (REQUEST, HeaderValue::from_str(&delivery.id.0.to_string()).ok()?),
        (name, proof),
    ]))
}

/// `timestamp=<unix>,signature=<hex HMAC-SHA256(token, "<timestamp>.<body>")>` (spec §9).
fn signature(token: &str, timestamp: i64, body: &[u8]) -> Option<String> {
    let mac = Hmac::<Sha256>::new_from_slice(token.as_bytes()).ok()?;
    let signed = mac.chain_update(format!("{timestamp}.")).chain_update(body).finalize().into_bytes();
    Some(format!("timestamp={timestamp},signature={}", hex::encode(signed)))
}

/// What is kept of the beginning of an answer: text that can be shown, without the token, which some receivers send back.
pub(super) fn excerpt(beginning: &Bytes, token: &str) -> String {
    let text = String::from_utf8_lossy(beginning).replace(token, "(token)");
    let is_shown = |character: &char| !character.is_control() || matches!(character, '\n' | '\t');
    text.chars().filter(is_shown).take(MOST_EXCERPT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with `printf '%s' '1767225600.{"event":"ping"}' | openssl dgst -sha256 -hmac 0123456789abcdef`.
    #[test]
    fn the_signature_is_what_other_tools_compute() {
        assert_eq!(
            signature("0123456789abcdef", 1_767_225_600, br#"{"event":"ping"}"#).unwrap(),
            "timestamp=1767225600,signature=c26187a99c498f7fed6c5b7ee003cd1853f15fb0f54837359265a7a79363abea"
        );
    }

    #[test]
    fn an_excerpt_is_short_text_without_the_token() {
        let token = "0123456789abcdef";
        let said = Bytes::from(format!("you sent {token}\0\r\n\u{1b}[31m"));
        assert_eq!(excerpt(&said, token), "you sent (token)\n[31m");
        assert_eq!(excerpt(&vec![b'x'; 4_096].into(), token).len(), MOST_EXCERPT);
        assert_eq!(excerpt(&vec![0xff].into(), token), "\u{fffd}");
    }
}
