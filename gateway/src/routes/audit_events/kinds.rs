//! The types of events and of what they are about: as services call them, and as the public API does.

/// Every type of event that can be in an organization's trail. The suite holds it against what the services write.
pub(super) const KINDS: [&str; 46] = [
    "API_ACCESS_TOKEN_CREATED",
    "API_ACCESS_TOKEN_DELETED",
    "API_ACCESS_TOKEN_LEAK_REPORTED",
    "API_ACCESS_TOKEN_ORGANIZATION_ACCESS_REVOKED",
    "API_ACCESS_TOKEN_UPDATED",
    "NOTIFICATION_SERVICE_CREATED",
    "NOTIFICATION_SERVICE_DELETED",
    "NOTIFICATION_SERVICE_DISABLED",
    "NOTIFICATION_SERVICE_ENABLED",
    "NOTIFICATION_SERVICE_UPDATED",
    "ORGANIZATION_API_SETTINGS_UPDATED",
    "ORGANIZATION_CREATED",
    "ORGANIZATION_MEMBER_CREATED",
    "ORGANIZATION_MEMBER_DELETED",
    "ORGANIZATION_MEMBER_UPDATED",
    "ORGANIZATION_UPDATED",
    "PIPELINE_CREATED",
    "PIPELINE_DELETED",
    "PIPELINE_UPDATED",
    "PORTAL_ACCESS_DENIED",
    "PORTAL_BROKEN",
    "PORTAL_CREATED",
    "PORTAL_DELETED",
    "PORTAL_SECRET_CREATED",
    "PORTAL_SECRET_DELETED",
    "PORTAL_SECRET_LEAK_REPORTED",
    "PORTAL_TOKEN_CODE_AUTHORIZED",
    "PORTAL_TOKEN_CODE_CREATED",
    "PORTAL_TOKEN_CODE_DENIED",
    "PORTAL_TOKEN_CREATED",
    "PORTAL_TOKEN_DELETED",
    "PORTAL_TOKEN_EXCHANGE_FAILED",
    "PORTAL_TOKEN_LEAK_REPORTED",
    "PORTAL_UPDATED",
    "TEAM_CREATED",
    "TEAM_DELETED",
    "TEAM_MEMBER_CREATED",
    "TEAM_MEMBER_DELETED",
    "TEAM_MEMBER_UPDATED",
    "TEAM_PIPELINE_CREATED",
    "TEAM_PIPELINE_DELETED",
    "TEAM_PIPELINE_UPDATED",
    "TEAM_UPDATED",
    "UPSTREAM_CREATED",
    "UPSTREAM_DELETED",
    "UPSTREAM_UPDATED",
];

/// Every kind of thing that events are about.
pub(super) const SUBJECTS: [&str; 13] = [
    "api_access_token",
    "notification_service",
    "organization",
    "pipeline",
    "portal",
    "portal_secret",
    "portal_token",
    "portal_token_code",
    "team",
    "team_member",
    "team_pipeline",
    "upstream",
    "user",
];

/// `UPPER_SNAKE` or `lower_snake` as `CamelCase`.
pub(super) fn camel(snake: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters.map(|letter| letter.to_ascii_lowercase())).collect::<String>()
    };
    snake.split('_').map(word).collect()
}

/// A type of event as the public API calls it: `PortalCreatedEvent`.
pub(super) fn event_name(kind: &str) -> String {
    format!("{}Event", camel(kind))
}

/// The type of event that is called so, either way.
pub(super) fn kind_of(name: &str) -> Option<&'static str> {
    KINDS.into_iter().find(|kind| *kind == name || event_name(kind) == name)
}

/// The kind of thing that is called so, either way.
pub(super) fn subject_of(name: &str) -> Option<&'static str> {
    SUBJECTS.into_iter().find(|kind| *kind == name || camel(kind) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_sorted_and_have_one_public_name_that_leads_back() {
        assert!(KINDS.is_sorted() && SUBJECTS.is_sorted());
        for kind in KINDS {
            assert_eq!((kind_of(kind), kind_of(&event_name(kind))), (Some(kind), Some(kind)));
        }
        assert_eq!(event_name("PORTAL_TOKEN_CODE_CREATED"), "PortalTokenCodeCreatedEvent");
        assert_eq!(
            (subject_of("PortalToken"), subject_of("portal_token")),
            (Some("portal_token"), Some("portal_token"))
        );
        assert_eq!((kind_of("portal_created"), subject_of("x")), (None, None));
    }
}
