mod reference;

use serde_json::{Value, json};

use super::*;

const SDL: &str = "
    type Query { node(id: ID): Node  me: User!  any: Any  all: [[Any!]]!  now: Time  count: Int! }
    interface Node { id: ID!  owner: Node }
    type User implements Node { id: ID!  owner: Node  name: String  friend: User  age: Int }
    type Build implements Node { id: ID!  owner: Node  number: Int!  state: State  rate: Float!  by: User }
    union Any = User | Build
    enum State { PASSED FAILED }
    scalar Time
";

fn shaped(text: &str) -> Value {
    let shape = shape(text, &Schema::parse(SDL).unwrap()).expect(text);
    serde_json::from_str(&shape).unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "so that `json!` can be given")]
fn object(properties: Value, required: &[&str]) -> Value {
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn or_null(mut schema: Value) -> Value {
    schema["type"] = json!([schema["type"], "null"]);
    schema
}

/// The shape of the root's only member.
fn member(text: &str) -> Value {
    let mut whole = shaped(text);
    let members = whole["properties"].as_object_mut().unwrap();
    assert_eq!(members.len(), 1, "{members:?}");
    let (_, member) = members.iter_mut().next().unwrap();
    member.take()
}

#[test]
fn leaves_lists_and_nulls_are_as_the_schema_has_them() {
    let build = object(
        json!({ "state": { "type": ["string", "null"], "enum": ["PASSED", "FAILED", null] }, "n": { "type": "integer" },
            "rate": { "type": "number" }, "id": { "type": "string" } }),
        &["id", "n", "rate", "state"],
    );
    let mut of_any = build;
    of_any["required"] = json!([]);
    let items = json!({ "type": ["array", "null"], "items": of_any });
    assert_eq!(
        member("{ all { ... on Build { state n: number rate id } } }"),
        json!({ "type": "array", "items": items })
    );
    assert_eq!(member("{ now }"), json!({ "title": "Time" }));
    assert_eq!(member("{ count }"), json!({ "type": "integer" }));
}

#[test]
fn data_itself_is_null_only_where_a_root_field_can_t_be() {
    assert_eq!(shaped("{ now __typename }")["type"], "object");
    assert_eq!(shaped("{ count }")["type"], json!(["object", "null"]));
    assert_eq!(shaped("{ now }")["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(shaped("{ __typename }")["properties"]["__typename"], json!({ "type": "string", "const": "Query" }));
}

#[test]
fn what_only_some_types_have_is_not_required() {
    let user = object(json!({ "name": { "type": ["string", "null"] } }), &["name"]);
    assert_eq!(
        member("{ node { __typename id ... on Build { by { name } number } ... on User { by: friend { name } } } }"),
        or_null(object(
            json!({ "__typename": { "type": "string", "enum": ["Build", "User"] }, "id": { "type": "string" },
                "by": or_null(user), "number": { "type": "integer" } }),
            &["__typename", "by", "id"],
        ))
    );
    let (only, all) = ("{ any { ... on Node { id } __typename } }", "{ any { ... on User { __typename } } }");
    assert_eq!(member(only)["required"], json!(["__typename", "id"]));
    assert_eq!(member(all)["properties"]["__typename"], json!({ "type": "string", "const": "User" }));
    assert_eq!(member(all)["required"], json!([]));
}

#[test]
fn selections_of_one_response_key_are_merged() {
    let text = "{ me { friend { age } ...F ...F } } fragment F on User { friend { name friend { id } } }";
    let friend = &member(text)["properties"]["friend"];
    assert_eq!(friend["required"], json!(["age", "friend", "name"]));
    assert_eq!(friend["properties"]["friend"], or_null(object(json!({ "id": { "type": "string" } }), &["id"])));
    // The types of the parents decide which selections there are.
    let text = "{ node { ... on User { owner { a: id } } ... on Build { owner { b: id } } } }";
    assert_eq!(member(text)["properties"]["owner"]["required"], json!([]));
}

#[test]
fn what_a_directive_may_leave_out_is_not_required() {
    let required = |inner: &str| {
        member(&format!("query ($x: Boolean!) {{ me {{ {inner} }} }} fragment F on User {{ id }}"))["required"].clone()
    };
    assert_eq!(required("id @skip(if: $x) name"), json!(["name"]));
    assert_eq!(required("id @include(if: true) name @skip(if: false)"), json!(["id", "name"]));
    assert_eq!(required("id ...F @include(if: $x)"), json!(["id"]));
    assert_eq!(required("age ... @skip(if: $x) { ...F }"), json!(["age"]));
    let gone = member("query { me { age id @skip(if: true) } }");
    assert!(gone["properties"].get("id").is_none(), "{gone}");
    let below = |text: &str| member(&format!("query ($x: Boolean!) {text}"))["properties"]["friend"].clone();
    assert_eq!(below("{ me { friend @include(if: $x) { id } } }")["required"], json!(["id"]));
    assert_eq!(below("{ me { friend @include(if: $x) { id } friend { age } } }")["required"], json!(["age"]));
}

#[test]
fn the_deepest_levels_of_what_would_be_too_long_are_left_out() {
    // Each level says the one below thirty times.
    let spreads: String = (0..30).map(|at| format!("f{at}: friend {{ ...B }} ")).collect();
    let leaves: String = (0..30).map(|at| format!("l{at}_{}: friend {{ ...C }} ", "x".repeat(100))).collect();
    let text =
        format!("{{ me {{ {spreads} }} }} fragment B on User {{ {leaves} }} fragment C on User {{ id name age }}");
    let text = shape(&text, &Schema::parse(SDL).unwrap()).unwrap();
    assert!(text.len() <= MOST_BYTES, "{}", text.len());
    let whole: Value = serde_json::from_str(&text).unwrap();
    assert!(whole["$comment"].as_str().unwrap().contains("left out"));
    let below = whole["properties"]["me"]["properties"]["f0"]["properties"].as_object().unwrap();
    assert_eq!((below.len(), below.values().next()), (30, Some(&json!({}))));
}

#[test]
fn groups_of_types_in_each_other_end() {
    let inner = |levels: usize| {
        (0..levels).fold("id".to_owned(), |inner, _| {
            format!("owner {{ ... on User {{ u: {inner} }} ... on Build {{ b: {inner} }} {inner} }}")
        })
    };
    let text = format!("{{ node {{ {} }} }}", inner(6));
    let begun = std::time::Instant::now();
    assert!(shape(&text, &Schema::parse(SDL).unwrap()).is_some());
    assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
}

/// Leaves times values of their enums, and spreads times types that may be meant.
#[test]
fn what_takes_too_long_is_not_made_first() {
    let each = |piece: fn(usize) -> String| (0..1_000).map(piece).collect::<String>();
    let (fields, values) = (each(|at| format!("f{at}: E ")), each(|at| format!("VALUE_{at} ")));
    let (types, members) = (each(|at| format!("type T{at} {{ a: Int }} ")), each(|at| format!("| T{at} ")));
    let sdl = format!("type Query {{ u: U self: Query {fields} }} enum E {{ {values} }} union U = {members} {types}");
    let schema = Schema::parse(&sdl).unwrap();
    let leaves: String = (0..900).map(|at| format!("f{at} ")).collect();
    let spreads: String = (0..900).map(|at| format!("... on T{at} {{ a }} ")).collect();
    for query in [format!("{{ self {{ {leaves} }} }}"), format!("{{ u {{ {spreads} }} }}")] {
        let cost = allocation_counter::measure(|| {
            let shape: Value = serde_json::from_str(&shape(&query, &schema).unwrap()).unwrap();
            assert!(shape["$comment"].as_str().unwrap().contains("left out"), "{shape}");
        });
        assert!(cost.count_total < 500_000 && cost.bytes_max < 32 << 20, "{cost:?}");
    }
}
