//! Lines of CSV (RFC 4180) that spreadsheets don't run.

use std::borrow::Cow;

/// A line with its end.
pub(crate) fn line(cells: &[&str]) -> String {
    let cells: Vec<_> = cells.iter().map(|text| cell(text)).collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell. Spreadsheets take what begins like a formula for one, and drop blanks before it: an apostrophe makes it a text.
fn cell(text: &str) -> Cow<'_, str> {
    let begins_formula = text.trim_start().starts_with(['=', '+', '-', '@']) || text.starts_with(['\t', '\r', '\n']);
    let text = if begins_formula { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) };
    if text.contains([',', '"', '\r', '\n', ';', '\t']) || text.trim() != text {
        return Cow::Owned(format!("\"{}\"", text.replace('"', "\"\"")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        assert_eq!(line(&["a", "", "b c"]), "a,,b c\r\n");
        assert_eq!(
            line(&["a,b", "say \"x\"", "two\r\nlines", " x"]),
            "\"a,b\",\"say \"\"x\"\"\",\"two\r\nlines\",\" x\"\r\n"
        );
    }

    #[test]
    fn no_cell_is_a_formula() {
        for (text, expected) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(1)", "'@SUM(1)"),
            ("  =1", "'  =1"),
            ("\t=1", "\"'\t=1\""),
            ("=HYPERLINK(\"x\",1)", "\"'=HYPERLINK(\"\"x\"\",1)\""),
            ("a=1", "a=1"),
        ] {
            assert_eq!(cell(text), expected, "{text}");
        }
    }
}
