//! The public API over real sockets, with scripted services behind it.

mod assertion_keys;
mod audit_events;
mod builds;
mod calls;
mod codes;
mod connections;
mod console;
mod credentials;
mod description;
mod directory;
mod documents;
mod errors;
mod graphql;
mod grpc_web;
mod log;
mod portal_descriptions;
mod rest;
mod script;
mod services;
mod settings;
mod sign_in;
mod token_refusals;
mod tokens;
mod turns;
mod upstreams;

use std::{net::SocketAddr, time::Duration};

use axum::Router;
use kit::{
    ambient::Ambient,
    boot::Tasks,
    grpc::{Layered, Peer, ServiceKey},
};
use reqwest::{Method, RequestBuilder, Response};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use self::script::Script;
use crate::{Config, Gateway, Limits};

/// The vector of the specification; no service here knows it.
const TOKEN: &str = "bkpat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf076RZx";
const CALL: &str = "/organizations/o/portals/p";

fn key() -> ServiceKey {
    "k".repeat(32).parse().unwrap()
}

/// A gateway on a free port before scripted services.
struct World {
    address: SocketAddr,
    script: Script,
    tasks: Tasks,
    http: reqwest::Client,
}

fn gateway(script: &Script, change: impl FnOnce(&mut Config)) -> Gateway {
    gateway_before(Peer::local(Layered::new(script.routes())), change)
}

fn gateway_before(peer: Peer, change: impl FnOnce(&mut Config)) -> Gateway {
    let mut config = Config {
        listen: String::new(),
        public_url: "https://portals.example".to_owned(),
        service_key: key(),
        token_url: None,
        portal_url: None,
        tls: None,
        stop_grace: std::time::Duration::ZERO,
        admin_listen: None,
        trusted_proxies: "".parse().unwrap(),
        allowed_origins: crate::Origins::default(),
        scanner_keys: None,
        limits: Limits::default(),
    };
    change(&mut config);
    Gateway::new(config, peer.clone(), peer, Ambient::system())
}

impl World {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let (script, tasks) = (Script::default(), Tasks::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        gateway(&script, change).serve(&tasks, listener);
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { address, script, tasks, http }
    }

    fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.http.request(method, format!("http://{}{path}", self.address))
    }

    /// A request with a credential and, if there is one, a JSON body.
    async fn send(&self, method: &str, path: &str, body: &str) -> Response {
        let request = self.request(method, path).header("authorization", format!("Bearer {TOKEN}"));
        let request = if body.is_empty() { request } else { request.header("content-type", "application/json") };
        request.body(body.to_owned()).send().await.unwrap()
    }

    /// The same with more headers.
    async fn send_with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let request = self.request(method, path).header("authorization", format!("Bearer {TOKEN}"));
        let request = request.header("content-type", "application/json");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(body.to_owned()).send().await.unwrap()
    }

    /// A request without a credential.
    async fn post(&self, path: &str, content_type: &str, body: &str) -> Response {
        let request = self.request("POST", path).header("content-type", content_type);
        request.body(body.to_owned()).send().await.unwrap()
    }

    /// Writes `text` and reads until the other end closes.
    async fn raw(&self, text: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        rest_of(&mut stream).await
    }
}

/// What comes until the other end closes. A connection that stays open for ten seconds is a failure.
async fn rest_of(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut text)).await;
    read.expect("the connection stays open").unwrap_or_default();
    String::from_utf8(text).unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

async fn json(response: Response) -> serde_json::Value {
    assert_eq!(header(&response, "content-type"), Some("application/json"));
    response.json().await.unwrap()
}

/// Status and `code` of an error, having checked what every error has.
async fn code(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    assert_eq!(header(&response, "x-content-type-options"), Some("nosniff"));
    assert!(header(&response, "portal-error-source").is_some());
    let id = header(&response, "x-request-id").unwrap().to_owned();
    let body = json(response).await;
    assert_eq!((body["request_id"].as_str().unwrap(), id.len()), (id.as_str(), 36));
    assert!(!body["message"].as_str().unwrap().is_empty());
    (status, body["code"].as_str().unwrap().to_owned())
}

/// A reply without what differs by nature: the request's id and the time.
fn masked(reply: &str) -> String {
    let id = reply.split("x-request-id: ").nth(1).and_then(|rest| rest.get(..36)).unwrap();
    assert_eq!(reply.matches(id).count(), 2);
    let reply = reply.replace(id, "(id)");
    reply.lines().filter(|line| !line.starts_with("date: ")).collect::<Vec<_>>().join("\n")
}

/// The router without a socket.
fn bare(script: &Script) -> Router {
    gateway(script, |_| {}).router()
}
