//! Names in URLs: `[a-z0-9][a-z0-9-]*`, at most 100 characters (spec §3).

use std::{collections::HashSet, fmt};

const MOST: usize = 100;

/// A valid slug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slug(String);

impl Slug {
    /// Reads a slug as given.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let valid = text.len() <= MOST
            && is_alphanumeric(text.bytes().next()?)
            && text.bytes().all(|b| is_alphanumeric(b) || b == b'-');
        valid.then(|| Self(text.to_owned()))
    }

    /// Makes a slug of a name: lower case, every run of other characters a single `-`. `None` where nothing is left.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let lower = name.to_lowercase();
        let words =
            lower.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit())).filter(|word| !word.is_empty());
        let joined = words.collect::<Vec<_>>().join("-");
        let cut = joined.get(..MOST.min(joined.len())).unwrap_or_default();
        Self::parse(cut.trim_end_matches('-'))
    }

    /// This one or, where it is `taken`, the first of `…-2`, `…-3` and so on that isn't.
    pub(crate) fn free_among(self, taken: &HashSet<String>) -> Self {
        let numbered = (2_u32..).map(|number| {
            let number = format!("-{number}");
            let start = self.0.get(..self.0.len().min(MOST - number.len())).unwrap_or_default();
            format!("{}{number}", start.trim_end_matches('-'))
        });
        let found = std::iter::once(self.0.clone()).chain(numbered).find(|slug| !taken.contains(slug));
        found.map_or(self, Self)
    }

    /// A slug that was valid when it was stored.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_slugs() {
        let slug = |name| Slug::from_name(name).map(|slug| slug.to_string());
        assert_eq!(slug("Trigger Main  Build!").as_deref(), Some("trigger-main-build"));
        assert_eq!(slug("--a__b--").as_deref(), Some("a-b"));
        assert_eq!(slug("Überprüfung").as_deref(), Some("berpr-fung"));
        assert_eq!(slug("日本"), None);
        assert_eq!(slug(&"x".repeat(300)).map(|slug| slug.len()), Some(100));
    }

    #[test]
    fn a_taken_slug_gets_the_first_free_number() {
        let free = |slug: &str, taken: &[&str]| {
            Slug::parse(slug).unwrap().free_among(&taken.iter().map(ToString::to_string).collect()).to_string()
        };
        assert_eq!(free("a", &["b"]), "a");
        assert_eq!(free("a", &["a", "a-3"]), "a-2");
        assert_eq!(free("a", &["a", "a-2", "a-3"]), "a-4");
        let (long, cut) = ("x".repeat(100), format!("{}-2", "x".repeat(98)));
        assert_eq!(free(&long, &[&long]), cut);
        assert_eq!(free(&long, &[&long, &cut]), format!("{}-3", "x".repeat(98)));
    }

    #[test]
    fn only_the_documented_form_is_a_slug() {
        for good in ["a", "0-", "a--b"] {
            assert!(Slug::parse(good).is_some(), "{good}");
        }
        for bad in ["", "-a", "A", "a_b", "a b", "é", &"x".repeat(101)] {
            assert!(Slug::parse(bad).is_none(), "{bad}");
        }
    }
}
