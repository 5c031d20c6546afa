//! Any text: compiled or refused, and what is compiled can be compiled again.

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use super::*;

/// What documents are made of, and some of what they aren't.
const WORDS: [&str; 48] = [
    "query",
    "mutation",
    "subscription",
    "fragment",
    "on",
    "Query",
    "Pipeline",
    "Build",
    "BuildConnection",
    "type",
    "{",
    "}",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ":",
    "=",
    "!",
    "|",
    "&",
    "$",
    "$a",
    "$b",
    "@",
    "@skip(if: true)",
    "@include(if: $b)",
    "...",
    "...F",
    "...G",
    "F",
    "a:",
    "name",
    "self",
    "builds",
    "first:",
    "branch:",
    "1",
    "-0.5e3",
    "\"x\"",
    "\"\"\"x\n\"\"\"",
    "null",
    "true",
    "#x\n",
    "\\u{41}",
    "\u{feff}",
];

const GOOD: [&str; 6] = [
    "name",
    "name @skip(if: $b)",
    "__typename",
    "a: builds(first: $i) { pageInfo { hasNextPage } }",
    "b: builds(branch: [\"x\", $s], last: 1) { edges { node { url number } } }",
    "c: builds { edges { node { pipeline { name } } } }",
];

const BAD: [&str; 6] = [
    "nope",
    "a: name",
    "...Nowhere",
    "__schema { types { name } }",
    "builds(first: $list) { pageInfo { nope } }",
    "self",
];

/// Selections on a pipeline, with the variables that [`document`] declares.
fn selections(spread: &'static str) -> impl Strategy<Value = String> {
    let words = |words: &[&'static str]| prop::sample::select(words.to_vec()).prop_map(str::to_owned);
    let leaf = prop_oneof![50 => words(&GOOD), 5 => Just(spread.to_owned()), 1 => words(&BAD)];
    leaf.prop_recursive(4, 16, 3, |inner| {
        let inside = prop::collection::vec(inner, 1..4).prop_map(|parts| parts.join(" "));
        prop_oneof![
            inside.clone().prop_map(|parts| format!("self {{ {parts} }}")),
            inside.clone().prop_map(|parts| format!("... on Pipeline {{ {parts} }}")),
            inside.prop_map(|parts| format!("... @skip(if: $b) {{ {parts} }}")),
        ]
    })
}

/// A document of up to three operations and two fragments.
fn document() -> impl Strategy<Value = String> {
    let sets = prop::collection::vec(prop::collection::vec(selections("...F"), 1..3), 1..4);
    let declared = "($i: Int, $s: String!, $b: Boolean! = false, $list: [String!])";
    let variables =
        prop_oneof![20 => Just(declared), 1 => Just(""), 1 => Just("($b: Boolean!)"), 1 => Just("($i: In)")];
    (sets, selections("...G"), selections("name"), variables).prop_map(|(sets, f, g, variables)| {
        let operation = |(at, set): (usize, &Vec<String>)| {
            let name = if sets.len() == 1 { String::new() } else { format!("Q{at}") };
            format!("query {name}{variables} {{ pipeline {{ {} }} }}", set.join(" "))
        };
        let operations = sets.iter().enumerate().map(operation).collect::<Vec<_>>().join("\n");
        // A fragment that no operation reaches is a fault.
        let fragment = |mut text: String, (name, set): (&str, &String)| {
            if text.contains(&format!("...{name}")) {
                text.extend(["\nfragment ", name, " on Pipeline { ", set, " }"]);
            }
            text
        };
        [("F", &f), ("G", &g)].into_iter().fold(operations, fragment)
    })
}

/// Fails unless what was compiled is within the limits, and ready to be compiled again.
fn check(text: &str) -> Result<bool, TestCaseError> {
    let (compiled, prepared) = compile(text);
    match compiled {
        Ok(document) => {
            prop_assert_eq!(document.operations().len(), prepared.len());
            for text in &prepared {
                let (again, _) = compile(text);
                prop_assert!(again.is_ok(), "{text}: {:?}", again.err());
                let unused =
                    again.is_ok_and(|again| again.operations()[0].variables.iter().any(|variable| !variable.used));
                prop_assert!(!unused, "{text}");
            }
            Ok(true)
        }
        Err(findings) => {
            prop_assert!(!findings.is_empty());
            Ok(false)
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_compiled_or_refused(text in "\\PC{0,200}") {
        check(&text)?;
    }

    #[test]
    fn any_words_are_compiled_or_refused(words in prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..60)) {
        check(&words.join(" "))?;
    }

    #[test]
    fn what_is_sent_of_a_document_is_a_document(text in document()) {
        check(&text)?;
    }

    #[test]
    fn any_part_of_a_document_is_compiled_or_refused(text in document(), from: prop::sample::Index, to: prop::sample::Index) {
        let (from, to) = (from.index(text.len()), to.index(text.len()));
        check(&text[from.min(to)..from.max(to)])?;
    }
}

#[test]
fn documents_at_random_are_neither_all_good_nor_all_bad() {
    let mut runner = TestRunner::deterministic();
    let good = (0..200).filter(|_| check(&document().new_tree(&mut runner).unwrap().current()).unwrap()).count();
    assert!((20..180).contains(&good), "{good} of 200 are good");
}
