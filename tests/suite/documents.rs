//! What is checked when a document is saved: faults with their place, limits by name, hostile documents at no cost.

use std::{
    fmt::Write,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use suite::{Answer, Installation, unique};

async fn save(house: &Installation, query: &str) -> Answer {
    house.create(json!({"name": unique("document"), "query": query})).await
}

/// Fails unless the document was refused with a fault at this place.
#[track_caller]
fn refused_at(answer: &Answer, line: u64, column: u64) {
    let body = answer.error_code(422, "validation_failed");
    assert!(body["message"].as_str().unwrap().starts_with("Validation failed: "), "{body:#}");
    let errors = body["errors"].as_array().unwrap();
    for error in errors {
        assert_eq!(error["field"], "query", "{body:#}");
        assert!(error["line"].as_u64() >= Some(1) && error["column"].as_u64() >= Some(1), "no place: {body:#}");
    }
    let here = |error: &Value| error["line"] == line && error["column"] == column;
    assert!(errors.iter().any(here), "nothing at {line}:{column}: {body:#}");
}

#[tokio::test]
async fn each_fault_is_refused_with_line_and_column() {
    let house = Installation::shared();
    for (query, line, column) in [
        ("query A {\n  viewer { id }", 2, 16),
        ("query A {\n  viewer { id }\n  ?\n}", 3, 3),
        ("query A {\n  nonsense\n}", 2, 3),
        ("query A(\n  $a: NoSuchType) {\n  viewer { id }\n}", 2, 3),
        ("query A {\n  pipeline(slug: \"a/b\", nonsense: 1) { id }\n}", 2, 25),
        ("query A {\n  node { id }\n}", 2, 3),
        ("query A {\n  ...NoSuchFragment\n}", 2, 3),
        ("query A {\n  viewer { ... on NoSuchType { id } }\n}", 2, 19),
        ("query A {\n  pipeline(slug: true) { id }\n}", 2, 18),
        ("query A {\n  viewer\n}", 2, 3),
        ("query A {\n  viewer { id { x } }\n}", 2, 12),
        ("query A($a: Int!) {\n  pipeline(slug: $a) { id }\n}", 2, 12),
        ("query A {\n  pipeline(slug: $a) { id }\n}", 2, 18),
        ("query A {\n  viewer { id @nonsense }\n}", 2, 15),
        ("query A {\n  __schema { types { name } }\n}", 2, 3),
        ("query A {\n  __type(name: \"Query\") { name }\n}", 2, 3),
        ("query A { viewer { id } }\n{ viewer { id } }", 2, 1),
        ("query A { viewer { id } }\nquery A { viewer { id } }", 2, 7),
    ] {
        let answer = save(&house, query).await;
        assert_eq!(answer.status, 422, "{query}: {answer:#?}");
        refused_at(&answer, line, column);
    }
}

#[tokio::test]
async fn subscriptions_and_documents_without_operations_are_refused() {
    let house = Installation::shared();
    for query in [
        "subscription A { viewer { id } }",
        "fragment F on Query { viewer { id } }",
        "",
        "  # nothing\n",
        "type A { b: Int }",
    ] {
        let answer = save(&house, query).await;
        answer.error_code(422, "validation_failed");
        assert!(answer.fields().contains("query"), "{query}: {answer:#?}");
    }
}

#[tokio::test]
async fn every_fault_of_a_document_is_listed() {
    let house = Installation::shared();
    let answer = save(&house, "query A {\n  one\n  two\n  viewer { three }\n}").await;
    refused_at(&answer, 2, 3);
    refused_at(&answer, 3, 3);
    refused_at(&answer, 4, 12);
}

#[tokio::test]
async fn typename_is_fine_everywhere() {
    let house = Installation::shared();
    let portal = house.portal_of("query A { __typename viewer { __typename } }").await;
    assert_eq!(house.call(&portal, json!({})).await.data()["__typename"], "Query");
}

fn warnings(body: &Value) -> Vec<String> {
    body["warnings"].as_array().unwrap().iter().map(|warning| warning["message"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_is_odd_but_runs_is_listed_as_a_warning_with_its_place() {
    let house = Installation::shared();
    let unused = house.portal_of("query A(\n  $unused: ID) { viewer { id } }").await.body;
    assert_eq!(unused["warnings"].as_array().map(Vec::len), Some(1), "{unused:#}");
    assert!(warnings(&unused)[0].contains("unused"), "{unused:#}");
    assert_eq!((&unused["warnings"][0]["line"], &unused["warnings"][0]["column"]), (&json!(2), &json!(3)));
    let unpaged = house
        .portal_of("{\n  pipeline(slug: \"my-organization/my-pipeline\") { builds { edges { node { id } } } } }")
        .await
        .body;
    assert_eq!(warnings(&unpaged).len(), 1, "{unpaged:#}");
    assert!(warnings(&unpaged)[0].contains("first"), "{unpaged:#}");
    let read = house.get(&format!("{}/{}", suite::PORTALS, unpaged["slug"].as_str().unwrap())).await.expect(200);
    assert_eq!(read["warnings"], unpaged["warnings"]);
}

#[tokio::test]
async fn a_mutation_without_a_list_of_addresses_is_warned_about() {
    let house = Installation::shared();
    let query = "mutation A($id: ID!) { buildCreate(input: {pipelineID: $id, commit: \"HEAD\", branch: \"main\"}) { build { id } } }";
    let open = house.portal_of(query).await.body;
    assert!(warnings(&open).iter().any(|warning| warning.contains("IP")), "{open:#}");
    let body = json!({"name": unique("closed"), "query": query, "allowed_ip_addresses": "127.0.0.1"});
    assert_eq!(warnings(&house.portal(body).await.body), Vec::<String>::new());
    assert_eq!(warnings(&house.portal_of("{ viewer { id } }").await.body), Vec::<String>::new());
}

/// Fails unless the document was refused for the limit that `words` name.
#[track_caller]
fn over_limit(answer: &Answer, words: &[&str]) {
    let text = answer.error_code(422, "validation_failed").to_string().to_lowercase();
    let digits = text.replace(['\u{a0}', '\u{202f}', ','], "").replace(" 000", "000");
    for word in words {
        assert!(digits.contains(word), "nothing about {word:?}: {text}");
    }
}

fn nested(levels: usize) -> String {
    // viewer, then pipeline/build pairs two levels each.
    let step = "pipeline { builds(first: 1) { edges { node { ";
    let mut query = "{ build(uuid: \"x\") { ".to_owned();
    let mut depth = 1;
    while depth + 4 < levels {
        query.push_str(step);
        depth += 4;
    }
    write!(query, "id {}", "} ".repeat(depth + 1)).unwrap();
    query
}

#[tokio::test]
async fn each_limit_of_a_document_is_named() {
    let house = Installation::shared();
    let many = |count: usize, each: &str| -> String {
        let parts: String = (0..count).map(|at| each.replace('#', &at.to_string())).collect();
        format!("{{ viewer {{ {parts} }} }}")
    };
    let padded = |bytes: usize| format!("{{ viewer {{ id }} }}{}", "#".repeat(bytes - 17));
    save(&house, &padded(64 * 1024)).await.expect(201);
    over_limit(&save(&house, &padded(64 * 1024 + 1)).await, &["65536"]);
    over_limit(&save(&house, &many(10_001, "id ")).await, &["10000", "token"]);
    save(&house, &many(100, "a#: id ")).await.expect(201);
    over_limit(&save(&house, &many(101, "a#: id ")).await, &["100", "alias"]);
    let roots = |count: usize| -> String {
        let parts: String = (0..count).map(|at| format!("a{at}: viewer {{ id }} ")).collect();
        format!("{{ {parts} }}")
    };
    save(&house, &roots(30)).await.expect(201);
    over_limit(&save(&house, &roots(31)).await, &["30", "root"]);
    let fragments = |count: usize| -> String {
        let spreads: String = (0..count).map(|at| format!("...F{at} ")).collect();
        let parts: String = (0..count).map(|at| format!("fragment F{at} on User {{ id }} ")).collect();
        format!("{{ viewer {{ user {{ {spreads} }} }} }} {parts}")
    };
    save(&house, &fragments(50)).await.expect(201);
    over_limit(&save(&house, &fragments(51)).await, &["50", "fragment"]);
    save(&house, &nested(14)).await.expect(201);
    over_limit(&save(&house, &nested(22)).await, &["15", "levels"]);
    let directives = "@include(if: true) ".repeat(6);
    over_limit(&save(&house, &format!("{{ viewer {{ id {directives} }} }}")).await, &["directive"]);
}

#[tokio::test]
async fn a_cycle_of_fragments_is_refused() {
    let house = Installation::shared();
    let query = "{ viewer { user { ...A } } } fragment A on User { id ...B } fragment B on User { ...A }";
    over_limit(&save(&house, query).await, &["fragment"]);
}

#[tokio::test]
async fn hostile_documents_cost_neither_time_nor_memory() {
    let house = Installation::start();
    save(&house, "{ viewer { id } }").await.expect(201);
    let before = house.process().memory_kib("VmHWM");
    let doubling: String = (0..40)
        .map(|at| format!("fragment F{at} on User {{ ...F{next} ...F{next} }} ", next = at + 1))
        .chain(["fragment F40 on User { id }".to_owned()])
        .collect();
    let aliases: String = (0..5_000).map(|at| format!("a{at}:id ")).collect();
    let bombs = [
        ("braces", "{".repeat(100_000)),
        ("braces within the size", "{".repeat(60_000)),
        ("braces within the tokens", "{".repeat(9_000)),
        ("selections", format!("{}id{}", "{a".repeat(4_000), "}".repeat(4_000))),
        ("lists", format!("{{a(b:{}{})}}", "[".repeat(9_000), "]".repeat(900))),
        ("objects", format!("{{a(b:{}1{})}}", "{a:".repeat(3_000), "}".repeat(3_000))),
        ("types", format!("query A($a:{}Int{}){{a}}", "[".repeat(4_000), "]".repeat(4_000))),
        ("aliases", format!("{{ viewer {{ {aliases} }} }}")),
        ("fragments that double", format!("{{ viewer {{ user {{ ...F0 }} }} }} {doubling}")),
        ("a string that never ends", format!("{{ a(b: \"{}", "x".repeat(60_000))),
        ("directives", format!("{{ viewer {{ id {} }} }}", "@skip(if:false)".repeat(1_500))),
        ("faults", format!("{{ {} }}", "x ".repeat(9_000))),
    ];
    for (what, bomb) in bombs {
        let begun = Instant::now();
        let answer = save(&house, &bomb).await;
        let took = begun.elapsed();
        assert_eq!(answer.status, 422, "{what}: {}", answer.text.chars().take(300).collect::<String>());
        assert!(took < Duration::from_secs(2), "{what} took {took:?}");
        assert!(answer.text.len() < 64 * 1024, "{what}: an answer of {} bytes", answer.text.len());
    }
    let grown = house.process().memory_kib("VmHWM") - before;
    assert!(grown < 64 * 1024, "memory grew by {grown} KiB");
    save(&house, "{ viewer { id } }").await.expect(201);
}
