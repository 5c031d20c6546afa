//! `GetAuditEvent`: of this service's own trail.

use contracts::audit::v1::{GetAuditEventRequest, GetAuditEventResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{
    audit_events::{self, READ_TRAIL},
    parse,
};
use crate::{Error, Service};

pub(super) async fn handle(
    service: &Service,
    request: Request<GetAuditEventRequest>,
    notes: &mut MetadataMap,
) -> Result<GetAuditEventResponse, Error> {
    let caller = service.caller(&request);
    let GetAuditEventRequest { organization_uuid, event_uuid } = request.into_inner();
    let organization = parse::uuid("organization_uuid", &organization_uuid)?;
    let event = parse::uuid("event_uuid", &event_uuid)?;
    service.authorize(caller, organization, &READ_TRAIL, notes).await?;
    let found = service.0.store.audit_event(organization, event).await?.ok_or(Error::NotFound(READ_TRAIL.missing))?;
    Ok(GetAuditEventResponse { event: Some(audit_events::event(found)) })
}
