//! JSON objects from strangers: bounded in depth before anything recursive reads them.

use serde_json::{Map, Value};

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
    if bytes.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    if nesting(bytes) > depth {
        return Err(NotAnObject::Depth(depth));
    }
    match serde_json::from_slice(bytes).map_err(NotAnObject::Syntax)? {
        Value::Object(members) => Ok(members),
        _ => Err(NotAnObject::Kind),
    }
}

/// How deep brackets nest outside strings; the text needn't be valid JSON.
fn nesting(bytes: &[u8]) -> usize {
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
        assert!(matches!(object("[".repeat(100_000).as_bytes(), 64), Err(NotAnObject::Depth(_))));
    }
}
