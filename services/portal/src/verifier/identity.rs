//! Who presents an API access token.

use contracts::token::v1::{RateFigures, Role, VerifyApiTokenResponse};
use uuid::Uuid;

use super::verdict::author;
use crate::{
    domain::{id::OrganizationId, portal::Author},
    error::Error,
};

/// Who presents an API access token.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) token: Uuid,
    pub(crate) user: Author,
    scopes: Vec<String>,
    memberships: Vec<(OrganizationId, Role)>,
    /// How the management requests of the organization stand that was named; `None`: none was counted.
    pub(crate) organization_rate: Option<RateFigures>,
}

impl Identity {
    /// Reads what the token service says.
    pub(super) fn read(reply: VerifyApiTokenResponse) -> Result<Self, Error> {
        let VerifyApiTokenResponse { token_uuid, user, scopes, memberships, organization_rate } = reply;
        let memberships = memberships.into_iter().filter_map(|membership| {
            let organization = membership.organization_uuid.parse().ok()?;
            Some((OrganizationId(organization), Role::try_from(membership.role).ok()?))
        });
        Ok(Self {
            token: token_uuid.parse().map_err(|_bad: uuid::Error| Error::Garbled("a token's uuid"))?,
            user: user.and_then(author).ok_or(Error::Garbled("a user"))?,
            scopes,
            memberships: memberships.collect(),
            organization_rate,
        })
    }

    /// Refuses a token without `scope`.
    pub(crate) fn require_scope(&self, scope: &'static str) -> Result<(), Error> {
        if self.scopes.iter().any(|own| own == scope) { Ok(()) } else { Err(Error::MissingScope(scope)) }
    }

    /// The organizations within reach.
    pub(crate) fn organizations(&self) -> Vec<OrganizationId> {
        self.memberships.iter().map(|(organization, _)| *organization).collect()
    }

    /// The user's place in `organization`; `None` if it is out of reach.
    pub(crate) fn role_in(&self, organization: OrganizationId) -> Option<Role> {
        self.memberships.iter().find(|(own, _)| *own == organization).map(|(_, role)| *role)
    }
}
