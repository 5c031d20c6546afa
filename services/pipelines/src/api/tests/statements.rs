//! No list costs a statement for each of its rows.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use metrics::{Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use serde_json::{Value, json};

use super::world::{World, everywhere};

/// Counts the statements of this thread, on which everything in a test runs.
#[derive(Debug, Default)]
struct Statements(AtomicU64);

struct Counting(Arc<Statements>);

impl CounterFn for Statements {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }

    fn absolute(&self, _: u64) {}
}

impl Recorder for Counting {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let counted = key.name() == "portals_database_statements_total";
        if counted { Counter::from_arc(Arc::clone(&self.0)) } else { Counter::noop() }
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

const COUNTS: &str = "{ organization(slug: \"acme-inc\") { pipelines(first: 50) { edges { node { slug
    all: builds { count } running: builds(state: RUNNING, branch: \"%default\") { count }
    latest: builds(first: 2) { edges { node { number pipeline { builds(first: 1) { edges { node { number } } } }
    rebuiltFrom { number pipeline { name } } } } } teams(first: 5) { count edges { node { team { name members(first: 3) { count } } } } } } } } } }";
const TEAMS: &str = "{ organization(slug: \"acme-inc\") { teams(first: 50) { edges { node { slug
    members(first: 10) { count edges { node { role user { name } organizationMember { role } } } }
    pipelines(first: 10, order: NAME) { count edges { node { accessLevel pipeline { slug builds(first: 1) { count } } } } } } } } } }";
const MINE: &str = "{ viewer { builds(first: 50) { edges { node { number rebuiltFrom { number } pipeline { slug
    builds(first: 1) { count } teams { count } } } } } } }";

/// How many statements and questions to the directory a document costs, and its answer.
async fn cost(world: &World, document: &str) -> (u64, usize, Value) {
    let statements = Arc::new(Statements::default());
    let recorder = Counting(Arc::clone(&statements));
    let _guard = metrics::set_default_local_recorder(&recorder);
    let asked = world.people.asked();
    let answer = world.run_as(world.ada(), document, json!({})).await;
    assert_eq!(answer.get("errors"), None, "{answer:#}");
    (statements.0.load(Ordering::Relaxed), world.people.asked() - asked, answer)
}

async fn grow(world: &World, from: usize, to: usize) {
    for n in from..to {
        let input =
            json!({ "organizationId": world.organization_id(), "name": format!("p{n}"), "repository": { "url": "x" } });
        let pipeline = "mutation($i: PipelineCreateInput!) { pipelineCreate(input: $i) { pipeline { id } } }";
        let pipeline =
            world.run(pipeline, json!({ "i": input })).await["data"]["pipelineCreate"]["pipeline"]["id"].take();
        let build = "mutation($p: ID!) { buildCreate(input: { pipelineID: $p }) { build { id } } }";
        let build =
            world.run_as(world.ada(), build, json!({ "p": pipeline })).await["data"]["buildCreate"]["build"]["id"]
                .take();
        let again = "mutation($b: ID!) { buildRebuild(input: { id: $b }) { rebuild { id } } }";
        world.run_as(world.ada(), again, json!({ "b": build })).await;
        let team = world.team(&format!("t{n}"), json!({})).await;
        world.run(super::teams::ASSIGN, json!({ "i": { "teamID": team["id"], "pipelineID": pipeline } })).await;
        world.enlist(&team, &super::world::bob()).await;
    }
}

#[tokio::test]
async fn lists_cost_no_statement_for_each_row() {
    everywhere(async |world| {
        grow(&world, 0, 2).await;
        let mut few = Vec::new();
        for document in [COUNTS, TEAMS, MINE] {
            few.push(cost(&world, document).await);
        }
        grow(&world, 2, 12).await;
        for (document, (statements, asked, answer)) in [COUNTS, TEAMS, MINE].into_iter().zip(few) {
            let more = cost(&world, document).await;
            assert_eq!((more.0, more.1), (statements, asked), "{document}");
            assert!(statements > 0 && more.2.to_string().len() > 3 * answer.to_string().len(), "{answer:#}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_rows_of_each_list_are_its_own() {
    everywhere(async |world| {
        grow(&world, 0, 3).await;
        let (_, _, answer) = cost(&world, COUNTS).await;
        let edges = answer["data"]["organization"]["pipelines"]["edges"].as_array().unwrap().clone();
        let slugs: Vec<_> = edges.iter().map(|edge| edge["node"]["slug"].as_str().unwrap()).collect();
        assert_eq!(slugs, ["p2", "p1", "p0", "my-pipeline"]);
        for (n, edge) in [2, 1, 0].into_iter().zip(&edges) {
            let node = &edge["node"];
            assert_eq!((&node["all"]["count"], &node["running"]["count"]), (&json!(2), &json!(0)));
            let latest = node["latest"]["edges"].as_array().unwrap();
            assert_eq!((&latest[0]["node"]["number"], &latest[1]["node"]["number"]), (&json!(2), &json!(1)));
            assert_eq!(
                latest[0]["node"]["rebuiltFrom"],
                json!({ "number": 1, "pipeline": { "name": format!("p{n}") } })
            );
            assert_eq!(latest[0]["node"]["pipeline"]["builds"]["edges"], json!([{ "node": { "number": 2 } }]));
            let team = json!({ "name": format!("t{n}"), "members": { "count": 1 } });
            assert_eq!(node["teams"], json!({ "count": 1, "edges": [{ "node": { "team": team } }] }));
        }
        assert_eq!(edges[3]["node"]["all"]["count"], 0);
        let (_, _, answer) = cost(&world, TEAMS).await;
        let teams = answer["data"]["organization"]["teams"]["edges"].as_array().unwrap().clone();
        for (n, edge) in teams.iter().enumerate() {
            let pipeline = json!({ "slug": format!("p{n}"), "builds": { "count": 2 } });
            let pipelines =
                json!({ "count": 1, "edges": [{ "node": { "accessLevel": "READ_ONLY", "pipeline": pipeline } }] });
            assert_eq!((&edge["node"]["slug"], &edge["node"]["pipelines"]), (&json!(format!("t{n}")), &pipelines));
        }
        assert_eq!(teams.len(), 3);
    })
    .await;
}
