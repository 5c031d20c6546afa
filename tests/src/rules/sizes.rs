//! Sizes of files and functions.

use super::tree::{self, Source};

/// The most lines of a file that is written by hand.
const FILE: usize = 400;

/// The most lines of a function, from its `fn` to its closing brace.
const FUNCTION: usize = 60;

/// Extensions of files that people write.
const WRITTEN: [&str; 7] = [".rs", ".proto", ".py", ".lua", ".sh", ".ts", ".tsx"];

/// Files over 400 lines.
pub fn files(sources: &[Source]) -> Vec<String> {
    let written = sources.iter().filter(|source| WRITTEN.iter().any(|extension| source.path.ends_with(extension)));
    let counted = written.map(|source| (source, source.text.lines().count()));
    let long = counted.filter(|(_, lines)| *lines > FILE);
    long.map(|(source, lines)| format!("{}: {lines} lines; at most {FILE}", source.path)).collect()
}

/// Functions over 60 lines. Reads code as rustfmt lays it out.
pub fn functions(sources: &[Source]) -> Vec<String> {
    tree::rust(sources).flat_map(of_file).collect()
}

fn of_file(source: &Source) -> Vec<String> {
    let lines: Vec<&str> = source.text.lines().collect();
    let starts = lines.iter().enumerate().filter_map(|(at, line)| Some((at, name(line)?)));
    let measured = starts.map(|(at, name)| (at, name, length(&lines[at..])));
    let long = measured.filter(|(_, _, length)| *length > FUNCTION);
    let path = &source.path;
    long.map(|(at, name, length)| format!("{path}:{}: {name} has {length} lines; at most {FUNCTION}", at + 1)).collect()
}

/// The name, when the line begins a function.
fn name(line: &str) -> Option<&str> {
    let mut words = line.trim_start().split(' ');
    loop {
        match words.next()? {
            "fn" => return words.next().map(|word| word.split(['(', '<']).next().unwrap_or(word)),
            word if word.starts_with("pub") || ["async", "const", "unsafe", "default"].contains(&word) => {}
            _ => return None,
        }
    }
}

/// Lines of the function that begins with the first of `lines`.
fn length(lines: &[&str]) -> usize {
    let indent = &lines[0][..lines[0].len() - lines[0].trim_start().len()];
    let head = lines.iter().position(|line| line.ends_with(['{', ';', '}'])).unwrap_or(0);
    if !lines[head].ends_with('{') {
        return head + 1;
    }
    let close = |line: &&str| line.strip_prefix(indent).is_some_and(|rest| rest.starts_with('}'));
    lines.iter().skip(head + 1).position(close).map_or(lines.len(), |at| head + at + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(head: &str, body: usize) -> Source {
        Source::new("a.rs", &format!("{head} {{\n{}}}\n\nfn after() {{}}\n", "    x();\n".repeat(body)))
    }

    #[test]
    fn a_long_file_is_found() {
        let of = |lines| files(&[Source::new("a.rs", &"\n".repeat(lines))]).len();
        assert_eq!((of(400), of(401)), (0, 1));
        assert_eq!(files(&[Source::new("Cargo.lock", &"\n".repeat(5000))]), Vec::<String>::new());
    }

    #[test]
    fn a_long_function_is_found() {
        for head in ["fn long()", "pub(crate) async fn long<T>(a: T) -> u8", "pub const fn long()"] {
            assert_eq!(functions(&[function(head, 58)]), Vec::<String>::new(), "{head}");
            assert_eq!(functions(&[function(head, 59)]), ["a.rs:1: long has 61 lines; at most 60"], "{head}");
        }
    }

    #[test]
    fn a_signature_over_several_lines_counts_and_a_declaration_has_no_body() {
        let text = format!("    fn long(\n        a: u8,\n    ) {{\n{}    }}\n", "        x();\n".repeat(57));
        assert_eq!(functions(&[Source::new("a.rs", &text)]), ["a.rs:1: long has 61 lines; at most 60"]);
        let declared = format!("trait A {{\n    fn a();\n{}}}\n", "    // more\n".repeat(80));
        assert_eq!(functions(&[Source::new("a.rs", &declared)]), Vec::<String>::new());
    }
}
