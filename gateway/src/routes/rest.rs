//! What every request of the management API has: a caller who presents a credential, a query, and services that answer.

use std::future::Future;

use axum::extract::{FromRequestParts, Request};
use http::request::Parts;
use tonic::{Response, Status};

use crate::{
    arrival::Arrival,
    body,
    error::Error,
    gateway::{DEADLINE, Gateway},
    members::Members,
    page::Page,
    query,
    realm::Realm,
};

/// A request of the management API. Making it refuses one without an `Authorization` header.
pub(crate) struct Rest {
    pub(crate) gateway: Gateway,
    pub(crate) arrival: Arrival,
    query: Option<String>,
}

impl Rest {
    /// The query of the URL.
    pub(crate) fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// The page of a list that is asked for.
    pub(crate) fn page(&self) -> Result<Page, Error> {
        Page::read(self.query())
    }

    /// See [`query::wait`].
    pub(crate) fn wait(&self) -> Result<bool, Error> {
        query::wait(self.query())
    }

    /// The public URL of what is at `path` below that of the organizations.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/v2/organizations/{path}", self.gateway.config().public_url)
    }

    /// The members of the body; none of an empty one.
    pub(crate) async fn body(&self, request: Request) -> Result<Members, Error> {
        Members::of(body::read(request, self.gateway.rest_bounds()).await?)
    }

    /// See [`Gateway::accept`].
    pub(crate) async fn accept(&self, given: Members) -> Result<Vec<String>, Error> {
        self.gateway.accept(&self.arrival, given).await
    }

    /// A request of an RPC on the caller's behalf.
    pub(crate) fn request<T>(&self, message: T) -> tonic::Request<T> {
        self.gateway.request(&self.arrival, message, DEADLINE)
    }

    /// The same after another RPC: the client's one request is counted once.
    pub(crate) fn further<T>(&self, message: T) -> tonic::Request<T> {
        self.gateway.further_request(&self.arrival, message)
    }

    /// Makes an RPC, if there is room for one more.
    pub(crate) async fn call<T>(
        &self,
        rpc: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<Response<T>, Error> {
        self.gateway.call(Realm::Api, &self.arrival, rpc).await
    }
}

impl FromRequestParts<Gateway> for Rest {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Error> {
        let arrival = Arrival::from_request_parts(parts, gateway).await?;
        arrival.require_credential(Realm::Api)?;
        Ok(Self { gateway: gateway.clone(), arrival, query: parts.uri.query().map(str::to_owned) })
    }
}
