//! `/graphql`: a caller's own documents, with an API access token.

use kit::credential::{Kind, Plain};
use reqwest::Method;
use serde_json::{Value, json};
use suite::{Answer, Installation};

async fn post(house: &Installation, body: Value) -> Answer {
    house.rest(Method::POST, "/graphql", Some(body)).await
}

#[tokio::test]
async fn the_viewer_is_the_user_of_the_token() {
    let house = Installation::shared();
    let user = house.get("/v2/user").await.expect(200);
    let data = house.graphql("{ viewer { user { name email uuid } } }", json!({})).await;
    assert_eq!(data["viewer"]["user"]["uuid"], user["id"]);
    assert_eq!(data["viewer"]["user"]["email"], user["email"]);
}

#[tokio::test]
async fn organizations_and_pipelines_are_reached_by_slug_and_by_id() {
    let house = Installation::shared();
    let query = "query Reach($organization: ID!, $pipeline: ID!) { organization(slug: $organization) { id slug pipelines(first: \
                 10) { count edges { node { id slug } } } } pipeline(slug: $pipeline) { id name organization { slug } } }";
    let variables = json!({"organization": "my-organization", "pipeline": "my-organization/my-pipeline"});
    let data = house.graphql(query, variables).await;
    assert_eq!(data["organization"]["slug"], "my-organization");
    let listed = data["organization"]["pipelines"]["edges"].as_array().unwrap();
    let slugs: Vec<_> = listed.iter().map(|edge| edge["node"]["slug"].as_str().unwrap()).collect();
    assert!(slugs.contains(&"my-pipeline"), "{data:#}");
    assert_eq!(data["pipeline"]["organization"]["slug"], "my-organization");
    for object in [&data["organization"]["id"], &data["pipeline"]["id"]] {
        let found = house.graphql("query N($id: ID!) { node(id: $id) { id } }", json!({"id": object})).await;
        assert_eq!(found["node"]["id"], *object);
    }
}

#[tokio::test]
async fn a_pipeline_and_its_builds_live_through_their_states() {
    let house = Installation::start();
    let organization = house.graphql("{ organization(slug: \"my-organization\") { id } }", json!({})).await;
    let create = "mutation P($o: ID!) { pipelineCreate(input: {organizationId: $o, name: \"Second one\", repository: {url: \
                  \"git@example.com:a/b.git\"}, steps: {yaml: \"steps: []\"}}) { pipeline { id slug } } }";
    let pipeline = house.graphql(create, json!({"o": organization["organization"]["id"]})).await;
    let pipeline = &pipeline["pipelineCreate"]["pipeline"];
    assert_eq!(pipeline["slug"], "second-one");
    let build = "mutation B($p: ID!) { buildCreate(input: {pipelineID: $p, commit: \"HEAD\", branch: \"main\", message: \"Hi\", \
                 env: [\"A=1\"], author: {name: \"Ann\", email: \"ann@example.com\"}}) { build { id number state message env } } }";
    let made = house.graphql(build, json!({"p": pipeline["id"]})).await["buildCreate"]["build"].clone();
    assert_eq!((&made["number"], &made["state"], &made["message"]), (&json!(1), &json!("SCHEDULED"), &json!("Hi")));
    let cancel = "mutation C($id: ID!) { buildCancel(input: {id: $id}) { build { state } } }";
    let canceled = house.graphql(cancel, json!({"id": made["id"]})).await;
    let state = canceled["buildCancel"]["build"]["state"].as_str().unwrap().to_owned();
    assert!(["CANCELED", "CANCELING"].contains(&state.as_str()), "{state}");
    let rebuild =
        "mutation R($id: ID!) { buildRebuild(input: {id: $id}) { rebuild { number rebuiltFrom { number } } } }";
    let again = house.graphql(rebuild, json!({"id": made["id"]})).await;
    assert_eq!(again["buildRebuild"]["rebuild"], json!({"number": 2, "rebuiltFrom": {"number": 1}}));
}

#[tokio::test]
async fn the_operation_is_chosen_by_operation_name() {
    let house = Installation::shared();
    let query = "query A { a: viewer { id } } query B { b: viewer { id } }";
    let answer = post(&house, json!({"query": query, "operationName": "B"})).await;
    assert!(answer.data()["b"].is_object());
    let ambiguous = post(&house, json!({"query": query})).await;
    assert!(ambiguous.json()["errors"].is_array(), "{ambiguous:#?}");
}

#[tokio::test]
async fn a_document_that_is_not_valid_answers_errors_and_no_data() {
    let house = Installation::shared();
    for query in ["{ nonsense }", "{", "query A($a: Int!) { viewer { id } }"] {
        let body = post(&house, json!({"query": query})).await.json();
        assert!(body["errors"][0]["message"].is_string(), "{query}: {body:#}");
        assert_eq!(body.get("data"), None, "the GraphQL specification wants no data where nothing ran: {body:#}");
    }
}

#[tokio::test]
async fn a_body_without_a_query_is_refused() {
    let house = Installation::shared();
    for body in [json!({}), json!({"query": 3}), json!({"query": "{ viewer { id } }", "variables": []})] {
        let answer = post(&house, body).await;
        assert!([400, 422].contains(&answer.status), "{answer:#?}");
    }
}

#[tokio::test]
async fn no_token_or_a_bad_one_is_401() {
    let house = Installation::shared();
    let request = || house.request(Method::POST, "/graphql").json(&json!({"query": "{ viewer { id } }"}));
    Answer::of(request()).await.error_code(401, "authentication_required");
    let unknown = Plain::token("bk", Kind::Api, &[1; 32]);
    Answer::of(request().bearer_auth(unknown.expose())).await.error_code(401, "authentication_required");
    post(&house, json!({"query": "{ viewer { id } }"})).await.data();
}

#[tokio::test]
async fn hostile_documents_are_answered_fast() {
    let house = Installation::shared();
    let doubling: String =
        (0..30).map(|at| format!("fragment F{at} on User {{ ...F{n} ...F{n} }} ", n = at + 1)).collect();
    for query in [
        "{".repeat(100_000),
        format!("{{ viewer {{ user {{ ...F0 }} }} }} {doubling} fragment F30 on User {{ id }}"),
        format!("{{ viewer {{ {} }} }}", (0..5000).map(|at| format!("a{at}:id ")).collect::<String>()),
    ] {
        let begun = std::time::Instant::now();
        let answer = post(&house, json!({"query": query})).await;
        assert!(answer.status < 500, "{answer:#?}");
        assert!(begun.elapsed().as_secs() < 2, "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_document_says_what_it_costs_and_who_has_spent_a_window_waits() {
    let house = Installation::start_with(&[("PORTAL_LIMITS__GRAPHQL_USER_COMPLEXITY", "5")]);
    let query = || post(&house, json!({"query": "{ viewer { user { name } organizations(first: 10) { count } } }"}));
    let answer = query().await;
    assert_eq!((answer.number("ratelimit-complexity-requested"), answer.number("ratelimit-complexity-actual")), (3, 3));
    // The second one crosses the line and is answered. A window may end in between, but not between any two of ten.
    let mut refused = None;
    for _ in 0..10 {
        let answer = query().await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("a refusal");
    let body = refused.error(429);
    assert_eq!(
        (&body["code"], &body["scope"], &body["limit"]),
        (&json!("rate_limited"), &json!("graphql_complexity"), &json!(5))
    );
    assert_eq!(refused.number("retry-after"), body["reset"].as_u64().unwrap());
    // Portals have their own limit.
    let portal = house.portal_of("{ viewer { id } }").await;
    house.call(&portal, json!({})).await.data();
}

#[tokio::test]
async fn members_and_teams_are_those_of_the_directory() {
    let house = Installation::start();
    let added = json!({"email": "bob@example.com", "name": "Bob"});
    let bob = house.rest(Method::POST, "/v2/organizations/my-organization/members", Some(added)).await.expect(201);
    let list = "query($role: [OrganizationMemberRole!], $after: String) { organization(slug: \"my-organization\") { id members(first: 1, \
                order: NAME, role: $role, after: $after) { count pageInfo { hasNextPage endCursor } edges { node { id user { id uuid name } } } } } }";
    let members = house.graphql(list, json!({"role": "MEMBER"})).await["organization"].take();
    assert_eq!(
        (&members["members"]["count"], &members["members"]["pageInfo"]["hasNextPage"]),
        (&json!(1), &json!(false))
    );
    let node = &members["members"]["edges"][0]["node"];
    assert_eq!((&node["user"]["uuid"], &node["user"]["name"]), (&bob["id"], &json!("Bob")));
    let first = house.graphql(list, json!({})).await["organization"]["members"].take();
    let second =
        house.graphql(list, json!({"after": first["pageInfo"]["endCursor"]})).await["organization"]["members"].take();
    assert_eq!((&first["pageInfo"]["hasNextPage"], &second["pageInfo"]["hasNextPage"]), (&json!(true), &json!(false)));
    assert_ne!(first["edges"][0]["node"]["id"], second["edges"][0]["node"]["id"]);
    let found = house
        .graphql("query($id: ID!) { node(id: $id) { ... on OrganizationMember { role } } }", json!({"id": node["id"]}))
        .await;
    assert_eq!(found["node"]["role"], "MEMBER");
    let create = "mutation($o: ID!) { teamCreate(input: {organizationID: $o, name: \"Web\", privacy: SECRET, isDefaultTeam: false, \
                  defaultMemberRole: MEMBER}) { teamEdge { node { id } } } }";
    let team = house.graphql(create, json!({"o": members["id"]})).await["teamCreate"]["teamEdge"]["node"]["id"].take();
    let join = "mutation($t: ID!, $u: ID!) { teamMemberCreate(input: {teamID: $t, userID: $u}) { team { members { count } } } }";
    let joined = house.graphql(join, json!({"t": team, "u": node["user"]["id"]})).await;
    assert_eq!(joined["teamMemberCreate"]["team"]["members"]["count"], 1);
    let uuid = bob["id"].as_str().unwrap();
    house.rest(Method::DELETE, &format!("/v2/organizations/my-organization/members/{uuid}"), None).await;
    let left = house.graphql("{ team(slug: \"my-organization/web\") { members { count } } }", json!({})).await;
    assert_eq!(left["team"]["members"]["count"], 0, "who leaves the organization is in none of its teams");
}
