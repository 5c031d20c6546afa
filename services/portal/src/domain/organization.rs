//! Organizations.

use kit::{ambient::Instant, error::Violation};

use super::{
    details::{check_name, check_slug},
    id::OrganizationId,
    slug::Slug,
};

/// An organization.
#[derive(Clone, Debug)]
pub(crate) struct Organization {
    pub(crate) id: OrganizationId,
    pub(crate) slug: String,
    pub(crate) name: String,
    /// Portal calls a minute; `None`: the installation's default; 0: no limit.
    pub(crate) portal_requests_per_minute: Option<u32>,
    pub(crate) created_at: Instant,
}

/// What is wrong with a number of calls in a minute that an organization's administrators ask for. `most`: what they may ask
/// for; 0: any number.
pub(crate) fn check_requests_per_minute(limit: Option<u32>, most: u32) -> Result<(), Violation> {
    let refuse = |why: String| Err(Violation::new("portal_requests_per_minute", why));
    // What the rows have room for.
    let most = if most == 0 { i32::MAX.unsigned_abs() } else { most };
    match limit {
        Some(limit) if !(1..=most).contains(&limit) => refuse(format!("must be 1 to {most}, or null")),
        _ => Ok(()),
    }
}

/// The slug of an organization that is asked for, or everything that is wrong.
pub(crate) fn check(name: &str, slug: Option<&str>) -> Result<Slug, Vec<Violation>> {
    let mut faults = check_name(name);
    if name.contains('\0') {
        faults.push(Violation::new("name", "must not contain NUL characters"));
    }
    let slug = check_slug(slug, name).map_err(|fault| faults.push(fault)).ok();
    slug.filter(|_| faults.is_empty()).ok_or(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_in_a_minute_are_held_to_what_the_operator_lets_them_be() {
        for (limit, most, is_fine) in [
            (None, 5, true),
            (Some(1), 5, true),
            (Some(5), 5, true),
            (Some(6), 5, false),
            (Some(0), 0, false),
            (Some(1_000_000), 0, true),
            (Some(u32::MAX), 0, false),
        ] {
            assert_eq!(check_requests_per_minute(limit, most).is_ok(), is_fine, "{limit:?} {most}");
        }
    }

    #[test]
    fn names_and_slugs_are_held_to_the_rules_of_portals() {
        assert_eq!(check("Acme, Inc.", None).unwrap().as_str(), "acme-inc");
        assert_eq!(check("Acme", Some("a-1")).unwrap().as_str(), "a-1");
        let fields = |name: &str, slug| -> Vec<_> {
            check(name, slug).unwrap_err().into_iter().map(|fault| fault.field).collect()
        };
        assert_eq!(fields(" ", Some("-")), ["name", "slug"]);
        assert_eq!(fields("日本", None), ["slug"]);
        assert_eq!(fields("a\0", Some("a")), ["name"]);
        assert_eq!(fields(&"x".repeat(256), None), ["name"]);
    }
}
