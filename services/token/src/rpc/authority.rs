//! What a caller of the management RPCs may do.

use contracts::credential::v1::PortalReference;
use kit::{audit, grpc::Caller};
use tonic::metadata::MetadataMap;
use uuid::Uuid;

use super::{parse, reply};
use crate::{
    Error, Service,
    authenticate::in_time,
    domain::{
        scope::Scope,
        token::ApiToken,
        trail::Trail,
        user::{Role, User},
    },
    limiter::Rates,
};

/// What an RPC asks of its caller.
pub(super) struct Need {
    pub(super) scope: Scope,
    pub(super) administrator: bool,
    /// What is answered about an organization that the caller can't see.
    pub(super) missing: &'static str,
}

/// To list a portal's credentials.
pub(super) const SEE_CREDENTIALS: Need =
    Need { scope: Scope::ReadPortals, administrator: false, missing: "No portal found" };
/// To make and remove them.
pub(super) const CHANGE_CREDENTIALS: Need =
    Need { scope: Scope::WritePortals, administrator: true, missing: "No portal found" };

/// A caller that may do what it asked for, in an organization.
pub(super) struct Authority {
    pub(super) caller: Caller,
    pub(super) token: ApiToken,
    pub(super) organization: Uuid,
}

/// A portal that the caller may do it to.
pub(super) struct PortalAuthority {
    pub(super) authority: Authority,
    pub(super) portal: Uuid,
}

impl ApiToken {
    /// Refuses a token without `scope`.
    pub(super) fn require_scope(&self, scope: Scope) -> Result<(), Error> {
        if self.scopes.contains(&scope) { Ok(()) } else { Err(Error::MissingScope(scope.name())) }
    }
}

impl Service {
    /// The API access token that `caller` presents, if it counts and reaches `organization` from where the caller is; one
    /// request of its user is counted unless it was before, for `organization` too if both reach it.
    pub(super) async fn counted_api_token(
        &self,
        caller: &Caller,
        organization: Option<Uuid>,
        notes: &mut MetadataMap,
    ) -> Result<(ApiToken, Rates), Error> {
        let token = self.api_token(caller).await?;
        if organization.is_some_and(|organization| token.closed.contains(&organization)) {
            tracing::info!(token = %token.uuid, request_id = caller.request_id(), "address refused by the organization");
            return Err(Error::IpNotAllowedThere);
        }
        if caller.is_counted {
            return Ok((token, Rates::default()));
        }
        let rates = self.count(&token, organization).await;
        reply::put_rates(notes, &rates);
        if rates.over().is_some() { Err(Error::RateLimited(rates)) } else { Ok((token, rates)) }
    }

    /// The caller as a member of `organization` who has what the RPC needs.
    pub(super) async fn authorize(
        &self,
        caller: Caller,
        organization: Uuid,
        need: &Need,
        notes: &mut MetadataMap,
    ) -> Result<Authority, Error> {
        let (token, _) = self.counted_api_token(&caller, Some(organization), notes).await?;
        token.require_scope(need.scope)?;
        let role = token.role_in(organization).ok_or(Error::NotFound(need.missing))?;
        if need.administrator && role != Role::Admin {
            return Err(Error::Forbidden);
        }
        Ok(Authority { caller, token, organization })
    }

    /// The same for a portal of theirs, which must be known here and not be removed.
    pub(super) async fn authorize_portal(
        &self,
        caller: Caller,
        portal: Option<PortalReference>,
        need: &Need,
        notes: &mut MetadataMap,
    ) -> Result<PortalAuthority, Error> {
        let PortalReference { organization_uuid, portal_uuid } =
            portal.ok_or_else(|| parse::invalid("portal", "is missing"))?;
        let organization = parse::uuid("portal.organization_uuid", &organization_uuid)?;
        let portal = parse::uuid("portal.portal_uuid", &portal_uuid)?;
        let authority = self.authorize(caller, organization, need, notes).await?;
        if !in_time(self.0.store.has_portal(organization, portal)).await? {
            return Err(Error::NotFound(need.missing));
        }
        Ok(PortalAuthority { authority, portal })
    }
}

impl Authority {
    /// Who it is.
    pub(super) fn user(&self) -> &User {
        &self.token.user
    }

    /// The trail of what this caller does.
    pub(super) fn trail(&self) -> Trail {
        let context = audit::context(&self.caller, Some(self.token.uuid));
        Trail { actor: Some(self.token.user.clone().into()), context }
    }
}
