//! How two versions of a document differ: a unified diff, as `diff -u` and `patch` have it.

use std::{fmt::Write, ops::Range};

use imara_diff::{Algorithm, Diff, Hunk, InternedInput};

/// Lines shown before and after a change.
const CONTEXT: u32 = 3;

/// Pairs of lines that may be compared: two thousand lines that all differ. Of more, all that lies between the first and the last
/// difference is shown as replaced: lines that repeat themselves would take seconds.
const MOST_PAIRS: usize = 4_000_000;

/// What leads from `before` to `after`, under those names; empty where they are the same. Lines end as they did in the
/// documents, so that a change of line ends is seen.
pub(crate) fn unified((from, before): (&str, &str), (to, after): (&str, &str)) -> String {
    let input = InternedInput::new(before, after);
    let lines = Lines { input: &input };
    let mut text = String::new();
    let mut hunks = hunks(&input).into_iter().peekable();
    if hunks.peek().is_some() {
        text = format!("--- {from}\n+++ {to}\n");
    }
    while let Some(first) = hunks.next() {
        let mut group = vec![first];
        while let Some(next) = hunks.next_if(|next| next.before.start - end(&group) <= 2 * CONTEXT) {
            group.push(next);
        }
        lines.write(&group, &mut text);
    }
    text
}

/// What differs, in order.
fn hunks(input: &InternedInput<&str>) -> Vec<Hunk> {
    let InternedInput { before, after, .. } = input;
    let same = |(one, other): &(_, _)| one == other;
    let start = before.iter().zip(after).take_while(same).count();
    let shorter = before.len().min(after.len()) - start;
    let trail = before.iter().rev().zip(after.iter().rev()).take(shorter).take_while(same).count();
    let (old, new) = (start..before.len() - trail, start..after.len() - trail);
    if old.len().saturating_mul(new.len()) > MOST_PAIRS {
        let range = |of: Range<usize>| length(of.start)..length(of.end);
        return vec![Hunk { before: range(old), after: range(new) }];
    }
    let mut diff = Diff::compute(Algorithm::Histogram, input);
    diff.postprocess_lines(input);
    diff.hunks().collect()
}

fn end(group: &[Hunk]) -> u32 {
    group.last().map_or(0, |hunk| hunk.before.end)
}

struct Lines<'a> {
    input: &'a InternedInput<&'a str>,
}

impl Lines<'_> {
    /// Writes changes that are near each other, with what is around them.
    fn write(&self, group: &[Hunk], text: &mut String) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { return };
        let lead = first.before.start.min(CONTEXT);
        let trail = (length(self.input.before.len()) - last.before.end).min(CONTEXT);
        let header = |start: u32, end: u32| {
            let (start, count) = (start - lead, end + trail - (start - lead));
            // Of no lines the one before is named.
            format!("{},{count}", if count == 0 { start } else { start + 1 })
        };
        // Writing to a text doesn't fail.
        let _ = writeln!(
            text,
            "@@ -{} +{} @@",
            header(first.before.start, last.before.end),
            header(first.after.start, last.after.end)
        );
        let mut at = first.before.start - lead;
        for hunk in group {
            self.lines(' ', &self.input.before, at..hunk.before.start, text);
            self.lines('-', &self.input.before, hunk.before.clone(), text);
            self.lines('+', &self.input.after, hunk.after.clone(), text);
            at = hunk.before.end;
        }
        self.lines(' ', &self.input.before, at..at + trail, text);
    }

    fn lines(&self, sign: char, of: &[imara_diff::Token], range: Range<u32>, text: &mut String) {
        let count = (range.end - range.start) as usize;
        for token in of.iter().skip(range.start as usize).take(count) {
            let line = self.input.interner[*token];
            text.push(sign);
            text.push_str(line);
            if !line.ends_with('\n') {
                text.push_str("\n\\ No newline at end of file\n");
            }
        }
    }
}

fn length(lines: usize) -> u32 {
    u32::try_from(lines).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn diff(before: &str, after: &str) -> String {
        unified(("version 1", before), ("version 2", after))
    }

    /// What `patch` makes of `before`, which the diff must fit exactly.
    fn patch(before: &str, diff: &str) -> String {
        let old: Vec<_> = before.split_inclusive('\n').collect();
        let (mut at, mut after) = (0, String::new());
        let mut lines = diff.split_inclusive('\n').skip(2).peekable();
        while let Some(line) = lines.next() {
            if let Some(header) = line.strip_prefix("@@ -") {
                let (start, rest) = header.split_once(',').unwrap();
                let count = rest.split_once(' ').unwrap().0;
                let start = start.parse::<usize>().unwrap() - usize::from(count != "0");
                after.extend(old[at..start].iter().copied());
                at = start;
                continue;
            }
            let (sign, mut line) = line.split_at(1);
            if lines.next_if(|next| next.starts_with('\\')).is_some() {
                line = line.strip_suffix('\n').unwrap();
            }
            if sign != "+" {
                assert_eq!(old[at], line);
                at += 1;
            }
            if sign != "-" {
                after.push_str(line);
            }
        }
        after.extend(old[at..].iter().copied());
        after
    }

    #[test]
    fn a_change_is_shown_with_three_lines_around_it() {
        let before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        assert_eq!(
            diff(before, &before.replace('5', "five")),
            "--- version 1\n+++ version 2\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"
        );
        assert_eq!(diff(before, before), "");
    }

    #[test]
    fn line_ends_and_missing_ones_are_seen() {
        assert_eq!(
            diff("{ a }\r\n# ü", "{ a }\n# ü\n"),
            "--- version 1\n+++ version 2\n@@ -1,2 +1,2 @@\n-{ a }\r\n-# ü\n\\ No newline at end of file\n+{ a }\n+# ü\n"
        );
        assert_eq!(diff("", "a\n"), "--- version 1\n+++ version 2\n@@ -0,0 +1,1 @@\n+a\n");
    }

    #[test]
    fn between_long_texts_that_differ_everywhere_all_is_replaced() {
        let mut choice = 1_u64;
        let mut text = |lines: usize| -> String {
            let mut line = |_| {
                choice = choice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                format!("{}\n", (choice >> 33) % 2)
            };
            (0..lines).map(&mut line).collect()
        };
        let around = |inner: String| format!("# start\n{inner}# end\n");
        for (lines, replaced) in [(30_000, true), (500, false)] {
            let (before, after) = (around(text(lines)), around(text(lines)));
            let begun = std::time::Instant::now();
            let diff = diff(&before, &after);
            assert!(begun.elapsed().as_secs() < 2, "{:?}", begun.elapsed());
            assert_eq!(patch(&before, &diff), after);
            let changes = diff.split("\n ").skip(1).filter(|part| part.contains("\n-") || part.contains("\n+")).count();
            assert_eq!(changes == 1, replaced, "{changes}");
        }
    }

    proptest! {
        #[test]
        fn a_diff_makes_the_one_of_the_other(before in "([ab\r]?\n){0,30}[ab]?", after in "([ab\r]?\n){0,30}[ab]?") {
            let diff = diff(&before, &after);
            prop_assert_eq!(diff.is_empty(), before == after);
            prop_assert_eq!(patch(&before, &diff), after);
        }
    }
}
