//! User identity at upstreams: what they are told, and that what `docs/user-identity.md` tells them to do with it works.

use std::{
    future::{Ready, ready},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, extract::State, routing::post};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use contracts::registry::v1::{CreateUpstreamRequest, SchemaSource, registry_service_client::RegistryServiceClient};
use kit::{boot::Tasks, keys::RootKeys};
use reqwest::{Method, header::HeaderMap};
use ring::{
    hmac,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use serde_json::{Value, json};
use suite::{Browser, Installation, Portal, admin::User, clients, unique, wait};
use tokio::net::TcpListener;

const PAGE: &str = "user-identity.md";
const HEADER: &str = "portal-user-assertion";

/// A GraphQL API that keeps the headers it was sent.
#[derive(Clone, Default)]
struct Far(Arc<Mutex<Vec<HeaderMap>>>);

impl Far {
    async fn start() -> (Self, SocketAddr) {
        let far = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new().route("/graphql", post(Self::answer)).with_state(far.clone());
        Tasks::default().spawn(async move { axum::serve(listener, routes).await.unwrap() });
        (far, address)
    }

    fn answer(State(far): State<Self>, headers: HeaderMap) -> Ready<([(&'static str, &'static str); 1], &'static str)> {
        far.0.lock().unwrap().push(headers);
        ready(([("content-type", "application/json")], r#"{"data":{"hello":"you"}}"#))
    }

    fn calls(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// The assertion of the last call.
    fn last(&self) -> Option<String> {
        let calls = self.0.lock().unwrap();
        let values: Vec<_> = calls.last().unwrap().get_all(HEADER).iter().collect();
        assert!(values.len() < 2, "{values:?}");
        values.first().map(|value| value.to_str().unwrap().to_owned())
    }
}

struct Scene {
    house: Installation,
    far: Far,
    /// Where the API is, as assertions name it.
    audience: String,
    portal: Portal,
    user: User,
    /// The user's.
    token: String,
}

/// A portal in front of another API, which a user lets run as them.
async fn scene() -> Scene {
    let house = Installation::start_with(&[("PORTAL_UPSTREAM__ALLOWED_NETWORKS", "127.0.0.0/8")]);
    let (far, address) = Far::start().await;
    let audience = format!("http://{address}");
    let mut registry = RegistryServiceClient::connect(house.bootstrap().text("portal_grpc").to_owned()).await.unwrap();
    let mut request = tonic::Request::new(CreateUpstreamRequest {
        organization: "my-organization".to_owned(),
        slug: "far".to_owned(),
        url: format!("{audience}/graphql"),
        schema_source: SchemaSource::Sdl.into(),
        sdl: "type Query { hello: String }".to_owned(),
        ..CreateUpstreamRequest::default()
    });
    request.metadata_mut().insert("authorization", format!("Bearer {}", house.api_token()).parse().unwrap());
    registry.create_upstream(request).await.unwrap();
    let body = json!({"name": unique("far"), "query": "{ hello }", "upstream": "far", "user_invokable": true});
    let portal = house.portal(body).await;
    let user = house.admin().user_as("member", "person");
    let code = house.code(&portal).await;
    Browser::signed_in(&house, &user.email, &user.password).await.approve(&code).await;
    let token = house.user_token(&portal, &code).await;
    Scene { house, far, audience, portal, user, token }
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn read(assertion: &str, part: usize) -> Value {
    let part = assertion.split('.').nth(part).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// What somebody writes who has a key.
fn signed(header: &Value, claims: &Value, key: &Ed25519KeyPair) -> String {
    let text = format!("{}.{}", encoded(header), encoded(claims));
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes())))
}

fn with(value: &Value, member: &str, other: Value) -> Value {
    let mut value = value.clone();
    value[member] = other;
    value
}

/// Assertions that no verifier may take, by what is wrong with them; the first is as good as `good`.
fn forgeries(good: &str, house: &Installation) -> Vec<(&'static str, String)> {
    let root = RootKeys::read(&house.file("portal.key")).unwrap();
    let seed = root.iter().next().unwrap().derive("portals/user-assertion/v1");
    let key = Ed25519KeyPair::from_seed_unchecked(seed.as_slice()).unwrap();
    let (header, claims) = (read(good, 0), read(good, 1));
    let now = claims["iat"].as_i64().unwrap();
    let claiming = |member: &str, other: Value| signed(&header, &with(&claims, member, other), &key);
    let altered = |member: &str, other: Value| signed(&with(&header, member, other), &claims, &key);
    let past = with(&with(&claims, "iat", json!(now - 180)), "exp", json!(now - 120));
    let (body, signature) = good.rsplit_once('.').unwrap();
    let renamed = encoded(&with(&claims, "sub", json!("018f2b5e-0000-7000-8000-000000000000")));
    let unsigned = format!("{}.{}.", encoded(&with(&header, "alg", json!("none"))), encoded(&claims));
    // The public key taken for a shared secret.
    let shared = format!("{}.{}", encoded(&with(&header, "alg", json!("HS256"))), encoded(&claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.public_key().as_ref()), shared.as_bytes());
    let stranger = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
    vec![
        ("the same again", signed(&header, &claims, &key)),
        ("another audience", claiming("aud", json!("http://127.0.0.1:1"))),
        ("another issuer", claiming("iss", json!("http://127.0.0.1:1"))),
        ("no audience", claiming("aud", Value::Null)),
        ("expired", signed(&header, &past, &key)),
        ("another type", altered("typ", json!("JWT"))),
        ("an unknown key", altered("kid", json!("unknown"))),
        ("a stranger's signature", signed(&header, &claims, &stranger)),
        ("another user", format!("{}.{renamed}.{signature}", body.split_once('.').unwrap().0)),
        ("no signature", format!("{body}.")),
        ("alg none", unsigned),
        ("alg HS256", format!("{shared}.{}", URL_SAFE_NO_PAD.encode(tag))),
        ("nonsense", "nonsense".to_owned()),
    ]
}

#[tokio::test]
async fn the_documented_verifiers_take_what_is_genuine_and_nothing_else() {
    let Scene { house, far, audience, portal, user, token } = scene().await;
    let variables = [("PORTALS_URL", house.gateway()), ("AUDIENCE", audience.as_str())];
    for language in ["python", "javascript"] {
        // One that is fresh, however long the other language took.
        house.call_with(&portal, &token).await.data();
        let good = far.last().unwrap();
        let forged = forgeries(&good, &house);
        let mut lines: Vec<_> = forged.iter().map(|(_, assertion)| assertion.clone()).collect();
        lines.insert(0, good.clone());
        let printed = clients::documented(PAGE, language, &variables, &lines);
        assert_eq!(printed.len(), 1 + forged.len(), "{printed:#?}");
        for accepted in &printed[..2] {
            let claims: Value = serde_json::from_str(accepted).unwrap_or_else(|_| panic!("{language}: {accepted}"));
            assert_eq!(claims, read(&good, 1), "{language}");
            assert_eq!((&claims["email"], &claims["iss"]), (&json!(user.email), &json!(house.gateway())));
        }
        for ((what, _), refused) in forged.iter().zip(&printed[1..]).skip(1) {
            assert!(refused.starts_with("refused: "), "{language}, {what}: {refused}");
        }
    }
}

#[tokio::test]
async fn only_users_are_vouched_for_and_only_by_us() {
    let Scene { house, far, portal, token, .. } = scene().await;
    // Whatever the caller sends along.
    house.calling(&portal).header(HEADER, "forged").json(&json!({})).send().await.unwrap();
    assert_eq!((far.calls(), far.last()), (1, None));
    let request = house.request(Method::POST, &suite::path(&portal.slug)).bearer_auth(&token);
    request.header(HEADER, "forged").json(&json!({})).send().await.unwrap();
    let claims = read(&far.last().unwrap(), 1);
    assert_eq!((far.calls(), &claims["portal"]["uuid"]), (2, &json!(portal.uuid())));
    assert!(!claims.to_string().contains(&token));
}

#[tokio::test]
async fn the_keys_are_published_for_everybody() {
    let house = Installation::shared();
    let answer = house.request(Method::GET, "/.well-known/jwks.json").send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/jwk-set+json");
    assert_eq!(answer.headers()["cache-control"], "public, max-age=300");
    let keys: Value = answer.json().await.unwrap();
    let key = &keys["keys"][0];
    assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA")));
    assert_eq!(key.get("d"), None, "that would be the private one");
}

#[tokio::test]
async fn nobody_is_vouched_for_whose_membership_ended() {
    let Scene { house, far, portal, user, token, .. } = scene().await;
    house.call_with(&portal, &token).await.data();
    let members = "/v2/organizations/my-organization/members";
    let list = house.get(members).await.expect(200);
    let member = list.as_array().unwrap().iter().find(|member| member["email"] == json!(user.email)).unwrap();
    let one = format!("{members}/{}", member["id"].as_str().unwrap());
    house.rest(Method::DELETE, &one, None).await.expect(204);
    wait::need_async("the token to be refused", Duration::from_secs(5), async || {
        (house.call_with(&portal, &token).await.status == 401).then_some(())
    })
    .await;
    let calls = far.calls();
    house.call_with(&portal, &token).await.error(401);
    assert_eq!(far.calls(), calls);
}
