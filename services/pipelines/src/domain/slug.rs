//! Slugs and the paths made of them.

/// The longest slug, in characters.
const LONGEST: usize = 100;

/// The slug of a name: lower case, runs of other characters become one `-`. `None` when nothing is left.
pub(crate) fn of_name(name: &str) -> Option<String> {
    let mut slug = String::with_capacity(name.len());
    for c in name.chars().map(|c| c.to_ascii_lowercase()) {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(LONGEST);
    let slug = slug.trim_end_matches('-');
    (!slug.is_empty()).then(|| slug.to_owned())
}

/// The parts of a path such as `acme-inc/my-pipeline`, none of them empty.
pub(crate) fn parts<const N: usize>(path: &str) -> Option<[&str; N]> {
    let parts: Vec<&str> = path.split('/').collect();
    parts.try_into().ok().filter(|parts: &[&str; N]| parts.iter().all(|part| !part.is_empty() && !part.contains('\0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_slugs() {
        for (name, slug) in [
            ("My Pipeline", Some("my-pipeline")),
            ("  --A__b!!c--  ", Some("a-b-c")),
            ("Bäume & Co.", Some("b-ume-co")),
            ("日本", None),
            ("", None),
        ] {
            assert_eq!(of_name(name).as_deref(), slug, "{name:?}");
        }
        assert_eq!(of_name(&"abc ".repeat(80)).map(|slug| slug.len()), Some(LONGEST - 1));
    }

    #[test]
    fn paths_have_exactly_their_parts() {
        assert_eq!(parts::<2>("acme/web"), Some(["acme", "web"]));
        for path in ["acme", "acme/", "/web", "acme/web/1", "acme/w\0b"] {
            assert_eq!(parts::<2>(path), None, "{path:?}");
        }
    }
}
