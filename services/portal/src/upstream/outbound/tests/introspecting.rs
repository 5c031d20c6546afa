//! What introspection tells, written down, is the schema again.

use std::cell::RefCell;

use apollo_compiler::{
    ExecutableDocument, Schema,
    collections::HashMap,
    introspection::partial_execute,
    request::coerce_variable_values,
    response::JsonMap,
    schema::{Component, ExtendedType, InputValueDefinition},
    validation::Valid,
};
use bytes::Bytes;

use super::{
    super::{Failure, introspection},
    server::{Connection, Server, outbound, reply},
};

/// Everything that a schema can have, but what comes after the compiler's edition.
const EVERYTHING: &str = r#"
schema { query: Root mutation: Changes subscription: Events }
directive @cost(value: Int! = 1, "why" reasons: [String!] = ["a", "b\n"]) repeatable on FIELD_DEFINITION | FIELD | INPUT_OBJECT
directive @empty on QUERY
scalar Date @specifiedBy(url: "https://example.com/\"date\"")
scalar Any
"A thing"
interface Node { id: ID! }
interface Named implements Node { id: ID!  name(upper: Boolean = false, style: Style = PLAIN): String }
type Thing implements Named & Node {
  id: ID!
  name(upper: Boolean = false, style: Style = PLAIN): String @deprecated(reason: "say \"title\"\u0007\\")
  old: Int @deprecated
  matrix: [[Int!]!]!
  deep: [[[[String]]]]
}
type Other { date: Date any: Any }
union Either = Thing | Other
enum Style { PLAIN FANCY @deprecated(reason: "no") }
input Filter {
  text: String = "a \"quoted\" é \\ \n text"
  floats: [Float!]! = [1.5, -2e10]
  nested: Filter = { text: null, floats: [], style: FANCY }
  style: Style = FANCY @deprecated(reason: "gone")
  flag: Boolean = true
}
type Root { find(filter: Filter = { floats: [1] }, first: Int! = 10, after: String = null @deprecated): [Either!] node(id: ID!): Node date: Date }
type Changes { make(filter: Filter!): Thing }
type Events { made: Thing }
"#;

/// Answers introspection as a server of that schema does.
struct Api {
    schema: Valid<Schema>,
    asked: RefCell<Vec<String>>,
}

impl Api {
    fn new(sdl: &str) -> Self {
        let schema = Schema::parse_and_validate(sdl, "schema.graphql").unwrap();
        Self { schema, asked: RefCell::default() }
    }

    fn ask(&self, query: &str) -> Bytes {
        self.asked.borrow_mut().push(query.to_owned());
        let document = ExecutableDocument::parse_and_validate(&self.schema, query, "query.graphql").unwrap();
        let operation = document.operations.get(None).unwrap();
        let variables = coerce_variable_values(&self.schema, operation, &JsonMap::new()).unwrap();
        let implementers: HashMap<_, _> = self.schema.implementers_map();
        let response = partial_execute(&self.schema, &implementers, &document, operation, &variables).unwrap();
        serde_json::to_vec(&response).unwrap().into()
    }

    async fn sdl(&self) -> String {
        introspection::schema(async |query| Ok(self.ask(query))).await.unwrap()
    }
}

/// A schema as a list of all that it has, in order, without descriptions and without directives that introspection doesn't
/// tell.
fn listing(schema: &Schema) -> Vec<String> {
    let mut list =
        vec![format!("{:?}", schema.schema_definition.query), format!("{:?}", schema.schema_definition.mutation)];
    list.push(format!("{:?}", schema.schema_definition.subscription));
    for (name, directive) in schema.directive_definitions.iter().filter(|(_, directive)| !directive.is_built_in()) {
        let mut locations: Vec<_> = directive.locations.iter().map(ToString::to_string).collect();
        locations.sort();
        list.push(format!("@{name} {} {locations:?}", directive.repeatable));
        list.extend(directive.arguments.iter().map(|argument| format!("@{name}.{}", input(argument))));
    }
    for (name, ty) in schema.types.iter().filter(|(_, ty)| !ty.is_built_in()) {
        list.push(format!("{name}: {:?}", std::mem::discriminant(ty)));
        match ty {
            ExtendedType::Scalar(scalar) => list.push(format!(
                "{name} {}",
                shown(&scalar.directives.iter().map(|d| d.to_string()).collect::<Vec<_>>())
            )),
            ExtendedType::Object(object) => {
                list.extend(
                    object.implements_interfaces.iter().map(|interface| format!("{name} is {}", interface.name)),
                );
                list.extend(object.fields.values().flat_map(|field| fields(name, field)));
            }
            ExtendedType::Interface(interface) => {
                list.extend(interface.implements_interfaces.iter().map(|above| format!("{name} is {}", above.name)));
                list.extend(interface.fields.values().flat_map(|field| fields(name, field)));
            }
            ExtendedType::Union(union) => {
                list.extend(union.members.iter().map(|member| format!("{name} may be {}", member.name)));
            }
            ExtendedType::Enum(values) => list.extend(values.values.values().map(|value| {
                format!("{name}.{} {:?}", value.value, deprecation(value.directives.get("deprecated").map(|it| &**it)))
            })),
            ExtendedType::InputObject(object) => {
                list.extend(object.fields.values().map(|field| format!("{name}.{}", input(field))));
            }
        }
    }
    list.sort();
    list
}

fn fields(of: &str, field: &Component<apollo_compiler::schema::FieldDefinition>) -> Vec<String> {
    let deprecation = deprecation(field.directives.get("deprecated").map(|it| &**it));
    let mut list = vec![format!("{of}.{}: {} {deprecation:?}", field.name, field.ty)];
    list.extend(field.arguments.iter().map(|argument| format!("{of}.{}.{}", field.name, input(argument))));
    list
}

fn input(value: &InputValueDefinition) -> String {
    let default = value.default_value.as_ref().map(ToString::to_string);
    let deprecation = deprecation(value.directives.get("deprecated").map(|it| &**it));
    format!("{}: {} = {default:?} {deprecation:?}", value.name, value.ty)
}

/// The reason, which is one of the language where none is given.
fn deprecation(directive: Option<&apollo_compiler::ast::Directive>) -> Option<String> {
    let reason = |directive: &apollo_compiler::ast::Directive| {
        let reason = directive.specified_argument_by_name("reason").and_then(|reason| reason.as_str());
        reason.unwrap_or("No longer supported").to_owned()
    };
    directive.map(reason)
}

fn shown(list: &[String]) -> String {
    list.join(" ")
}

async fn survives(sdl: &str) {
    let api = Api::new(sdl);
    let written = api.sdl().await;
    let again = Api::new(&written);
    assert_eq!(listing(&again.schema), listing(&api.schema));
    assert_eq!(again.sdl().await, written, "the same schema gives the same text");
}

#[tokio::test]
async fn a_schema_with_everything_survives() {
    survives(EVERYTHING).await;
}

#[tokio::test]
async fn a_large_schema_survives() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/buildkite.graphql");
    // It is beside a checkout of this repository, and not in it.
    if let Ok(sdl) = std::fs::read_to_string(path) {
        survives(&sdl).await;
    }
}

#[tokio::test]
async fn an_api_is_asked_over_the_network() {
    let server = Server::start(async |mut connection: Connection| {
        while let Some(request) = connection.request().await {
            let (_, body) = request.split_once("\r\n\r\n").unwrap();
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            let answer = Api::new(EVERYTHING).ask(body["query"].as_str().unwrap());
            connection.send(reply("200 OK", &[], std::str::from_utf8(&answer).unwrap())).await;
        }
    });
    let mut to = server.await.destination();
    assert_eq!(outbound().introspect(&to).await.unwrap(), Api::new(EVERYTHING).sdl().await);
    let refusing = Server::answering(reply("400 Bad Request", &[], "{}")).await;
    to = refusing.destination();
    assert!(matches!(outbound().introspect(&to).await, Err(Failure::InvalidResponse(_))));
}

#[tokio::test]
async fn order_makes_no_difference() {
    let (one, other) = (
        "type Query { b(y: Int, x: Int): E a: U } enum E { B A } type T { a: Int } union U = T | Query",
        "union U = Query | T type T { a: Int } enum E { A B } type Query { a: U b(x: Int, y: Int): E }",
    );
    assert_eq!(Api::new(one).sdl().await, Api::new(other).sdl().await);
}

#[tokio::test]
async fn servers_are_asked_for_nothing_that_they_do_not_know() {
    let api = Api::new(EVERYTHING);
    api.sdl().await;
    let asked = api.asked.take();
    assert!(asked[1].contains("specifiedByURL") && !asked[1].contains("isOneOf"), "{}", asked[1]);
    // A server from before 2018 that tells nothing of itself.
    let silent = r#"{"data":{"type":null,"field":null,"input":{"fields":null},"directive":null}}"#;
    let bare = r#"{"data":{"__schema":{"queryType":{"name":"Query"},"mutationType":null,"subscriptionType":null,
        "directives":[{"name":"skip","locations":["FIELD"],"args":[]}],"types":[
        {"kind":"OBJECT","name":"Query","fields":[{"name":"a","args":[],"type":{"kind":"SCALAR","name":"Int","ofType":null},
        "isDeprecated":false,"deprecationReason":null}],"inputFields":null,"interfaces":[],"enumValues":null,
        "possibleTypes":null},{"kind":"SCALAR","name":"Int"}]}}}"#;
    let asked = RefCell::new(Vec::new());
    let written = introspection::schema(async |query| {
        asked.borrow_mut().push(query.to_owned());
        Ok(Bytes::from(if asked.borrow().len() == 1 { silent } else { bare }))
    });
    assert_eq!(written.await.unwrap(), "schema {\n  query: Query\n}\n\ntype Query {\n  a: Int\n}\n");
    for unknown in ["includeDeprecated", "specifiedByURL", "isOneOf", "isRepeatable"] {
        assert!(!asked.borrow()[1].contains(unknown));
    }
}

#[tokio::test]
async fn inputs_that_take_one_field_are_told_to_compilers_that_do_not_know_them() {
    let knows = r#"{"data":{"type":{"fields":[{"name":"isOneOf","args":[]}]}}}"#;
    let one_of = r#"{"data":{"__schema":{"queryType":{"name":"Query"},"directives":[
        {"name":"later","locations":["DIRECTIVE_DEFINITION"],"args":[]}],"types":[
        {"kind":"INPUT_OBJECT","name":"By","isOneOf":true,"inputFields":[
        {"name":"id","type":{"kind":"SCALAR","name":"ID"}},{"name":"at","type":{"kind":"SCALAR","name":"Int"}}]},
        {"kind":"OBJECT","name":"Query","isOneOf":false,"fields":[{"name":"a","type":{"kind":"SCALAR","name":"Int"},
        "args":[{"name":"by","type":{"kind":"NON_NULL","name":null,"ofType":{"kind":"INPUT_OBJECT","name":"By"}}}]}]}]}}}"#;
    let asked = RefCell::new(0);
    let written = introspection::schema(async |_: &str| {
        *asked.borrow_mut() += 1;
        Ok(Bytes::from(if *asked.borrow() == 1 { knows } else { one_of }))
    });
    let written = written.await.unwrap();
    assert!(written.contains("directive @oneOf on INPUT_OBJECT\n"), "{written}");
    assert!(written.contains("input By @oneOf {\n  at: Int\n  id: ID\n}\n"), "{written}");
    Api::new(&written);
}

#[tokio::test]
async fn what_is_no_schema_is_refused() {
    let type_of = |ty: &str, name: &str| {
        format!(
            r#"{{"data":{{"__schema":{{"queryType":{{"name":"Query"}},"directives":[],"types":[
            {{"kind":"OBJECT","name":"Query","fields":[{{"name":"{name}","args":[],"type":{ty}}}]}}]}}}}}}"#
        )
    };
    let answers = [
        r#"{"data":null}"#.to_owned(),
        r#"{"errors":[{"message":"hush: introspection is disabled"}]}"#.to_owned(),
        r#"{"data":{"__schema":null},"errors":[{"message":"hush"}]}"#.to_owned(),
        r#"{"data":{"__schema":null}}"#.to_owned(),
        r#"{"data":{"__schema":{"types":[]}}}"#.to_owned(),
        type_of(r#"{"kind":"LIST","ofType":null}"#, "a"),
        type_of(r#"{"kind":"SCALAR","name":null}"#, "a"),
        type_of(r#"{"kind":"SCALAR","name":"Int"}"#, "a: Int } type X { b"),
        type_of(r#"{"kind":"NON_NULL","ofType":{"kind":"NON_NULL","ofType":{"kind":"SCALAR","name":"Int"}}}"#, "a"),
    ];
    for answer in answers {
        let probed = RefCell::new(false);
        let outcome = introspection::schema(async |_: &str| {
            let probing = !probed.replace(true);
            Ok(if probing { Bytes::from_static(b"{\"data\":{}}") } else { Bytes::from(answer.clone()) })
        });
        let refused = outcome.await.unwrap_err();
        assert!(matches!(refused, Failure::InvalidResponse(_)), "{answer}: {refused:?}");
        assert!(!refused.to_string().contains("hush"), "{refused}");
    }
    let timeout = introspection::schema(async |_: &str| Err(Failure::Timeout)).await;
    assert_eq!(timeout, Err(Failure::Timeout));
}
