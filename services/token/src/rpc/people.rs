//! What the RPCs about people share.

use contracts::{directory::v1 as wire, token::v1 as token};
use kit::{
    audit::Origin,
    error::Violation,
    grpc::{Caller, to_timestamp},
};
use uuid::Uuid;

use super::{authority::Need, parse, reply};
use crate::{
    Error,
    domain::{
        api_settings::ApiSettings,
        api_token::ListedApiToken,
        email::Email,
        scope::Scope,
        trail::Trail,
        user::{Member, Role},
    },
    store::{MemberKey, NO_USER},
};

const NO_ORGANIZATION: &str = "No organization found";

/// To see who belongs to an organization.
pub(super) const SEE_MEMBERS: Need =
    Need { scope: Scope::ReadOrganizations, administrator: false, missing: NO_ORGANIZATION };
/// To see what it asks of API access tokens.
pub(super) const SEE_SETTINGS: Need =
    Need { scope: Scope::ReadOrganizationSettings, administrator: false, missing: NO_ORGANIZATION };
/// To see which reach it.
pub(super) const SEE_API_TOKENS: Need =
    Need { scope: Scope::ReadOrganizationSettings, administrator: true, missing: NO_ORGANIZATION };
/// To change members, settings and what reaches it.
pub(super) const ADMINISTER: Need =
    Need { scope: Scope::WriteOrganizationSettings, administrator: true, missing: NO_ORGANIZATION };

/// The password hash of who can't sign in before a password is set: it is no hash, and nothing matches it.
pub(super) const NO_PASSWORD: &str = "!";

/// The trail of what the operator does, whoever that is.
pub(super) fn operator(caller: &Caller) -> Trail {
    Trail { actor: None, context: Origin::of(caller, None).known_as("OPERATOR").context() }
}

/// The user in an organization that both are named by their UUIDs.
pub(super) fn member_key(organization: Uuid, user_uuid: &str) -> Result<MemberKey, Error> {
    Ok(MemberKey { organization, user: parse::uuid("user_uuid", user_uuid)? })
}

/// The role in the field `role`.
pub(super) fn role(number: i32) -> Result<Role, Violation> {
    match token::Role::try_from(number) {
        Ok(token::Role::Member) => Ok(Role::Member),
        Ok(token::Role::Admin) => Ok(Role::Admin),
        Ok(token::Role::Unspecified) | Err(_) => Err(Violation::new("role", "must be admin or member")),
    }
}

/// The address in the field `email`, of somebody to be made.
pub(super) fn new_email(text: &str) -> Result<Email, Violation> {
    Email::parse(text).ok_or_else(|| Violation::new("email", "must be an e-mail address"))
}

/// The address in the field `email`, of somebody who is there.
pub(super) fn known_email(text: &str) -> Result<Email, Error> {
    Email::parse(text).ok_or(Error::NotFound(NO_USER))
}

/// One fault.
pub(super) fn refused(fault: Violation) -> Error {
    Error::Validation(vec![fault])
}

pub(super) fn member(member: Member) -> wire::Member {
    wire::Member { user: Some(reply::user(member.user)), role: reply::role(member.role).into() }
}

pub(super) fn api_token(token: ListedApiToken) -> wire::ApiToken {
    wire::ApiToken {
        uuid: token.uuid.to_string(),
        description: token.terms.description,
        last_four: token.last_four,
        scopes: token.terms.scopes.into_iter().map(|scope| scope.name().to_owned()).collect(),
        user: Some(reply::user(token.user)),
        created_at: Some(to_timestamp(token.created_at)),
        expires_at: token.terms.expires_at.map(to_timestamp),
        last_used_at: token.last_used_at.map(to_timestamp),
        last_used_ip: token.last_used_ip,
        allowed_ip_addresses: token.terms.allowed_ip_addresses,
    }
}

pub(super) fn api_settings(settings: ApiSettings) -> wire::ApiSettings {
    let ApiSettings { inactivity_days, allowed_ip_addresses, restricts_creation } = settings;
    wire::ApiSettings {
        revoke_inactive_tokens_after_days: inactivity_days,
        allowed_ip_addresses,
        restrict_user_api_token_creation: restricts_creation,
    }
}

/// How many there are on all pages.
pub(super) fn total(rows: u64) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}
