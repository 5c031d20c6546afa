//! What an administrator says about a portal, as it is kept.

use super::details::MOST_NAME;

/// Everything about a portal that comes back as it was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) query: String,
    pub(crate) allowed_ip_addresses: Option<String>,
    pub(crate) user_invokable: bool,
    pub(crate) strict_variables: bool,
}

impl Content {
    /// What a copy is called.
    pub(crate) fn name_of_copy(&self) -> String {
        format!("Copy of {}", self.name).chars().take(MOST_NAME).collect()
    }

    /// The names of what differs from `before`, as bodies name them.
    pub(super) fn changed_fields(&self, before: &Self) -> impl Iterator<Item = &'static str> {
        [
            ("name", self.name != before.name),
            ("description", self.description != before.description),
            ("query", self.query != before.query),
            ("allowed_ip_addresses", self.allowed_ip_addresses != before.allowed_ip_addresses),
            ("user_invokable", self.user_invokable != before.user_invokable),
            ("strict_variables", self.strict_variables != before.strict_variables),
        ]
        .into_iter()
        .filter_map(|(field, differs)| differs.then_some(field))
    }
}
