//! Tokens of notification services at rest: like headers of upstreams, bound to the service and to the origin of its URL.

use http::{HeaderMap, HeaderValue};
use kit::ambient::Ambient;
use url::Url;
use zeroize::Zeroizing;

use crate::{
    domain::id::{NotificationServiceId, UpstreamId},
    upstream::seal::{Sealed, Seals, Unopened},
};

/// The name under which it is kept, and sent in mode `token`.
pub(super) const HEADER: &str = "x-buildkite-token";

/// Encrypts a token. `None`: there is no key, or the token can't be a header.
pub(crate) fn seal(
    seals: &Seals,
    token: &str,
    (of, url): (NotificationServiceId, &Url),
    ambient: &Ambient,
) -> Option<Sealed> {
    let mut value = HeaderValue::from_str(token).ok()?;
    value.set_sensitive(true);
    let headers = HeaderMap::from_iter([(http::HeaderName::from_static(HEADER), value)]);
    // Nothing is ever an upstream and a notification service.
    seals.seal(&headers, UpstreamId(of.0), url, ambient)
}

/// Decrypts it.
pub(crate) fn open(
    seals: &Seals,
    sealed: &Sealed,
    (of, url): (NotificationServiceId, &Url),
) -> Result<Zeroizing<String>, Unopened> {
    let headers = seals.open(sealed, UpstreamId(of.0), url)?;
    let token = headers.get(HEADER).and_then(|value| value.to_str().ok());
    token.map(|token| Zeroizing::new(token.to_owned())).ok_or(Unopened::Foreign)
}
