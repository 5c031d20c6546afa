//! The files of the repository.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A text file: its path from the root of the repository, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// From the root, with `/`.
    pub path: String,
    /// The text.
    pub text: String,
}

impl Source {
    /// A file made up for a test.
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// The lines that count, with their numbers: without comments, and without the tests at the end of a Rust file.
    pub fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests = self.text.find("\n#[cfg(test)]\nmod tests {").unwrap_or(self.text.len());
        let lines = self.text[..tests].lines().enumerate().map(|(at, line)| (at + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// Whether it is Rust of a test beside the code (`tests.rs`, `tests/…`).
    pub fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/src/") && self.path.contains("/tests/")
    }
}

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every file that is tracked, or would be when added, and is text.
pub fn sources() -> Vec<Source> {
    let list = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the files");
    assert!(list.status.success(), "git ls-files: {}", String::from_utf8_lossy(&list.stderr));
    let paths = String::from_utf8(list.stdout).unwrap();
    // A file may be deleted and not yet committed so.
    let read =
        |path: &str| fs::read_to_string(root().join(path)).ok().map(|text| Source { path: path.to_owned(), text });
    paths.split_terminator('\0').filter_map(read).collect()
}

/// The Rust files among `sources`.
pub fn rust(sources: &[Source]) -> impl Iterator<Item = &Source> {
    sources.iter().filter(|source| Path::new(&source.path).extension().is_some_and(|extension| extension == "rs"))
}
