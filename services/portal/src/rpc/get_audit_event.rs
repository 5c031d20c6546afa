//! From the trail of whichever owner has it.

use contracts::audit::v1::{GetAuditEventRequest, GetAuditEventResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{
    audit_events::{self, uuid},
    authority::READ_TRAIL,
};
use crate::{domain::id::OrganizationId, error::Error, service::Parts};

pub(super) async fn handle(
    service: &Parts,
    request: Request<GetAuditEventRequest>,
    notes: &mut MetadataMap,
) -> Result<GetAuditEventResponse, Error> {
    let caller = service.caller(&request);
    let message = request.into_inner();
    let organization = uuid("organization_uuid", &message.organization_uuid)?;
    let event = uuid("event_uuid", &message.event_uuid)?;
    service.authorize_by_id(&caller, OrganizationId(organization), READ_TRAIL, notes).await?;
    let (own, built_in, token) = tokio::join!(
        service.store.audit_event(organization, event),
        service.targets.embedded().audit_event(organization, event),
        service.verifier.audit_event(&caller, message),
    );
    let here = own?.or(built_in?).map(audit_events::event);
    let event = here.or(token?).ok_or(Error::NoAuditEvent)?;
    Ok(GetAuditEventResponse { event: Some(event) })
}
