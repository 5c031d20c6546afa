//! How deep a text nests its brackets, without parsing it.

use async_graphql::ServerError;

const DEEPEST: usize = 128;

/// Refuses texts that nest deeper than any sensible document.
pub(super) fn check(text: &str) -> Result<(), ServerError> {
    let mut rest = text;
    let mut depth = 0usize;
    while let Some(at) = rest.find(['{', '[', '(', '}', ']', ')', '"', '#']) {
        let (token, after) = rest.split_at(at).1.split_at(1);
        rest = after;
        match token {
            "{" | "[" | "(" => depth += 1,
            "}" | "]" | ")" => depth = depth.saturating_sub(1),
            "#" => rest = rest.find(['\n', '\r']).map_or("", |end| rest.split_at(end).1),
            _ => rest = after_string(rest),
        }
        if depth > DEEPEST {
            return Err(ServerError::new("The document is nested too deep.", None));
        }
    }
    Ok(())
}

/// What follows a string whose opening quote has been read. Of a string that never ends, nothing follows.
fn after_string(rest: &str) -> &str {
    if let Some(block) = rest.strip_prefix("\"\"") {
        let mut rest = block;
        while let Some(at) = rest.find("\"\"\"") {
            let escaped = rest.split_at(at).0.ends_with('\\');
            rest = rest.split_at(at + 3).1;
            if !escaped {
                return rest;
            }
        }
        return "";
    }
    let mut escaped = false;
    for (at, c) in rest.char_indices() {
        match c {
            // An unterminated string is an error anyway; what follows it may still nest.
            '\n' | '\r' => return rest.split_at(at).1,
            '"' if !escaped => return rest.split_at(at + 1).1,
            _ => escaped = c == '\\' && !escaped,
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_brackets_of_the_document_count() {
        let deep = "[".repeat(129);
        assert!(check(&format!("{{ a(b: {deep}) }}")).is_err());
        for text in ["\"{}\"", "\"\\\"{}\"", "\"\"\"{}\\\"\"\"{}\"\"\"", "#{}\n", "#{}"] {
            assert!(check(&text.replace("{}", &deep)).is_ok(), "{text}");
        }
        assert!(check(&"{ a(b: []) }".repeat(1000)).is_ok());
        // An empty string is not the beginning of a block string unless a third quote follows.
        assert!(check(&format!("\"\" {deep}")).is_err());
    }
}
