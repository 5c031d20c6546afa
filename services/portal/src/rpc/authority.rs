//! What a caller of the registry may do.

use contracts::token::v1::Role;
use kit::{
    audit::{Actor, Event, Subject, context},
    credential::Plain,
    grpc::Caller,
};
use serde_json::Value;
use tonic::metadata::MetadataMap;

use crate::{
    domain::{organization::Organization, portal::Portal, upstream::Upstream},
    drift::Cause,
    error::Error,
    service::Parts,
    verifier::Identity,
};

/// What an RPC asks of its caller.
pub(super) struct Need {
    scope: &'static str,
    administrator: bool,
    /// What is answered when the organization doesn't exist, or exists and the caller can't see it.
    missing: fn() -> Error,
}

pub(super) const SEE_ORGANIZATION: Need =
    Need { scope: "read_organizations", administrator: false, missing: || Error::NoOrganization };
pub(super) const LIST_PORTALS: Need =
    Need { scope: "read_portals", administrator: false, missing: || Error::NoOrganization };
pub(super) const SEE_PORTAL: Need = Need { scope: "read_portals", administrator: false, missing: || Error::NoPortal };
pub(super) const CREATE_PORTAL: Need =
    Need { scope: "write_portals", administrator: true, missing: || Error::NoOrganization };
pub(super) const CHANGE_PORTAL: Need =
    Need { scope: "write_portals", administrator: true, missing: || Error::NoPortal };

pub(super) const LIST_UPSTREAMS: Need =
    Need { scope: "read_organization_settings", administrator: false, missing: || Error::NoOrganization };
pub(super) const SEE_UPSTREAM: Need =
    Need { scope: "read_organization_settings", administrator: false, missing: || Error::NoUpstream };
pub(super) const CREATE_UPSTREAM: Need =
    Need { scope: "write_organization_settings", administrator: true, missing: || Error::NoOrganization };
pub(super) const CHANGE_UPSTREAM: Need =
    Need { scope: "write_organization_settings", administrator: true, missing: || Error::NoUpstream };

/// A caller that may do what it asked for, in an organization.
pub(super) struct Authority {
    pub(super) caller: Caller,
    pub(super) identity: Identity,
    pub(super) organization: Organization,
}

impl Parts {
    /// The caller as a member of the organization `slug` who has what the RPC needs.
    pub(super) async fn authorize(
        &self,
        caller: Caller,
        slug: &str,
        need: Need,
        notes: &mut MetadataMap,
    ) -> Result<Authority, Error> {
        // Nothing is looked up for what can't be a token.
        let plausible = caller.bearer().is_some_and(|token| Plain::parse(token).is_ok());
        let organization = if plausible { self.store.find_organization(slug).await? } else { None };
        let identity =
            self.verifier.verify_api_token(&caller, organization.as_ref().map(|found| found.id), notes).await?;
        identity.require_scope(need.scope)?;
        let organization = organization.ok_or_else(need.missing)?;
        match identity.role_in(organization.id) {
            None => Err((need.missing)()),
            Some(role) if need.administrator && role != Role::Admin => Err(Error::Forbidden),
            Some(_) => Ok(Authority { caller, identity, organization }),
        }
    }
}

impl Authority {
    /// The audit event of what this caller does to a portal.
    pub(super) fn event(&self, kind: &'static str, portal: &Portal, data: Value) -> Event {
        let subject = Subject { kind: "portal", uuid: portal.id.0, name: portal.content.name.clone() };
        self.event_on(kind, subject, data)
    }

    /// The audit event of what this caller does to an upstream.
    pub(super) fn upstream_event(&self, kind: &'static str, upstream: &Upstream, data: Value) -> Event {
        let subject = Subject { kind: "upstream", uuid: upstream.id.0, name: upstream.slug.to_string() };
        self.event_on(kind, subject, data)
    }

    /// Who has a schema asked for.
    pub(super) fn cause(&self) -> Cause {
        let user = &self.identity.user;
        Cause {
            actor: Some(Actor { uuid: user.uuid, name: user.name.clone() }),
            context: context(&self.caller, Some(self.identity.token)),
        }
    }

    fn event_on(&self, kind: &'static str, subject: Subject, data: Value) -> Event {
        let Cause { actor, context } = self.cause();
        Event { kind, organization: self.organization.id.0, actor, subject, context, data }
    }
}
