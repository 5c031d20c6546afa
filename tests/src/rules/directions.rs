//! Who may know whom: between crates, and inside a service.

use super::tree::{self, Source};

/// What each crate of ours may depend on. Services never depend on each other; nobody depends on `portals` and `suite`.
const CRATES: [(&str, &[&str]); 10] = [
    ("contracts", &[]),
    ("kit", &[]),
    ("bed", &["kit"]),
    ("token", &["contracts", "kit"]),
    ("portal", &["contracts", "kit"]),
    ("pipelines", &["contracts", "kit"]),
    ("gateway", &["contracts", "kit"]),
    ("portals", &["contracts", "kit", "token", "portal", "pipelines", "gateway"]),
    ("fuzz", &["kit", "portal"]),
    ("suite", &["contracts", "kit", "token", "portal", "pipelines", "gateway"]),
];

/// What any crate may have in its tests.
const IN_TESTS: &str = "bed";

/// Words that a part of a service may not say.
struct Room {
    is: fn(&str) -> bool,
    name: &'static str,
    banned: &'static [&'static str],
}

const ROOMS: [Room; 4] = [
    Room {
        name: "domain",
        is: |path| within(path, "domain"),
        banned: &[
            "sea_orm",
            "tonic",
            "axum",
            "contracts::",
            "Utc::now",
            "rand::",
            "Uuid::new_v4",
            "crate::store",
            "crate::rpc",
            "crate::config",
        ],
    },
    Room { name: "store", is: |path| within(path, "store"), banned: &["tonic", "axum", "contracts::", "crate::rpc"] },
    Room { name: "outside of store", is: |path| !within(path, "store") && !kit_rows(path), banned: &["sea_orm"] },
    Room { name: "a place without proto types", is: |path| !may_speak_proto(path), banned: &["contracts::"] },
];

/// Where proto types may appear: at the edges, and where a service is put together.
fn may_speak_proto(path: &str) -> bool {
    let edges = ["rpc", "service", "verifier", "routes", "gateway", "lib"];
    edges.iter().any(|room| within(path, room)) || path.starts_with("cli/") || path.starts_with("tests/")
}

/// Where kit touches databases, for all services.
fn kit_rows(path: &str) -> bool {
    path.starts_with("services/kit/") && ["db", "audit", "canary", "outbox"].iter().any(|room| within(path, room))
}

/// Whether `path` is `src/<room>.rs` or below `src/<room>/`.
fn within(path: &str, room: &str) -> bool {
    let Some((_, inside)) = path.split_once("/src/") else { return false };
    inside.strip_prefix(room).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

/// Dependencies between crates of ours that the house doesn't know.
pub fn between_crates(sources: &[Source]) -> Vec<String> {
    let manifests = sources.iter().filter(|source| source.path.ends_with("Cargo.toml") && source.path != "Cargo.toml");
    manifests.flat_map(manifest).collect()
}

fn manifest(source: &Source) -> Vec<String> {
    let name = source.text.lines().find_map(|line| line.strip_prefix("name = ")).unwrap_or_default().trim_matches('"');
    let Some((_, allowed)) = CRATES.iter().find(|(known, _)| *known == name) else {
        return vec![format!("{}: the house doesn't know the crate {name:?}", source.path)];
    };
    let ours = |dependency: &str| CRATES.iter().any(|(known, _)| *known == dependency);
    let known = dependencies(&source.text).into_iter().filter(|(_, dependency)| ours(dependency));
    let wrong = known.filter(|(section, dependency)| {
        let in_tests = *section == "dev-dependencies" && *dependency == IN_TESTS;
        !in_tests && !allowed.contains(dependency)
    });
    wrong.map(|(_, dependency)| format!("{}: {name} may not depend on {dependency}", source.path)).collect()
}

/// The dependencies with the section that they are in.
fn dependencies(manifest: &str) -> Vec<(&str, &str)> {
    let mut section = "";
    let mut names = Vec::new();
    for line in manifest.lines() {
        if let Some(title) = line.strip_prefix('[') {
            section = title.trim_end_matches(']');
        } else if section.ends_with("dependencies") && !line.is_empty() {
            names.push((section, line.split(['.', ' ', '=']).next().unwrap_or_default()));
        }
    }
    names
}

/// Words that a room of a service or of the gateway may not say.
pub fn inside(sources: &[Source]) -> Vec<String> {
    let parts = tree::rust(sources).filter(|source| {
        let of_a_part = source.path.starts_with("services/") || source.path.starts_with("gateway/src/");
        of_a_part && source.path.contains("/src/") && !source.is_test()
    });
    parts.flat_map(room).collect()
}

fn room(source: &Source) -> Vec<String> {
    let mut wrong = Vec::new();
    for room in ROOMS.iter().filter(|room| (room.is)(&source.path)) {
        for (line, text) in source.code() {
            for word in room.banned.iter().filter(|word| says(text, word)) {
                wrong.push(format!("{}:{line}: {} doesn't say {word}", source.path, room.name));
            }
        }
    }
    wrong
}

/// Whether `text` has `word` as a path of its own: not as the end of a longer name. The database's error may be named
/// anywhere, as the source of another error.
fn says(text: &str, word: &str) -> bool {
    let text = &text.replace("sea_orm::DbErr", "");
    let longer = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let after = &text[at + word.len()..];
        !text[..at].ends_with(longer) && (word.ends_with(':') || !after.starts_with(longer))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_depends_on_another_is_found() {
        let manifest =
            "[package]\nname = \"portal\"\n\n[dependencies]\nkit.workspace = true\ntoken = { path = \"x\" }\n";
        let found = between_crates(&[Source::new("services/portal/Cargo.toml", manifest)]);
        assert_eq!(found, ["services/portal/Cargo.toml: portal may not depend on token"]);
    }

    #[test]
    fn what_tests_stand_on_is_for_tests_only() {
        let in_section = |section: &str| {
            let manifest = format!("[package]\nname = \"token\"\n\n[{section}]\nbed.workspace = true\n");
            between_crates(&[Source::new("services/token/Cargo.toml", &manifest)]).len()
        };
        assert_eq!((in_section("dev-dependencies"), in_section("dependencies")), (0, 1));
    }

    #[test]
    fn a_crate_that_the_house_does_not_know_is_found() {
        let found = between_crates(&[Source::new("services/x/Cargo.toml", "[package]\nname = \"x\"\n")]);
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn a_domain_that_knows_the_database_is_found() {
        for text in
            ["use sea_orm::Value;", "let now = Utc::now();", "use crate::{store::Rows};", "use crate::store::Rows;"]
        {
            let found = inside(&[Source::new("services/token/src/domain/session.rs", text)]);
            assert_eq!(found.is_empty(), text.contains("{store"), "{text}: {found:?}");
        }
    }

    #[test]
    fn sea_orm_outside_of_the_store_is_found() {
        let at = |path: &str| inside(&[Source::new(path, "use sea_orm::Value;\n")]).len();
        assert_eq!((at("services/token/src/store/tokens.rs"), at("services/token/src/store.rs")), (0, 0));
        assert_eq!((at("services/token/src/rpc/issue.rs"), at("gateway/src/routes.rs")), (1, 1));
        assert_eq!((at("services/kit/src/db.rs"), at("services/kit/src/keys.rs")), (0, 1));
        let wrapped = Source::new("services/token/src/start.rs", "Database(#[from] sea_orm::DbErr),\n");
        assert_eq!(inside(&[wrapped]), Vec::<String>::new());
    }

    #[test]
    fn proto_types_away_from_the_edges_are_found() {
        let at = |path: &str| inside(&[Source::new(path, "use contracts::token::v1::User;\n")]).len();
        assert_eq!((at("services/token/src/rpc/verify.rs"), at("gateway/src/routes/call.rs")), (0, 0));
        assert_eq!(at("services/portal/src/graphql/execute.rs"), 1);
    }

    #[test]
    fn comments_tests_and_longer_names_do_not_count() {
        let text =
            "// sea_orm\nlet my_sea_orm = sea_orm_free();\n\n#[cfg(test)]\nmod tests {\nuse sea_orm::Value;\n}\n";
        assert_eq!(inside(&[Source::new("services/token/src/config.rs", text)]), Vec::<String>::new());
    }
}
