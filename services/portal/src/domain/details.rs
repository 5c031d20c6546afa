//! What an administrator asks a portal to be, before it is known to be valid.

use kit::{address::Networks, error::Violation};

use super::{content::Content, slug::Slug};

pub(super) const MOST_NAME: usize = 255;
const MOST_DESCRIPTION: usize = 10_000;

/// Everything about a portal that can be asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Details {
    /// `None`: made from the name.
    pub(crate) slug: Option<String>,
    /// The upstream's slug; `None`: the built-in API.
    pub(crate) upstream: Option<String>,
    pub(crate) content: Content,
}

impl Details {
    /// The slug, or everything that is wrong, the document and the upstream left aside.
    pub(crate) fn check(&self) -> Result<Slug, Vec<Violation>> {
        let Content { name, description, query, allowed_ip_addresses, .. } = &self.content;
        let mut faults = check_name(name);
        if description.as_ref().is_some_and(|text| text.chars().count() > MOST_DESCRIPTION) {
            faults
                .push(Violation::new("description", format!("must not be longer than {MOST_DESCRIPTION} characters")));
        }
        // PostgreSQL can't keep them, and nobody means them.
        let texts = [("name", Some(name)), ("description", description.as_ref()), ("query", Some(query))];
        for (field, _) in texts.into_iter().filter(|(_, text)| text.is_some_and(|text| text.contains('\0'))) {
            faults.push(Violation::new(field, "must not contain NUL characters"));
        }
        if let Err(fault) = Networks::parse(allowed_ip_addresses.as_deref().unwrap_or_default()) {
            faults.push(Violation::new("allowed_ip_addresses", format!("can't be used: {fault}")));
        }
        let slug = check_slug(self.slug.as_deref(), name).map_err(|fault| faults.push(fault)).ok();
        slug.filter(|_| faults.is_empty()).ok_or(faults)
    }
}

/// What is wrong with the length of a name.
pub(super) fn check_name(name: &str) -> Vec<Violation> {
    let mut faults = Vec::new();
    if name.trim().is_empty() {
        faults.push(Violation::new("name", "must not be empty"));
    }
    if name.chars().count() > MOST_NAME {
        faults.push(Violation::new("name", format!("must not be longer than {MOST_NAME} characters")));
    }
    faults
}

/// The slug as given, or made from the name.
pub(super) fn check_slug(slug: Option<&str>, name: &str) -> Result<Slug, Violation> {
    let form = "must be 1 to 100 of a-z, 0-9 and -, and not begin with -";
    match slug {
        Some(slug) => Slug::parse(slug).ok_or_else(|| Violation::new("slug", form)),
        None => {
            Slug::from_name(name).ok_or_else(|| Violation::new("slug", "can't be made from the name: please give one"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> Content {
        Content { name: "Trigger main build".into(), query: "{ __typename }".into(), ..Content::default() }
    }

    fn details(content: Content) -> Details {
        Details { content, ..Details::default() }
    }

    fn faulty(details: &Details) -> Vec<String> {
        details.check().unwrap_err().into_iter().map(|fault| fault.field).collect()
    }

    #[test]
    fn the_slug_comes_from_the_name_unless_given() {
        assert_eq!(details(content()).check().unwrap().as_str(), "trigger-main-build");
        assert_eq!(Details { slug: Some("x".into()), ..details(content()) }.check().unwrap().as_str(), "x");
    }

    #[test]
    fn every_fault_is_reported_with_its_field() {
        let content = Content { name: " ".into(), allowed_ip_addresses: Some("10.0.0.1/8".into()), ..content() };
        let bad = Details { slug: Some("-".into()), ..details(content) };
        assert_eq!(faulty(&bad), ["name", "allowed_ip_addresses", "slug"]);
    }

    #[test]
    fn nul_characters_are_refused_everywhere() {
        let bad = Content {
            name: "a\0b".into(),
            description: Some("\0".into()),
            query: "{ a } # \0".into(),
            ..Content::default()
        };
        assert_eq!(faulty(&details(bad)), ["name", "description", "query"]);
    }

    #[test]
    fn a_name_without_letters_asks_for_a_slug() {
        let faults = details(Content { name: "日本".into(), ..content() }).check().unwrap_err();
        assert_eq!(faults, [Violation::new("slug", "can't be made from the name: please give one")]);
    }
}
