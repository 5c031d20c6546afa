//! Patterns of branches: `main release/* !release/old-*`.

/// Whether builds of `branch` are meant by `patterns`, which are separated by blanks: one of those without a `!` fits, or there
/// are none, and none of those with one does. A `*` stands for any characters.
pub(crate) fn matches(patterns: &str, branch: &str) -> bool {
    let (excluded, included): (Vec<_>, Vec<_>) = patterns.split_whitespace().partition(|word| word.starts_with('!'));
    let is_included = included.is_empty() || included.iter().any(|pattern| fits(pattern, branch));
    is_included && !excluded.iter().any(|pattern| fits(pattern.trim_start_matches('!'), branch))
}

/// Takes no more than the product of both lengths, however many `*` there are: after a mismatch only the last one counts.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut place, mut star) = (0, 0, None);
    while place < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(character) if Some(character) == text.get(place) => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((from, taken)) = star else { return false };
                star = Some((from, taken + 1));
                (at, place) = (from + 1, taken + 1);
            }
        }
    }
    pattern.iter().skip(at).all(|character| *character == '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_branch_fits_one_pattern_and_no_excluded_one() {
        for (patterns, branch, expected) in [
            ("", "main", true),
            ("main", "main", true),
            ("main", "maintenance", false),
            ("main release/*", "release/1.2", true),
            ("*", "", true),
            ("*-fix", "a-fix-fix", true),
            ("*-fix", "a-fixed", false),
            ("a*b*c", "aXbXbYc", true),
            ("!main", "other", true),
            ("!main", "main", false),
            ("release/* !release/old-*", "release/old-1", false),
            ("release/* !release/old-*", "release/new", true),
            ("ü*", "über", true),
        ] {
            assert_eq!(matches(patterns, branch), expected, "{patterns:?} {branch:?}");
        }
    }

    /// The same by trying everything.
    fn slow(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            (['*', rest @ ..], _) => slow(rest, text) || !text.is_empty() && slow(pattern, &text[1..]),
            ([first, pattern @ ..], [other, text @ ..]) => first == other && slow(pattern, text),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn patterns_mean_what_trying_everything_finds(pattern in "[ab*]{0,8}", text in "[ab]{0,8}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(fits(&pattern, &text), slow(&chars(&pattern), &chars(&text)));
        }
    }
}
