//! Who calls a gateway: what a stranger with an API access token does over HTTP.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicU32, Ordering},
};

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{Answer, Portal};

/// An HTTP client with the address of a gateway and an API access token.
#[derive(Clone, Debug)]
pub struct Caller {
    gateway: String,
    api_token: String,
    client: Client,
}

impl Caller {
    /// Of the gateway at this URL, with this token.
    pub fn of(gateway: &str, api_token: &str) -> Self {
        // No connection is kept: installations are shared by tests that each have a runtime of their own.
        let client = Client::builder().pool_max_idle_per_host(0).no_proxy();
        let client = client.redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { gateway: gateway.trim_end_matches('/').to_owned(), api_token: api_token.to_owned(), client }
    }

    /// The same with another API access token.
    #[must_use]
    pub fn with(&self, api_token: &str) -> Self {
        Self { api_token: api_token.to_owned(), ..self.clone() }
    }

    /// The gateway's URL without a slash at the end.
    pub fn gateway(&self) -> &str {
        &self.gateway
    }

    /// The API access token.
    pub fn api_token(&self) -> &str {
        &self.api_token
    }

    /// A request to the gateway, with nothing added.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.gateway()))
    }

    /// As [`Installation::request`], from another local address (`127.0.0.0/8`).
    pub fn request_from(&self, from: IpAddr, method: Method, path: &str) -> RequestBuilder {
        let client = Client::builder().no_proxy().local_address(from).pool_max_idle_per_host(0).build().unwrap();
        client.request(method, format!("{}{path}", self.gateway()))
    }

    /// A management request with the first API access token.
    pub async fn rest(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let request = self.request(method, path).bearer_auth(self.api_token());
        Answer::of(body.into_iter().fold(request, |request, body| request.json(&body))).await
    }

    /// `GET` with the first API access token.
    pub async fn get(&self, path: &str) -> Answer {
        self.rest(Method::GET, path, None).await
    }

    /// Asks for a portal in the first organization.
    pub async fn create(&self, body: Value) -> Answer {
        self.rest(Method::POST, PORTALS, Some(body)).await
    }

    /// Makes a portal in the first organization.
    pub async fn portal(&self, body: Value) -> Portal {
        Portal::of(self.create(body).await.expect(201))
    }

    /// Makes a portal of that document, with a name of its own.
    pub async fn portal_of(&self, query: &str) -> Portal {
        self.portal(json!({"name": unique("portal"), "query": query})).await
    }

    /// Calls a portal with its token and these variables.
    pub async fn call(&self, portal: &Portal, variables: Value) -> Answer {
        Answer::of(self.calling(portal).json(&variables)).await
    }

    /// A call of a portal with its token, without a body yet.
    pub fn calling(&self, portal: &Portal) -> RequestBuilder {
        self.request(Method::POST, &path(&portal.slug)).bearer_auth(&portal.token)
    }

    /// A call of the operation of that name.
    pub fn calling_named(&self, portal: &Portal, operation: &str) -> RequestBuilder {
        let path = format!("{}?operation_name={operation}", path(&portal.slug));
        self.request(Method::POST, &path).bearer_auth(&portal.token)
    }

    /// A document of the caller's own against `/graphql`, with the first API access token. Gives `data`.
    #[track_caller]
    pub fn graphql(&self, query: &str, variables: Value) -> impl Future<Output = Value> {
        let body = json!({"query": query, "variables": variables});
        async move { self.rest(Method::POST, "/graphql", Some(body)).await.data() }
    }

    /// The GraphQL id of the first pipeline.
    pub async fn pipeline_id(&self) -> String {
        let data = self.graphql("{ pipeline(slug: \"my-organization/my-pipeline\") { id } }", json!({})).await;
        data["pipeline"]["id"].as_str().unwrap().to_owned()
    }
}

/// The first organization's portals.
pub const PORTALS: &str = "/v2/organizations/my-organization/portals";

/// Where the first organization's portal of that slug is called.
pub fn path(slug: &str) -> String {
    format!("/organizations/my-organization/portals/{slug}")
}

/// A name that nothing else has.
pub fn unique(word: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{word}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
