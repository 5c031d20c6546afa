mod described;
mod generate;
mod hostile;
mod reference;

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::json;

use self::generate::{Case, Dice, SDL};
use super::*;
use crate::graphql::{Kind, Variable};

/// Read once: some tests ask hundreds of times.
fn schema() -> &'static Schema {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::parse(SDL).unwrap());
    &SCHEMA
}

/// An operation that declares variables: name, type, whether there is a default.
fn declare<'a>(declared: impl IntoIterator<Item = (&'a str, &'a str, bool)>) -> Operation {
    let variable = |(name, ty, has_default): (&str, &str, bool)| Variable {
        name: name.to_owned(),
        ty: Type::parse(ty, "type").unwrap(),
        default: has_default.then_some(Value::Null),
        used: name != "unused",
    };
    Operation {
        name: None,
        kind: Kind::Query,
        position: None,
        variables: declared.into_iter().map(variable).collect(),
        ready: Err(Vec::new()),
    }
}

fn coerce_text(schema: &Schema, operation: &Operation, given: &str) -> Result<Coerced, Vec<Violation>> {
    coerce(schema, operation, kit::json::text(given.as_bytes(), 64).unwrap())
}

/// What becomes of `given` for a variable `v` of a type.
fn fit(ty: &str, given: &str) -> Result<String, Vec<(String, String)>> {
    let operation = declare([("v", ty, false)]);
    let coerced = coerce_text(schema(), &operation, &format!("{{\"v\":{given}}}"));
    let value = |coerced: Coerced| coerced.variables.get()[5..coerced.variables.get().len() - 1].to_owned();
    coerced.map(value).map_err(|faults| faults.into_iter().map(|fault| (fault.field, fault.message)).collect())
}

#[test]
fn values_that_fit_pass_and_are_brought_into_form() {
    for (ty, given, expected) in [
        ("Int", "3", "3"),
        ("Int!", "-2147483648", "-2147483648"),
        ("Int", "-2147483648.0", "-2147483648"),
        ("Int", "4.0", "4"),
        ("Int", "1e2", "100"),
        ("Int", "-0", "0"),
        ("Float", "3", "3"),
        ("Float", "1.10", "1.10"),
        ("Float", "123456789012345678901234567890", "123456789012345678901234567890"),
        ("Float", "0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
        ("ID", "7", r#""7""#),
        ("ID", "-0", r#""0""#),
        ("ID", "123456789012345678901234567890", r#""123456789012345678901234567890""#),
        ("ID", "1.0", r#""1""#),
        ("ID", "-1e2", r#""-100""#),
        ("ID!", r#""\u0078""#, r#""\u0078""#),
        ("String", r#""\ud83d\ude80 é""#, r#""\ud83d\ude80 é""#),
        ("Boolean", "true", "true"),
        ("E", r#""\u004fNE""#, r#""ONE""#),
        ("Int", "null", "null"),
        ("[Int]", "[1, null]", "[1,null]"),
        ("[Int!]", "1", "[1]"),
        ("[Int]", "[ ]", "[]"),
        ("[[Int!]]", "1", "[[1]]"),
        ("[[Int!]]", "[1, [2]]", "[[1],[2]]"),
        (
            "In",
            r#"{ "id": 1, "tags": "t", "nested": { "id": "2" } }"#,
            r#"{"id":"1","nested":{"id":"2"},"tags":["t"]}"#,
        ),
        ("One", r#"{ "d": 1 }"#, r#"{"d":["1"]}"#),
        ("Small", "{}", "{}"),
    ] {
        assert_eq!(fit(ty, given), Ok(expected.to_owned()), "{ty} {given}");
    }
}

#[test]
fn a_custom_scalar_passes_byte_for_byte() {
    for given in [
        "1e400",
        "-1.10",
        "123456789012345678901234567890.123456789012345678901234567890",
        r#"{ "a":[ 1e400 , "\u0061\/" ],"a" : {"b" :-0}, "\u0061":null }"#,
        "[\t[], {}]",
    ] {
        assert_eq!(fit("Custom", given), Ok(given.to_owned()));
        assert_eq!(fit("[Custom]", &format!("[{given}]")), Ok(format!("[{given}]")));
        let object = format!("{{\"any\":{given},\"id\":\"1\"}}");
        assert_eq!(fit("In", &object), Ok(object));
    }
}

#[test]
fn of_a_doubled_member_the_last_counts_at_each_level() {
    assert_eq!(fit("In", r#"{"id":[],"\u0069d":"2","id":1}"#), Ok(r#"{"id":"1"}"#.to_owned()));
    assert_eq!(fit("In", r#"{"id":1,"id":[]}"#).unwrap_err()[0].0, "v.id");
    assert_eq!(
        fit("In", r#"{"id":1,"nested":{"id":[],"id":2},"nested":{"id":3}}"#).unwrap(),
        r#"{"id":"1","nested":{"id":"3"}}"#
    );
    let operation = declare([("v", "Int!", false)]);
    let coerced = coerce_text(schema(), &operation, r#"{"v":"x","x":1,"v":1,"x":2,"\u0078":3}"#).unwrap();
    assert_eq!((coerced.variables.get(), coerced.ignored.as_slice()), (r#"{"v":1}"#, ["x".to_owned()].as_slice()));
}

#[test]
fn values_that_do_not_fit_are_refused_with_their_path() {
    for (ty, given, path, message) in [
        ("Int", r#""3""#, "v", "must be Int, but is a string"),
        ("Int", "2147483648", "v", "is beyond the 32 bits of Int"),
        ("Int", "-2147483649", "v", "is beyond the 32 bits of Int"),
        ("Int", "1e10", "v", "is beyond the 32 bits of Int"),
        ("Int", "123456789012345678901234567890", "v", "is beyond the 32 bits of Int"),
        ("Int", "1.5", "v", "must be Int, but is a decimal number"),
        ("Int", "1e400", "v", "must be Int, but is a decimal number"),
        ("Float", r#""1""#, "v", "must be Float, but is a string"),
        ("Float", "-1e400", "v", "is beyond the range of Float"),
        ("String", "1", "v", "must be String, but is an integer"),
        ("Boolean", r#""true""#, "v", "must be Boolean, but is a string"),
        ("Boolean", "0", "v", "must be Boolean, but is an integer"),
        ("ID", "1.5", "v", "must be ID, but is a decimal number"),
        ("ID", "1e30", "v", "must be ID, but is a decimal number"),
        ("ID", "true", "v", "must be ID, but is a boolean"),
        ("E", r#""THREE""#, "v", "must be a value of E, but is a string"),
        ("E", "1", "v", "must be a value of E, but is an integer"),
        ("Int!", "null", "v", "must not be null (Int!)"),
        ("[Int!]", "[1, null]", "v[1]", "must not be null (Int!)"),
        ("[Int]", "[[1]]", "v[0]", "must be Int, but is a list"),
        ("In", r#""x""#, "v", "must be an object (In), but is a string"),
        ("In", "[[]]", "v", "must be an object (In), but is a list"),
        ("In", "{}", "v.id", "is required (ID!)"),
        ("In", r#"{ "id": "1", "nope": 1 }"#, "v.nope", "is no field of In"),
        ("In", r#"{ "id": "1", "count": null }"#, "v.count", "must not be null (Int!)"),
        ("In", r#"{ "id": "1", "tags": ["a", "b", 3] }"#, "v.tags[2]", "must be String, but is an integer"),
        ("[In!]!", r#"[{ "id": "1", "nested": { "id": null } }]"#, "v[0].nested.id", "must not be null (ID!)"),
        ("One", "{}", "v", "must have exactly one field (One)"),
        ("One", r#"{ "a": 1, "b": "x" }"#, "v", "must have exactly one field (One)"),
        ("One", r#"{ "a": null }"#, "v.a", "must not be null, being the only one"),
    ] {
        assert_eq!(fit(ty, given), Err(vec![(path.to_owned(), message.to_owned())]), "{ty} {given}");
    }
}

#[test]
fn every_fault_is_reported() {
    let operation = declare([("a", "Int", false), ("b", "Int!", false), ("c", "ID!", false), ("d", "In", false)]);
    let given = r#"{"a":"x","b":null,"d":{"nope":1,"tags":[1,"x",2]}}"#;
    let faults = coerce_text(schema(), &operation, given).unwrap_err();
    let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(fields, ["a", "b", "c", "d.nope", "d.tags[0]", "d.tags[2]", "d.id"]);
}

#[test]
fn undeclared_variables_are_dropped_and_named_and_unused_ones_are_checked_and_dropped() {
    let operation = declare([("unused", "Int", false), ("a", "Int", false), ("c", "Int!", true)]);
    let given = r#"{"a":1,"unused":2,"query":"{ x }","operationName":"y"}"#;
    let coerced = coerce_text(schema(), &operation, given).unwrap();
    assert_eq!(coerced.variables.get(), r#"{"a":1}"#);
    assert_eq!(coerced.ignored, ["operationName", "query"]);
    assert!(coerce_text(schema(), &operation, r#"{"unused":"x"}"#).is_err());
    assert!(coerce_text(schema(), &operation, r#"{"c":null}"#).is_err());
}

#[test]
fn what_an_api_in_this_process_cannot_read_is_named() {
    let operation = declare([("a", "Custom", false), ("b", "Custom", false), ("id", "ID", false)]);
    let read = |given: &str| coerce_text(schema(), &operation, given).unwrap().read();
    let values = read(r#"{"a":1.5,"id":123456789012345678901234567890}"#).unwrap();
    assert_eq!(Value::Object(values), json!({ "a": 1.5, "id": "123456789012345678901234567890" }));
    let faults = read(r#"{"a":[1e400],"b":1}"#).unwrap_err();
    assert_eq!(faults, [Violation::new("a", "holds a number that this API can't read")]);
}

#[test]
fn debug_shows_no_value() {
    let operation = declare([("v", "String", false)]);
    let coerced = coerce_text(schema(), &operation, r#"{"v":"private"}"#).unwrap();
    assert!(!format!("{coerced:?}").contains("private"), "{coerced:?}");
}

proptest! {
    #[test]
    fn what_fits_once_fits_again_unchanged(seed: u64) {
            let case = Case::roll(&mut Dice(seed));
        let operation = declare(case.declared.iter().map(|(name, ty, or)| (name.as_str(), ty.as_str(), or.is_some())));
        if let Ok(once) = coerce_text(schema(), &operation, &case.given) {
            let twice = coerce_text(schema(), &operation, once.variables.get()).unwrap();
            prop_assert_eq!(twice.variables.get(), once.variables.get());
            prop_assert!(twice.ignored.is_empty());
        }
    }

    #[test]
    fn any_json_is_coerced_to_json_or_refused(seed: u64, value in any_json()) {
        let ty = generate::ty(&mut Dice(seed));
        match fit(&ty, &value) {
            Ok(coerced) => prop_assert!(serde_json::from_str::<&RawValue>(&coerced).is_ok(), "{coerced}"),
            Err(faults) => prop_assert!((1..=MOST_FAULTS + 1).contains(&faults.len())),
        }
    }
}

/// JSON of any numbers, characters and spaces.
fn any_json() -> impl Strategy<Value = String> {
    let string = any::<String>().prop_map(|text| Value::from(text).to_string());
    let number = "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,30})?([eE][-+]?[0-9]{1,4})?";
    let leaf = prop_oneof![
        prop::sample::select(vec!["null", "true", "false", "{}", "[ ]"]).prop_map(str::to_owned),
        number,
        string.clone()
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        let member = (string.clone(), inner.clone()).prop_map(|(name, value)| format!("{name} :{value}"));
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(|items| format!("[{}]", items.join(" ,\n"))),
            prop::collection::vec(member, 0..5).prop_map(|members| format!("{{{}}}", members.join(",")))
        ]
    })
}
