//! What checks cost, beside the loading of the schema. `tests/bench/checks` shows the figures.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use super::*;

/// The public schema, where the machine has it: beside the repository, or further up.
fn large() -> Option<String> {
    let mut above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    above.find_map(|directory| fs::read_to_string(directory.join("shared/data/buildkite.graphql")).ok())
}

/// A document as people store them.
const ORDINARY: &str = "
    query Builds($slug: ID!, $first: Int = 10, $branch: [String!], $states: [BuildStates!]) {
        pipeline(slug: $slug) {
            ...Named
            builds(first: $first, branch: $branch, state: $states) {
                edges { node { ...Told createdBy { ... on User { name email } } } }
                pageInfo { hasNextPage endCursor }
            }
        }
    }
    mutation Start($input: BuildCreateInput!) { buildCreate(input: $input) { build { ...Told pipeline { ...Named } } } }
    fragment Named on Pipeline { name slug url }
    fragment Told on Build { number state url message commit branch createdAt finishedAt }
";

/// The least time of `rounds`: the machine's other work only adds.
fn least(rounds: u32, mut work: impl FnMut()) -> Duration {
    let round = |_| {
        let began = Instant::now();
        work();
        began.elapsed()
    };
    (0..rounds).map(round).min().unwrap()
}

#[test]
fn a_check_costs_a_small_part_of_loading_the_schema() {
    let Some(sdl) = large() else { return };
    let schema = Schema::parse(&sdl).unwrap();
    let load = least(5, || drop(Schema::parse(&sdl).unwrap()));
    let check = least(50, || drop(Document::compile(ORDINARY, &schema, &|_| Ok(Runnable::Remote)).unwrap()));
    eprintln!("| loading the schema ({} lines) | {load:?} | 1 |", sdl.lines().count());
    let row = |name: &str, took: Duration| {
        eprintln!("| {name} | {took:?} | {:.4} |", took.as_secs_f64() / load.as_secs_f64());
    };
    row("checking a document of two operations", check);
    for (name, text) in hostile::documents() {
        row(name, least(3, || drop(compile(&text))));
    }
    assert!(check * 10 < load, "{check:?} beside {load:?}");
}
