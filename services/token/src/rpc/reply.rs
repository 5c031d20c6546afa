//! From domain types to messages.

use contracts::token::v1 as wire;
use kit::grpc::{put_figures, to_timestamp};
use tonic::metadata::{MetadataMap, MetadataValue};

use crate::{
    domain::{
        token::PortalKind,
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
    let role = match membership.role {
        Role::Member => wire::Role::Member,
        Role::Admin => wire::Role::Admin,
    };
    wire::Membership { organization_uuid: membership.organization.to_string(), role: role.into() }
}

pub(super) fn kind(kind: PortalKind) -> wire::PortalTokenKind {
    match kind {
        PortalKind::Service => wire::PortalTokenKind::Service,
    }
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
