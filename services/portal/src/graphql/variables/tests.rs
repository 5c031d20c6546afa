use serde_json::{Value, json};

use super::*;
use crate::graphql::{Document, Runnable};

const SDL: &str = r#"
    type Query { ok(in: In, one: One, e: E, id: ID, grid: [[Int!]]!, any: Time, n: Int, deep: Deep): Boolean }
    enum E { ONE TWO }
    scalar Time
    "What is put in." input In {
        "The first." id: ID!  e: E = ONE  nested: In  list: [One!]! = []  any: Time
    }
    input One @oneOf { a: Int  b: String }
    input Deep { in: In! }
"#;

fn described(text: &str) -> Value {
    let schema = Schema::parse(SDL).unwrap();
    let document = Document::compile(text, &schema, &|_| Ok(Runnable::Remote)).unwrap();
    serde_json::from_str(&variables(&document.operations()[0], &schema)).unwrap()
}

#[test]
fn scalars_enums_lists_and_nulls_are_as_they_are_declared() {
    let query = "query ($e: E!, $id: ID, $grid: [[Int!]]!, $any: Time, $n: Int = 3) \
                 { ok(e: $e, id: $id, grid: $grid, any: $any, n: $n) }";
    let int = json!({ "type": "integer", "minimum": -2_147_483_648, "maximum": 2_147_483_647 });
    let most = 9_007_199_254_740_991_i64;
    let mut number = int.clone();
    number["type"] = json!(["integer", "null"]);
    number["default"] = json!(3);
    assert_eq!(
        described(query),
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "required": ["e", "grid"],
            "properties": {
                "e": { "type": "string", "enum": ["ONE", "TWO"] },
                "id": { "type": ["string", "integer", "null"], "minimum": -most, "maximum": most },
                "grid": { "type": "array", "items": { "type": ["array", "null"], "items": int } },
                "any": { "title": "Time" },
                "n": number,
            },
        })
    );
}

#[test]
fn input_objects_are_described_once_and_may_hold_themselves() {
    let found = described("query ($in: In, $deep: Deep!) { ok(in: $in, deep: $deep, grid: []) }");
    let nullable = |name: &str| json!({ "anyOf": [{ "$ref": format!("#/$defs/{name}") }, { "type": "null" }] });
    assert_eq!(found["properties"]["in"], nullable("In"));
    assert_eq!(found["properties"]["deep"], json!({ "$ref": "#/$defs/Deep" }));
    let all: Vec<_> = found["$defs"].as_object().unwrap().keys().collect();
    assert_eq!(all, ["Deep", "In", "One"]);
    let object = &found["$defs"]["In"];
    assert_eq!(
        (&object["required"], &object["additionalProperties"], &object["description"]),
        (&json!(["id"]), &json!(false), &json!("What is put in."))
    );
    assert_eq!(object["properties"]["nested"], nullable("In"));
    assert_eq!(object["properties"]["id"]["description"], "The first.");
    assert_eq!(
        object["properties"]["e"],
        json!({ "type": ["string", "null"], "enum": ["ONE", "TWO", null], "default": "ONE" })
    );
    let list = json!({ "type": "array", "items": { "$ref": "#/$defs/One" }, "default": [] });
    assert_eq!(object["properties"]["list"], list);
    let options = found["$defs"]["One"]["oneOf"].as_array().unwrap();
    assert_eq!(
        (options.len(), &options[1]["required"], &options[1]["properties"]["b"]),
        (2, &json!(["b"]), &json!({ "type": "string" }))
    );
}

#[test]
fn what_would_be_too_long_is_described_without_input_objects() {
    let fields: String = (0..10_000).map(|at| format!("field{at}: Int ")).collect();
    let schema = Schema::parse(&format!("type Query {{ ok(in: In): Int }} input In {{ {fields} }}")).unwrap();
    let query = "query ($in: In!) { ok(in: $in) }";
    let document = Document::compile(query, &schema, &|_| Ok(Runnable::Remote)).unwrap();
    let text = variables(&document.operations()[0], &schema);
    assert!(text.len() < 500, "{text}");
    assert!(text.contains(r#""in":{"title":"In","type":"object"}"#), "{text}");
}

/// Fields times values of their enums.
#[test]
fn what_is_too_long_is_not_made_first() {
    let each = |piece: fn(usize) -> String| (0..2_000).map(piece).collect::<String>();
    let (fields, values) = (each(|at| format!("field{at}: E ")), each(|at| format!("VALUE_{at} ")));
    let sdl = format!("type Query {{ ok(in: In, e: [E]): Int }} input In {{ {fields} }} enum E {{ {values} }}");
    let schema = Schema::parse(&sdl).unwrap();
    let declared: String = (0..500).map(|at| format!("$e{at}: [E] ")).collect();
    let query = format!("query ($in: In! {declared}) {{ ok(in: $in) }}");
    let document = Document::compile(&query, &schema, &|_| Ok(Runnable::Remote)).unwrap();
    let cost = allocation_counter::measure(|| {
        let text = variables(&document.operations()[0], &schema);
        assert!(text.len() < 512 << 10, "{} bytes", text.len());
    });
    assert!(cost.bytes_max < 16 << 20, "{cost:?}");
}
