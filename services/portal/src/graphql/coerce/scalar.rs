//! The scalars that GraphQL has built in (its specification, §3.5), from JSON to JSON.

use std::num::ParseIntError;

use super::tape::{Given, Kind};

/// Up to here a double has every whole number.
const MOST_EXACT: f64 = 9_007_199_254_740_991.0;

/// Writes `given` as the scalar `name` has it. The error is a sentence without its subject. What isn't built in passes
/// byte for byte.
pub(super) fn write(name: &str, given: Given<'_>, out: &mut String) -> Result<(), String> {
    let text = given.text();
    match (name, given.kind()) {
        ("Int", Kind::Number) => out.push_str(&integer(text)?.to_string()),
        ("Float", Kind::Number) if !double(text).is_finite() => return Err("is beyond the range of Float".to_owned()),
        ("ID", Kind::Number) => {
            let digits = identifier(text).ok_or_else(|| misfit(name, given))?;
            out.extend(["\"", &digits, "\""]);
        }
        ("Float", Kind::Number) | ("String" | "ID", Kind::String) | ("Boolean", Kind::Boolean) => out.push_str(text),
        ("Int" | "Float" | "String" | "ID" | "Boolean", _) => return Err(misfit(name, given)),
        _ => out.push_str(text),
    }
    Ok(())
}

/// A 32-bit integer. `1.0` and `1e2` are whole numbers, too.
fn integer(text: &str) -> Result<i32, String> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    let number = double(text);
    if number.fract() != 0.0 {
        return Err(misfit_of("Int", kind_of_number(text)));
    }
    // Doubles have every number of 32 bits, and write whole ones without a fraction.
    format!("{number:.0}").parse().map_err(|_beyond: ParseIntError| "is beyond the 32 bits of Int".to_owned())
}

/// The digits of a whole number, of any length. One that isn't written in digits alone must be exact in a double:
/// implementations differ in how they would write it.
fn identifier(text: &str) -> Option<String> {
    if is_integer(text) {
        return Some(if text == "-0" { "0" } else { text }.to_owned());
    }
    let number = Some(double(text)).filter(|number| number.fract() == 0.0 && number.abs() <= MOST_EXACT)?;
    // Not "-0".
    Some(format!("{:.0}", number + 0.0))
}

fn double(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}

fn is_integer(number: &str) -> bool {
    number.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit())
}

/// What is wrong with a value of another kind.
pub(super) fn misfit(wanted: &str, given: Given<'_>) -> String {
    let kind = match given.kind() {
        Kind::Null => "null",
        Kind::Boolean => "a boolean",
        Kind::Number => kind_of_number(given.text()),
        Kind::String => "a string",
        Kind::List => "a list",
        Kind::Object => "an object",
    };
    misfit_of(wanted, kind)
}

fn misfit_of(wanted: &str, kind: &str) -> String {
    format!("must be {wanted}, but is {kind}")
}

fn kind_of_number(text: &str) -> &'static str {
    if is_integer(text) { "an integer" } else { "a decimal number" }
}
