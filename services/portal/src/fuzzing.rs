//! What the fuzz targets (`fuzz/`) call. Only in their builds (`--cfg fuzzing`).
#![allow(clippy::expect_used, clippy::panic, reason = "a fuzz target fails by panicking")]

use std::sync::LazyLock;

use crate::graphql::{Document, Runnable, Schema, coerce};

/// Something of every kind.
const SDL: &str = r#"
    type Query { node(id: ID): Node  item(in: In, one: One, list: [[Int!]]): Item  old: Int @deprecated
        take(a: Int, b: Float, c: [ID!], d: Custom, e: [[E]!], f: In, g: One, h: [In!], i: Boolean): Int }
    type Mutation { change(in: In!): Item }
    type Subscription { changed: Item }
    interface Node { id: ID! }
    type Item implements Node { id: ID!  name: String  parts(first: Int, last: Int): Parts  any: Custom  more: Thing }
    type Parts { nodes: [Item]  pageInfo: PageInfo }
    type PageInfo { hasNextPage: Boolean! }
    union Thing = Item | PageInfo
    enum E { ONE TWO }
    scalar Custom
    input In { id: ID!  name: String = "n"  tags: [String!]  nested: In  e: E = ONE  ratio: Float  any: Custom  one: One }
    input One @oneOf { a: Int  b: String  c: In }
"#;

/// Has variables of every kind.
const OPERATION: &str = "query ($a: Int, $b: Float, $c: [ID!], $d: Custom, $e: [[E]!], $f: In, $g: One, $h: [In!], $i: Boolean) \
    { take(a: $a, b: $b, c: $c, d: $d, e: $e, f: $f, g: $g, h: $h, i: $i) }";

fn schema() -> &'static Schema {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::parse(SDL).expect("a schema"));
    &SCHEMA
}

fn take(_: &str) -> Result<Runnable, String> {
    Ok(Runnable::Remote)
}

/// Compiles `text`; fails if what would be sent upstream isn't a document that compiles.
pub fn document(text: &str) {
    let _refused = Document::compile(text, schema(), &|operation| {
        let again = Document::compile(operation, schema(), &take);
        assert!(again.is_ok(), "what is sent isn't valid: {operation}: {again:?}");
        take(operation)
    });
}

/// Reads `body` as a call's variables; fails if what comes of it isn't JSON that comes to the same again.
pub fn variables(body: &[u8]) {
    static DOCUMENT: LazyLock<Document> =
        LazyLock::new(|| Document::compile(OPERATION, schema(), &take).expect("a document"));
    let operation = DOCUMENT.select(None).expect("one operation");
    let Ok(given) = kit::json::text(body, 64) else { return };
    if let Ok(once) = coerce(schema(), operation, given) {
        let _read = once.read();
        let twice = coerce(schema(), operation, &once.variables).expect("what fits, fits again");
        assert_eq!(once.variables.get(), twice.variables.get());
    }
}
