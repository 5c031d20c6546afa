//! What the audit says of people and their API access tokens (ADR 12).
//!
//! What happens to a user as such belongs to no organization: its trail is the installation's, the nil UUID.

use kit::audit::{Actor, Event, Subject};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    api_token::{ListedApiToken, Reach},
    user::{Role, User},
};

/// Whose trail it is when it is no organization's.
pub(super) const INSTALLATION: Uuid = Uuid::nil();

/// In whose trails it stands what happened to something that reaches these organizations.
pub(crate) fn trails(organizations: &[Uuid]) -> &[Uuid] {
    if organizations.is_empty() { &[INSTALLATION] } else { organizations }
}

/// Who does something, and how it came about.
#[derive(Clone, Debug)]
pub(crate) struct Trail {
    pub(crate) actor: Option<Actor>,
    pub(crate) context: Value,
}

/// What ended because the database was restored from a backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Ephemeral and user tokens.
    pub tokens: u64,
    /// Codes that waited for a decision or for their exchange.
    pub codes: u64,
    /// Sessions of users.
    pub sessions: u64,
}

impl Trail {
    /// That of what happens by itself.
    pub(crate) fn system() -> Self {
        Self { actor: None, context: Value::Null }
    }

    pub(super) fn event(&self, kind: &'static str, organization: Uuid, subject: Subject, data: Value) -> Event {
        Event { kind, organization, actor: self.actor.clone(), subject, context: self.context.clone(), data }
    }

    pub(crate) fn database_restored(&self, Ended { tokens, codes, sessions }: Ended) -> Event {
        let subject = Subject { kind: "database", uuid: INSTALLATION, name: "token".to_owned() };
        let data = json!({ "ended_tokens": tokens, "ended_codes": codes, "ended_sessions": sessions });
        self.event("DATABASE_RESTORED", INSTALLATION, subject, data)
    }

    pub(crate) fn user_created(&self, user: &User) -> Event {
        self.event("USER_CREATED", INSTALLATION, user_subject(user), json!({ "email": user.email }))
    }

    pub(crate) fn user_deleted(&self, user: &User) -> Event {
        self.event("USER_DELETED", INSTALLATION, user_subject(user), json!({ "email": user.email }))
    }

    pub(crate) fn password_changed(&self, user: &User, ended_sessions: u64) -> Event {
        let data = json!({ "ended_sessions": ended_sessions });
        self.event("USER_PASSWORD_CHANGED", INSTALLATION, user_subject(user), data)
    }

    pub(crate) fn signed_in(&self, user: &User, session: Uuid) -> Event {
        self.event("USER_SIGNED_IN", INSTALLATION, user_subject(user), json!({ "session_uuid": session }))
    }

    pub(crate) fn signed_out(&self, user: &User, session: Uuid) -> Event {
        self.event("USER_SIGNED_OUT", INSTALLATION, user_subject(user), json!({ "session_uuid": session }))
    }

    pub(crate) fn member_created(&self, organization: Uuid, user: &User, role: Role) -> Event {
        let data = json!({ "role": role.word(), "email": user.email });
        self.event("ORGANIZATION_MEMBER_CREATED", organization, user_subject(user), data)
    }

    pub(crate) fn member_updated(&self, organization: Uuid, user: &User, [before, after]: [Role; 2]) -> Event {
        let data = json!({ "role": [before.word(), after.word()] });
        self.event("ORGANIZATION_MEMBER_UPDATED", organization, user_subject(user), data)
    }

    pub(crate) fn member_deleted(&self, organization: Uuid, user: &User, role: Role) -> Event {
        let data = json!({ "role": role.word() });
        self.event("ORGANIZATION_MEMBER_DELETED", organization, user_subject(user), data)
    }

    /// `changed`: of each setting that differs, what it was and what it is.
    pub(crate) fn settings_updated(&self, organization: Uuid, changed: Value) -> Event {
        let subject = Subject { kind: "organization", uuid: organization, name: String::new() };
        self.event("ORGANIZATION_API_SETTINGS_UPDATED", organization, subject, changed)
    }

    pub(crate) fn api_token_created(&self, organization: Uuid, token: &ListedApiToken, reach: Reach) -> Event {
        let scopes: Vec<_> = token.terms.scopes.iter().map(|scope| scope.name()).collect();
        let data = json!({
            "user_uuid": token.user.uuid,
            "last_four": token.last_four,
            "scopes": scopes,
            "reach": reach.word(),
            "expires_at": token.terms.expires_at,
            "allowed_ip_addresses": token.terms.allowed_ip_addresses,
        });
        self.event("API_ACCESS_TOKEN_CREATED", organization, token_subject(token), data)
    }

    pub(crate) fn api_token_deleted(&self, organization: Uuid, token: &ListedApiToken, why: Why) -> Event {
        self.event("API_ACCESS_TOKEN_DELETED", organization, token_subject(token), token_data(token, why))
    }

    pub(crate) fn access_revoked(&self, organization: Uuid, token: &ListedApiToken, why: Why) -> Event {
        let kind = "API_ACCESS_TOKEN_ORGANIZATION_ACCESS_REVOKED";
        self.event(kind, organization, token_subject(token), token_data(token, why))
    }
}

/// Why a token ends, or reaches less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Somebody wanted it.
    Asked,
    /// It wasn't used for longer than an organization allows.
    Inactive,
    /// It was found in public.
    Leaked,
    /// Its user left the organization, or is no more.
    UserLeft,
}

impl Why {
    fn word(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Inactive => "inactive",
            Self::Leaked => "leaked",
            Self::UserLeft => "user_left",
        }
    }
}

fn token_data(token: &ListedApiToken, why: Why) -> Value {
    json!({ "user_uuid": token.user.uuid, "last_four": token.last_four, "reason": why.word() })
}

fn user_subject(user: &User) -> Subject {
    Subject { kind: "user", uuid: user.uuid, name: user.name.clone() }
}

pub(super) fn token_subject(token: &ListedApiToken) -> Subject {
    Subject { kind: "api_access_token", uuid: token.uuid, name: token.terms.description.clone() }
}
