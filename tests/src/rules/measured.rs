//! The metrics of the code are those of `docs/metrics.md`, and nobody watches others.

use std::{collections::BTreeSet, path::Path};

use super::tree::Source;

/// What begins the name of a metric.
const PREFIXES: [&str; 2] = ["portals_", "process_"];
/// Words of the code that begin so and are no metrics: a type of leaked credentials.
const OTHERS: [&str; 1] = ["portals_api_access_token"];
/// What a histogram's series have behind its name.
const SUFFIXES: [&str; 3] = ["_bucket", "_sum", "_count"];

/// The metrics that the code of the parts has: string literals that stand first in a call or on their line.
pub fn in_code(sources: &[Source]) -> BTreeSet<String> {
    let is_part = |path: &str| ["services/", "gateway/", "cli/"].iter().any(|part| path.starts_with(part));
    let is_rust = |path: &str| Path::new(path).extension().is_some_and(|extension| extension == "rs");
    let rust = sources.iter().filter(|source| is_rust(&source.path) && is_part(&source.path));
    let lines = rust.filter(|source| !source.is_test()).flat_map(|source| source.code().map(|(_, line)| line));
    let literals = lines.flat_map(|line| {
        let pieces: Vec<&str> = line.split('"').collect();
        let is_first = |before: &str| before.trim().is_empty() || before.ends_with('(');
        let literals = pieces.chunks_exact(2).filter(|pair| is_first(pair[0])).map(|pair| pair[1].to_owned());
        literals.collect::<Vec<_>>()
    });
    literals.filter(|text| is_name(text)).collect()
}

/// The metrics that `docs/metrics.md` lists.
pub fn in_docs(documented: &str) -> BTreeSet<String> {
    let rows = documented.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split('`').next()).map(str::to_owned).collect()
}

/// The metrics that a page of `/metrics` has.
pub fn on_page(page: &str) -> BTreeSet<String> {
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// The metrics that an expression names, anywhere in `text`.
pub fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| is_name(word));
    let base = |word: &str| {
        let suffix = SUFFIXES.iter().find(|suffix| word.ends_with(**suffix));
        suffix.and_then(|suffix| word.strip_suffix(suffix)).unwrap_or(word).to_owned()
    };
    words.map(base).collect()
}

fn is_name(text: &str) -> bool {
    PREFIXES.iter().any(|prefix| text.starts_with(prefix))
        && !OTHERS.contains(&text)
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn metrics_are_found_where_they_are() {
        let code = "metrics::counter!(\"portals_a_total\", \"kind\" => kind).increment(1);\n// gauge!(\"portals_old\")\n\
                    let other = \"portals-data\";\n    gauge(\"process_b\", 1.0);\n\
                    json!({ \"type\": \"portals_thing\" });\n";
        let sources = [Source::new("gateway/src/a.rs", code), Source::new("tests/src/b.rs", "gauge!(\"portals_c\")")];
        assert_eq!(in_code(&sources), set(&["portals_a_total", "process_b"]));
        assert_eq!(
            in_docs("| metric |\n|---|\n| `portals_a_total` ◦ | counter |\n`portals_x`"),
            set(&["portals_a_total"])
        );
        assert_eq!(on_page("# TYPE portals_a_total counter\nportals_a_total 1\n"), set(&["portals_a_total"]));
        let expression = "sum(rate(portals_b_seconds_bucket{le=\"1\"}[5m])) / portals_c_total";
        assert_eq!(named(expression), set(&["portals_b_seconds", "portals_c_total"]));
    }
}
