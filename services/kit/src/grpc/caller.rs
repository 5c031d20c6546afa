//! Who sends an RPC, as its metadata says.

use std::{fmt, net::IpAddr, str::FromStr};

use subtle::ConstantTimeEq;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use zeroize::Zeroizing;

/// The metadata (and HTTP header) that follows a request through every part.
pub const REQUEST_ID: &str = "x-request-id";

const AUTHORIZATION: &str = "authorization";
pub(super) const SERVICE_KEY: &str = "portals-service-key";
const CLIENT_IP: &str = "portals-client-ip";
const CLIENT_AGENT: &str = "portals-client-agent";
const COUNTED: &str = "portals-counted";

/// What parts of one installation share, to know each other by.
#[derive(Clone)]
pub struct ServiceKey(Zeroizing<String>);

/// A service key that could be guessed.
#[derive(Debug, thiserror::Error)]
#[error("must be 32 or more visible ASCII characters")]
pub struct WeakServiceKey;

impl fmt::Debug for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceKey")
    }
}

impl FromStr for ServiceKey {
    type Err = WeakServiceKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let strong = text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_graphic());
        strong.then(|| Self(Zeroizing::new(text.to_owned()))).ok_or(WeakServiceKey)
    }
}

impl ServiceKey {
    fn is(&self, presented: Option<&AsciiMetadataValue>) -> bool {
        presented.is_some_and(|value| bool::from(value.as_bytes().ct_eq(self.0.as_bytes())))
    }
}

/// The caller of an RPC: credentials, and what an authenticated part says of the client behind it.
#[derive(Clone, Default)]
pub struct Caller {
    /// The `authorization` metadata. Never log it.
    pub authorization: Option<AsciiMetadataValue>,
    /// Follows the request through every part, as asserted by an authenticated part.
    pub request_id: Option<AsciiMetadataValue>,
    /// Where the client is: as asserted by an authenticated part (absent: unknown), or else the connection's peer.
    pub client_ip: Option<IpAddr>,
    /// The client's `User-Agent`, as asserted by an authenticated part.
    pub client_agent: Option<AsciiMetadataValue>,
    /// Whether the caller is a part of this installation: it presented the service key.
    pub is_service: bool,
    /// Whether what the client asked for was counted against its limits already, as asserted by an authenticated part: one
    /// request of the client's is counted once, however many RPCs it takes.
    pub is_counted: bool,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("request_id", &self.request_id)
            .field("client_ip", &self.client_ip)
            .finish_non_exhaustive()
    }
}

impl Caller {
    /// Reads the metadata of `request`; what only a part of this installation may say is believed under `key` only.
    pub fn of<T>(request: &tonic::Request<T>, key: &ServiceKey) -> Self {
        let metadata = request.metadata();
        let is_service = key.is(metadata.get(SERVICE_KEY));
        let asserted = |name| if is_service { metadata.get(name) } else { None };
        let asserted_ip = || asserted(CLIENT_IP).and_then(|ip| ip.to_str().ok()?.parse().ok());
        // A part that asserts nothing doesn't know; its own address is not the client's.
        let client_ip = if is_service { asserted_ip() } else { request.remote_addr().map(|peer| peer.ip()) };
        Self {
            authorization: metadata.get(AUTHORIZATION).cloned(),
            request_id: asserted(REQUEST_ID).cloned(),
            client_ip,
            client_agent: asserted(CLIENT_AGENT).cloned(),
            is_service,
            is_counted: asserted(COUNTED).is_some(),
        }
    }

    /// The token of `Bearer <token>`; the scheme's case doesn't matter (RFC 9110 §11.1).
    #[must_use]
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.authorization.as_ref()?.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    /// The request id as text; empty where there is none.
    #[must_use]
    pub fn request_id(&self) -> &str {
        self.request_id.as_ref().and_then(|id| id.to_str().ok()).unwrap_or_default()
    }

    /// The client's `User-Agent` as text.
    #[must_use]
    pub fn agent(&self) -> Option<&str> {
        self.client_agent.as_ref()?.to_str().ok()
    }

    /// A request of the next RPC on the same caller's behalf, authenticated with `key`.
    pub fn onward<T>(&self, message: T, key: &ServiceKey) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        let metadata = request.metadata_mut();
        insert(metadata, SERVICE_KEY, key.0.parse().ok());
        insert(metadata, AUTHORIZATION, self.authorization.clone());
        insert(metadata, REQUEST_ID, self.request_id.clone());
        insert(metadata, CLIENT_IP, self.client_ip.and_then(|ip| ip.to_string().parse().ok()));
        insert(metadata, CLIENT_AGENT, self.client_agent.clone());
        insert(metadata, COUNTED, self.is_counted.then(|| AsciiMetadataValue::from_static("1")));
        request
    }
}

fn insert(metadata: &mut MetadataMap, name: &'static str, value: Option<AsciiMetadataValue>) {
    if let Some(value) = value {
        metadata.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ServiceKey {
        "k".repeat(32).parse().unwrap()
    }

    #[test]
    fn what_is_sent_onward_is_read_again() {
        let caller = Caller {
            authorization: "bearer abc".parse().ok(),
            request_id: "r1".parse().ok(),
            client_ip: "192.0.2.1".parse().ok(),
            client_agent: "curl".parse().ok(),
            is_service: false,
            is_counted: true,
        };
        let read = Caller::of(&caller.onward((), &key()), &key());
        assert!(read.is_service && read.is_counted);
        assert_eq!((read.bearer(), read.request_id(), read.agent()), (Some("abc"), "r1", Some("curl")));
        assert_eq!(read.client_ip, caller.client_ip);
    }

    #[test]
    fn without_the_key_nothing_is_believed_of_the_client() {
        let caller = Caller { client_ip: "192.0.2.1".parse().ok(), is_counted: true, ..Caller::default() };
        let read = Caller::of(&caller.onward((), &"x".repeat(32).parse().unwrap()), &key());
        assert!(!read.is_service && !read.is_counted);
        assert_eq!(read.client_ip, None);
    }

    #[test]
    fn a_part_that_asserts_no_address_is_not_taken_for_the_client() {
        let from_a_socket = |caller: &Caller, trusted: &ServiceKey| {
            let mut request = caller.onward((), &key());
            request.extensions_mut().insert(tonic::transport::server::TcpConnectInfo {
                local_addr: None,
                remote_addr: "192.0.2.9:1".parse().ok(),
            });
            Caller::of(&request, trusted).client_ip
        };
        assert_eq!(from_a_socket(&Caller::default(), &key()), None);
        assert_eq!(from_a_socket(&Caller::default(), &"x".repeat(32).parse().unwrap()), "192.0.2.9".parse().ok());
    }
}
