//! Documents made to cost much (S16): what is within the limits costs little, and the rest less.

use super::*;

fn each(range: std::ops::Range<usize>, piece: impl Fn(usize) -> String) -> String {
    range.map(piece).collect::<Vec<_>>().join(" ")
}

/// A document that asks for `fields` of a pipeline.
fn of_pipeline(fields: &str) -> String {
    format!("{{ pipeline {{ {fields} }} }}")
}

/// Fragments `F0` to `F{count - 1}`, each of which holds what `fields` says.
fn fragments(count: usize, fields: impl Fn(usize) -> String) -> String {
    each(0..count, |n| format!("fragment F{n} on Pipeline {{ {} }}", fields(n)))
}

/// As many operations, each of which has all that `F0` has.
fn operations(count: usize) -> String {
    each(0..count, |n| format!("query Q{n} {{ pipeline {{ ...F0 }} }}"))
}

fn fields_and_values() -> Vec<(&'static str, String)> {
    let connections = |first: fn(usize) -> String| {
        each(0..700, |n| format!("builds(first: {}) {{ pageInfo {{ hasNextPage }} }}", first(n)))
    };
    let input = |members: &str| format!("mutation {{ buildCreate(input: {{ {members} }}) {{ url }} }}");
    let slug = |value: &str| format!("{{ build(slug: {value}) {{ url }} }}");
    vec![
        ("a field again and again", of_pipeline(&"self { name } ".repeat(2400))),
        ("a nest again and again", of_pipeline(&"self { self { self { name } } } ".repeat(900))),
        ("a connection again and again", of_pipeline(&connections(|_| "1".to_owned()))),
        ("conflicting arguments", of_pipeline(&connections(|n| n.to_string()))),
        ("aliases", of_pipeline(&"a: name ".repeat(100))),
        ("directives", format!("{{ {} }}", "old @skip(if: true) ".repeat(29))),
        ("unknown fields", of_pipeline(&each(0..9000, |n| format!("f{n}")))),
        ("unknown arguments", of_pipeline(&format!("name({})", each(0..3000, |n| format!("a{n}:1"))))),
        ("an argument again and again", of_pipeline(&format!("name({})", "a:1 ".repeat(3000)))),
        ("members", input(&each(0..3000, |n| format!("a{n}:1")))),
        ("a member again and again", input(&"branch:\"\" ".repeat(3000))),
        ("commas", format!("{{ old {} }}", ",".repeat(65_000))),
        ("comments", format!("{{ old {} }}", "#\n".repeat(30_000))),
        ("a string", slug(&format!("\"{}\"", "\\u0041".repeat(10_000)))),
        ("a block string", slug(&format!("\"\"\"{}\"\"\"", "\n ".repeat(30_000)))),
        ("a number", slug(&"1".repeat(65_000))),
        ("a nest of lists", slug(&format!("{}1{}", "[".repeat(120), "]".repeat(120)))),
        (
            "a list",
            of_pipeline(&format!("builds(branch: [{}]) {{ pageInfo {{ hasNextPage }} }}", "\"\" ".repeat(9000))),
        ),
        ("a name", format!("{{ {} }}", "a".repeat(65_000))),
    ]
}

fn definitions() -> Vec<(&'static str, String)> {
    let later = |n: usize| each(n + 1..49, |m| format!("...F{m}"));
    let declared = each(0..1200, |n| format!("$v{n}: String!"));
    let used = each(0..1200, |n| format!("$v{n}"));
    vec![
        (
            "variables",
            format!("query({declared}) {{ pipeline {{ builds(branch: [{used}]) {{ pageInfo {{ hasNextPage }} }} }} }}"),
        ),
        ("unused variables", format!("query({}) {{ old }}", each(0..2400, |n| format!("$v{n}: Int")))),
        ("operations", each(0..1600, |n| format!("query Q{n} {{ old }}"))),
        ("an operation again and again", "query A { old } ".repeat(1900)),
        ("a fragment again and again", of_pipeline("...F ") + &"fragment F on Pipeline { name } ".repeat(50)),
        ("operations that share a fragment", operations(500) + &fragments(1, |_| "name ".repeat(5000))),
        (
            "operations that share a list",
            operations(500)
                + &fragments(1, |_| {
                    format!("builds(branch: [{}]) {{ pageInfo {{ hasNextPage }} }}", "\"\" ".repeat(5000))
                }),
        ),
        (
            "a bomb",
            operations(1) + &fragments(13, |n| format!("...F{0} ...F{0}", n + 1)) + "fragment F13 on Pipeline { name }",
        ),
        (
            "a bomb of nests",
            operations(1)
                + &fragments(9, |n| format!("self {{ ...F{0} }} self {{ ...F{0} }}", n + 1))
                + "fragment F9 on Pipeline { name }",
        ),
        (
            "operations that share a bomb",
            operations(400)
                + &fragments(13, |n| format!("...F{0} ...F{0}", n + 1))
                + "fragment F13 on Pipeline { name }",
        ),
        ("a bomb that leads nowhere", operations(1) + &fragments(49, |n| format!("...F{0} ...F{0}", n + 1))),
        ("spreads that lead nowhere", operations(1) + &fragments(49, |n| later(n) + " ...Nowhere")),
        ("a cycle of all", operations(1) + &fragments(50, |_| each(0..50, |m| format!("...F{m}")))),
        ("spreads", of_pipeline(&"...F0 ".repeat(4900)) + &fragments(1, |_| "name".to_owned())),
        (
            "spreads of large fragments",
            of_pipeline(&each(0..49, |n| format!("...F{n}"))) + &fragments(49, |_| "name ".repeat(190)),
        ),
        (
            "spreads of nests",
            of_pipeline(&each(0..40, |n| format!("...F{n}")))
                + &fragments(40, |_| "self { self { self { name } } } ".repeat(14)),
        ),
        ("inline fragments", of_pipeline(&"... { ... on Pipeline { name } } ".repeat(1000))),
        ("a nest of inline fragments", of_pipeline(&format!("{} name {}", "... { ".repeat(120), "}".repeat(120)))),
    ]
}

/// All of them, each with what it is full of.
pub(super) fn documents() -> impl Iterator<Item = (&'static str, String)> {
    fields_and_values().into_iter().chain(definitions())
}

#[test]
fn the_largest_documents_cost_little_whatever_is_in_them() {
    for (name, text) in documents() {
        assert!(text.len() <= 64 << 10, "{name}: {} bytes", text.len());
        let cost = allocation_counter::measure(|| drop(compile(&text)));
        assert!(cost.count_total < 200_000, "{name}: {cost:?}");
        assert!(cost.bytes_total < 32 << 20, "{name}: {cost:?}");
        assert!(cost.bytes_max < 10 << 20, "{name}: {cost:?}");
    }
}

/// Each spread costs a look at all possible types, which the compiler clones.
#[test]
fn documents_for_wide_schemas_are_short() {
    let sdl = |types: usize| {
        let each = |piece: fn(usize) -> String| (0..types).map(piece).collect::<String>();
        let (types, members) = (each(|n| format!("type T{n} {{ a: Int }} ")), each(|n| format!("| T{n} ")));
        Schema::parse(&format!("type Query {{ u: U }} union U = {members} {types}")).unwrap()
    };
    let spreads = |count: usize| format!("{{ u {{ {} }} }}", each(0..count, |n| format!("... on T{n} {{ a }}")));
    let compile = |text: &str, schema| Document::compile(text, schema, &|_| Ok(Runnable::Remote));
    let (wide, usual) = (sdl(10_000), sdl(1_000));
    compile(&spreads(160), &wide).unwrap();
    compile(&spreads(1_000), &usual).unwrap();
    let refused = compile(&spreads(1_600), &wide).unwrap_err();
    assert!(refused[0].message.contains("at most 1000 are allowed"), "{refused:?}");
}

#[test]
fn spaces_commas_and_comments_are_no_tokens() {
    let fields = |count: usize| format!("{{ pipeline {{ {} }} }}", "name , #\n".repeat(count));
    compile(&fields(6000)).0.unwrap();
    assert!(messages(&("{ old ".to_owned() + &"old ".repeat(9_998) + "}")).contains("10000 tokens"));
    // A field more than may be, and no token more.
    assert!(!messages(&("{ old ".to_owned() + &"old ".repeat(9_997) + "}")).contains("tokens"));
}

#[test]
fn a_hundred_thousand_braces_cost_nothing() {
    for unit in ["{", "{a", "[", "(", "{a(b:[", "...{", "\"\"\"", "#", "{a(b:{c:"] {
        let text = unit.repeat(100_000);
        let cost = allocation_counter::measure(|| drop(bounds::parse(&text, 0)));
        assert!(cost.bytes_total < 10_000, "{unit}: {cost:?}");
    }
}
