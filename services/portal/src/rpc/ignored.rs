//! What callers are told of variables that they gave and the operation doesn't declare (spec §2). A body has room for a hundred
//! thousand of them, with any text for a name.

/// How many are named.
const MOST_NAMED: usize = 20;
const LONGEST_NAME: usize = 100;

/// The first names, and how many variables there are beside those.
pub(super) fn told(mut ignored: Vec<String>) -> (Vec<String>, u32) {
    let all = ignored.len();
    ignored.retain(|name| is_name(name));
    ignored.truncate(MOST_NAMED);
    ignored.shrink_to_fit();
    let more = u32::try_from(all - ignored.len()).unwrap_or(u32::MAX);
    (ignored, more)
}

/// A name as GraphQL's grammar has it, and of a sensible length.
fn is_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte == b'_' || byte.is_ascii_alphabetic();
    name.len() <= LONGEST_NAME
        && name.bytes().next().is_some_and(is_letter)
        && name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told_of(names: &[&str]) -> (Vec<String>, u32) {
        told(names.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn twenty_are_named_and_the_others_counted() {
        let names: Vec<String> = (0..23).map(|n| format!("v{n:02}")).collect();
        for (given, named, more) in [(0, 0, 0), (1, 1, 0), (20, 20, 0), (21, 20, 1), (23, 20, 3)] {
            assert_eq!(told(names[..given].to_vec()), (names[..named].to_vec(), more));
        }
    }

    #[test]
    fn only_graphql_names_are_named() {
        let odd = ["a\r\nb", "é", "9no", "", "no-name", "a, b"];
        assert_eq!(told_of(&odd), (vec![], 6));
        assert_eq!(told_of(&[odd[0], "_ok9", odd[1]]), (vec!["_ok9".to_owned()], 2));
        let long = "n".repeat(LONGEST_NAME);
        assert_eq!(told_of(&[&long]).1, 0);
        assert_eq!(told_of(&[&(long + "n")]).1, 1);
    }
}
