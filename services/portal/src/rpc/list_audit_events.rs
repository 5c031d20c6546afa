//! Of the trails of all owners: this service's, the built-in API's, the token service's.

use contracts::audit::v1::{AuditEvent, ListAuditEventsRequest, ListAuditEventsResponse};
use kit::audit::{self, Question, Recorded};
use tonic::{Request, metadata::MetadataMap};

use super::{
    audit_events::{self, uuid},
    authority::READ_TRAIL,
};
use crate::{domain::id::OrganizationId, error::Error, service::Parts};

pub(super) async fn handle(
    service: &Parts,
    request: Request<ListAuditEventsRequest>,
    notes: &mut MetadataMap,
) -> Result<ListAuditEventsResponse, Error> {
    let caller = service.caller(&request);
    let message = request.into_inner();
    let organization = uuid("organization_uuid", &message.organization_uuid)?;
    service.authorize_by_id(&caller, OrganizationId(organization), READ_TRAIL, notes).await?;
    let question = Question {
        filter: audit_events::filter(organization, message.filter.clone())?,
        place: audit_events::place(message.place.as_ref())?,
        limit: audit_events::limit(message.limit)?.into(),
    };
    // Each owner is asked for a whole page: all of it may be one owner's.
    let (own, built_in, token) = tokio::join!(
        service.store.audit_events(&question),
        service.targets.embedded().audit_events(&question),
        service.verifier.audit_events(&caller, message),
    );
    let ListAuditEventsResponse { events, has_more } = token?;
    let found = vec![shown(own?), shown(built_in?), (events, has_more)];
    // As text UUIDs sort as they do as numbers.
    let (events, has_more) = audit::merge(found, question.place, question.limit, |event| event.uuid.clone());
    Ok(ListAuditEventsResponse { events, has_more })
}

fn shown((events, has_more): (Vec<Recorded>, bool)) -> (Vec<AuditEvent>, bool) {
    (events.into_iter().map(audit_events::event).collect(), has_more)
}
