//! An audit trail: as many events as planned, numbered from the oldest one on.

use contracts::audit::v1::{
    AuditActor, AuditEvent, AuditSubject, GetAuditEventRequest, GetAuditEventResponse, ListAuditEventsRequest,
    ListAuditEventsResponse, audit_service_server::AuditService, list_audit_events_request::Place,
};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{Plan, Script, values::at};

#[async_trait::async_trait]
impl AuditService for Script {
    async fn list_audit_events(
        &self,
        request: Request<ListAuditEventsRequest>,
    ) -> Result<Response<ListAuditEventsResponse>, Status> {
        let (place, limit) = (request.get_ref().place.clone(), request.get_ref().limit);
        let reply = |plan: &Plan| {
            let (numbers, has_more) = match place {
                None => page(plan.total, limit),
                Some(Place::AfterUuid(uuid)) => page(number(&uuid) - 1, limit),
                Some(Place::BeforeUuid(uuid)) => {
                    let last = (number(&uuid) + limit).min(plan.total);
                    ((number(&uuid) + 1..=last).rev().collect(), last < plan.total)
                }
            };
            let broken = plan.result == "broken" && !has_more;
            let reply = ListAuditEventsResponse { events: numbers.into_iter().map(event).collect(), has_more };
            if broken { Err(Status::unavailable("broken")) } else { Ok(reply) }
        };
        let (metadata, reply, extensions) = self.answer(request, reply).await?.into_parts();
        Ok(Response::from_parts(metadata, reply?, extensions))
    }

    async fn get_audit_event(
        &self,
        request: Request<GetAuditEventRequest>,
    ) -> Result<Response<GetAuditEventResponse>, Status> {
        self.answer(request, |_| GetAuditEventResponse { event: Some(event(7)) }).await
    }
}

/// The newest ones up to `newest`, and whether there are older ones.
fn page(newest: u32, limit: u32) -> (Vec<u32>, bool) {
    let oldest = newest.saturating_sub(limit);
    ((oldest + 1..=newest).rev().collect(), oldest > 0)
}

fn number(uuid: &str) -> u32 {
    Uuid::parse_str(uuid).unwrap().as_u128().try_into().unwrap()
}

fn event(number: u32) -> AuditEvent {
    let context = r#"{"type":"WEB","request_id":"r-1","request_ip":"192.0.2.1","credential_uuid":null}"#;
    AuditEvent {
        uuid: Uuid::from_u128(number.into()).to_string(),
        organization_uuid: "o-1".into(),
        r#type: "PORTAL_TOKEN_CREATED".into(),
        occurred_at: Some(at(7)),
        // The first one happened by itself.
        actor: (number > 1).then(|| AuditActor { uuid: "u-1".into(), name: "Ada".into() }),
        subject: Some(AuditSubject { r#type: "portal_token".into(), uuid: "t-1".into(), name: "=CI".into() }),
        context_json: if number > 1 { context.into() } else { "null".into() },
        data_json: format!(r#"{{"n":{number}}}"#),
    }
}
