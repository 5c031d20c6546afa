//! Each kind of credential works at its own endpoints and nowhere else (S3): every kind at every endpoint.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};
use suite::{Answer, Browser, Installation, Portal, device::Code, grant, path};

/// The endpoints, and the kinds that they take.
const TABLE: [(&str, &[&str]); 11] = [
    ("call", &["service token", "ephemeral token", "user token"]),
    ("exchange", &["secret"]),
    ("exchange with Basic", &["secret"]),
    ("code exchange", &["code secret"]),
    ("REST", &["API access token"]),
    ("GraphQL", &["API access token"]),
    ("console by cookie", &["session"]),
    ("console by header", &[]),
    ("REST by cookie", &[]),
    ("gRPC-Web", &["API access token"]),
    ("gRPC-Web by cookie", &["session"]),
];

/// Where the kinds are tried.
struct Scene<'a> {
    house: &'a Installation,
    portal: Portal,
    browser: Browser<'a>,
}

impl Scene<'_> {
    async fn kinds(&self) -> BTreeMap<&'static str, String> {
        let (house, portal) = (self.house, &self.portal);
        let secret = house.secret(portal).await;
        let code = house.code(portal).await;
        self.browser.approve(&code).await;
        let pending = house.code(portal).await;
        BTreeMap::from([
            ("service token", portal.token.clone()),
            ("ephemeral token", house.ephemeral(portal, &secret).await),
            ("user token", house.user_token(portal, &code).await),
            ("secret", secret.value),
            ("code", pending.code),
            ("code secret", pending.secret),
            ("API access token", house.api_token().to_owned()),
            ("session", self.browser.cookies()[0].1.clone()),
            ("password", house.bootstrap().text("password").to_owned()),
        ])
    }

    /// Shows `credential` at `endpoint`, which may need a code that nobody decided on.
    async fn show(&self, endpoint: &str, credential: &str, pending: Option<&Code>) -> Answer {
        let (house, portal) = (self.house, &self.portal);
        let name = &self.browser.cookies()[0].0;
        let cookie = |path: &str| house.request(Method::GET, path).header("Cookie", format!("{name}={credential}"));
        let web = || {
            let request = house.request(Method::POST, "/portals.token.v1.TokenService/GetAuthenticatedUser");
            let request = request.header("Content-Type", "application/grpc-web+proto").body(vec![0; 5]);
            request.header("Origin", house.gateway())
        };
        let only_grant = json!({"grant_type": "client_credentials"});
        let request = match endpoint {
            "call" => house.request(Method::POST, &path(&portal.slug)).bearer_auth(credential).json(&json!({})),
            "exchange" => house.exchanging(portal).json(&grant(portal, credential)),
            "exchange with Basic" => {
                house.exchanging(portal).basic_auth(portal.uuid(), Some(credential)).json(&only_grant)
            }
            "code exchange" => {
                let code = pending.expect("a code").clone();
                house.exchanging(portal).json(&Code { secret: credential.to_owned(), ..code }.grant())
            }
            "REST" => house.request(Method::GET, "/v2/user").bearer_auth(credential),
            "GraphQL" => {
                let query = json!({"query": "{ viewer { id } }"});
                house.request(Method::POST, "/graphql").bearer_auth(credential).json(&query)
            }
            "console by cookie" => cookie("/console/"),
            "console by header" => house.request(Method::GET, "/console/").bearer_auth(credential),
            "REST by cookie" => cookie("/v2/user"),
            "gRPC-Web" => web().bearer_auth(credential),
            "gRPC-Web by cookie" => web().header("Cookie", format!("{name}={credential}")),
            _ => panic!("no endpoint {endpoint}"),
        };
        Answer::of(request).await
    }
}

/// Whether an endpoint took the credential.
fn taken(endpoint: &str, answer: &Answer) -> bool {
    let body: Value = serde_json::from_str(&answer.text).unwrap_or_default();
    let ran = answer.status == 200 && answer.header("grpc-status").is_none();
    ran || endpoint == "code exchange" && body["code"] == "authorization_pending"
}

#[tokio::test]
async fn every_kind_at_every_endpoint() {
    let house = Installation::shared();
    let portal = house.invokable("{ viewer { id } }").await;
    let browser = Browser::administrator(&house, house.bootstrap()).await;
    let scene = Scene { house: &house, portal, browser };
    let kinds = scene.kinds().await;
    for (endpoint, takes) in TABLE {
        for (kind, credential) in &kinds {
            // A code is good for five wrong secrets only: each kind is tried with one of its own.
            let code = if endpoint == "code exchange" { Some(house.code(&scene.portal).await) } else { None };
            let of_code = code.as_ref().filter(|_| *kind == "code secret").map(|code| &code.secret);
            let answer = scene.show(endpoint, of_code.unwrap_or(credential), code.as_ref()).await;
            assert_eq!(taken(endpoint, &answer), takes.contains(kind), "{kind} at {endpoint}: {answer:#?}");
            assert!(answer.status < 500, "{kind} at {endpoint}: {answer:#?}");
        }
    }
    // All of them are still what they were.
    for (kind, credential) in &kinds {
        let endpoint = TABLE.iter().find(|(_, takes)| takes.contains(kind)).map(|row| row.0);
        if let Some(endpoint) = endpoint.filter(|endpoint| *endpoint != "code exchange") {
            assert!(taken(endpoint, &scene.show(endpoint, credential, None).await), "{kind} is spent");
        }
    }
}
