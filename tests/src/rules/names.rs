//! Names of modules.

use super::tree::{self, Source};

/// Names that say nothing.
const BANNED: [&str; 10] =
    ["utils", "util", "helpers", "helper", "common", "misc", "types", "manager", "managers", "stuff"];

/// Modules with a name that says nothing, and `mod.rs` files.
pub fn banned(sources: &[Source]) -> Vec<String> {
    let mut wrong = Vec::new();
    for source in tree::rust(sources) {
        let path = &source.path;
        if path.ends_with("/mod.rs") {
            wrong.push(format!("{path}: the house writes foo.rs and foo/, not foo/mod.rs"));
        }
        let parts = path.trim_end_matches(".rs").split('/').filter(|part| BANNED.contains(part));
        wrong.extend(parts.map(|part| format!("{path}: {part:?} says nothing")));
        let inline = source.code().filter_map(|(line, text)| Some((line, module(text)?)));
        let inline = inline.filter(|(_, name)| BANNED.contains(name));
        wrong.extend(inline.map(|(line, name)| format!("{path}:{line}: {name:?} says nothing")));
    }
    wrong
}

fn module(line: &str) -> Option<&str> {
    let (before, name) = line.split_once("mod ")?;
    let is_item = before.trim().is_empty() || before.trim().starts_with("pub");
    is_item.then(|| name.trim_end_matches([' ', '{', ';']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_names_are_found_as_files_folders_and_items() {
        for (path, text) in [
            ("services/token/src/utils.rs", ""),
            ("services/token/src/helpers/time.rs", ""),
            ("services/token/src/lib.rs", "pub(crate) mod common;\n"),
            ("services/token/src/lib.rs", "mod types {\n}\n"),
            ("services/token/src/domain/mod.rs", ""),
        ] {
            assert_eq!(banned(&[Source::new(path, text)]).len(), 1, "{path}");
        }
    }

    #[test]
    fn names_that_say_something_pass() {
        let text = "mod tokens;\npub mod types_of_builds;\n// mod utils;\n";
        assert_eq!(banned(&[Source::new("services/token/src/lib.rs", text)]), Vec::<String>::new());
    }
}
