//! Every `code` that an error can carry is documented.

use super::tree::Source;

/// Codes of `error.rs` files that `docs/errors.md` doesn't list in its first column.
pub fn undocumented(sources: &[Source], documented: &str) -> Vec<String> {
    let errors = sources.iter().filter(|source| source.path.ends_with("/src/error.rs"));
    let codes = errors.flat_map(|source| codes(&source.text).into_iter().map(move |code| (&source.path, code)));
    let listed = listed(documented);
    let missing = codes.filter(|(_, code)| !listed.contains(code));
    missing.map(|(path, code)| format!("{path}: `{code}` isn't in docs/errors.md")).collect()
}

/// The string literals of every `fn reason` that isn't a declaration.
fn codes(text: &str) -> Vec<&str> {
    let bodies = text.split("fn reason(").skip(1).map(|rest| rest.split("\n    }").next().unwrap_or(rest));
    // Between an odd and an even quote there is a literal: codes hold no quotes and no escapes.
    bodies.flat_map(|body| body.split('"').skip(1).step_by(2)).collect()
}

/// Reasons that comments of `.proto` files name (`UPPER_SNAKE`, of two words or more) and `docs/errors.md` doesn't list.
pub fn undocumented_in(contract: &str, documented: &str) -> Vec<String> {
    let comments = contract.lines().filter_map(|line| line.trim_start().strip_prefix("//"));
    let is_reason =
        |word: &&str| word.contains('_') && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let words = comments.flat_map(|comment| comment.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    let listed = listed(documented);
    let reasons = words.filter(is_reason).filter(|word| *word != "UPPER_SNAKE");
    let missing = reasons.filter(|reason| !listed.contains(&reason.to_lowercase().as_str()));
    missing.map(|reason| format!("{reason} isn't in docs/errors.md")).collect()
}

/// What is wrong with the rows of the list: each says code, status, meaning and what to do, once, and in order.
pub fn faulty_rows(documented: &str) -> Vec<String> {
    let rows =
        documented.lines().filter_map(|line| line.strip_prefix("| `")).map(|row| row.split(" | ").collect::<Vec<_>>());
    let mut faults = Vec::new();
    let mut before = "";
    for row in rows {
        let code = row[0].trim_end_matches('`');
        let said = row.iter().map(|cell| cell.trim_matches(['|', ' '])).filter(|cell| !cell.is_empty()).count();
        if row.len() != 4 || said != 4 {
            faults.push(format!("`{code}` has {said} cells of 4"));
        } else if !row[1].parse::<u16>().is_ok_and(|status| (400..600).contains(&status)) {
            faults.push(format!("`{code}` has no status of an error: {}", row[1]));
        }
        if code <= before {
            faults.push(format!("`{code}` comes after `{before}`"));
        }
        before = code;
    }
    faults
}

fn listed(documented: &str) -> Vec<&str> {
    let rows = documented.lines().filter_map(|line| line.strip_prefix('|'));
    let first = rows.filter_map(|row| row.split('|').next());
    first.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ERROR: &str = "impl Fault for Error {\n    fn reason(&self) -> &'static str {\n        match self {\n            \
                         Self::A => \"not_found\",\n            Self::B | Self::C => \"odd_one\",\n        }\n    }\n}\n";

    #[test]
    fn a_row_that_lacks_something_or_is_out_of_order_is_found() {
        let good =
            "| code | status | meaning | what to do |\n|---|---|---|---|\n| `a_b` | 400 | it is `c` | mend it |\n";
        assert_eq!(faulty_rows(&format!("{good}| `b` | 503 | d | e |\n")), Vec::<String>::new());
        for (row, fault) in [
            ("| `b` | 503 | d |", "`b` has 3 cells of 4"),
            ("| `b` | 503 | d |  |", "`b` has 3 cells of 4"),
            ("| `b` | 200 | d | e |", "`b` has no status of an error: 200"),
            ("| `a_b` | 400 | d | e |", "`a_b` comes after `a_b`"),
            ("| `a` | 400 | d | e |", "`a` comes after `a_b`"),
        ] {
            assert_eq!(faulty_rows(&format!("{good}{row}\n")), [fault], "{row}");
        }
    }

    #[test]
    fn a_code_that_is_not_documented_is_found() {
        let sources = [Source::new("services/token/src/error.rs", ERROR)];
        let documented = "| code | status |\n|---|---|\n| `not_found` | 404, see `odd_one` |\n";
        assert_eq!(
            undocumented(&sources, documented),
            ["services/token/src/error.rs: `odd_one` isn't in docs/errors.md"]
        );
        let documented = format!("{documented}| `odd_one` | 400 |\n");
        assert_eq!(undocumented(&sources, &documented), Vec::<String>::new());
        let contract = "  // Of x_y in UPPER_SNAKE. Reasons: NOT_FOUND (no A), OTHER_ONE.\n  rpc X_Y(A) returns (B);\n";
        assert_eq!(undocumented_in(contract, &documented), ["OTHER_ONE isn't in docs/errors.md"]);
    }
}
