//! The route table decides who may do what (S22, S4): every route of the description, with every kind of caller.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};
use suite::{
    Answer, Caller, Installation,
    admin::User,
    described::{Route, routes},
};

const QUERY: &str = "{ viewer { id } }";

/// What a route's parameters may name.
#[derive(Debug)]
struct Things {
    organization: &'static str,
    portal: String,
    upstream: String,
    pipeline: String,
    delivery: String,
    /// Of a secret, a service token, a member and so on: by the word before it in the path.
    uuids: BTreeMap<String, String>,
}

impl Things {
    /// Makes one of everything in an organization.
    async fn of(caller: &Caller, organization: &'static str) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let root = format!("/v2/organizations/{organization}");
        let post = async |path: String, body: Value| caller.rest(Method::POST, &path, Some(body)).await.expect(201);
        let portal =
            post(format!("{root}/portals"), json!({"name": "things", "query": QUERY, "user_invokable": true})).await;
        let upstream = json!({"slug": "things", "url": "https://shop.example/graphql",
            "schema": {"source": "sdl", "sdl": "type Query { a: Int }"}});
        post(format!("{root}/upstreams"), upstream).await;
        let portal = text(&portal["slug"]);
        let mut uuids = BTreeMap::new();
        for kind in ["secrets", "service_tokens"] {
            let made = post(format!("{root}/portals/{portal}/{kind}"), json!({})).await;
            uuids.insert(kind.to_owned(), text(&made["uuid"]));
        }
        let members = caller.get(&format!("{root}/members")).await.expect(200);
        uuids.insert("members".to_owned(), text(&members[0]["id"]));
        let tokens = caller.get(&format!("{root}/api-access-tokens")).await.expect(200);
        uuids.insert("api-access-tokens".to_owned(), text(&tokens[0]["uuid"]));
        let service = json!({"settings": {"url": "https://hooks.example.com/"}});
        let service = text(&post(format!("{root}/services"), service).await["id"]);
        let ping = caller.rest(Method::POST, &format!("{root}/services/{service}/test"), None).await.expect(202);
        uuids.insert("services".to_owned(), service);
        let events = caller.get(&format!("{root}/audit_events")).await.expect(200);
        uuids.insert("audit_events".to_owned(), text(&events["items"][0]["uuid"]));
        let pipeline = pipeline(caller, organization).await;
        post(format!("{root}/pipelines/{pipeline}/builds"), json!({"commit": "HEAD", "branch": "main"})).await;
        Self { organization, portal, upstream: "things".to_owned(), pipeline, delivery: text(&ping["uuid"]), uuids }
    }

    /// Whether what the route is about is here.
    fn has(&self, route: &Route) -> bool {
        let kind = route.path.split_once("/{uuid}").and_then(|(before, _)| before.rsplit('/').next());
        kind.is_none_or(|kind| self.uuids.contains_key(kind))
    }

    /// What the parameters of that route name here. What there is none of is a UUID that nothing has.
    fn names(&self, route: &Route) -> BTreeMap<&str, &str> {
        let kind = route.path.split("/{uuid}").next().unwrap().rsplit('/').next().unwrap();
        let uuid = self.uuids.get(kind).map_or("018f2b5e-0000-7000-8000-000000000000", String::as_str);
        let slug = match () {
            () if route.path.contains("/upstreams/") => self.upstream.as_str(),
            () if route.path.contains("/pipelines/") => self.pipeline.as_str(),
            () => self.portal.as_str(),
        };
        BTreeMap::from([
            ("org", self.organization),
            ("portal", self.portal.as_str()),
            ("slug", slug),
            ("uuid", uuid),
            ("delivery", self.delivery.as_str()),
            ("number", "1"),
        ])
    }
}

/// Makes a pipeline in an organization, and gives its slug.
async fn pipeline(caller: &Caller, organization: &str) -> String {
    let found = caller.graphql("query F($o: ID!) { organization(slug: $o) { id } }", json!({"o": organization})).await;
    let create = "mutation P($o: ID!) { pipelineCreate(input: {organizationId: $o, name: \"Things\", \
                  repository: {url: \"git@example.com:a/b.git\"}, steps: {yaml: \"steps: []\"}}) { pipeline { slug } } }";
    let made = caller.graphql(create, json!({"o": found["organization"]["id"]})).await;
    made["pipelineCreate"]["pipeline"]["slug"].as_str().unwrap().to_owned()
}

/// Every scope that a route asks for.
fn scopes(routes: &[Route]) -> BTreeSet<&str> {
    routes.iter().filter_map(Route::scope).collect()
}

/// An administrator of the first organization, so that the first one's own token survives.
fn administrator(house: &Installation) -> User {
    house.admin().user_as("admin", "scoped")
}

#[tokio::test]
async fn every_route_asks_for_its_scope_and_for_no_other() {
    let house = Installation::start();
    let user = administrator(&house);
    let all = routes(&house).await;
    let things = Things::of(house.caller(), "my-organization").await;
    let everything = scopes(&all);
    for scope in &everything {
        let others: Vec<&str> = everything.iter().copied().filter(|other| other != scope).collect();
        let without = house.with(&house.admin().api_token_with(&user, &others, &[]));
        let only = house.with(&house.admin().api_token_with(&user, &[*scope], &[]));
        for route in all.iter().filter(|route| route.scope() == Some(*scope)) {
            let refused = route.ask(&without, &things.names(route)).await;
            let body = refused.error_code(403, "missing_scope");
            let message = format!("Your access token doesn't have the {scope} scope");
            assert_eq!(body["message"], message, "{} {}", route.method, route.path);
            assert!(refused.header("www-authenticate").unwrap().contains(&format!("scope=\"{scope}\"")));
        }
        // What removes comes last, so that the others find something.
        let (removing, keeping): (Vec<_>, Vec<_>) =
            all.iter().filter(|route| route.scope() == Some(*scope)).partition(|route| route.method == Method::DELETE);
        for route in keeping.into_iter().chain(removing) {
            let answer = route.ask(&only, &things.names(route)).await;
            assert!(![401, 403].contains(&answer.status), "{} {}: {answer:#?}", route.method, route.path);
            let said = route.said["responses"].get(answer.status.to_string());
            assert!(said.is_some(), "{} {} answers {}, which isn't described", route.method, route.path, answer.status);
        }
    }
}

#[tokio::test]
async fn every_route_that_takes_an_api_access_token_takes_nothing_else() {
    let house = Installation::start();
    let things = Things::of(house.caller(), "my-organization").await;
    let portal = house.portal_of(QUERY).await;
    let secret = house.secret(&portal).await;
    let unknown = "bkua_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf0hvATv";
    for route in routes(&house).await.into_iter().filter(Route::takes_api_token) {
        let path = route.at(&things.names(&route));
        for credential in ["", &portal.token, &secret.value, unknown, "nonsense"] {
            let request = house.request(route.method.clone(), &path);
            let request = if credential.is_empty() { request } else { request.bearer_auth(credential) };
            let answer = Answer::of(route.body().into_iter().fold(request, |request, body| request.json(&body))).await;
            assert_eq!(answer.status, 401, "{} {path} with {credential:?}", route.method);
            answer.error_code(401, "authentication_required");
        }
    }
}

#[tokio::test]
async fn routes_for_administrators_refuse_members_and_others_do_not() {
    let house = Installation::start();
    let things = Things::of(house.caller(), "my-organization").await;
    let member = house.admin().user_as("member", "plain");
    let caller = house.with(&house.admin().api_token(&member));
    let (mut refused, mut taken) = (0, 0);
    for route in
        routes(&house).await.into_iter().filter(|route| route.path.contains("{org}") && route.takes_api_token())
    {
        let answer = route.ask(&caller, &things.names(&route)).await;
        if route.is_for_administrators() {
            answer.error_code(403, "forbidden");
            refused += 1;
        } else {
            assert_ne!(answer.status, 403, "{} {}", route.method, route.path);
            taken += 1;
        }
    }
    assert!(refused > 15 && taken > 10, "{refused} and {taken}");
}

#[tokio::test]
async fn every_route_of_another_organization_is_as_one_of_no_organization() {
    let house = Installation::start();
    let admin = house.admin();
    let mut tenants = Vec::new();
    for organization in ["acme", "globex"] {
        let user = admin.user(organization);
        admin.organization(organization);
        admin.member(&user, organization, "admin");
        let caller = house.with(&admin.api_token(&user));
        let things = Things::of(&caller, organization).await;
        tenants.push((caller, things));
    }
    let all = routes(&house).await;
    let nobody = || "nobody".to_owned();
    let nowhere = Things {
        organization: "nobody",
        portal: nobody(),
        upstream: nobody(),
        pipeline: nobody(),
        delivery: nobody(),
        uuids: BTreeMap::new(),
    };
    for (caller, foreign) in [(&tenants[0].0, &tenants[1].1), (&tenants[1].0, &tenants[0].1)] {
        for route in all.iter().filter(|route| route.path.contains("{org}") && route.takes_api_token()) {
            let refused = route.ask(caller, &foreign.names(route)).await;
            let mut body = refused.error_code(404, "not_found");
            let unknown = route.ask(caller, &nowhere.names(route)).await;
            let other = unknown.error_code(404, "not_found");
            body["request_id"] = other["request_id"].clone();
            assert_eq!(body, other, "{} {} can be told from nothing", route.method, route.path);
        }
    }
    // The owners find all of it as they left it.
    for (caller, things) in &tenants {
        let about_these = |route: &&Route| route.path.contains("{org}") && route.takes_api_token() && things.has(route);
        for route in all.iter().filter(|route| route.method == Method::GET).filter(about_these) {
            let answer = route.ask(caller, &things.names(route)).await;
            assert_eq!(answer.status, 200, "{} {}", route.method, route.path);
        }
        let portals = caller.get(&format!("/v2/organizations/{}/portals", things.organization)).await.expect(200);
        assert_eq!(portals.as_array().map(Vec::len), Some(1));
        assert_eq!(portals[0]["query"], QUERY);
    }
}
