//! What others are told of a portal's credentials: what the REST API shows of them, and which portal's they are.
//!
//! Of ephemeral tokens nobody is told: they come and go by the thousand, and what made them, the secret, is told of.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::SecondsFormat;
use kit::{ambient::Instant, audit::Actor, outbox::Notice};
use serde_json::{Value, json};

use super::{
    secret::Secret,
    token::{NewPortalToken, PortalKind, TokenEntry},
    trail::Trail,
    user::User,
};

/// A token is made. `by`: who made it.
pub(crate) fn token_created(token: &NewPortalToken, by: Option<&Actor>) -> Option<Notice> {
    let object = json!({
        "uuid": token.imprint.uuid,
        "portal_uuid": token.portal,
        "kind": token.kind.word(),
        "description": token.imprint.description,
        "last_four": token.imprint.last_four,
        "created_at": time(token.imprint.created_at),
        "created_by": person(&token.created_by),
        "expires_at": token.expires_at.map(time),
        "last_used_at": null,
        "last_used_ip": null,
        "allowed_ip_addresses": token.allowed_ip_addresses,
        "secret_uuid": token.secret,
    });
    let told = token.kind != PortalKind::Ephemeral;
    told.then(|| Notice::new("portal_token.created", token.organization, by, vec![("portal_token", object)]))
}

/// A secret is made. `by`: who made it.
pub(crate) fn secret_created(secret: &Secret, by: Option<&Actor>) -> Notice {
    Notice::new("portal_secret.created", secret.organization, by, vec![("portal_secret", secret_object(secret))])
}

impl Trail {
    /// A token ends before its time.
    pub(crate) fn tell_token_deleted(&self, entry: &TokenEntry) -> Option<Notice> {
        let token = &entry.token;
        let object = json!({
            "uuid": token.uuid,
            "portal_uuid": token.portal,
            "kind": token.kind.word(),
            "description": token.description,
            "last_four": entry.last_four,
            "created_at": time(entry.created_at),
            "created_by": person(&entry.created_by),
            "expires_at": token.life.expires_at.map(time),
            "last_used_at": entry.last_used_at.map(time),
            "last_used_ip": entry.last_used_ip,
            "allowed_ip_addresses": token.allowed_ip_addresses,
            "secret_uuid": token.secret,
        });
        let (told, by) = (token.kind != PortalKind::Ephemeral, self.actor.as_ref());
        told.then(|| Notice::new("portal_token.deleted", token.organization, by, vec![("portal_token", object)]))
    }

    /// A secret goes.
    pub(crate) fn tell_secret_deleted(&self, secret: &Secret) -> Notice {
        let objects = vec![("portal_secret", secret_object(secret))];
        Notice::new("portal_secret.deleted", secret.organization, self.actor.as_ref(), objects)
    }
}

fn secret_object(secret: &Secret) -> Value {
    json!({
        "uuid": secret.uuid,
        "portal_uuid": secret.portal,
        "description": secret.description,
        "last_four": secret.last_four,
        "created_at": time(secret.created_at),
        "created_by": person(&secret.created_by),
        "expires_at": secret.expires_at.map(time),
        "last_used_at": secret.last_used_at.map(time),
        "last_used_ip": secret.last_used_ip,
    })
}

fn person(User { uuid, name, email, created_at }: &User) -> Value {
    json!({
        "id": uuid,
        "uuid": uuid,
        "graphql_id": BASE64_STANDARD.encode(format!("User---{uuid}")),
        "name": name,
        "email": email,
        "avatar_url": null,
        "created_at": time(*created_at),
    })
}

/// RFC 3339 in UTC with milliseconds and `Z`.
fn time(at: Instant) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
