//! The settings that the code reads are the settings of `deploy/env/*.env.example`.

use std::collections::BTreeSet;

/// Differences between the settings that `config` (a `config.rs`) reads and those that `example` shows, either way.
pub fn differences(prefix: &str, config: &str, example: &str) -> Vec<String> {
    let read: BTreeSet<String> = keys(config).into_iter().map(|key| format!("{prefix}_{key}")).collect();
    let shown: BTreeSet<String> = names(example);
    let is_read =
        |name: &String| read.contains(name) || name.strip_suffix("_FILE").is_some_and(|name| read.contains(name));
    let is_shown = |name: &String| shown.contains(name) || shown.contains(&format!("{name}_FILE"));
    let missing =
        read.iter().filter(|name| !is_shown(name)).map(|name| format!("{name} is read but not in the example"));
    let unknown =
        shown.iter().filter(|name| !is_read(name)).map(|name| format!("{name} is in the example but not read"));
    missing.chain(unknown).collect()
}

/// The names of an env file, also where they are commented out.
pub fn names(example: &str) -> BTreeSet<String> {
    let lines = example.lines().map(|line| line.trim_start_matches(['#', ' ']));
    let names = lines.filter_map(|line| line.split_once('=')).map(|(name, _)| name);
    names.filter(|name| is_key(name)).map(str::to_owned).collect()
}

/// The values of an env file that aren't commented out.
pub fn values(example: &str) -> Vec<(String, String)> {
    let lines = example.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The string literals of the form `SECTION__KEY`.
fn keys(config: &str) -> BTreeSet<&str> {
    let code = config.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(config);
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| line.split('"').skip(1).step_by(2)).filter(|text| is_key(text)).collect()
}

fn is_key(text: &str) -> bool {
    text.contains("__") && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"
        // "OLD__NAME" is gone
        let url = given.required("DATABASE__URL");
        let (key, most) = (given.secret("SERVICE__KEY"), given.or("LIMITS__MOST", 7));
    "#;

    #[test]
    fn equal_sets_pass_with_secrets_as_files_and_defaults_commented_out() {
        let example =
            "TOKEN_DATABASE__URL=sqlite:x\nTOKEN_SERVICE__KEY_FILE=/run/key\n# TOKEN_LIMITS__MOST=7\n# Prose = x\n";
        assert_eq!(differences("TOKEN", CONFIG, example), Vec::<String>::new());
    }

    #[test]
    fn a_difference_either_way_is_found() {
        let example = "TOKEN_DATABASE__URL=x\nTOKEN_SERVICE__KEY=x\nTOKEN_OLD__NAME=1\n";
        let expected =
            ["TOKEN_LIMITS__MOST is read but not in the example", "TOKEN_OLD__NAME is in the example but not read"];
        assert_eq!(differences("TOKEN", CONFIG, example), expected);
    }
}
