//! The credentials of a portal as JSON: never with their values, but once in the reply that makes them.

use contracts::{
    credential::v1::{PortalToken, Secret},
    token::v1::PortalTokenKind,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    form::{missing, rfc3339, rfc3339_or_null},
    user::UserJson,
};
use crate::error::Error;

/// A secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Secret)]
pub(crate) struct SecretJson {
    uuid: String,
    #[schema(example = "CI")]
    description: String,
    #[schema(example = "6RZx")]
    last_four: String,
    created_at: String,
    created_by: Option<UserJson>,
    expires_at: Option<String>,
    last_used_at: Option<String>,
    #[schema(example = "192.0.2.7")]
    last_used_ip: Option<String>,
    /// Only in the reply that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "bkps_…")]
    secret: Option<String>,
}

impl SecretJson {
    /// A secret of a list.
    pub(crate) fn of(secret: Secret) -> Result<Self, Error> {
        Ok(Self {
            uuid: secret.uuid,
            description: secret.description,
            last_four: secret.last_four,
            created_at: rfc3339(secret.created_at)?,
            created_by: secret.created_by.map(UserJson::author).transpose()?,
            expires_at: rfc3339_or_null(secret.expires_at)?,
            last_used_at: rfc3339_or_null(secret.last_used_at)?,
            last_used_ip: secret.last_used_ip,
            secret: None,
        })
    }

    /// A secret that was made just now.
    pub(crate) fn made(secret: Option<Secret>, value: String) -> Result<Self, Error> {
        let secret = Self::of(secret.ok_or_else(|| missing("the secret"))?)?;
        Ok(Self { secret: Some(value), ..secret })
    }
}

/// A portal token.
#[derive(Serialize, ToSchema)]
#[schema(as = PortalToken)]
pub(crate) struct TokenJson {
    uuid: String,
    kind: KindJson,
    #[schema(example = "CI")]
    description: String,
    #[schema(example = "6RZx")]
    last_four: String,
    created_at: String,
    created_by: Option<UserJson>,
    expires_at: Option<String>,
    last_used_at: Option<String>,
    #[schema(example = "192.0.2.7")]
    last_used_ip: Option<String>,
    #[schema(example = "192.0.2.0/24 2001:db8::/32")]
    allowed_ip_addresses: Option<String>,
    /// The secret that an ephemeral token was made of; null for the others.
    secret_uuid: Option<String>,
    /// Only in the reply that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "bkpat_…")]
    token: Option<String>,
}

/// Whose authority a token has, and how long.
#[derive(Serialize, ToSchema)]
#[schema(as = PortalTokenKind)]
#[serde(rename_all = "lowercase")]
enum KindJson {
    Service,
    Ephemeral,
    User,
}

impl TokenJson {
    /// A token of a list.
    pub(crate) fn of(token: PortalToken) -> Result<Self, Error> {
        Ok(Self {
            kind: kind(token.kind())?,
            uuid: token.uuid,
            description: token.description,
            last_four: token.last_four,
            created_at: rfc3339(token.created_at)?,
            created_by: token.created_by.map(UserJson::author).transpose()?,
            expires_at: rfc3339_or_null(token.expires_at)?,
            last_used_at: rfc3339_or_null(token.last_used_at)?,
            last_used_ip: token.last_used_ip,
            allowed_ip_addresses: token.allowed_ip_addresses,
            secret_uuid: token.secret_uuid,
            token: None,
        })
    }

    /// A token that was made just now.
    pub(crate) fn made(token: Option<PortalToken>, value: String) -> Result<Self, Error> {
        let token = Self::of(token.ok_or_else(|| missing("the token"))?)?;
        Ok(Self { token: Some(value), ..token })
    }
}

fn kind(kind: PortalTokenKind) -> Result<KindJson, Error> {
    match kind {
        PortalTokenKind::Service => Ok(KindJson::Service),
        PortalTokenKind::Ephemeral => Ok(KindJson::Ephemeral),
        PortalTokenKind::User => Ok(KindJson::User),
        PortalTokenKind::Unspecified => Err(missing("the kind of a token")),
    }
}

/// How many tokens ended with what was removed.
#[derive(Serialize, ToSchema)]
pub(crate) struct Revoked {
    #[schema(example = 3)]
    pub(crate) revoked_tokens: u32,
}
