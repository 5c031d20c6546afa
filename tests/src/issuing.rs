//! Credentials over the management REST, and the exchange.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{Answer, Caller, PORTALS, Portal, path};

/// A secret or a service token as its creation answered it, this once with the value.
#[derive(Clone, Debug)]
pub struct Issued {
    /// Its UUID.
    pub uuid: String,
    /// The value.
    pub value: String,
    /// The whole body.
    pub body: Value,
}

impl Issued {
    /// Reads the body of a 201, whose value is in the member `secret` or `token`.
    pub fn of(body: Value) -> Self {
        let value = body["secret"].as_str().or(body["token"].as_str());
        let value = value.unwrap_or_else(|| panic!("neither secret nor token in {body:#}")).to_owned();
        Self { uuid: body["uuid"].as_str().unwrap().to_owned(), value, body }
    }
}

/// Where a portal's `service_tokens`, `secrets` or `live_tokens` are managed.
pub fn credentials(portal: &Portal, kind: &str) -> String {
    format!("{PORTALS}/{}/{kind}", portal.slug)
}

impl Caller {
    /// Makes a secret.
    pub async fn secret(&self, portal: &Portal) -> Issued {
        self.issue(portal, "secrets", json!({})).await
    }

    /// Makes a secret or a service token of that body.
    pub async fn issue(&self, portal: &Portal, kind: &str, body: Value) -> Issued {
        Issued::of(self.rest(Method::POST, &credentials(portal, kind), Some(body)).await.expect(201))
    }

    /// Removes a secret, a service token or a live token. `query` begins with `?` or is empty.
    pub async fn remove(&self, portal: &Portal, kind: &str, uuid: &str, query: &str) -> Answer {
        self.rest(Method::DELETE, &format!("{}/{uuid}{query}", credentials(portal, kind)), None).await
    }

    /// A request for a token, without a body yet.
    pub fn exchanging(&self, portal: &Portal) -> RequestBuilder {
        self.request(Method::POST, &format!("{}/tokens", path(&portal.slug)))
    }

    /// Asks for a token with this JSON body.
    pub async fn exchange(&self, portal: &Portal, body: Value) -> Answer {
        Answer::of(self.exchanging(portal).json(&body)).await
    }

    /// Exchanges a secret for an ephemeral token.
    pub async fn ephemeral(&self, portal: &Portal, secret: &Issued) -> String {
        let body = self.exchange(portal, grant(portal, &secret.value)).await.expect(200);
        body["token"].as_str().unwrap().to_owned()
    }

    /// Calls a portal without variables, with any credential.
    pub async fn call_with(&self, portal: &Portal, credential: &str) -> Answer {
        let request = self.request(Method::POST, &path(&portal.slug)).bearer_auth(credential);
        Answer::of(request.json(&json!({}))).await
    }
}

/// The documented body of an exchange.
pub fn grant(portal: &Portal, secret: &str) -> Value {
    json!({"grant_type": "client_credentials", "client_id": portal.uuid(), "secret": secret})
}
