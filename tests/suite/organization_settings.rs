//! The settings of an organization (spec §9), and what they do: from where it is managed, who may have tokens made, how many
//! calls its portals may have, and how all limits stand.

use std::net::IpAddr;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use suite::{Answer, Browser, Installation, PORTALS, path, unique};

const ORGANIZATION: &str = "/v2/organizations/my-organization";
const SETTINGS: &str = "/v2/organizations/my-organization/api-settings";

/// From `127.0.0.<last>`, with the first API access token.
fn from(house: &Installation, last: u8, method: Method, path: &str) -> RequestBuilder {
    house.request_from(IpAddr::from([127, 0, 0, last]), method, path).bearer_auth(house.api_token())
}

async fn set(house: &Installation, body: Value) -> Answer {
    house.rest(Method::PATCH, SETTINGS, Some(body)).await
}

/// A call of an RPC by gRPC-Web with the console's session.
fn by_session(house: &Installation, cookie: &str, last: u8) -> RequestBuilder {
    let slug = suite::rpc::delimited(1, b"my-organization");
    let frame = [&[0][..], &u32::try_from(slug.len()).unwrap().to_be_bytes(), &slug].concat();
    let address = IpAddr::from([127, 0, 0, last]);
    let request = house.request_from(address, Method::POST, "/portals.registry.v1.RegistryService/GetOrganization");
    let request = request.header("Content-Type", "application/grpc-web+proto").header("Cookie", cookie.to_owned());
    request.header("Origin", house.gateway()).header("Sec-Fetch-Site", "same-origin").body(frame)
}

#[tokio::test]
async fn the_list_of_an_organization_counts_in_every_language_and_not_for_its_portals() {
    let house = Installation::start();
    let portal = house.portal_of("{ viewer { id } }").await;
    let browser = Browser::administrator(&house, house.bootstrap()).await;
    let (name, session) = browser.cookies().remove(0);
    let cookie = format!("{name}={session}");
    let list = " 127.0.0.1\t2001:db8::/32 ";
    let settings = set(&house, json!({"allowed_ip_addresses": list})).await.expect(200);
    assert_eq!(settings["allowed_ip_addresses"], list, "byte for byte");
    for (last, admitted) in [(1, true), (2, false)] {
        let rest = Answer::of(from(&house, last, Method::GET, PORTALS)).await;
        let query = json!({"query": "{ organization(slug: \"my-organization\") { name } }"});
        let graphql = Answer::of(from(&house, last, Method::POST, "/graphql").json(&query)).await.expect(200);
        let web = Answer::of(by_session(&house, &cookie, last)).await;
        let listed = Answer::of(from(&house, last, Method::GET, "/v2/organizations")).await.expect(200);
        assert_eq!(graphql["data"]["organization"].is_object(), admitted, "{graphql:#}");
        assert_eq!(listed.as_array().unwrap().len(), usize::from(admitted), "{listed:#}");
        if admitted {
            rest.expect(200);
            assert_eq!(web.header("grpc-status").unwrap_or("0"), "0", "{web:#?}");
        } else {
            let refused = rest.error_code(403, "ip_not_allowed");
            assert_eq!(refused["message"], "Request IP is not allowed for this organization");
            assert_eq!(web.header("grpc-status"), Some("7"), "{web:#?}");
            assert_eq!(rest.header("ratelimit-limit"), None);
        }
        // The token itself, and the portals, have lists of their own.
        Answer::of(from(&house, last, Method::GET, "/v2/user")).await.expect(200);
        let call = house.request_from(IpAddr::from([127, 0, 0, last]), Method::POST, &path(&portal.slug));
        Answer::of(call.bearer_auth(&portal.token).json(&json!({}))).await.data();
    }
    set(&house, json!({"allowed_ip_addresses": null})).await.expect(200);
    Answer::of(from(&house, 2, Method::GET, PORTALS)).await.expect(200);
}

#[tokio::test]
async fn nobody_locks_themself_out_by_mistake() {
    let house = Installation::start();
    for list in ["192.0.2.0/24", "2001:db8::/32"] {
        let refused = set(&house, json!({"allowed_ip_addresses": list})).await;
        let body = refused.error_code(422, "validation_failed");
        assert!(body["message"].as_str().unwrap().contains("127.0.0.1"), "{body:#}");
        assert_eq!(refused.fields().into_iter().collect::<Vec<_>>(), ["allowed_ip_addresses"]);
    }
    for list in ["10.0.0.1/8", "nonsense", &"127.0.0.1 ".repeat(25)] {
        set(&house, json!({"allowed_ip_addresses": list, "allow_lockout": true}))
            .await
            .error_code(422, "validation_failed");
    }
    assert_eq!(house.get(SETTINGS).await.expect(200)["allowed_ip_addresses"], Value::Null);
    set(&house, json!({"allowed_ip_addresses": "192.0.2.0/24", "allow_lockout": true})).await.expect(200);
    house.get(SETTINGS).await.error_code(403, "ip_not_allowed");
    // Whoever runs the installation lets them in again.
    house.admin().ok(&["clear-allowed-addresses", "--organization", "my-organization"], "");
    assert_eq!(house.get(SETTINGS).await.expect(200)["allowed_ip_addresses"], Value::Null);
    let events = house.get(&format!("{ORGANIZATION}/audit_events?type=OrganizationApiSettingsUpdatedEvent")).await;
    let newest = events.expect(200)["items"][0].clone();
    assert_eq!((&newest["actor"], &newest["context"]["type"]), (&Value::Null, &json!("OperatorContext")));
    assert_eq!(newest["data"], json!({"allowed_ip_addresses": ["192.0.2.0/24", null]}));
}

#[tokio::test]
async fn where_it_is_restricted_only_administrators_have_tokens_made() {
    let house = Installation::start();
    let admin = house.admin();
    let (member, boss) = (admin.user_as("member", "plain"), admin.user_as("admin", "boss"));
    let before = admin.api_token(&member);
    let settings = set(&house, json!({"restrict_user_api_token_creation": true})).await.expect(200);
    assert_eq!(settings["restrict_user_api_token_creation"], true);
    let ended = admin.run(&["create-api-token", "--email", &member.email, "--all-scopes"], "");
    assert!(!ended.status.success() && ended.stderr.contains("administrators alone"), "{ended:?}");
    admin.api_token(&boss);
    // What there was before goes on.
    house.with(&before).get(ORGANIZATION).await.expect(200);
    // Elsewhere the member may: the token reaches nothing more.
    let other = unique("open");
    admin.organization(&other);
    admin.member(&member, &other, "member");
    let reached = house.with(&admin.api_token(&member)).get("/v2/organizations").await.expect(200);
    assert_eq!(reached.as_array().unwrap().iter().map(|one| &one["slug"]).collect::<Vec<_>>(), [&json!(other)]);
}

#[tokio::test]
async fn an_organization_has_its_own_number_of_calls() {
    let house = Installation::start_with(&[
        ("PORTAL_LIMITS__REQUESTS_PER_MINUTE", "1000"),
        ("PORTAL_LIMITS__MOST_REQUESTS_PER_MINUTE", "500"),
    ]);
    let portal = house.portal_of("{ viewer { id } }").await;
    assert_eq!(house.get(SETTINGS).await.expect(200)["portal_requests_per_minute"], Value::Null);
    assert_eq!(house.call(&portal, json!({})).await.number("ratelimit-limit"), 1_000);
    let settings = set(&house, json!({"portal_requests_per_minute": 3})).await.expect(200);
    assert_eq!(settings["portal_requests_per_minute"], 3);
    let limit = suite::wait::need_async("the new limit", std::time::Duration::from_secs(5), async || {
        let answer = house.call(&portal, json!({})).await;
        (answer.number("ratelimit-limit") == 3).then_some(answer)
    });
    limit.await;
    let mut statuses = Vec::new();
    for _ in 0..10 {
        statuses.push(house.call(&portal, json!({})).await.status);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
    for wrong in [json!(0), json!(501)] {
        let refused =
            set(&house, json!({"portal_requests_per_minute": wrong, "revoke_inactive_tokens_after_days": 30})).await;
        refused.error_code(422, "validation_failed");
    }
    let after = house.get(SETTINGS).await.expect(200);
    assert_eq!(
        (&after["portal_requests_per_minute"], &after["revoke_inactive_tokens_after_days"]),
        (&json!(3), &Value::Null)
    );
    set(&house, json!({"portal_requests_per_minute": null})).await.expect(200);
}

#[tokio::test]
async fn how_all_limits_stand_is_told_and_costs_one_request() {
    let house = Installation::start_with_defaults();
    let portal = house.portal_of("{ viewer { id } }").await;
    let limits = format!("{ORGANIZATION}/rate_limit");
    let user = house.admin().user_as("member", "limited");
    // No scope is needed.
    let member = house.with(&house.admin().api_token_with(&user, &["read_user"], &[]));
    let before = member.get(&limits).await;
    let scopes = before.expect(200)["scopes"].clone();
    for (scope, limit) in [("rest", 200), ("graphql", 20_000), ("portal", 200)] {
        let stands = &scopes[scope];
        assert_eq!((&stands["limit"], &stands["enforced"]), (&json!(limit), &json!(true)), "{scopes:#}");
        assert!(stands["reset"].as_u64().unwrap() >= 1 && stands["reset_at"].as_str().unwrap().contains(".000Z"));
    }
    assert_eq!(scopes["rest"]["current"].as_u64().unwrap(), 200 - before.number("ratelimit-remaining"));
    house.call(&portal, json!({})).await.data();
    house.graphql("{ viewer { user { name } } }", json!({})).await;
    let again = member.get(&limits).await;
    let after = again.expect(200)["scopes"].clone();
    // In the next window the counts have begun anew.
    let grew = |scope: &str, by: u64| {
        let [old, new] = [&scopes, &after].map(|scopes| scopes[scope]["current"].as_u64().unwrap());
        new == old + by || after[scope]["reset_at"] != scopes[scope]["reset_at"]
    };
    assert!(grew("portal", 1) && grew("graphql", 2) && grew("rest", 1), "{scopes:#} {after:#}");
    let unlimited = Installation::shared();
    let scopes = unlimited.get(&limits).await.expect(200)["scopes"].clone();
    for scope in ["rest", "graphql", "portal"] {
        let stands = &scopes[scope];
        assert_eq!([&stands["limit"], &stands["current"], &stands["enforced"]], [&json!(0), &json!(0), &json!(false)]);
    }
    unlimited.get("/v2/organizations/nowhere/rate_limit").await.error_code(404, "not_found");
}
