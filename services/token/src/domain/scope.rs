//! What an API access token may be used for.
//!
//! To add a scope: a variant and a row.

/// One permission of an API access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    ReadUser,
    ReadOrganizations,
    ReadPortals,
    WritePortals,
    ReadOrganizationSettings,
    WriteOrganizationSettings,
    ReadAuditEvents,
    ReadNotificationServices,
    WriteNotificationServices,
    ReadPipelines,
    WritePipelines,
    ReadBuilds,
    WriteBuilds,
    Graphql,
}

const TABLE: [(Scope, &str); 14] = [
    (Scope::ReadUser, "read_user"),
    (Scope::ReadOrganizations, "read_organizations"),
    (Scope::ReadPortals, "read_portals"),
    (Scope::WritePortals, "write_portals"),
    (Scope::ReadOrganizationSettings, "read_organization_settings"),
    (Scope::WriteOrganizationSettings, "write_organization_settings"),
    (Scope::ReadAuditEvents, "read_audit_events"),
    (Scope::ReadNotificationServices, "read_notification_services"),
    (Scope::WriteNotificationServices, "write_notification_services"),
    (Scope::ReadPipelines, "read_pipelines"),
    (Scope::WritePipelines, "write_pipelines"),
    (Scope::ReadBuilds, "read_builds"),
    (Scope::WriteBuilds, "write_builds"),
    (Scope::Graphql, "graphql"),
];

impl Scope {
    /// Every scope there is.
    pub(crate) fn all() -> Vec<Self> {
        TABLE.iter().map(|row| row.0).collect()
    }

    /// The documented name.
    pub(crate) fn name(self) -> &'static str {
        TABLE.iter().find(|row| row.0 == self).map_or("", |row| row.1)
    }

    /// The scope of that [`Scope::name`].
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.1 == name).map(|row| row.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_has_one_row_and_its_name_leads_back() {
        for (place, (scope, name)) in TABLE.into_iter().enumerate() {
            assert_eq!((scope as usize, scope.name(), Scope::of_name(name)), (place, name, Some(scope)));
        }
    }
}
