//! gRPC-Web: what is passed on, as whom, and what isn't.

use base64::{Engine, engine::general_purpose::STANDARD};
use contracts::{
    directory::v1::{GetSessionRequest, ListMembersRequest},
    registry::v1::{ListPortalsRequest, ListPortalsResponse},
    token::v1::GetAuthenticatedUserRequest,
};
use http::{HeaderMap, HeaderName};
use kit::{
    credential::{Kind, Plain},
    error::Code,
    grpc::{Peer, Refusal},
};
use prost::Message;
use reqwest::Response;
use tonic::Status;

use super::{
    World, code, gateway_before, header,
    script::{Plan, Refuse, Script},
};

const LIST: &str = "/portals.registry.v1.RegistryService/ListPortals";
const WEB: &str = "application/grpc-web+proto";
const OURS: &str = "https://portals.example";
const PAGE: &str = "https://app.example.com";

fn framed(message: &impl Message) -> Vec<u8> {
    let message = message.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap();
    [&[0][..], &length.to_be_bytes(), &message].concat()
}

/// The message and the trailers of a reply's body.
fn frames(mut body: &[u8]) -> (Option<Vec<u8>>, HeaderMap) {
    let (mut message, mut trailers) = (None, HeaderMap::new());
    while let Some((flag, rest)) = body.split_first() {
        let (length, rest) = rest.split_at(4);
        let (data, rest) = rest.split_at(u32::from_be_bytes(length.try_into().unwrap()) as usize);
        if *flag == 0 {
            message = Some(data.to_vec());
        } else {
            for line in std::str::from_utf8(data).unwrap().split("\r\n").filter(|line| !line.is_empty()) {
                let (name, value) = line.split_once(':').unwrap();
                trailers.insert(name.parse::<HeaderName>().unwrap(), value.trim().parse().unwrap());
            }
        }
        body = rest;
    }
    (message, trailers)
}

/// What a call came to: its message, or how it was refused.
async fn outcome(response: Response) -> Result<Vec<u8>, Status> {
    assert_eq!((response.status().as_u16(), header(&response, "content-type")), (200, Some(WEB)));
    assert_eq!(header(&response, "cache-control"), Some("no-store"));
    assert_eq!(header(&response, "x-request-id").unwrap().len(), 36);
    let headers = response.headers().clone();
    let (message, trailers) = frames(&response.bytes().await.unwrap());
    let status = Status::from_header_map(&trailers).or_else(|| Status::from_header_map(&headers)).unwrap();
    if status.code() == tonic::Code::Ok { Ok(message.unwrap()) } else { Err(status) }
}

async fn refused(response: Response) -> Refusal {
    Refusal::of(&outcome(response).await.unwrap_err())
}

fn asking() -> ListPortalsRequest {
    ListPortalsRequest { organization: "acme".into(), page: 2, per_page: 3, with_schemas: false }
}

impl World {
    /// A call as a browser sends it.
    async fn web(&self, path: &str, message: &impl Message, headers: &[(&str, &str)]) -> Response {
        self.web_bytes(path, framed(message), headers).await
    }

    async fn web_bytes(&self, path: &str, body: Vec<u8>, headers: &[(&str, &str)]) -> Response {
        let request = self.request("POST", path).body(body);
        let types = headers.iter().any(|(name, _)| *name == "content-type");
        let request = if types { request } else { request.header("content-type", WEB) };
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
    }
}

#[tokio::test]
async fn a_call_is_passed_on_as_it_came_and_answered_with_its_figures() {
    let world = World::new().await;
    let figures = vec![("ratelimit-limit", "200"), ("x-internal", "no")];
    world.script.plan(Plan { total: 7, figures, ..Plan::default() });
    let headers = [
        ("authorization", "Bearer abc"),
        ("user-agent", "browser"),
        ("portals-client-ip", "192.0.2.99"),
        ("portals-client-agent", "forged"),
        ("portals-service-key", "guessed"),
        ("x-request-id", "forged"),
    ];
    let response = world.web(LIST, &asking(), &headers).await;
    assert_eq!(header(&response, "ratelimit-limit"), Some("200"));
    assert_eq!(header(&response, "x-internal"), None);
    assert_eq!(header(&response, "access-control-allow-origin"), None);
    let id = header(&response, "x-request-id").unwrap().to_owned();
    let reply = ListPortalsResponse::decode(&*outcome(response).await.unwrap()).unwrap();
    assert_eq!((reply.total, reply.portals.len()), (7, 1));
    let (caller, message) = world.script.last::<ListPortalsRequest>();
    assert_eq!(message, asking());
    assert!(caller.is_service);
    assert_eq!((caller.bearer(), caller.agent(), caller.request_id()), (Some("abc"), Some("browser"), id.as_str()));
    assert_eq!(caller.client_ip, "127.0.0.1".parse().ok());
}

#[tokio::test]
async fn every_service_is_reached_and_text_is_spoken_too() {
    let world = World::new().await;
    let text = STANDARD.encode(framed(&GetAuthenticatedUserRequest {}));
    let as_text = [("content-type", "application/grpc-web-text"), ("accept", "application/grpc-web-text")];
    let path = "/portals.token.v1.TokenService/GetAuthenticatedUser";
    let response = world.web_bytes(path, text.into_bytes(), &as_text).await;
    assert_eq!(header(&response, "content-type"), Some("application/grpc-web-text+proto"));
    // Each piece is padded for itself.
    let quads = response.bytes().await.unwrap();
    let body: Vec<u8> = quads.chunks(4).flat_map(|quad| STANDARD.decode(quad).unwrap()).collect();
    assert_eq!(frames(&body).1["grpc-status"], "0");
    let list = ListMembersRequest { organization_uuid: "x".into(), page: 0, per_page: 0 };
    outcome(world.web("/portals.directory.v1.DirectoryService/ListMembers", &list, &[]).await).await.unwrap();
    assert_eq!(world.script.last::<ListMembersRequest>().1, list);
}

#[tokio::test]
async fn the_session_counts_for_pages_of_this_site_only() {
    let world = World::new().await;
    let session = "/portals.directory.v1.SessionService/GetSession";
    let signed_in = session_token();
    let cookie = format!("__Host-portals={signed_in}");
    let cookie = ("cookie", cookie.as_str());
    outcome(world.web(session, &GetSessionRequest {}, &[cookie, ("origin", OURS)]).await).await.unwrap();
    assert_eq!(world.script.last::<GetSessionRequest>().0.bearer(), Some(signed_in.as_str()));
    for other in ["nonsense", super::TOKEN] {
        let cookie = format!("__Host-portals={other}");
        outcome(world.web(LIST, &asking(), &[("cookie", &cookie), ("origin", OURS)]).await).await.unwrap();
        assert_eq!(world.script.last::<ListPortalsRequest>().0.bearer(), None, "{other} is no session");
    }
    let asked = world.script.asked();
    for origin in [None, Some("https://evil.example"), Some("null"), Some("https://portals.example.evil"), Some("")] {
        let headers: Vec<_> = [cookie].into_iter().chain(origin.map(|origin| ("origin", origin))).collect();
        let headers = [&headers[..], &[("sec-fetch-site", "same-origin")]].concat();
        let refusal = refused(world.web(LIST, &asking(), &headers).await).await;
        assert_eq!((refusal.class, refusal.reason.as_str()), (Code::Forbidden, "foreign_origin"), "{origin:?}");
    }
    assert_eq!(world.script.asked(), asked, "no service hears of it");
    let both = [cookie, ("origin", "https://evil.example"), ("authorization", "Bearer abc")];
    outcome(world.web(LIST, &asking(), &both).await).await.unwrap();
    assert_eq!(world.script.last::<ListPortalsRequest>().0.bearer(), Some("abc"), "the header goes before the cookie");
}

#[tokio::test]
async fn a_session_in_a_header_is_no_credential_anywhere() {
    let world = World::new().await;
    let bearer = format!("Bearer {}", session_token());
    outcome(world.web(LIST, &asking(), &[("authorization", &bearer)]).await).await.unwrap();
    assert_eq!(world.script.last::<ListPortalsRequest>().0.bearer(), None);
    let request = world.request("GET", "/v2/user").header("authorization", &bearer);
    request.send().await.unwrap();
    assert_eq!(world.script.last::<GetAuthenticatedUserRequest>().0.bearer(), None);
}

#[tokio::test]
async fn a_refusal_comes_with_all_that_the_service_said() {
    let world = World::new().await;
    let refuse = Refuse { facts: vec![("scope", "write_portals")], ..Refuse::new(Code::Forbidden, "missing_scope") };
    let figures = vec![("ratelimit-remaining", "3")];
    world.script.plan(Plan { refuse: Some(refuse), figures, ..Plan::default() });
    let response = world.web(LIST, &asking(), &[]).await;
    let status = outcome(response).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (tonic::Code::PermissionDenied, "Because"));
    assert_eq!(status.metadata().get("ratelimit-remaining").unwrap(), "3");
    let refusal = Refusal::of(&status);
    assert_eq!((refusal.reason.as_str(), refusal.facts["scope"].as_str()), ("missing_scope", "write_portals"));
}

#[tokio::test]
async fn what_fails_between_the_parts_is_said_in_our_words() {
    let unreachable = Peer::remote(&"http://127.0.0.1:1".parse().unwrap(), None, &kit::boot::Tasks::default());
    let world = World::before(gateway_before(unreachable, |_| {})).await;
    let refusal = refused(world.web(LIST, &asking(), &[]).await).await;
    assert_eq!((refusal.class, refusal.reason.as_str()), (Code::Unavailable, "service_unavailable"));
    assert!(!refusal.message.contains("127.0.0.1"), "{}", refusal.message);
    let world = World::new().await;
    world.script.plan(Plan { status: Some(Status::internal("at 10.0.0.7")), ..Plan::default() });
    let refusal = refused(world.web(LIST, &asking(), &[]).await).await;
    assert_eq!((refusal.class, refusal.reason.as_str()), (Code::BadUpstream, "service_broken"));
    let world = World::with(|config| config.limits.in_flight = 0).await;
    let refusal = refused(world.web(LIST, &asking(), &[]).await).await;
    assert_eq!((refusal.class, refusal.reason.as_str()), (Code::Unavailable, "overloaded"));
    assert!(refusal.retry_after.is_some());
}

#[tokio::test]
async fn the_shorter_deadline_counts() {
    let world = World::new().await;
    for (asked, passed) in [(None, "10"), (Some("1500m"), "1500"), (Some("99H"), "10"), (Some("nonsense"), "10")] {
        let headers: Vec<_> = asked.into_iter().map(|asked| ("grpc-timeout", asked)).collect();
        outcome(world.web(LIST, &asking(), &headers).await).await.unwrap();
        let timeout = world.script.last_timeout();
        assert!(timeout.starts_with(passed), "{asked:?}: {timeout}");
    }
    world.script.plan(Plan { gate: Some(std::sync::Arc::new(tokio::sync::Semaphore::new(0))), ..Plan::default() });
    let refusal = refused(world.web(LIST, &asking(), &[("grpc-timeout", "50m")]).await).await;
    assert_eq!((refusal.class, refusal.reason.as_str()), (Code::Timeout, "timeout"));
}

#[tokio::test]
async fn a_message_may_have_a_mebibyte() {
    let world = World::new().await;
    let of = |bytes: usize| ListPortalsRequest { organization: "x".repeat(bytes), ..ListPortalsRequest::default() };
    let head = framed(&of(1 << 20)).len() - (1 << 20) - 5;
    let largest = of((1 << 20) - head);
    outcome(world.web(LIST, &largest, &[]).await).await.unwrap();
    let text = STANDARD.encode(framed(&largest)).into_bytes();
    let media = [("content-type", "application/grpc-web-text")];
    assert_eq!(world.web_bytes(LIST, text, &media).await.status().as_u16(), 200);
    let refusal = refused(world.web(LIST, &of((1 << 20) - head + 1), &[]).await).await;
    assert_eq!((refusal.class, refusal.reason.as_str()), (Code::Exhausted, "body_too_large"));
    assert_eq!(world.script.asked(), 2);
}

#[tokio::test]
async fn what_is_no_call_is_answered_as_everywhere() {
    let world = World::new().await;
    for media in
        ["application/grpc", "application/grpc+proto", "application/json", "text/plain", "application/grpc-web+json"]
    {
        let response = world.web(LIST, &asking(), &[("content-type", media)]).await;
        assert_eq!(code(response).await, (415, "unsupported_media_type".to_owned()), "{media}");
    }
    let empty = world.request("POST", LIST).send().await.unwrap();
    assert_eq!(code(empty).await, (415, "unsupported_media_type".to_owned()));
    let response = world.send("GET", LIST, "").await;
    assert_eq!(header(&response, "allow"), Some("POST"));
    assert_eq!(code(response).await.0, 405);
    for unknown in [
        "/portals.registry.v1.RegistryService/ResolvePortal",
        "/portals.registry.v1.RegistryService/NoSuch",
        "/portals.token.v1.TokenService/ExchangeSecret",
        "/portals.directory.v1.SessionService/SignIn",
        "/grpc.health.v1.Health/Check",
    ] {
        assert_eq!(code(world.web(unknown, &asking(), &[]).await).await, (404, "not_found".to_owned()), "{unknown}");
    }
    let torn: [&[u8]; 8] = [
        &[0],
        &[0, 0, 0, 0, 9, 1],
        &[0, 255, 255, 255, 255],
        &[0, 255, 255, 255, 255, 1, 2, 3],
        &[1, 0, 0, 0, 0],
        &[128, 0, 0, 0, 0],
        &[7, 0, 0, 0, 0],
        b"{}",
    ];
    for torn in torn {
        assert!(outcome(world.web_bytes(LIST, torn.to_vec(), &[]).await).await.is_err(), "{torn:?}");
    }
    let text = [("content-type", "application/grpc-web-text")];
    let refused_text = world.web_bytes(LIST, b"no base64!".to_vec(), &text).await;
    assert!(refused_text.headers().contains_key("grpc-status"));
    let leaky = world.web(&format!("{LIST}?access_token=x"), &asking(), &[]).await;
    assert_eq!(refused(leaky).await.reason, "credential_in_url");
    assert_eq!(world.script.asked(), 0);
}

#[tokio::test]
async fn other_origins_are_closed_out_unless_they_are_set() {
    let ask = async |world: &World, origin: &str| {
        let request = world.request("OPTIONS", LIST).header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        request.header("access-control-request-headers", "authorization,content-type,x-grpc-web").send().await.unwrap()
    };
    let closed = World::new().await;
    let response = ask(&closed, PAGE).await;
    assert_eq!(header(&response, "access-control-allow-origin"), None);
    assert_eq!(code(response).await.0, 405);
    let open = World::with(|config| config.allowed_origins = PAGE.parse().unwrap()).await;
    let response = ask(&open, PAGE).await;
    assert_eq!(response.status().as_u16(), 204);
    assert_eq!(header(&response, "access-control-allow-origin"), Some(PAGE));
    assert_eq!(header(&response, "access-control-allow-credentials"), None);
    assert!(header(&response, "access-control-allow-headers").unwrap().contains("x-grpc-web"));
    let response = ask(&open, "https://evil.example").await;
    assert_eq!(header(&response, "access-control-allow-origin"), None);
    assert_eq!(code(response).await, (403, "foreign_origin".to_owned()));
    let bearer = ("authorization", "Bearer abc");
    for (plan, reads) in [(Plan::default(), true), (refusing(), true)] {
        open.script.plan(plan);
        let response = open.web(LIST, &asking(), &[("origin", PAGE), bearer]).await;
        assert_eq!(header(&response, "access-control-allow-origin").is_some(), reads);
        assert!(header(&response, "access-control-expose-headers").unwrap().contains("grpc-status-details-bin"));
        assert_eq!(header(&response, "vary"), Some("Origin"));
    }
    let response = open.web(LIST, &asking(), &[("origin", "https://evil.example"), bearer]).await;
    assert_eq!(header(&response, "access-control-allow-origin"), None);
    let cookie = format!("__Host-portals={}", session_token());
    let cookie = ("cookie", cookie.as_str());
    let refusal = refused(open.web(LIST, &asking(), &[("origin", PAGE), cookie]).await).await;
    assert_eq!(refusal.reason, "foreign_origin", "a page that may call doesn't act with the session");
}

fn session_token() -> String {
    Plain::token("bk", Kind::Session, &[7; 32]).expose().to_owned()
}

fn refusing() -> Plan {
    Plan { refuse: Some(Refuse::new(Code::NotFound, "not_found")), ..Plan::default() }
}

impl World {
    async fn before(gateway: crate::Gateway) -> Self {
        let tasks = kit::boot::Tasks::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        gateway.serve(&tasks, listener);
        Self { address, script: Script::default(), tasks, http: reqwest::Client::new() }
    }
}
