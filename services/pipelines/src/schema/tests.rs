//! Whatever we export must be in the public schema, exactly so.

use std::sync::Arc;

use apollo_compiler::{
    Schema,
    ast::{FieldDefinition, InputValueDefinition},
    schema::{Component, ExtendedType},
};
use kit::{ambient::Ambient, db::Database};

use crate::{Api, Nobody, Settings};

#[tokio::test]
async fn the_schema_is_valid_and_a_subset_of_the_public_one() {
    bed::each_engine(async |bed| {
        let database = Database::open(&bed.url).await.unwrap();
        assert_public(&Api::new(database, Arc::new(Nobody), Ambient::system(), Settings::default()).sdl());
    })
    .await;
}

#[track_caller]
fn assert_public(sdl: &str) {
    let ours = Schema::parse_and_validate(sdl, "ours.graphql").unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/buildkite.graphql");
    let Ok(public) = std::fs::read_to_string(path) else { return };
    let public = Schema::parse_and_validate(public, "public.graphql").unwrap();
    let faults = faults(&ours, &public);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_difference_is_noticed() {
    let public = "interface N { id: ID! } enum E { A } input I { a: Int = 1 b: ID! } scalar S
        type Query implements N { id: ID! a(x: Int = 1, i: I): Int s: S e: E }";
    for (from, to) in [
        ("a(x: Int = 1,", "a(x: Int = 2,"),
        ("a(x: Int = 1,", "a(x: Int! = 1,"),
        ("a(x: Int = 1,", "a(y: Int = 1,"),
        ("): Int ", "): Int! "),
        ("s: S", "t: S"),
        ("s: S", "s: S @deprecated"),
        ("b: ID!", "b: ID"),
        ("b: ID!", ""),
        ("b: ID!", "b: ID! c: Int"),
        ("{ A }", "{ A B }"),
        ("scalar S", "scalar S @specifiedBy(url: \"x\")"),
        ("scalar S", "enum S { X }"),
        ("scalar S", "scalar S union U = Query"),
    ] {
        let parse = |text: &str| Schema::parse_and_validate(text, "test.graphql").unwrap();
        let found = faults(&parse(&public.replacen(from, to, 1)), &parse(public));
        assert_eq!(found.len(), 1, "{from} -> {to}: {found:?}");
    }
}

fn faults(ours: &Schema, public: &Schema) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, ours) in ours.types.iter().filter(|(_, ty)| !ty.is_built_in()) {
        match public.types.get(name) {
            Some(public) => compare(name, ours, public, &mut faults),
            None => faults.push(format!("{name} is not public")),
        }
    }
    faults
}

fn compare(name: &str, ours: &ExtendedType, public: &ExtendedType, faults: &mut Vec<String>) {
    match (ours, public) {
        (ExtendedType::Scalar(ours), ExtendedType::Scalar(_)) => {
            faults.extend((!ours.directives.is_empty()).then(|| format!("{name} has directives")));
        }
        (ExtendedType::Object(ours), ExtendedType::Object(public)) => {
            members(
                name,
                ours.implements_interfaces.iter(),
                &public.implements_interfaces.iter().collect::<Vec<_>>(),
                faults,
            );
            fields(name, ours.fields.values(), |field| public.fields.get(field), faults);
        }
        (ExtendedType::Interface(ours), ExtendedType::Interface(public)) => {
            members(
                name,
                ours.implements_interfaces.iter(),
                &public.implements_interfaces.iter().collect::<Vec<_>>(),
                faults,
            );
            fields(name, ours.fields.values(), |field| public.fields.get(field), faults);
        }
        (ExtendedType::Union(ours), ExtendedType::Union(public)) => {
            members(name, ours.members.iter(), &public.members.iter().collect::<Vec<_>>(), faults);
        }
        (ExtendedType::Enum(ours), ExtendedType::Enum(public)) => {
            members(name, ours.values.keys(), &public.values.keys().collect::<Vec<_>>(), faults);
        }
        (ExtendedType::InputObject(ours), ExtendedType::InputObject(public)) => {
            for (field, ours) in &ours.fields {
                match public.fields.get(field) {
                    Some(public) => argument(&format!("{name}.{field}"), ours, public, faults),
                    None => faults.push(format!("{name}.{field} is not public")),
                }
            }
            let missing = public
                .fields
                .iter()
                .filter(|(field, public)| public.is_required() && !ours.fields.contains_key(*field));
            faults.extend(missing.map(|(field, _)| format!("{name}.{field} is required in public")));
        }
        _ => faults.push(format!("{name} is of another kind in public")),
    }
}

fn members<T: PartialEq + std::fmt::Debug>(
    name: &str,
    ours: impl Iterator<Item = T>,
    public: &[T],
    faults: &mut Vec<String>,
) {
    faults.extend(
        ours.filter(|ours| !public.contains(ours)).map(|ours| format!("{name} has {ours:?}, public has {public:?}")),
    );
}

fn fields<'a>(
    name: &str,
    ours: impl Iterator<Item = &'a Component<FieldDefinition>>,
    public: impl Fn(&str) -> Option<&'a Component<FieldDefinition>>,
    faults: &mut Vec<String>,
) {
    for ours in ours {
        let path = format!("{name}.{}", ours.name);
        let Some(public) = public(&ours.name) else {
            faults.push(format!("{path} is not public"));
            continue;
        };
        if ours.ty != public.ty || !ours.directives.is_empty() || !public.directives.is_empty() {
            faults.push(format!("{path}: {} is {} in public", ours.ty, public.ty));
        }
        for ours in &ours.arguments {
            match public.argument_by_name(&ours.name) {
                Some(public) => argument(&format!("{path}({})", ours.name), ours, public, faults),
                None => faults.push(format!("{path}({}) is not public", ours.name)),
            }
        }
        let missing = public
            .arguments
            .iter()
            .filter(|public| public.is_required() && ours.argument_by_name(&public.name).is_none());
        faults.extend(missing.map(|public| format!("{path}({}) is required in public", public.name)));
    }
}

fn argument(path: &str, ours: &InputValueDefinition, public: &InputValueDefinition, faults: &mut Vec<String>) {
    if ours.ty != public.ty || ours.default_value != public.default_value {
        faults.push(format!("{path}: {ours} is {public} in public"));
    }
}
