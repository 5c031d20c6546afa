mod arbitrary;
mod figures;
mod hostile;

use std::{cell::RefCell, sync::LazyLock};

use super::*;

const SDL: &str = r#"
    type Query { build(slug: ID, uuid: ID): Build  pipeline(slug: ID): Pipeline  old: Int @deprecated(reason: "Use `new`") }
    type Mutation { buildCreate(input: BuildCreateInput!): Build }
    type Subscription { builds: Build }
    input BuildCreateInput { pipelineID: ID!  branch: String! = "main"  tags: [String!] }
    type Pipeline { name: String!  builds(first: Int, last: Int, branch: [String!]): BuildConnection  self: Pipeline }
    type BuildConnection { edges: [BuildEdge]  pageInfo: PageInfo }
    type BuildEdge { node: Build }
    type PageInfo { hasNextPage: Boolean! }
    type Build { url: String!  number: Int!  pipeline: Pipeline! }
"#;

/// What became of a document, and the texts of its operations, on one line each.
fn compile(text: &str) -> (Result<Document, Vec<Finding>>, Vec<String>) {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::parse(SDL).unwrap());
    let texts = RefCell::new(Vec::new());
    let prepare = |operation: &str| {
        texts.borrow_mut().push(operation.split_whitespace().collect::<Vec<_>>().join(" "));
        Ok(Runnable::Remote)
    };
    let compiled = Document::compile(text, &SCHEMA, &prepare);
    (compiled, texts.into_inner())
}

fn findings(text: &str) -> Vec<Finding> {
    compile(text).0.expect_err(text)
}

/// Every finding's message, for documents that a limit refuses.
fn messages(text: &str) -> String {
    findings(text).into_iter().map(|finding| finding.message).collect::<Vec<_>>().join("; ")
}

#[test]
fn every_fault_is_found_with_its_place() {
    for (text, expected, position) in [
        ("{ build(slug: 1) { url } ", "Syntax error", (1, 26)),
        ("{\n  nope }", "does not have a field `nope`", (2, 3)),
        ("{ build(nope: 1) { url } }", "`nope` is not supported", (1, 9)),
        ("{ build(slug: {}) { url } }", "ID", (1, 15)),
        ("query ($a: Nope) { build(slug: $a) { url } }", "Nope", (1, 8)),
        ("{ build { ...Nope } }", "Nope", (1, 11)),
        ("{ build { url } } fragment F on Build { ...G } fragment G on Build { ...F }", "spreads itself", (1, 70)),
        ("query ($a: Int) { build(slug: $a) { url } }", "$a", (1, 25)),
        ("subscription { builds { url } }", "can't run a subscription", (1, 1)),
        ("{ __schema { types { name } } }", "`__schema`", (1, 3)),
        ("{ build { url } } query B { build { url } }", "must have a name", (1, 1)),
        ("query A { build { url } } query A { build { url } }", "A", (1, 33)),
        ("{ build { url } } type T { a: Int }", "Only operations and fragments", (1, 19)),
        ("{ build { url @a @a @a @a @a @a } }", "at most 5", (1, 11)),
    ] {
        let found = findings(text);
        let hit = found.iter().any(|finding| finding.message.contains(expected) && finding.position == Some(position));
        assert!(hit, "{text}: {found:?}");
    }
}

#[test]
fn an_object_of_which_one_field_is_wanted_must_have_one() {
    let schema = Schema::parse("type Query { a(by: By): Int } input By @oneOf { id: ID  at: Int }").unwrap();
    let compile = |text| Document::compile(text, &schema, &|_| Ok(Runnable::Remote));
    compile("{ a(by: {id: 1}) }").unwrap();
    let found = compile("{ a(by: {id: 1, at: 1}) nope }").unwrap_err();
    assert!(found.iter().any(|finding| finding.message.contains("`By` must have exactly one field")), "{found:?}");
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn all_findings_are_listed_and_not_only_the_first() {
    let found = messages(
        "{ a b build { c ...F } x: __type(name: \"A\") { name } } fragment F on Build { pipeline { __schema } }",
    );
    for field in ["`a`", "`b`", "`c`", "`__type`", "`__schema`"] {
        assert!(found.contains(field), "{found}");
    }
}

#[test]
fn a_document_without_an_operation_is_refused() {
    for text in ["", "   # nothing", "fragment F on Build { url }"] {
        assert!(!findings(text).is_empty(), "{text}");
    }
}

#[test]
fn each_limit_is_named() {
    let aliases: String = (0..101).map(|n| format!("a{n}: url ")).collect();
    let roots: String = (0..31).map(|n| format!("a{n}: old ")).collect();
    let fragments: String = (0..51).map(|n| format!("fragment F{n} on Build {{ url }} ")).collect();
    let deep = format!("{{ pipeline {}{} }}", "{ self ".repeat(15), "}".repeat(15));
    let shared = format!("fragment F on Pipeline {{ {} }} ", "name ".repeat(1000))
        + &(0..60).map(|n| format!("query Q{n} {{ pipeline {{ ...F }} }} ")).collect::<String>();
    let bomb: String = (0..40).map(|n| format!("fragment F{n} on Pipeline {{ ...F{0} ...F{0} }} ", n + 1)).collect();
    let bomb = format!("{{ pipeline {{ ...F0 }} }} {bomb} fragment F40 on Pipeline {{ name }}");
    for (text, limit) in [
        (" ".repeat(65_537), "at most 65536"),
        ("{ old ".to_owned() + &"old ".repeat(10_001) + "}", "10000 tokens"),
        (format!("{{ build {{ {aliases} }} }}"), "101 aliases; at most 100"),
        (format!("{{ {roots} }}"), "31 root fields; at most 30"),
        (format!("{{ build {{ url }} }} {fragments}"), "51 fragments; at most 50"),
        (deep, "16 levels of fields; at most 15"),
        (bomb, "fields; at most 10000"),
        (shared, "bytes once each operation has its fragments; at most 262144"),
    ] {
        assert!(messages(&text).contains(limit), "{limit}: {}", messages(&text));
    }
}

#[test]
fn a_hundred_thousand_braces_of_any_kind_are_refused() {
    for unit in ["{", "{a", "[", "(", "{a(b:[", "...{", "\"\"\"", "#", "{a(b:{c:"] {
        assert!(!findings(&unit.repeat(60_000 / unit.len())).is_empty(), "{unit}");
    }
}

#[test]
fn only_the_operation_and_its_fragments_are_prepared_without_unused_variables() {
    let text = "query A($a: ID, $unused: Int) { build(slug: $a) { ...F } } \
                query B { pipeline { name } } fragment F on Build { ...G } fragment G on Build { url }";
    let (compiled, prepared) = compile(text);
    let document = compiled.unwrap();
    assert_eq!(prepared.len(), 2);
    assert!(prepared[0].starts_with("query A($a: ID) { build(slug: $a) { ...F } }"), "{}", prepared[0]);
    assert!(prepared[0].contains("fragment F on Build") && prepared[0].contains("fragment G on Build"));
    assert_eq!(prepared[1], "query B { pipeline { name } }");
    assert_eq!(
        document.warnings(),
        [Finding { message: "Unused variable: `$unused`".into(), position: Some((1, 17)) }]
    );
    let used: Vec<_> = document.operations()[0].variables.iter().map(|variable| variable.used).collect();
    assert_eq!(used, [true, false]);
}

#[test]
fn a_variable_that_only_a_fragment_or_a_directive_uses_is_used() {
    let text = "query A($a: Int, $b: Boolean!) { pipeline @include(if: $b) { ...F } } \
                fragment F on Pipeline { builds(first: $a) { edges { node { url } } } }";
    let document = compile(text).0.unwrap();
    assert!(document.warnings().is_empty(), "{:?}", document.warnings());
    assert!(document.operations()[0].variables.iter().all(|variable| variable.used));
}

#[test]
fn deprecated_fields_and_unbounded_connections_are_warned_of_where_they_stand() {
    let document = compile("{ old pipeline {\n builds { edges { node { url } } } } }").0.unwrap();
    let warnings: Vec<_> =
        document.warnings().iter().map(|finding| (finding.message.as_str(), finding.position)).collect();
    assert_eq!(
        warnings,
        [
            ("Field `old` is deprecated: Use `new`", Some((1, 3))),
            ("Connection `builds` has neither `first` nor `last`", Some((2, 2))),
        ]
    );
}

#[test]
fn operations_are_described_with_types_and_defaults() {
    let text = r#"mutation M($i: BuildCreateInput! = {pipelineID: "x", tags: ["a", "b"]}, $n: [ID!]) { buildCreate(input: $i) { url } }"#;
    let document = compile(text).0.unwrap();
    let [operation] = document.operations() else { panic!("one operation") };
    let [input, list] = operation.variables.as_slice() else { panic!("two variables") };
    assert_eq!((operation.kind, operation.position), (Kind::Mutation, Some((1, 1))));
    assert_eq!((input.ty.to_string().as_str(), input.is_required()), ("BuildCreateInput!", false));
    assert_eq!(input.default, Some(serde_json::json!({ "pipelineID": "x", "tags": ["a", "b"] })));
    assert_eq!((list.ty.to_string().as_str(), list.is_required()), ("[ID!]", false));
}

#[test]
fn the_operation_is_selected_by_name_or_because_it_is_the_only_one() {
    let document = compile("query A { old } query B { old }").0.unwrap();
    assert_eq!(document.select(Some("B")).unwrap().name.as_deref(), Some("B"));
    assert_eq!(document.select(None).unwrap_err().to_string(), "operation_name must name one of A, B");
    assert_eq!(
        document.select(Some("C")).unwrap_err().to_string(),
        "there is no operation named \"C\"; this portal has A, B"
    );
    let anonymous = compile("{ old }").0.unwrap();
    assert_eq!(anonymous.select(None).unwrap().name, None);
    assert!(anonymous.select(Some("A")).is_err());
}

fn load(text: &str) -> Result<Document, Vec<Finding>> {
    Document::load(text, &Schema::parse(SDL).unwrap(), &|_| Ok(Runnable::Remote))
}

#[test]
fn operations_that_still_fit_run_on_beside_broken_ones() {
    let document = load("query A { old } query B($n: Int) { gone(n: $n) ...F } fragment F on Query { lost }").unwrap();
    let [a, b] = document.operations() else { panic!("{document:?}") };
    assert!(a.ready.is_ok());
    assert_eq!((b.name.as_deref(), b.variables.len(), b.position), (Some("B"), 1, Some((1, 17))));
    let broken = b.ready.as_ref().unwrap_err();
    let found: Vec<_> = broken.iter().map(|finding| (finding.message.as_str(), finding.position)).collect();
    assert!(found.iter().any(|(text, at)| text.contains("`gone`") && *at == Some((1, 36))), "{found:?}");
    assert!(found.iter().any(|(text, _)| text.contains("`lost`")), "{found:?}");
}

#[test]
fn without_a_schema_operations_are_known_and_none_runs() {
    let document = Document::unchecked("mutation M($a: [ID!]! = [1]) { x(a: $a) }", "because").unwrap();
    let [only] = document.operations() else { panic!("{document:?}") };
    assert_eq!((only.kind, only.variables[0].ty.to_string()), (Kind::Mutation, "[ID!]!".to_owned()));
    assert_eq!(only.ready.as_ref().unwrap_err(), &[Finding::whole("because")]);
    assert!(Document::unchecked("{ a", "because").is_err());
    assert!(Document::unchecked("subscription { a }", "because").is_err());
}
