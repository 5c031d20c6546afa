//! JSON objects from strangers: bounded in depth before anything recursive reads them.

use serde::de::{DeserializeOwned, Error as _};
use serde_json::{Map, Value, value::RawValue};

/// Why a body is no usable JSON object.
#[derive(Debug, thiserror::Error)]
pub enum NotAnObject {
    /// Not JSON.
    #[error("the body isn't valid JSON: {0}")]
    Syntax(#[source] serde_json::Error),
    /// JSON, but an array, string, number, boolean or null.
    #[error("the body must be a JSON object")]
    Kind,
    /// Nested too deeply.
    #[error("the body is nested deeper than {0} levels")]
    Depth(usize),
}

/// Reads a JSON object of at most `depth` levels. Blank counts as `{}`; of a doubled key the last value counts.
pub fn object(bytes: &[u8], depth: usize) -> Result<Map<String, Value>, NotAnObject> {
    object_as(bytes, depth)
}

/// The same as a `T`, which must take every object, and nothing else.
pub fn object_as<T: Default + DeserializeOwned>(bytes: &[u8], depth: usize) -> Result<T, NotAnObject> {
    if bytes.trim_ascii().is_empty() {
        return Ok(T::default());
    }
    if nesting(bytes) > depth {
        return Err(NotAnObject::Depth(depth));
    }
    let why = |error: serde_json::Error| if error.is_data() { NotAnObject::Kind } else { NotAnObject::Syntax(error) };
    serde_json::from_slice(bytes).map_err(why)
}

/// Checks that `bytes` is what [`object`] takes, and gives its text without reading a value: digits stay as they were
/// written, also those of numbers that no machine has.
pub fn text(bytes: &[u8], depth: usize) -> Result<&RawValue, NotAnObject> {
    let bytes = if bytes.trim_ascii().is_empty() { b"{}" } else { bytes };
    if nesting(bytes) > depth {
        return Err(NotAnObject::Depth(depth));
    }
    let json: &RawValue = serde_json::from_slice(bytes).map_err(NotAnObject::Syntax)?;
    if !json.get().starts_with('{') {
        return Err(NotAnObject::Kind);
    }
    // The grammar lets them pass, and what reads the text later would stumble.
    if !has_whole_characters(json.get()) {
        return Err(NotAnObject::Syntax(serde_json::Error::custom("a string has half of a surrogate pair")));
    }
    Ok(json)
}

/// Whether each surrogate that valid JSON escapes is half of a pair.
fn has_whole_characters(json: &str) -> bool {
    let mut rest = json;
    // Only strings have backslashes.
    while let Some((_, escaped)) = rest.split_once('\\') {
        let (unit, after) = code_unit(escaped);
        rest = match unit {
            0xD800..=0xDBFF => match after.strip_prefix('\\').map(code_unit) {
                Some((0xDC00..=0xDFFF, after)) => after,
                _ => return false,
            },
            0xDC00..=0xDFFF => return false,
            _ => after,
        };
    }
    true
}

/// What follows a backslash: the UTF-16 code unit (0 for a short escape), and the text behind.
fn code_unit(escaped: &str) -> (u16, &str) {
    let hexadecimal = || {
        let (digits, after) = escaped.strip_prefix('u')?.split_at_checked(4)?;
        Some((u16::from_str_radix(digits, 16).ok()?, after))
    };
    hexadecimal().unwrap_or_else(|| (0, escaped.get(1..).unwrap_or_default()))
}

/// How deep brackets nest outside strings; the text needn't be valid JSON.
#[must_use]
pub fn nesting(bytes: &[u8]) -> usize {
    let (mut deepest, mut depth, mut quoted, mut escaped) = (0usize, 0usize, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn blank_is_the_empty_object() {
        assert_eq!(object(b" \n", 64).unwrap(), Map::new());
    }

    #[test]
    fn only_objects_pass() {
        for (text, expected) in
            [("[1]", "must be a JSON object"), ("3", "must be"), ("{", "isn't valid JSON"), ("{}x", "isn't valid")]
        {
            assert!(object(text.as_bytes(), 64).unwrap_err().to_string().contains(expected), "{text}");
        }
    }

    #[test]
    fn depth_is_counted_outside_strings_only() {
        let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        assert!(object(nested(64).as_bytes(), 64).is_ok());
        assert!(matches!(object(nested(65).as_bytes(), 64), Err(NotAnObject::Depth(64))));
        assert!(object(br#"{"a":"[[[\"[[[{{{"}"#, 2).is_ok());
    }

    #[test]
    fn a_hundred_thousand_brackets_cost_no_stack() {
        for unit in ["[", "{\"a\":", "[{\"a\":"] {
            let bytes = unit.repeat(100_000).into_bytes();
            assert!(matches!(object(&bytes, 64), Err(NotAnObject::Depth(_))));
            assert!(matches!(text(&bytes, 64), Err(NotAnObject::Depth(_))));
        }
    }

    #[test]
    fn a_text_keeps_every_byte() {
        let json = r#"{"n":[1e400, 1.10,-0,123456789012345678901234567890],"n":"\u00e9\ud83d\ude80\\ud800"}"#;
        assert_eq!(text(format!(" \n{json} ").as_bytes(), 64).unwrap().get(), json);
        assert_eq!(text(b" ", 64).unwrap().get(), "{}");
    }

    #[test]
    fn half_a_character_is_no_text() {
        for broken in [r"\ud800", r"\uDC00", r"\ud800\n", r"\ud800x", r"\ud800\ud800", r"\udc00\ud800"] {
            for json in [format!("{{\"a\":\"{broken}\"}}"), format!("{{\"{broken}\":1}}")] {
                assert!(matches!(text(json.as_bytes(), 64), Err(NotAnObject::Syntax(_))), "{json}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_text_is_what_an_object_is_less_the_range_of_numbers(bytes in anything()) {
            match (text(&bytes, 64), object(&bytes, 64)) {
                (Ok(_), Ok(_)) => {}
                (Ok(_), Err(error)) => prop_assert!(error.to_string().contains("number out of range"), "{error}"),
                (Err(_), read) => prop_assert!(read.is_err()),
            }
        }
    }

    /// Any bytes, and pieces of JSON in any order.
    fn anything() -> impl Strategy<Value = Vec<u8>> {
        let pieces = [
            "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"a\":", "1", "-1.5e3", "1e999", "null", "true", " ", "\\",
            "\\u00e9", "\\ud83d", "\\ude00", "é",
        ];
        let text = prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..20).prop_map(|p| p.concat());
        let member = text.clone().prop_map(|text| format!("{{\"a\":\"{text}\"}}"));
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            text.prop_map(String::into_bytes),
            member.prop_map(String::into_bytes)
        ]
    }
}
