//! What a handler knows of a request beside its path and body: who sends it, and with which credential.

use std::{net::IpAddr, time::Duration};

use axum::extract::FromRequestParts;
use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};
use kit::{
    credential::{Kind, Plain},
    grpc::{Caller, ServiceKey},
};
use tonic::metadata::AsciiMetadataValue;

use crate::{
    error::Error,
    gateway::Gateway,
    query,
    realm::{Challenge, Realm},
};

/// A longer credential is none; it would only burst the metadata of an RPC.
const MOST_CREDENTIAL_BYTES: usize = 1 << 10;
/// What is passed on of a `User-Agent`.
const MOST_AGENT_BYTES: usize = 256;

/// What the shell found out before the router's handler runs.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    /// The id of this request.
    pub(crate) request_id: HeaderValue,
    /// See [`crate::client::address`].
    pub(crate) client_ip: Option<IpAddr>,
}

/// A request on its way through a handler. Every handler takes one: making it is what refuses credentials in URLs.
#[derive(Debug)]
pub(crate) struct Arrival {
    caller: Caller,
    presented: bool,
}

impl Arrival {
    /// An RPC on the client's behalf.
    pub(crate) fn rpc<T>(&self, message: T, key: &ServiceKey, deadline: Duration) -> tonic::Request<T> {
        let mut request = self.caller.onward(message, key);
        request.set_timeout(deadline);
        request
    }

    /// An RPC that belongs to a request that was counted by one before it.
    pub(crate) fn further_rpc<T>(&self, message: T, key: &ServiceKey, deadline: Duration) -> tonic::Request<T> {
        let mut request = Caller { is_counted: true, ..self.caller.clone() }.onward(message, key);
        request.set_timeout(deadline);
        request
    }

    /// The 401 of this request.
    pub(crate) fn challenge(&self, realm: Realm) -> Error {
        Error::Unauthenticated(Challenge { realm, presented: self.presented })
    }

    /// The same request with another credential than its `Authorization` header, or with none. `presented` is what
    /// [`Challenge`] is told.
    pub(crate) fn with_credential(mut self, credential: Option<AsciiMetadataValue>, presented: bool) -> Self {
        self.caller.authorization = credential;
        self.presented = presented;
        self
    }

    /// Refuses a request without an `Authorization` header. Whether one counts is for the services to say.
    pub(crate) fn require_credential(&self, realm: Realm) -> Result<(), Error> {
        if self.presented { Ok(()) } else { Err(self.challenge(realm)) }
    }
}

impl FromRequestParts<Gateway> for Arrival {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &Gateway) -> Result<Self, Error> {
        if query::holds_credential(parts.uri.query()) || query::path_holds_credential(parts.uri.path()) {
            return Err(Error::CredentialInUrl);
        }
        let arrived = parts.extensions.get::<Arrived>().ok_or(Error::Internal)?;
        let headers = &parts.headers;
        let caller = Caller {
            authorization: authorization(headers),
            request_id: AsciiMetadataValue::try_from(arrived.request_id.as_bytes()).ok(),
            client_ip: arrived.client_ip,
            client_agent: text(headers, &header::USER_AGENT)
                .and_then(|agent| agent.get(..MOST_AGENT_BYTES.min(agent.len()))?.parse().ok()),
            is_service: false,
            is_counted: false,
        };
        Ok(Self { caller, presented: headers.contains_key(header::AUTHORIZATION) })
    }
}

/// The header as it came. `None` also if there are two, or one that can't be a credential: the service then refuses. So it is
/// for a session, which counts as the console's cookie only: who can read one out of a browser shall have no use for it.
fn authorization(headers: &HeaderMap) -> Option<AsciiMetadataValue> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().filter(|value| value.len() <= MOST_CREDENTIAL_BYTES)?;
    if values.next().is_some() {
        return None;
    }
    let text = value.to_str().ok().filter(|text| !is_session(text))?;
    text.parse().ok()
}

/// Whether that is the `Authorization` of a session.
pub(crate) fn is_session(authorization: &str) -> bool {
    let token = authorization.split_once(' ').map_or(authorization, |(_, token)| token).trim();
    Plain::parse(token).is_ok_and(|plain| plain.kind() == Kind::Session)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
