//! The trails of all owners as one; the settings of an organization, and how its limits stand.

use std::sync::{Arc, Mutex};

use contracts::{
    audit::v1::{
        AuditEvent, AuditFilter, GetAuditEventRequest, GetAuditEventResponse, ListAuditEventsRequest,
        ListAuditEventsResponse,
        audit_service_client::AuditServiceClient,
        audit_service_server::{AuditService, AuditServiceServer},
        list_audit_events_request::Place,
    },
    registry::v1::{
        GetOrganizationSettingsRequest, GetRateLimitRequest, OrganizationSettings, UpdateOrganizationSettingsRequest,
    },
    token::v1::{RateFigures, Role},
};
use kit::{
    audit::{Recorded, RecordedSubject},
    error::{Code, Fault},
    grpc::{Caller, Refusal, to_status},
};
use prost_types::FieldMask;
use serde_json::{Value, json};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::world::{World, everywhere, everywhere_with, service_key};

/// The token service's trail, as planned, and who asked for it.
#[derive(Default)]
pub(super) struct TokenTrail {
    pub(super) events: Mutex<Vec<AuditEvent>>,
    asked: Mutex<Vec<(Caller, ListAuditEventsRequest)>>,
}

impl TokenTrail {
    pub(super) fn server(self: &Arc<Self>) -> AuditServiceServer<Scripted> {
        AuditServiceServer::new(Scripted(Arc::clone(self)))
    }
}

pub(super) struct Scripted(Arc<TokenTrail>);

#[derive(Debug, thiserror::Error)]
#[error("No audit event found")]
struct Missing;

impl Fault for Missing {
    fn class(&self) -> Code {
        Code::NotFound
    }
    fn reason(&self) -> &'static str {
        "not_found"
    }
}

#[tonic::async_trait]
impl AuditService for Scripted {
    async fn list_audit_events(
        &self,
        request: Request<ListAuditEventsRequest>,
    ) -> Result<Response<ListAuditEventsResponse>, Status> {
        let caller = Caller::of(&request, &service_key());
        self.0.asked.lock().unwrap().push((caller, request.into_inner()));
        let events = self.0.events.lock().unwrap().clone();
        Ok(Response::new(ListAuditEventsResponse { events, has_more: false }))
    }

    async fn get_audit_event(
        &self,
        request: Request<GetAuditEventRequest>,
    ) -> Result<Response<GetAuditEventResponse>, Status> {
        let uuid = request.into_inner().event_uuid;
        let event = self.0.events.lock().unwrap().iter().find(|event| event.uuid == uuid).cloned();
        event.map_or_else(
            || Err(to_status(&Missing)),
            |event| Ok(Response::new(GetAuditEventResponse { event: Some(event) })),
        )
    }
}

/// Of a time to come, so that it is newer than what the service writes itself.
fn late(number: u128) -> Uuid {
    Uuid::from_u128(u128::MAX - 100 + number)
}

fn recorded(world: &World, number: u128) -> Recorded {
    let organization = Uuid::parse_str(&world.tokens.organization.lock().unwrap()).unwrap();
    let subject = RecordedSubject { kind: "pipeline".into(), uuid: Uuid::nil(), name: "P".into() };
    let occurred_at = kit::ambient::Instant::UNIX_EPOCH;
    Recorded {
        uuid: late(number),
        organization,
        kind: "PIPELINE_CREATED".into(),
        occurred_at,
        actor: None,
        subject,
        context: Value::Null,
        data: json!({}),
    }
}

async fn ask(world: &World, limit: u32, place: Option<Place>) -> Result<ListAuditEventsResponse, Refusal> {
    let organization_uuid = world.tokens.organization.lock().unwrap().clone();
    let message = ListAuditEventsRequest { organization_uuid, filter: None, limit, place };
    let reply = AuditServiceClient::new(world.peer()).list_audit_events(world.request(message)).await;
    reply.map(Response::into_inner).map_err(|status| Refusal::of(&status))
}

#[tokio::test]
async fn the_trails_of_all_owners_are_one() {
    everywhere(async |world| {
        *world.tokens.scopes.lock().unwrap() = vec!["read_audit_events"];
        *world.echo.trail.lock().unwrap() = vec![recorded(&world, 5), recorded(&world, 3)];
        let of_token = |number| AuditEvent { uuid: late(number).to_string(), ..AuditEvent::default() };
        // The built-in API may share this service's table, or the token service anybody's: each event is told once.
        *world.trail.events.lock().unwrap() = vec![of_token(5), of_token(4)];
        let page = ask(&world, 2, None).await.unwrap();
        let numbers =
            |page: &ListAuditEventsResponse| page.events.iter().map(|event| event.uuid.clone()).collect::<Vec<_>>();
        assert_eq!((numbers(&page), page.has_more), (vec![late(5).to_string(), late(4).to_string()], true));
        let whole = ask(&world, 500, None).await.unwrap();
        assert_eq!(whole.events.len(), 4);
        assert_eq!(whole.events[3].r#type, "ORGANIZATION_CREATED", "this service's own");
        let (caller, asked) = world.trail.asked.lock().unwrap().last().unwrap().clone();
        assert!(caller.is_counted && caller.bearer().is_some(), "one request, with the caller's credential");
        assert_eq!(asked.limit, 500);
        for event in &whole.events {
            let organization_uuid = world.tokens.organization.lock().unwrap().clone();
            let message = GetAuditEventRequest { organization_uuid, event_uuid: event.uuid.clone() };
            let found = AuditServiceClient::new(world.peer()).get_audit_event(world.request(message)).await.unwrap();
            assert_eq!(found.into_inner().event.unwrap().uuid, event.uuid);
        }
        let message = GetAuditEventRequest {
            organization_uuid: world.tokens.organization.lock().unwrap().clone(),
            event_uuid: Uuid::nil().to_string(),
        };
        let missing = AuditServiceClient::new(world.peer()).get_audit_event(world.request(message)).await.unwrap_err();
        assert_eq!(Refusal::of(&missing).message, "No audit event found");
    })
    .await;
}

#[tokio::test]
async fn only_administrators_with_the_scope_are_told() {
    everywhere(async |world| {
        *world.tokens.scopes.lock().unwrap() = vec!["read_portals"];
        assert_eq!(ask(&world, 1, None).await.unwrap_err().reason, "missing_scope");
        *world.tokens.scopes.lock().unwrap() = vec!["read_audit_events"];
        *world.tokens.role.lock().unwrap() = Some(Role::Member);
        assert_eq!(ask(&world, 1, None).await.unwrap_err().reason, "forbidden");
        *world.tokens.role.lock().unwrap() = None;
        assert_eq!(ask(&world, 1, None).await.unwrap_err().reason, "not_found");
        *world.tokens.role.lock().unwrap() = Some(Role::Admin);
        for (limit, place) in [(501, None), (1, Some(Place::BeforeUuid("x".into())))] {
            assert_eq!(ask(&world, limit, place).await.unwrap_err().reason, "validation_failed");
        }
        // The last second that a clock of ours could show: nothing can be added to it.
        let last = Some(prost_types::Timestamp { seconds: 8_210_266_876_799, nanos: 0 });
        for (filter, field) in [
            (AuditFilter { actor_uuid: Some("x".into()), ..AuditFilter::default() }, "filter.actor_uuid"),
            (AuditFilter { occurred_at_to: last, ..AuditFilter::default() }, "filter.occurred_at_to"),
        ] {
            let organization_uuid = world.tokens.organization.lock().unwrap().clone();
            let message =
                ListAuditEventsRequest { organization_uuid, filter: Some(filter), ..ListAuditEventsRequest::default() };
            let refused =
                AuditServiceClient::new(world.peer()).list_audit_events(world.request(message)).await.unwrap_err();
            assert_eq!(Refusal::of(&refused).violations[0].field, field);
        }
    })
    .await;
}

async fn set(
    world: &World,
    limit: Option<u32>,
    named: Option<&[&str]>,
    validate_only: bool,
) -> Result<Option<u32>, Refusal> {
    let update_mask = named.map(|names| FieldMask { paths: names.iter().map(ToString::to_string).collect() });
    let settings = Some(OrganizationSettings { portal_requests_per_minute: limit });
    let message =
        UpdateOrganizationSettingsRequest { organization: "acme".into(), settings, update_mask, validate_only };
    let reply = world.registry().update_organization_settings(world.request(message)).await;
    let reply = reply.map_err(|status| Refusal::of(&status))?;
    Ok(reply.into_inner().settings.unwrap().portal_requests_per_minute)
}

async fn get(world: &World) -> Option<u32> {
    let message = GetOrganizationSettingsRequest { organization: "acme".into() };
    let reply = world.registry().get_organization_settings(world.request(message)).await.unwrap();
    reply.into_inner().settings.unwrap().portal_requests_per_minute
}

#[tokio::test]
async fn the_number_of_calls_is_kept_within_what_the_operator_allows() {
    let most = |config: &mut crate::Config| config.limits.most_requests_per_minute = 50;
    everywhere_with(most, async |world| {
        *world.tokens.scopes.lock().unwrap() = vec!["read_organization_settings", "write_organization_settings"];
        let name = Some(&["portal_requests_per_minute"][..]);
        assert_eq!(set(&world, Some(7), name, true).await.unwrap(), Some(7));
        assert_eq!((get(&world).await, world.audited("ORGANIZATION_UPDATED").await), (None, 0), "it was only asked");
        assert_eq!(set(&world, Some(7), None, false).await.unwrap(), Some(7));
        assert_eq!(set(&world, Some(9), Some(&[]), false).await.unwrap(), Some(7), "nothing was named");
        assert_eq!(set(&world, Some(7), name, false).await.unwrap(), Some(7));
        assert_eq!(get(&world).await, Some(7));
        assert_eq!(world.events("ORGANIZATION_UPDATED").await, [json!({"portal_requests_per_minute": [null, 7]})]);
        for (limit, named) in [(Some(0), name), (Some(51), name), (None, Some(&["slug"][..]))] {
            assert_eq!(set(&world, limit, named, false).await.unwrap_err().reason, "validation_failed");
        }
        world.lose_audit_trail().await;
        assert_eq!(set(&world, None, name, false).await.unwrap_err().reason, "database_unavailable");
        assert_eq!(get(&world).await, Some(7));
    })
    .await;
}

#[tokio::test]
async fn a_call_is_counted_under_the_organizations_own_limit() {
    everywhere(async |world| {
        *world.tokens.scopes.lock().unwrap() = vec!["write_portals", "write_organization_settings"];
        world.create(|_| {}).await.unwrap();
        set(&world, Some(1), None, false).await.unwrap();
        let limits = async || {
            let message = GetRateLimitRequest { organization: "acme".into() };
            world.registry().get_rate_limit(world.request(message)).await.unwrap().into_inner()
        };
        let reset_seconds = 42;
        assert_eq!(limits().await.portal, Some(RateFigures { limit: 1, current: 0, reset_seconds }));
        world.call(r#"{"name":"x"}"#).await.unwrap();
        let refused = Refusal::of(&world.call(r#"{"name":"x"}"#).await.unwrap_err());
        assert_eq!(refused.reason, "rate_limited");
        let stands = limits().await;
        assert_eq!(stands.portal, Some(RateFigures { limit: 1, current: 2, reset_seconds }));
        // The scripted token service counts nothing, and this configuration allows 20.
        assert_eq!(stands.rest, Some(RateFigures { limit: 0, current: 0, reset_seconds }));
        assert_eq!(stands.graphql, Some(RateFigures { limit: 20, current: 0, reset_seconds: 282 }));
        *world.tokens.role.lock().unwrap() = None;
        let message = GetRateLimitRequest { organization: "acme".into() };
        let missing = world.registry().get_rate_limit(world.request(message)).await.unwrap_err();
        assert_eq!(Refusal::of(&missing).reason, "not_found");
    })
    .await;
}
