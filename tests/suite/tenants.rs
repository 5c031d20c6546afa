//! Nobody reaches what belongs to somebody else (S4): three organizations with three portals each, every credential at
//! every place, against an oracle that knows who owns what.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use suite::{Answer, Browser, Caller, Installation, device::Code};

const ORGANIZATIONS: [&str; 3] = ["acme", "globex", "initech"];

/// The slugs are the same in every organization.
const SLUGS: [&str; 3] = ["builds", "deploys", "reports"];

const QUERY: &str = "{ viewer { user { email } organizations(first: 10) { edges { node { slug } } } } }";

/// A portal and its credentials.
struct Tenancy {
    organization: &'static str,
    slug: &'static str,
    uuid: String,
    secret: String,
    tokens: Vec<(&'static str, String)>,
    /// The UUIDs of what can be removed, by kind.
    removable: Vec<(&'static str, String)>,
}

/// An organization, its administrator's API access token and its portals.
struct Tenant {
    organization: &'static str,
    caller: Caller,
    email: String,
    portals: Vec<Tenancy>,
}

impl Tenancy {
    fn call(&self, house: &Installation, token: &str) -> RequestBuilder {
        house.request(Method::POST, &self.path("")).bearer_auth(token).json(&json!({}))
    }

    fn exchange(&self, house: &Installation, client: &str, secret: &str) -> RequestBuilder {
        let body = json!({"grant_type": "client_credentials", "client_id": client, "secret": secret});
        house.request(Method::POST, &self.path("/tokens")).json(&body)
    }

    fn path(&self, rest: &str) -> String {
        format!("/organizations/{}/portals/{}{rest}", self.organization, self.slug)
    }

    fn managed(&self, rest: &str) -> String {
        format!("/v2/organizations/{}/portals/{}{rest}", self.organization, self.slug)
    }
}

async fn tenant(house: &Installation, organization: &'static str) -> Tenant {
    let admin = house.admin();
    let user = admin.user(organization);
    admin.organization(organization);
    admin.member(&user, organization, "admin");
    let caller = house.with(&admin.api_token(&user));
    let browser = Browser::signed_in(house, &user.email, &user.password).await;
    let mut portals = Vec::new();
    for slug in SLUGS {
        portals.push(tenancy(&caller, &browser, organization, slug).await);
    }
    Tenant { organization, caller, email: user.email, portals }
}

async fn tenancy(caller: &Caller, browser: &Browser<'_>, organization: &'static str, slug: &'static str) -> Tenancy {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let post = async |path: String, body: Value| caller.rest(Method::POST, &path, Some(body)).await;
    let portals = format!("/v2/organizations/{organization}/portals");
    let body = json!({"name": slug, "slug": slug, "query": QUERY, "user_invokable": true});
    let portal = post(portals.clone(), body).await.expect(201);
    let secret = post(format!("{portals}/{slug}/secrets"), json!({})).await.expect(201);
    let public = format!("/organizations/{organization}/portals/{slug}");
    let code = Code::of(Answer::of(caller.request(Method::POST, &format!("{public}/codes"))).await.expect(200));
    browser.approve(&code).await;
    let user_token = post(format!("{public}/tokens"), code.grant()).await.expect(200);
    let body = json!({"grant_type": "client_credentials", "client_id": portal["uuid"], "secret": secret["secret"]});
    let ephemeral = post(format!("{public}/tokens"), body).await.expect(200);
    let first = async |kind: &str| {
        let list = caller.get(&format!("{portals}/{slug}/{kind}")).await.expect(200);
        text(&list[0]["uuid"])
    };
    Tenancy {
        organization,
        slug,
        uuid: text(&portal["uuid"]),
        secret: text(&secret["secret"]),
        tokens: vec![
            ("service token", text(&portal["token"])),
            ("ephemeral token", text(&ephemeral["token"])),
            ("user token", text(&user_token["token"])),
        ],
        removable: vec![
            ("secrets", text(&secret["uuid"])),
            ("service_tokens", first("service_tokens").await),
            ("live_tokens", first("live_tokens").await),
        ],
    }
}

async fn tenants(house: &Installation) -> Vec<Tenant> {
    let mut tenants = Vec::new();
    for organization in ORGANIZATIONS {
        tenants.push(tenant(house, organization).await);
    }
    tenants
}

fn all(tenants: &[Tenant]) -> Vec<&Tenancy> {
    tenants.iter().flat_map(|tenant| &tenant.portals).collect()
}

#[tokio::test]
async fn every_token_calls_its_portal_and_no_other() {
    let house = Installation::start();
    let tenants = tenants(&house).await;
    for at in all(&tenants) {
        for of in all(&tenants) {
            for (kind, token) in &of.tokens {
                let answer = Answer::of(at.call(&house, token)).await;
                let expected = if at.uuid == of.uuid { 200 } else { 401 };
                assert_eq!(answer.status, expected, "{kind} of {} at {}: {answer:#?}", of.path(""), at.path(""));
                if expected == 200 {
                    sees_its_organization_only(&tenants, of, kind, &answer);
                }
            }
        }
    }
}

/// Whose authority it is decides what the built-in API shows.
#[track_caller]
fn sees_its_organization_only(tenants: &[Tenant], of: &Tenancy, kind: &str, answer: &Answer) {
    let viewer = &answer.data()["viewer"];
    let edges = viewer["organizations"]["edges"].as_array().unwrap();
    let slugs: Vec<_> = edges.iter().map(|edge| edge["node"]["slug"].as_str().unwrap()).collect();
    assert_eq!(slugs, [of.organization], "{kind}");
    let email = tenants.iter().find(|tenant| tenant.organization == of.organization).map(|tenant| &tenant.email);
    let expected = if kind == "user token" { json!(email) } else { Value::Null };
    assert_eq!(viewer["user"]["email"], expected, "{kind}");
}

#[tokio::test]
async fn every_secret_is_exchanged_at_its_portal_with_its_client_id_and_nowhere_else() {
    let house = Installation::start();
    let tenants = tenants(&house).await;
    let portals = all(&tenants);
    for at in &portals {
        for client in &portals {
            for of in &portals {
                // Of the 729 combinations, those in which at most two portals take part.
                if at.uuid != client.uuid && client.uuid != of.uuid && at.uuid != of.uuid {
                    continue;
                }
                let answer = Answer::of(at.exchange(&house, &client.uuid, &of.secret)).await;
                let expected = if at.uuid == client.uuid && client.uuid == of.uuid { 200 } else { 401 };
                let what = format!("the secret of {} as {} at {}", of.path(""), client.path(""), at.path(""));
                assert_eq!(answer.status, expected, "{what}: {answer:#?}");
            }
        }
    }
}

/// Every management route of somebody else's organization: as not there, whatever the method.
fn foreign_routes(of: &Tenant) -> Vec<(Method, String, Option<Value>)> {
    let organization = format!("/v2/organizations/{}", of.organization);
    let mut routes = vec![
        (Method::GET, organization.clone(), None),
        (Method::GET, format!("{organization}/portals"), None),
        (Method::POST, format!("{organization}/portals"), Some(json!({"name": "x", "query": QUERY}))),
        (Method::GET, format!("{organization}/members"), None),
        (
            Method::POST,
            format!("{organization}/members"),
            Some(json!({"email": "x@example.com", "name": "x", "role": "admin"})),
        ),
        (Method::GET, format!("{organization}/api-access-tokens"), None),
        (Method::GET, format!("{organization}/api-access-tokens.csv"), None),
        (Method::GET, format!("{organization}/api-settings"), None),
        (Method::PATCH, format!("{organization}/api-settings"), Some(json!({"revoke_inactive_tokens_after_days": 30}))),
        (Method::PATCH, format!("{organization}/api-settings"), Some(json!({"portal_requests_per_minute": 1}))),
        (Method::GET, format!("{organization}/audit_events"), None),
        (Method::GET, format!("{organization}/audit_events.csv"), None),
        (Method::GET, format!("{organization}/audit_events.ndjson"), None),
        (Method::GET, format!("{organization}/rate_limit"), None),
    ];
    for portal in &of.portals {
        routes.extend([
            (Method::GET, portal.managed(""), None),
            (Method::PUT, portal.managed(""), Some(json!({"name": "x"}))),
            (Method::DELETE, portal.managed(""), None),
            (Method::POST, portal.managed("/revoke_all"), None),
        ]);
        for (kind, uuid) in &portal.removable {
            routes.push((Method::GET, portal.managed(&format!("/{kind}")), None));
            routes.push((Method::DELETE, portal.managed(&format!("/{kind}/{uuid}")), None));
        }
        for kind in ["secrets", "service_tokens"] {
            routes.push((Method::POST, portal.managed(&format!("/{kind}")), Some(json!({}))));
        }
    }
    routes
}

#[tokio::test]
async fn every_route_of_another_organization_is_as_one_of_no_organization() {
    let house = Installation::start();
    let tenants = tenants(&house).await;
    for caller in &tenants {
        for of in tenants.iter().filter(|of| of.organization != caller.organization) {
            for (method, path, body) in foreign_routes(of) {
                let refused = caller.caller.rest(method.clone(), &path, body.clone()).await;
                refused.error_code(404, "not_found");
                let nowhere = path.replace(of.organization, "nobody");
                let unknown = caller.caller.rest(method.clone(), &nowhere, body).await;
                let messages = [&refused, &unknown].map(|answer| answer.json()["message"].clone());
                assert_eq!((refused.status, &messages[0]), (unknown.status, &messages[1]), "{method} {path}");
            }
        }
    }
    everything_is_untouched(&house, &tenants).await;
}

#[tokio::test]
async fn what_belongs_to_another_portal_is_not_there() {
    let house = Installation::start();
    let tenants = tenants(&house).await;
    for caller in &tenants {
        for at in &caller.portals {
            for of in all(&tenants).into_iter().filter(|of| of.uuid != at.uuid) {
                for (kind, uuid) in &of.removable {
                    let path = at.managed(&format!("/{kind}/{uuid}"));
                    caller.caller.rest(Method::DELETE, &path, None).await.error_code(404, "not_found");
                }
            }
        }
    }
    everything_is_untouched(&house, &tenants).await;
}

async fn everything_is_untouched(house: &Installation, tenants: &[Tenant]) {
    for portal in all(tenants) {
        for (kind, token) in &portal.tokens {
            assert_eq!(Answer::of(portal.call(house, token)).await.status, 200, "{kind} of {}", portal.path(""));
        }
        Answer::of(portal.exchange(house, &portal.uuid, &portal.secret)).await.expect(200);
    }
    for tenant in tenants {
        let members = format!("/v2/organizations/{}/members", tenant.organization);
        assert_eq!(tenant.caller.get(&members).await.expect(200).as_array().map(Vec::len), Some(1));
    }
}
