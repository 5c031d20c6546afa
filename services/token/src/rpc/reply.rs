//! From domain types to messages.

use contracts::{credential::v1 as credential, token::v1 as wire};
use kit::{
    grpc::{put_figures, to_timestamp},
    window::Figures,
};
use tonic::metadata::{MetadataMap, MetadataValue};

use crate::{
    domain::{
        secret::Secret,
        token::{NewPortalToken, PortalKind, TokenEntry},
        user::{Membership, Role, User},
    },
    limiter::{Rates, SCOPE},
};

pub(super) fn user(user: User) -> wire::User {
    wire::User {
        uuid: user.uuid.to_string(),
        name: user.name,
        email: user.email,
        created_at: Some(to_timestamp(user.created_at)),
    }
}

pub(super) fn membership(membership: &Membership) -> wire::Membership {
    wire::Membership { organization_uuid: membership.organization.to_string(), role: role(membership.role).into() }
}

pub(super) fn role(role: Role) -> wire::Role {
    match role {
        Role::Member => wire::Role::Member,
        Role::Admin => wire::Role::Admin,
    }
}

pub(super) fn kind(kind: PortalKind) -> wire::PortalTokenKind {
    match kind {
        PortalKind::Service => wire::PortalTokenKind::Service,
        PortalKind::Ephemeral => wire::PortalTokenKind::Ephemeral,
        PortalKind::User => wire::PortalTokenKind::User,
    }
}

pub(super) fn secret(secret: Secret) -> credential::Secret {
    credential::Secret {
        uuid: secret.uuid.to_string(),
        description: secret.description,
        last_four: secret.last_four,
        created_at: Some(to_timestamp(secret.created_at)),
        created_by: Some(user(secret.created_by)),
        expires_at: secret.expires_at.map(to_timestamp),
        last_used_at: secret.last_used_at.map(to_timestamp),
        last_used_ip: secret.last_used_ip,
    }
}

/// A token as lists show it.
pub(super) fn portal_token(entry: TokenEntry) -> credential::PortalToken {
    let TokenEntry { token, last_four, created_at, created_by, last_used_at, last_used_ip } = entry;
    credential::PortalToken {
        uuid: token.uuid.to_string(),
        kind: kind(token.kind).into(),
        description: token.description,
        last_four,
        created_at: Some(to_timestamp(created_at)),
        created_by: Some(user(created_by)),
        expires_at: token.life.expires_at.map(to_timestamp),
        last_used_at: last_used_at.map(to_timestamp),
        last_used_ip,
        allowed_ip_addresses: token.allowed_ip_addresses,
        secret_uuid: token.secret.map(|uuid| uuid.to_string()),
    }
}

/// The same of one that is just made.
pub(super) fn new_portal_token(token: &NewPortalToken) -> credential::PortalToken {
    credential::PortalToken {
        uuid: token.imprint.uuid.to_string(),
        kind: kind(token.kind).into(),
        description: token.imprint.description.clone(),
        last_four: token.imprint.last_four.clone(),
        created_at: Some(to_timestamp(token.imprint.created_at)),
        created_by: Some(user(token.created_by.clone())),
        expires_at: token.expires_at.map(to_timestamp),
        last_used_at: None,
        last_used_ip: None,
        allowed_ip_addresses: token.allowed_ip_addresses.clone(),
        secret_uuid: token.secret.map(|uuid| uuid.to_string()),
    }
}

pub(super) fn figures(figures: Figures) -> wire::RateFigures {
    let Figures { limit, current, reset } = figures;
    wire::RateFigures { limit, current, reset_seconds: reset }
}

/// Writes what was counted: `ratelimit-*` of the organization, `ratelimit-user-*` of the user.
pub(super) fn put_rates(metadata: &mut MetadataMap, rates: &Rates) {
    if let Some(figures) = rates.organization {
        put_figures(metadata, "ratelimit", figures);
        metadata.insert("ratelimit-scope", MetadataValue::from_static(SCOPE));
    }
    if let Some(figures) = rates.user {
        put_figures(metadata, "ratelimit-user", figures);
    }
}
