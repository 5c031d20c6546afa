use serde_json::{Value, json};

use super::world::{World, everywhere};
use crate::domain::relay::{Kind, encode};

const BUILDS: &str = "query($first: Int, $last: Int, $after: String, $before: String, $branch: [String!], $commit: [String!],
    $state: [BuildStates!], $metaData: [String!], $from: DateTime, $to: DateTime) { pipeline(slug: \"acme-inc/my-pipeline\") {
    builds(first: $first, last: $last, after: $after, before: $before, branch: $branch, commit: $commit, state: $state,
    metaData: $metaData, createdAtFrom: $from, createdAtTo: $to) {
    count pageInfo { startCursor endCursor hasNextPage hasPreviousPage } edges { cursor node { number } } } } }";
const PIPELINES: &str = "query($first: Int, $last: Int, $after: String, $before: String, $order: PipelineOrders, $search: String,
    $archived: Boolean, $repository: PipelineRepositoryInput) { organization(slug: \"acme-inc\") { pipelines(first: $first,
    last: $last, after: $after, before: $before, order: $order, search: $search, archived: $archived, repository: $repository) {
    count pageInfo { startCursor endCursor hasNextPage hasPreviousPage } edges { cursor node { name } } } } }";

async fn builds(world: &World, variables: Value) -> Value {
    world.run(BUILDS, variables).await["data"]["pipeline"]["builds"].take()
}

async fn pipelines(world: &World, variables: Value) -> Value {
    world.run(PIPELINES, variables).await["data"]["organization"]["pipelines"].take()
}

fn nodes<'a>(connection: &'a Value, field: &str) -> Vec<&'a Value> {
    connection["edges"].as_array().unwrap().iter().map(|edge| &edge["node"][field]).collect()
}

/// Every part of a list of `names` must be what Relay's specification says; `read` asks the database.
async fn compare(field: &str, names: &[Value], read: impl AsyncFn(Value) -> Value) {
    let all = read(json!({ "first": 500 })).await;
    assert_eq!(nodes(&all, field), names.iter().collect::<Vec<_>>());
    let cursors: Vec<_> = all["edges"].as_array().unwrap().iter().map(|edge| edge["cursor"].clone()).collect();
    let len = names.len();
    let ends = [None, Some(0), Some(2), Some(len - 1)];
    for (after, before) in ends.into_iter().flat_map(|after| ends.map(|before| (after, before))) {
        for (first, last) in
            [(Some(0), None), (Some(2), None), (None, Some(2)), (None, Some(50)), (Some(4), Some(2)), (None, None)]
        {
            let at = |end: Option<usize>| end.map(|at| cursors[at].clone());
            let part = read(json!({ "first": first, "last": last, "after": at(after), "before": at(before) })).await;
            let (from, to) = (after.map_or(0, |at| at + 1), before.unwrap_or(len));
            let between: Vec<_> = if from < to { names[from..to].iter().collect() } else { Vec::new() };
            let mut expected = between.clone();
            expected.truncate(first.unwrap_or(if last.is_none() { 30 } else { len }));
            expected.drain(..expected.len().saturating_sub(last.unwrap_or(len)));
            let context = format!("first {first:?} last {last:?} after {after:?} before {before:?}: {part}");
            assert_eq!(nodes(&part, field), expected, "{context}");
            let info = &part["pageInfo"];
            assert_eq!(info["hasNextPage"], first.is_some_and(|n| between.len() > n) || before.is_some(), "{context}");
            assert_eq!(
                info["hasPreviousPage"],
                last.is_some_and(|n| between.len() > n) || after.is_some(),
                "{context}"
            );
            let edge = |edge: Option<&Value>| edge.map_or(Value::Null, |edge| edge["cursor"].clone());
            let edges = part["edges"].as_array().unwrap();
            assert_eq!(
                (&info["startCursor"], &info["endCursor"]),
                (&edge(edges.first()), &edge(edges.last())),
                "{context}"
            );
            assert_eq!(part["count"], len, "{context}");
        }
    }
}

#[tokio::test]
async fn builds_are_paged_newest_first() {
    everywhere(async |world| {
        for _ in 0..7 {
            world.build(json!({}), "id").await;
        }
        let names: Vec<_> = (1..=7).rev().map(|number| json!(number)).collect();
        compare("number", &names, async |variables| builds(&world, variables).await).await;
    })
    .await;
}

#[tokio::test]
async fn pipelines_are_paged_in_both_orders() {
    everywhere(async |world| {
        for name in ["charlie", "alpha", "Delta", "bravo", "echo"] {
            create(&world, name).await;
        }
        let recent = ["echo", "bravo", "Delta", "alpha", "charlie", "My Pipeline"].map(Value::from);
        compare("name", &recent, async |variables| pipelines(&world, variables).await).await;
        let by_name = |mut variables: Value| {
            variables["order"] = json!("NAME");
            variables
        };
        // Engines differ in how they collate, not in that pages follow the order.
        let all = pipelines(&world, by_name(json!({}))).await;
        let named: Vec<_> = nodes(&all, "name").into_iter().cloned().collect();
        let mut sorted: Vec<_> = named.iter().map(|name| name.as_str().unwrap().to_owned()).collect();
        sorted.retain(|name| !name.starts_with(char::is_uppercase));
        assert!(sorted.is_sorted() && named.len() == 6, "{named:?}");
        compare("name", &named, async |variables| pipelines(&world, by_name(variables)).await).await;
        let crossed = json!({ "order": "NAME", "after": pipelines(&world, json!({})).await["pageInfo"]["endCursor"] });
        let answer = world.run(PIPELINES, crossed).await;
        assert_eq!(answer["errors"][0]["message"], "the cursor belongs to another order of this list");
    })
    .await;
}

async fn create(world: &World, name: &str) {
    let organization = encode(Kind::Organization, world.organization.uuid);
    let input = json!({ "organizationId": organization, "name": name, "repository": { "url": format!("git:{name}") } });
    let document = "mutation($i: PipelineCreateInput!) { pipelineCreate(input: $i) { pipeline { id } } }";
    assert_eq!(world.run(document, json!({ "i": input })).await.get("errors"), None);
}

#[tokio::test]
async fn pipelines_are_filtered_by_the_database() {
    everywhere(async |world| {
        for name in ["100% web", "100x web", "Ünder_score"] {
            create(&world, name).await;
        }
        let archive = "mutation($id: ID!) { pipelineArchive(input: { id: $id }) { pipeline { id } } }";
        world.run(archive, json!({ "id": world.pipeline_id() })).await;
        for (filter, count) in [
            (json!({ "search": "WEB" }), 2),
            (json!({ "search": "100% W" }), 1),
            (json!({ "search": "r_s" }), 1),
            (json!({ "search": "\\" }), 0),
            (json!({ "search": "a\u{0}" }), 0),
            (json!({ "archived": true }), 1),
            (json!({ "archived": false }), 3),
            (json!({ "repository": { "url": "git:100x web" } }), 1),
            (json!({ "order": null }), 4),
        ] {
            let found = pipelines(&world, filter.clone()).await;
            assert_eq!((&found["count"], nodes(&found, "name").len()), (&json!(count), count), "{filter}");
        }
    })
    .await;
}

#[tokio::test]
async fn builds_are_filtered_by_the_database() {
    everywhere(async |world| {
        let meta = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect::<Vec<_>>()
        };
        world
            .build(json!({ "branch": "main", "commit": "a", "metaData": meta(&[("k", "v:w"), ("l", "1")]) }), "id")
            .await;
        let second = world
            .build(json!({ "branch": "dev", "commit": "b", "metaData": meta(&[("k", "v:w")]) }), "id createdAt")
            .await;
        world.build(json!({ "branch": "main", "commit": "c" }), "id").await;
        let cancel = "mutation($id: ID!) { buildCancel(input: { id: $id }) { build { id } } }";
        world.run(cancel, json!({ "id": second["id"] })).await;
        for (filter, numbers) in [
            (json!({ "branch": ["main"] }), vec![3, 1]),
            (json!({ "branch": "main" }), vec![3, 1]),
            (json!({ "branch": ["%default", "x"] }), vec![3, 1]),
            (json!({ "branch": ["main", "dev"] }), vec![3, 2, 1]),
            (json!({ "branch": [] }), vec![3, 2, 1]),
            (json!({ "branch": ["\u{0}"] }), vec![]),
            (json!({ "commit": ["b", "c"] }), vec![3, 2]),
            (json!({ "state": ["CANCELED"] }), vec![2]),
            (json!({ "state": ["SCHEDULED", "PASSED"] }), vec![3, 1]),
            (json!({ "metaData": ["k:v:w"] }), vec![2, 1]),
            (json!({ "metaData": ["k:v:w", "l:1"] }), vec![1]),
            (json!({ "metaData": ["k"] }), vec![]),
            (json!({ "metaData": ["k:v"], "branch": ["main"] }), vec![]),
            (json!({ "from": "2020-01-01T00:00:00Z", "to": "2120-01-01T00:00:00+02:00" }), vec![3, 2, 1]),
            (json!({ "from": "2120-01-01T00:00:00Z" }), vec![]),
            (json!({ "to": "2020-01-01T00:00:00Z" }), vec![]),
            (json!({ "branch": ["main"], "last": 1 }), vec![1]),
        ] {
            let found = builds(&world, filter.clone()).await;
            let expected: Vec<_> = numbers.iter().map(|number| json!(number)).collect();
            assert_eq!(nodes(&found, "number"), expected.iter().collect::<Vec<_>>(), "{filter}");
            if filter.get("last").is_none() {
                assert_eq!(found["count"], expected.len(), "{filter}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_users_builds_are_listed() {
    everywhere(async |world| {
        world.build(json!({}), "id").await;
        for branch in ["a", "b"] {
            world.build_as(world.ada(), json!({ "branch": branch }), "id").await;
        }
        let document = "{ viewer { user { name builds { count edges { node { branch pipeline { name } } } } } builds(first: 1, branch: \"a\") {
            edges { node { number } } } organizations { count edges { node { slug } } } } }";
        let answer = world.run_as(world.ada(), document, json!({})).await;
        let node = |branch: &str| json!({ "node": { "branch": branch, "pipeline": { "name": "My Pipeline" } } });
        let expected = json!({
            "user": { "name": "Ada", "builds": { "count": 2, "edges": [node("b"), node("a")] } },
            "builds": { "edges": [{ "node": { "number": 2 } }] },
            "organizations": { "count": 1, "edges": [{ "node": { "slug": "acme-inc" } }] },
        });
        assert_eq!(answer["data"]["viewer"], expected);
        let answer = world.run("{ viewer { id user { id } builds { count } } }", json!({})).await;
        assert_eq!((&answer["data"]["viewer"]["user"], &answer["data"]["viewer"]["builds"]), (&Value::Null, &Value::Null));
    })
    .await;
}

#[tokio::test]
async fn filters_are_bounded() {
    everywhere(async |world| {
        let long = |entry: &str, count: usize| json!(vec![entry; count]);
        for (filter, count, most) in
            [("branch", 501, 500), ("commit", 501, 500), ("state", 501, 500), ("metaData", 21, 20)]
        {
            let entry = if filter == "state" { "PASSED" } else { "a:b" };
            let answer = world.run(BUILDS, json!({ filter: long(entry, count) })).await;
            let message = answer["errors"][0]["message"].as_str().unwrap();
            assert!(message.ends_with(&format!("has too many entries (at most {most})")), "{answer}");
            let answer = world.run(BUILDS, json!({ filter: long(entry, most) })).await;
            assert_eq!(answer["data"]["pipeline"]["builds"]["count"], 0, "{answer}");
        }
        let answer = world.run(PIPELINES, json!({ "search": "x".repeat(256) })).await;
        assert_eq!(answer["errors"][0]["message"], "Validation failed: Search is too long (at most 255 bytes)");
    })
    .await;
}
