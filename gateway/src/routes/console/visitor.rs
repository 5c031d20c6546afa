//! Whoever looks at a page: the session in their cookie, and who that is.

use std::future::Future;

use axum::{body::Body, response::Response};
use contracts::directory::v1::{GetSessionRequest, GetSessionResponse};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tonic::{Status, metadata::AsciiMetadataValue};
use url::form_urlencoded;

use crate::{
    arrival::Arrival,
    error::Error,
    gateway::{DEADLINE, Gateway},
    realm::Realm,
    routes::form::missing,
};

/// A request of the console. Its credential is the cookie; an `Authorization` header is nothing here, as a cookie is nothing
/// anywhere else.
pub(super) struct Visitor {
    arrival: Arrival,
    has_cookie: bool,
}

/// Who is signed in.
pub(super) struct Session {
    pub(super) name: String,
    pub(super) email: String,
    /// What forms of this session carry.
    pub(super) csrf: String,
}

impl Visitor {
    /// The visitor who sent `headers`.
    pub(super) fn of(gateway: &Gateway, arrival: Arrival, headers: &HeaderMap) -> Self {
        Self::with(arrival, gateway.site().session(headers))
    }

    /// A visitor with that session, if any.
    pub(super) fn with(arrival: Arrival, session: Option<AsciiMetadataValue>) -> Self {
        let has_cookie = session.is_some();
        Self { arrival: arrival.with_credential(session, has_cookie), has_cookie }
    }

    /// A request of an RPC with the session.
    pub(super) fn request<T>(&self, gateway: &Gateway, message: T) -> tonic::Request<T> {
        gateway.request(&self.arrival, message, DEADLINE)
    }

    /// A request of an RPC that a session is nothing to.
    pub(super) fn plain_request<T>(&self, gateway: &Gateway, message: T) -> tonic::Request<T> {
        gateway.plain_request(&self.arrival, message)
    }

    /// Makes an RPC. `None`: nobody is signed in.
    pub(super) async fn ask<T>(
        &self,
        gateway: &Gateway,
        rpc: impl Future<Output = Result<tonic::Response<T>, Status>>,
    ) -> Result<Option<T>, Error> {
        if !self.has_cookie {
            return Ok(None);
        }
        match gateway.call(Realm::Session, &self.arrival, rpc).await {
            Ok(reply) => Ok(Some(reply.into_inner())),
            Err(Error::Unauthenticated(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Who is signed in, if anybody.
    pub(super) async fn session(&self, gateway: &Gateway) -> Result<Option<Session>, Error> {
        let mut sessions = gateway.sessions();
        let request = self.request(gateway, GetSessionRequest {});
        let Some(reply) = self.ask(gateway, sessions.get_session(request)).await? else { return Ok(None) };
        let GetSessionResponse { user, memberships: _, csrf_token: csrf } = reply;
        let user = user.ok_or_else(|| missing("the session's user"))?;
        Ok(Some(Session { name: user.name, email: user.email, csrf }))
    }
}

/// Leads to the sign-in, and from there to `next`, an address of the console.
pub(super) fn to_sign_in(next: &str) -> Response {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
    to(&format!("/console/sign-in?{query}"))
}

/// Leads to `address`, with GET.
pub(super) fn to(address: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let address = address.parse().unwrap_or_else(|_never| HeaderValue::from_static("/console/"));
    response.headers_mut().insert(header::LOCATION, address);
    response
}
