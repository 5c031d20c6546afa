//! What a caller of the registry may do.

use contracts::token::v1::Role;
use kit::{
    audit::{Actor, Event, Subject, context},
    credential::Plain,
    grpc::Caller,
};
use serde_json::Value;
use tonic::{Status, metadata::MetadataMap};

use crate::{
    Service,
    domain::{
        id::OrganizationId,
        notification_service::NotificationService,
        organization::Organization,
        portal::{Author, Portal},
        upstream::Upstream,
    },
    drift::Cause,
    error::Error,
    graphql::{Reach, User, Viewer},
    service::Parts,
    store::Trace,
    verifier::Identity,
    webhooks::Told,
};

/// What an RPC asks of its caller.
pub(super) struct Need {
    /// `None`: no scope is needed.
    scope: Option<&'static str>,
    administrator: bool,
    /// What is answered when the organization doesn't exist, or exists and the caller can't see it.
    missing: fn() -> Error,
}

pub(super) const SEE_ORGANIZATION: Need =
    Need { scope: Some("read_organizations"), administrator: false, missing: || Error::NoOrganization };
pub(super) const LIST_PORTALS: Need =
    Need { scope: Some("read_portals"), administrator: false, missing: || Error::NoOrganization };
pub(super) const SEE_PORTAL: Need =
    Need { scope: Some("read_portals"), administrator: false, missing: || Error::NoPortal };
pub(super) const CREATE_PORTAL: Need =
    Need { scope: Some("write_portals"), administrator: true, missing: || Error::NoOrganization };
pub(super) const CHANGE_PORTAL: Need =
    Need { scope: Some("write_portals"), administrator: true, missing: || Error::NoPortal };

pub(super) const SEE_SETTINGS: Need =
    Need { scope: Some("read_organization_settings"), administrator: false, missing: || Error::NoOrganization };
pub(super) const CHANGE_SETTINGS: Need =
    Need { scope: Some("write_organization_settings"), administrator: true, missing: || Error::NoOrganization };
pub(super) const SEE_RATE_LIMIT: Need = Need { scope: None, administrator: false, missing: || Error::NoOrganization };
pub(super) const READ_TRAIL: Need =
    Need { scope: Some("read_audit_events"), administrator: true, missing: || Error::NoAuditEvent };

pub(super) const LIST_UPSTREAMS: Need =
    Need { scope: Some("read_organization_settings"), administrator: false, missing: || Error::NoOrganization };
pub(super) const SEE_UPSTREAM: Need =
    Need { scope: Some("read_organization_settings"), administrator: false, missing: || Error::NoUpstream };
pub(super) const CREATE_UPSTREAM: Need =
    Need { scope: Some("write_organization_settings"), administrator: true, missing: || Error::NoOrganization };
pub(super) const CHANGE_UPSTREAM: Need =
    Need { scope: Some("write_organization_settings"), administrator: true, missing: || Error::NoUpstream };

pub(super) const LIST_SERVICES: Need =
    Need { scope: Some("read_notification_services"), administrator: false, missing: || Error::NoOrganization };
pub(super) const SEE_SERVICE: Need =
    Need { scope: Some("read_notification_services"), administrator: false, missing: || Error::NoNotificationService };
pub(super) const CREATE_SERVICE: Need =
    Need { scope: Some(CHANGE_SERVICES), administrator: true, missing: || Error::NoOrganization };
pub(super) const CHANGE_SERVICE: Need =
    Need { scope: Some(CHANGE_SERVICES), administrator: true, missing: || Error::NoNotificationService };
const CHANGE_SERVICES: &str = "write_notification_services";

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
        let (identity, organization) = self.identify(&caller, slug, need.scope, notes).await?;
        let organization = organization.ok_or_else(need.missing)?;
        need.check(&identity, organization.id)?;
        Ok(Authority { caller, identity, organization })
    }

    /// The same for the organization of that id, which no row is needed of.
    pub(super) async fn authorize_by_id(
        &self,
        caller: &Caller,
        organization: OrganizationId,
        need: Need,
        notes: &mut MetadataMap,
    ) -> Result<(), Error> {
        let identity = self.verifier.verify_api_token(caller, Some(organization), notes).await?;
        require_scope(&identity, need.scope)?;
        need.check(&identity, organization)
    }

    /// Who calls with that scope, and the organization `slug`, whether it is within reach or not.
    async fn identify(
        &self,
        caller: &Caller,
        slug: &str,
        scope: Option<&'static str>,
        notes: &mut MetadataMap,
    ) -> Result<(Identity, Option<Organization>), Error> {
        // Nothing is looked up for what can't be a token.
        let plausible = caller.bearer().is_some_and(|token| Plain::parse(token).is_ok());
        let organization = if plausible { self.store.find_organization(slug).await? } else { None };
        let found = organization.as_ref().map(|found| found.id);
        let identity = self.verifier.verify_api_token(caller, found, notes).await?;
        require_scope(&identity, scope)?;
        Ok((identity, organization))
    }

    async fn admit(
        &self,
        caller: &Caller,
        scope: &'static str,
        organization: Option<&str>,
        notes: &mut MetadataMap,
    ) -> Result<Viewer, Error> {
        let (identity, reach) = if let Some(slug) = organization {
            let (identity, found) = self.identify(caller, slug, Some(scope), notes).await?;
            let found = found.filter(|found| identity.role_in(found.id).is_some());
            let reach = found.map(|found| Reach { uuid: found.id.0, slug: found.slug, name: found.name });
            (identity, reach.into_iter().collect())
        } else {
            let identity = self.verifier.verify_api_token(caller, None, notes).await?;
            identity.require_scope(scope)?;
            let viewer = self.user(&identity.user, &identity.organizations()).await?;
            (identity, viewer.organizations)
        };
        let Author { uuid, name, email, created_at } = identity.user;
        let user = User { uuid, name, email, created_at };
        Ok(Viewer { user: Some(user), organizations: reach })
    }
}

impl Need {
    fn check(&self, identity: &Identity, organization: OrganizationId) -> Result<(), Error> {
        match identity.role_in(organization) {
            None => Err((self.missing)()),
            Some(role) if self.administrator && role != Role::Admin => Err(Error::Forbidden),
            Some(_) => Ok(()),
        }
    }
}

fn require_scope(identity: &Identity, scope: Option<&'static str>) -> Result<(), Error> {
    scope.map_or(Ok(()), |scope| identity.require_scope(scope))
}

impl Service {
    /// Who calls RPCs that another part serves in this process, and the organizations within reach: if one was named, that one
    /// or none. Their API access token, or session, counts and has the scope. Counted as for RPCs of this service, for the
    /// `organization` of that slug if it is within reach; the rate figures go into `notes`. The error is the RPC's.
    pub async fn admit(
        &self,
        caller: &Caller,
        scope: &'static str,
        organization: Option<&str>,
        notes: &mut MetadataMap,
    ) -> Result<Viewer, Status> {
        Ok(self.0.admit(caller, scope, organization, notes).await?)
    }
}

impl Authority {
    /// Whether this caller could replace tokens of notification services, and so may see them.
    pub(super) fn may_see_tokens(&self) -> bool {
        let is_administrator = self.identity.role_in(self.organization.id) == Some(Role::Admin);
        is_administrator && self.identity.require_scope(CHANGE_SERVICES).is_ok()
    }

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

    /// The audit event of what this caller does to a notification service.
    pub(super) fn service_event(&self, kind: &'static str, service: &NotificationService, data: Value) -> Event {
        let subject = Subject { kind: "notification_service", uuid: service.id.0, name: service.description.clone() };
        self.event_on(kind, subject, data)
    }

    /// An audit event, and the notice of what is told of a portal.
    pub(super) fn telling(&self, service: &Parts, name: &'static str, event: Event, told: &Told<'_>) -> Trace {
        let notice = told.notice(name, self.cause().actor.as_ref(), &service.config.public_url);
        Trace::telling(event, notice)
    }

    /// Who has a schema asked for.
    pub(super) fn cause(&self) -> Cause {
        let user = &self.identity.user;
        Cause {
            actor: Some(Actor { uuid: user.uuid, name: user.name.clone() }),
            context: context(&self.caller, Some(self.identity.token)),
        }
    }

    /// The audit event of what this caller does to the organization itself.
    pub(super) fn organization_event(&self, kind: &'static str, data: Value) -> Event {
        let Organization { id, name, .. } = &self.organization;
        self.event_on(kind, Subject { kind: "organization", uuid: id.0, name: name.clone() }, data)
    }

    fn event_on(&self, kind: &'static str, subject: Subject, data: Value) -> Event {
        let Cause { actor, context } = self.cause();
        Event { kind, organization: self.organization.id.0, actor, subject, context, data }
    }
}
