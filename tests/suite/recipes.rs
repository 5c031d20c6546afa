//! `docs/recipes.md`, run from top to bottom through portals as it stands there.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use suite::Installation;

const PAGE: &str = include_str!("../../docs/recipes.md");

struct Recipe {
    title: &'static str,
    document: &'static str,
    variables: Value,
    answer: Value,
}

fn recipes() -> Vec<Recipe> {
    let section = |text: &'static str| {
        let (title, rest) = text.split_once('\n').unwrap();
        let blocks = |language: &str| -> Vec<&'static str> {
            let fence = format!("```{language}\n");
            rest.split(&fence).skip(1).map(|block| block.split("\n```").next().unwrap()).collect()
        };
        let (documents, json) = (blocks("graphql"), blocks("json"));
        let [variables, answer] = json[..] else { panic!("{title}: variables and an answer") };
        let read = |text: &str| serde_json::from_str(text).unwrap_or_else(|error| panic!("{title}: {error}"));
        Recipe { title, document: documents[0], variables: read(variables), answer: read(answer) }
    };
    PAGE.split("\n## ").skip(1).map(section).collect()
}

/// What stands in for `<Build id>` and its like: of each type the id that was seen last.
#[derive(Default)]
struct Ids(HashMap<String, String>);

impl Ids {
    fn see(&mut self, value: &Value) {
        match value {
            Value::Object(members) => members.values().for_each(|value| self.see(value)),
            Value::Array(items) => items.iter().for_each(|item| self.see(item)),
            Value::String(text) => {
                let decoded = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                if let Some((kind, _)) = decoded.as_deref().and_then(|text| text.split_once("---")) {
                    self.0.insert(format!("<{kind} id>"), text.clone());
                }
            }
            _ => {}
        }
    }

    fn fill(&self, value: &Value) -> Value {
        match value {
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| (name.clone(), self.fill(value)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            Value::String(text) => self.0.get(text).map_or_else(|| value.clone(), |id| json!(id)),
            other => other.clone(),
        }
    }
}

/// Whether an answer is the documented one; `<…>` stands for any text, and for an id of that type where it names one.
fn is_like(answer: &Value, documented: &Value) -> bool {
    match (answer, documented) {
        (Value::Object(answer), Value::Object(documented)) => {
            answer.keys().eq(documented.keys()) && answer.iter().all(|(name, value)| is_like(value, &documented[name]))
        }
        (Value::Array(answer), Value::Array(documented)) => {
            answer.len() == documented.len() && answer.iter().zip(documented).all(|(one, other)| is_like(one, other))
        }
        (Value::String(text), Value::String(wanted)) if wanted.starts_with('<') => match wanted.strip_suffix(" id>") {
            Some(kind) => {
                let prefix = format!("{}---", &kind[1..]);
                STANDARD.decode(text).is_ok_and(|bytes| bytes.starts_with(prefix.as_bytes()))
            }
            None => !text.is_empty(),
        },
        (answer, documented) => answer == documented,
    }
}

#[tokio::test]
async fn every_recipe_answers_what_the_page_says() {
    let house = Installation::start();
    let mut ids = Ids::default();
    ids.see(&json!(house.pipeline_id().await));
    ids.see(&house.graphql("{ organization(slug: \"my-organization\") { id } }", json!({})).await);
    let recipes = recipes();
    assert!(recipes.len() > 15, "{}", recipes.len());
    for Recipe { title, document, variables, answer } in recipes {
        let portal = house.portal(json!({ "name": title, "query": document })).await;
        let warnings: Vec<_> = portal.body["warnings"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|warning| {
                !warning["message"].as_str().unwrap().contains("IP")
                    && !warning["message"].as_str().unwrap().contains("first")
            })
            .collect();
        assert!(warnings.is_empty(), "{title}: {warnings:#?}");
        let given = ids.fill(&variables);
        let found = house.call(&portal, given.clone()).await.expect(200);
        assert!(is_like(&found, &answer), "{title} with {given}: {found:#}");
        ids.see(&found);
    }
}

#[test]
fn a_different_answer_is_noticed() {
    let documented = json!({ "a": "<time>", "b": [{ "id": "<Build id>" }], "c": 1 });
    let id = STANDARD.encode("Build---x");
    assert!(is_like(&json!({ "a": "now", "b": [{ "id": id }], "c": 1 }), &documented));
    for other in [
        json!({ "a": "", "b": [{ "id": id }], "c": 1 }),
        json!({ "a": "now", "b": [{ "id": "x" }], "c": 1 }),
        json!({ "a": "now", "b": [], "c": 1 }),
        json!({ "a": "now", "b": [{ "id": id }], "c": 2 }),
        json!({ "a": "now", "b": [{ "id": id }] }),
    ] {
        assert!(!is_like(&other, &documented), "{other}");
    }
}
