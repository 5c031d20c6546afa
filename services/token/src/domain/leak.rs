//! Credentials that were found in public, and what the audit says of them.

use kit::audit::{Event, Subject};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    api_token::ListedApiToken,
    secret::Secret,
    token::PortalToken,
    token_trail::{secret_subject, token_subject as portal_token_subject},
    trail::{INSTALLATION, Trail, token_subject},
    user::User,
};

/// The longest that is kept of what a reporter says, in characters.
const MOST_KEPT: usize = 2_000;

/// Where a credential was found, as the reporter says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leak {
    source: String,
    url: String,
}

impl Leak {
    /// Of what is reported with `credential`, which itself isn't kept wherever it stands.
    pub(crate) fn of(credential: &str, source: &str, url: &str) -> Self {
        let kept = |text: &str| {
            let text = text.replace(credential, "(redacted)");
            text.chars().filter(|character| !character.is_control()).take(MOST_KEPT).collect()
        };
        Self { source: kept(source), url: kept(url) }
    }

    fn with(&self, mut data: Value) -> Value {
        if let Value::Object(members) = &mut data {
            members.insert("source".to_owned(), json!(self.source));
            members.insert("url".to_owned(), json!(self.url));
        }
        data
    }
}

impl Trail {
    pub(crate) fn portal_token_leaked(&self, token: &PortalToken, leak: &Leak) -> Event {
        let data = leak.with(json!({ "portal_uuid": token.portal, "kind": token.kind.word() }));
        self.event("PORTAL_TOKEN_LEAK_REPORTED", token.organization, portal_token_subject(token), data)
    }

    pub(crate) fn secret_leaked(&self, secret: &Secret, leak: &Leak) -> Event {
        let data = leak.with(json!({ "portal_uuid": secret.portal, "last_four": secret.last_four }));
        self.event("PORTAL_SECRET_LEAK_REPORTED", secret.organization, secret_subject(secret), data)
    }

    pub(crate) fn api_token_leaked(&self, organization: Uuid, token: &ListedApiToken, leak: &Leak) -> Event {
        let data = leak.with(json!({ "user_uuid": token.user.uuid, "last_four": token.last_four }));
        self.event("API_ACCESS_TOKEN_LEAK_REPORTED", organization, token_subject(token), data)
    }

    pub(crate) fn session_leaked(&self, user: &User, session: Uuid, leak: &Leak) -> Event {
        let subject = Subject { kind: "user", uuid: user.uuid, name: user.name.clone() };
        self.event("USER_SESSION_LEAK_REPORTED", INSTALLATION, subject, leak.with(json!({ "session_uuid": session })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_short_and_holds_no_credential() {
        let leak = Leak::of("hush", "commit\n", &format!("https://example.com/hush?{}", "x".repeat(3_000)));
        assert_eq!(leak.source, "commit");
        assert!(leak.url.starts_with("https://example.com/(redacted)?xxx"), "{}", leak.url);
        assert_eq!(leak.url.chars().count(), MOST_KEPT);
    }
}
