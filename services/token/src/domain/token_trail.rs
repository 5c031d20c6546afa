//! What the audit says of a portal's credentials: secrets, tokens and codes.

use kit::audit::{Actor, Event, Subject};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    secret::Secret,
    token::{Imprint, NewPortalToken, PortalKind, PortalToken},
    trail::Trail,
    user::User,
};

/// A token is made by who shows as its maker; of whom exchanges a secret nothing else is known.
pub(crate) fn token_created(token: &NewPortalToken, context: Value) -> Event {
    let Imprint { uuid, description, last_four, .. } = &token.imprint;
    let is_known = token.kind != PortalKind::Ephemeral;
    let data = json!({
        "portal_uuid": token.portal,
        "kind": token.kind.word(),
        "last_four": last_four,
        "expires_at": token.expires_at,
        "allowed_ip_addresses": token.allowed_ip_addresses,
    });
    Event {
        kind: "PORTAL_TOKEN_CREATED",
        organization: token.organization,
        actor: is_known.then(|| token.created_by.clone().into()),
        subject: Subject { kind: "portal_token", uuid: *uuid, name: description.clone() },
        context,
        data: of_secret(data, token.secret),
    }
}

impl Trail {
    /// A token ends before its time.
    pub(crate) fn portal_token_deleted(&self, token: &PortalToken) -> Event {
        let data = of_secret(json!({ "portal_uuid": token.portal }), token.secret);
        self.event("PORTAL_TOKEN_DELETED", token.organization, token_subject(token), data)
    }

    pub(crate) fn secret_created(&self, secret: &Secret) -> Event {
        let expires_at = secret.expires_at;
        let data = json!({ "portal_uuid": secret.portal, "last_four": secret.last_four, "expires_at": expires_at });
        self.event("PORTAL_SECRET_CREATED", secret.organization, secret_subject(secret), data)
    }

    /// A secret goes, and what was made of it too unless `keep_tokens`.
    pub(crate) fn secret_deleted(&self, secret: &Secret, keep_tokens: bool) -> Event {
        let data = json!({ "portal_uuid": secret.portal, "last_four": secret.last_four, "keep_tokens": keep_tokens });
        self.event("PORTAL_SECRET_DELETED", secret.organization, secret_subject(secret), data)
    }
}

pub(super) fn token_subject(token: &PortalToken) -> Subject {
    Subject { kind: "portal_token", uuid: token.uuid, name: token.description.clone() }
}

pub(super) fn secret_subject(secret: &Secret) -> Subject {
    Subject { kind: "portal_secret", uuid: secret.uuid, name: secret.description.clone() }
}

/// What is told of a token, with the secret that it was made of if there was one.
fn of_secret(mut data: Value, secret: Option<Uuid>) -> Value {
    if let (Value::Object(members), Some(secret)) = (&mut data, secret) {
        members.insert("secret_uuid".to_owned(), json!(secret));
    }
    data
}

/// What happens to a code: which, of which portal, and by whom (nobody is known when it is asked for).
pub(crate) struct CodeEvent<'a> {
    pub(crate) kind: &'static str,
    pub(crate) organization: Uuid,
    pub(crate) portal: Uuid,
    pub(crate) code: Uuid,
    pub(crate) user: Option<&'a User>,
}

impl CodeEvent<'_> {
    /// As the audit has it.
    pub(crate) fn with(self, context: Value) -> Event {
        Event {
            kind: self.kind,
            organization: self.organization,
            actor: self.user.cloned().map(Actor::from),
            subject: Subject { kind: "portal_token_code", uuid: self.code, name: String::new() },
            context,
            data: json!({ "portal_uuid": self.portal }),
        }
    }
}
