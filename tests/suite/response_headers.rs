//! What every answer says to browsers and to caches (S24), for each kind of route; and that no other site may call.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use suite::{Answer, Browser, Installation, PORTALS, grant, path, unique};

/// What a route answers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    /// JSON without a credential.
    Json,
    /// A credential, shown this once.
    Credential,
    /// An answer of an OAuth endpoint, good or bad.
    Grant,
    /// A page of the console.
    Page,
    /// A reply to gRPC-Web.
    Grpc,
    /// No body.
    Nothing,
}

#[track_caller]
fn check(what: &str, holds: Holds, answer: &Answer) {
    let is = |name: &str, value: Option<&str>| assert_eq!(answer.header(name), value, "{what}: {name}: {answer:#?}");
    is("x-content-type-options", Some("nosniff"));
    is("server", None);
    is("x-powered-by", None);
    is("set-cookie", None);
    assert_eq!(answer.header("x-request-id").map(str::len), Some(36), "{what}");
    for name in ["allow-origin", "allow-credentials", "allow-methods", "allow-headers", "expose-headers", "max-age"] {
        is(&format!("access-control-{name}"), None);
    }
    let no_store = [Holds::Credential, Holds::Grant, Holds::Page, Holds::Grpc].contains(&holds);
    is("cache-control", no_store.then_some("no-store"));
    let kind = answer.header("content-type").unwrap_or_default();
    match holds {
        Holds::Json | Holds::Credential | Holds::Grant => {
            assert!(kind.starts_with("application/json"), "{what}: {kind}");
        }
        Holds::Grpc => assert!(kind.starts_with("application/grpc-web"), "{what}: {kind}"),
        Holds::Nothing => assert_eq!((kind, answer.text.as_str()), ("", ""), "{what}"),
        Holds::Page => {
            is("x-frame-options", Some("DENY"));
            is("cross-origin-opener-policy", Some("same-origin"));
            is("cross-origin-resource-policy", Some("same-origin"));
            is("referrer-policy", Some("same-origin"));
            let policy = answer.header("content-security-policy").unwrap_or_default();
            for directive in ["default-src 'none'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"] {
                assert!(policy.contains(directive), "{what}: {policy}");
            }
            assert!(!policy.contains("unsafe") && !policy.contains("script-src") && !policy.contains('*'), "{policy}");
        }
    }
    if holds == Holds::Grant {
        is("pragma", Some("no-cache"));
    }
}

/// As a browser sends it for a page of another site.
fn foreign(request: RequestBuilder) -> RequestBuilder {
    request.header("origin", "https://evil.example")
}

/// Method, path, body, credential, status, and what is held.
type Row<'a> = (Method, String, Option<Value>, &'a str, u16, Holds);

#[tokio::test]
async fn every_kind_of_answer_has_its_headers() {
    let house = Installation::shared();
    let portal = house.portal_of("{ viewer { id } }").await;
    let invokable = house.invokable("{ viewer { id } }").await;
    let secret = house.secret(&portal).await.value;
    let (call, managed) = (path(&portal.slug), format!("{PORTALS}/{}", portal.slug));
    let new = || json!({"name": unique("headers"), "query": "{ viewer { id } }"});
    let secrets = format!("{managed}/secrets");
    let made = house.issue(&portal, "service_tokens", json!({})).await.uuid;
    let rows: Vec<Row<'_>> = vec![
        (Method::POST, call.clone(), Some(json!({})), &portal.token, 200, Holds::Json),
        (Method::POST, call.clone(), Some(json!([])), &portal.token, 400, Holds::Json),
        (Method::POST, call.clone(), Some(json!({})), "x", 401, Holds::Json),
        (Method::GET, call.clone(), None, "x", 405, Holds::Json),
        (Method::POST, format!("{call}/tokens"), Some(grant(&portal, &secret)), "", 200, Holds::Grant),
        (Method::POST, format!("{call}/tokens"), Some(json!({})), "", 400, Holds::Grant),
        (Method::GET, format!("{call}/tokens"), None, "", 405, Holds::Grant),
        (Method::POST, format!("{}/codes", path(&invokable.slug)), None, "", 200, Holds::Grant),
        (Method::POST, format!("{call}/codes"), None, "", 404, Holds::Grant),
        (Method::GET, "/".into(), None, "", 200, Holds::Json),
        (Method::GET, "/no-such-route".into(), None, "", 404, Holds::Json),
        (Method::GET, "/v2/user".into(), None, house.api_token(), 200, Holds::Json),
        (Method::GET, "/v2/user".into(), None, "x", 401, Holds::Json),
        (Method::GET, "/v2/organizations".into(), None, house.api_token(), 200, Holds::Json),
        (Method::GET, PORTALS.into(), None, house.api_token(), 200, Holds::Json),
        (Method::POST, PORTALS.into(), Some(new()), house.api_token(), 201, Holds::Credential),
        (Method::POST, PORTALS.into(), Some(json!({})), house.api_token(), 422, Holds::Json),
        (Method::GET, managed.clone(), None, house.api_token(), 200, Holds::Json),
        (Method::POST, format!("{managed}/duplicate"), Some(json!({})), house.api_token(), 201, Holds::Credential),
        (Method::POST, secrets.clone(), Some(json!({})), house.api_token(), 201, Holds::Credential),
        (Method::GET, secrets, None, house.api_token(), 200, Holds::Json),
        (Method::POST, format!("{managed}/service_tokens"), Some(json!({})), house.api_token(), 201, Holds::Credential),
        (Method::DELETE, format!("{managed}/service_tokens/{made}"), None, house.api_token(), 204, Holds::Nothing),
        (
            Method::POST,
            "/graphql".into(),
            Some(json!({"query": "{ viewer { id } }"})),
            house.api_token(),
            200,
            Holds::Json,
        ),
        (Method::POST, "/secret_scanning".into(), Some(json!([])), "", 404, Holds::Json),
        (Method::GET, "/console/sign-in".into(), None, "", 200, Holds::Page),
        (Method::GET, "/console/no-such-page".into(), None, "", 404, Holds::Page),
        (Method::POST, "/console/sign-in".into(), Some(json!({})), "", 403, Holds::Page),
    ];
    for (method, route, body, bearer, status, holds) in rows {
        let what = format!("{method} {route}");
        let request = house.request(method, &route);
        let request = if bearer.is_empty() { request } else { request.bearer_auth(bearer) };
        let request = if let Some(body) = body { request.json(&body) } else { request };
        let answer = Answer::of(foreign(request)).await;
        assert_eq!(answer.status, status, "{what}: {answer:#?}");
        check(&what, holds, &answer);
    }
}

#[tokio::test]
async fn grpc_web_and_signed_in_pages_have_theirs() {
    let house = Installation::shared();
    let rpc = "/portals.token.v1.TokenService/GetAuthenticatedUser";
    for (bearer, kind) in [(house.api_token(), "application/grpc-web+proto"), ("x", "application/grpc-web+proto")] {
        let request = house.request(Method::POST, rpc).bearer_auth(bearer).header("content-type", kind);
        let answer = Answer::of(request.body(vec![0; 5])).await;
        assert_eq!(answer.status, 200, "{answer:#?}");
        check(rpc, Holds::Grpc, &answer);
    }
    let browser = Browser::administrator(&house, house.bootstrap()).await;
    let code = house.code(&house.invokable("{ viewer { id } }").await).await;
    for page in ["/console/", browser.local(&code.url)] {
        let answer = browser.get(page).await;
        assert_eq!(answer.status, 200, "{answer:#?}");
        check(page, Holds::Page, &answer);
    }
}

#[tokio::test]
async fn no_other_site_is_told_that_it_may_call() {
    let house = Installation::shared();
    let portal = house.portal_of("{ viewer { id } }").await;
    let routes = [
        "/".to_owned(),
        path(&portal.slug),
        format!("{}/tokens", path(&portal.slug)),
        format!("{}/codes", path(&portal.slug)),
        "/v2/user".to_owned(),
        PORTALS.to_owned(),
        "/graphql".to_owned(),
        "/secret_scanning".to_owned(),
        "/console/sign-in".to_owned(),
        "/.well-known/jwks.json".to_owned(),
        "/portals.token.v1.TokenService/GetAuthenticatedUser".to_owned(),
        "/no-such-route".to_owned(),
    ];
    for route in routes {
        for origin in ["https://evil.example", "null", "http://localhost:3000"] {
            let request = house.request(Method::OPTIONS, &route).header("origin", origin);
            let request = request.header("access-control-request-method", "POST");
            let answer =
                Answer::of(request.header("access-control-request-headers", "authorization,content-type")).await;
            assert!((400..500).contains(&answer.status), "{route}: {answer:#?}");
            assert_eq!(answer.header("access-control-allow-origin"), None, "{route} {origin}");
        }
    }
}
