//! What must not be in the repository: credentials, private keys, paths of somebody's machine.

use kit::credential::{Kind, Plain};

use super::tree::Source;

/// Credentials, private keys and machine paths in the sources.
pub fn leaks(sources: &[Source]) -> Vec<String> {
    sources.iter().flat_map(of_file).collect()
}

fn of_file(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (at, line) in source.text.lines().enumerate() {
        let mut say = |what: &str| found.push(format!("{}:{}: {what}", source.path, at + 1));
        if words(line).any(is_credential) {
            say("a credential");
        }
        if line.contains(&format!("{}BEGIN ", "-".repeat(5))) && line.contains("PRIVATE KEY") {
            say("a private key");
        }
        if words(line).any(is_machine_path) {
            say("a path of somebody's machine");
        }
    }
    found
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_ascii_alphanumeric() && !"_/-.".contains(c))
}

/// A credential whose checksum is right, and which isn't one of the test vectors of the specification.
fn is_credential(word: &str) -> bool {
    Plain::parse(word).is_ok() && !vectors().iter().any(|vector| vector == word)
}

fn vectors() -> Vec<String> {
    let counting: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
    let tokens = [(Kind::Portal, counting), (Kind::Api, counting), (Kind::Portal, [0xff; 32])];
    let tokens = tokens.map(|(kind, bytes)| Plain::token("bk", kind, &bytes));
    let secret = Plain::secret("bk", *b"defghi", &counting);
    tokens.iter().chain([&secret]).map(|plain| plain.expose().to_owned()).collect()
}

fn is_machine_path(word: &str) -> bool {
    let homes = ["work", "root", "home", "Users"].map(|home| format!("/{home}/"));
    homes.iter().any(|home| word.starts_with(home) && word.len() > home.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_credential_is_found_and_a_vector_is_not() {
        let live = Plain::token("bk", Kind::Api, &[3; 32]);
        let found = |text: &str| leaks(&[Source::new("README.md", text)]).len();
        assert_eq!(found(&format!("curl -H 'Authorization: Bearer {}'", live.expose())), 1);
        assert_eq!(found(&vectors().join("\n")), 0);
    }

    #[test]
    fn private_keys_and_machine_paths_are_found() {
        let found = |text: String| leaks(&[Source::new("a.md", &text)]).len();
        assert_eq!(found(format!("{}BEGIN EC PRIVATE KEY-----", "-----")), 1);
        assert_eq!(found(format!("see /{}/main/x", "work")), 1);
        assert_eq!(found("GET /homework/x and /v2/user".to_owned()), 0);
    }
}
