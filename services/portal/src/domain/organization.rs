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
