//! What the audit says of tokens and codes.

use kit::audit::{Actor, Event, Subject};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    token::{Imprint, NewPortalToken, PortalToken},
    user::User,
};

/// A token is made by who shows as its maker.
pub(crate) fn token_created(token: &NewPortalToken, context: Value) -> Event {
    let Imprint { uuid, description, last_four, .. } = &token.imprint;
    Event {
        kind: "PORTAL_TOKEN_CREATED",
        organization: token.organization,
        actor: Some(token.created_by.clone().into()),
        subject: Subject { kind: "portal_token", uuid: *uuid, name: description.clone() },
        context,
        data: json!({
            "portal_uuid": token.portal,
            "kind": token.kind.word(),
            "last_four": last_four,
            "expires_at": token.expires_at,
            "allowed_ip_addresses": token.allowed_ip_addresses,
        }),
    }
}

/// A token ends before its time.
pub(crate) fn token_deleted(token: &PortalToken, actor: Option<Actor>, context: Value) -> Event {
    Event {
        kind: "PORTAL_TOKEN_DELETED",
        organization: token.organization,
        actor,
        subject: Subject { kind: "portal_token", uuid: token.uuid, name: token.description.clone() },
        context,
        data: json!({ "portal_uuid": token.portal }),
    }
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
