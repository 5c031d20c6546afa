//! `ListAuditEvents`: of this service's own trail.

use contracts::audit::v1::{ListAuditEventsRequest, ListAuditEventsResponse};
use kit::audit::Question;
use tonic::{Request, metadata::MetadataMap};

use super::{
    audit_events::{self, READ_TRAIL},
    parse,
};
use crate::{Error, Service};

pub(super) async fn handle(
    service: &Service,
    request: Request<ListAuditEventsRequest>,
    notes: &mut MetadataMap,
) -> Result<ListAuditEventsResponse, Error> {
    let caller = service.caller(&request);
    let ListAuditEventsRequest { organization_uuid, filter, limit, place } = request.into_inner();
    let organization = parse::uuid("organization_uuid", &organization_uuid)?;
    let filter = audit_events::filter(organization, filter)?;
    let (limit, place) = (u64::from(audit_events::limit(limit)?), audit_events::place(place)?);
    service.authorize(caller, organization, &READ_TRAIL, notes).await?;
    let question = Question { filter, place, limit };
    let (events, has_more) = service.0.store.audit_events(&question).await?;
    Ok(ListAuditEventsResponse { events: events.into_iter().map(audit_events::event).collect(), has_more })
}
