//! `ListAuditEvents` and `GetAuditEvent`, of this service's own trail.

use contracts::{
    audit::v1::{
        AuditEvent, AuditFilter, GetAuditEventRequest, ListAuditEventsRequest, ListAuditEventsResponse,
        audit_service_client::AuditServiceClient, list_audit_events_request::Place,
    },
    token::v1::Role,
};
use kit::{
    error::Code,
    grpc::{Layered, Peer, to_timestamp},
};
use serde_json::Value;
use tonic::Status;
use uuid::Uuid;

use super::{
    people::{ELSEWHERE, first, join, make, member_with_token, unlimited, user, wanted},
    world::{ORGANIZATION, World, at, caller, everywhere, everywhere_with, from_outside, refusal},
};

fn audit(world: &World) -> AuditServiceClient<Peer> {
    AuditServiceClient::new(Peer::local(Layered::new(world.service.routes())))
}

fn asked(filter: AuditFilter, limit: u32, place: Option<Place>) -> ListAuditEventsRequest {
    ListAuditEventsRequest { organization_uuid: ORGANIZATION.to_string(), filter: Some(filter), limit, place }
}

/// The last second that a clock of ours could show: nothing can be added to it.
const THE_LAST: prost_types::Timestamp = prost_types::Timestamp { seconds: 8_210_266_876_799, nanos: 0 };

async fn ask(world: &World, message: ListAuditEventsRequest) -> Result<ListAuditEventsResponse, Status> {
    let request = from_outside(message, Some(world.api_token.expose()));
    Ok(audit(world).list_audit_events(request).await?.into_inner())
}

async fn list(world: &World, filter: AuditFilter) -> Vec<AuditEvent> {
    ask(world, asked(filter, 0, None)).await.unwrap().events
}

/// Five members come, a second after each other. Gives their UUIDs.
async fn five(world: &World) -> Vec<String> {
    let mut members = Vec::new();
    for number in 0..5 {
        world.clock.pass(1);
        let user = user(world, &format!("m{number}@example.com")).await;
        join(world, &user, ORGANIZATION, Role::Member).await;
        members.push(user.uuid);
    }
    members
}

fn uuids(events: &[AuditEvent]) -> Vec<String> {
    events.iter().map(|event| event.uuid.clone()).collect()
}

#[tokio::test]
async fn events_are_told_newest_first_and_in_pages_both_ways() {
    everywhere_with(unlimited(), async |world| {
        five(world).await;
        let all = list(world, AuditFilter::default()).await;
        assert_eq!(all.len(), 7, "with the first user and their token: {all:#?}");
        assert!(all.is_sorted_by(|newer, older| newer.uuid > older.uuid));
        let page = async |place| {
            let reply = ask(world, asked(AuditFilter::default(), 2, place)).await.unwrap();
            (uuids(&reply.events), reply.has_more)
        };
        let uuid = |at: usize| all[at].uuid.clone();
        let of = |range: std::ops::Range<usize>| uuids(&all[range]);
        assert_eq!(page(None).await, (of(0..2), true));
        assert_eq!(page(Some(Place::AfterUuid(uuid(1)))).await, (of(2..4), true));
        assert_eq!(page(Some(Place::AfterUuid(uuid(4)))).await, (of(5..7), false));
        assert_eq!(page(Some(Place::AfterUuid(uuid(6)))).await, (vec![], false));
        assert_eq!(page(Some(Place::BeforeUuid(uuid(4)))).await, (of(2..4), true));
        assert_eq!(page(Some(Place::BeforeUuid(uuid(2)))).await, (of(0..2), false));
        assert_eq!(page(Some(Place::BeforeUuid(uuid(0)))).await, (vec![], false));
    })
    .await;
}

#[tokio::test]
async fn a_filter_leaves_what_fits_all_of_it() {
    everywhere_with(unlimited(), async |world| {
        let members = five(world).await;
        let count = async |filter| list(world, filter).await.len();
        let joined = || AuditFilter { types: vec!["ORGANIZATION_MEMBER_CREATED".into()], ..AuditFilter::default() };
        // The five, and the first user.
        assert_eq!(count(joined()).await, 6);
        assert_eq!(count(AuditFilter { types: vec!["X".into()], ..joined() }).await, 0);
        assert_eq!(count(AuditFilter { subject_uuid: Some(members[2].clone()), ..joined() }).await, 1);
        assert_eq!(count(AuditFilter { subject_type: Some("user".into()), ..joined() }).await, 6);
        assert_eq!(count(AuditFilter { subject_type: Some("portal".into()), ..joined() }).await, 0);
        let (from, to) = (Some(to_timestamp(at(2))), Some(to_timestamp(at(3))));
        assert_eq!(count(AuditFilter { occurred_at_from: from, ..joined() }).await, 4);
        assert_eq!(count(AuditFilter { occurred_at_from: from, occurred_at_to: to, ..joined() }).await, 2);
        let ada = first(world).await.to_string();
        assert_eq!(count(AuditFilter { actor_uuid: Some(ada), ..joined() }).await, 0, "the operator made them");
    })
    .await;
}

#[tokio::test]
async fn one_event_is_told_with_all_that_is_known() {
    everywhere(async |world| {
        let members = five(world).await;
        let listed = list(world, AuditFilter::default()).await.remove(0);
        let get = async |event: &str, token: &str| {
            let (organization_uuid, event_uuid) = (ORGANIZATION.to_string(), event.to_owned());
            let request = from_outside(GetAuditEventRequest { organization_uuid, event_uuid }, Some(token));
            audit(world).get_audit_event(request).await.map(|reply| reply.into_inner().event.unwrap())
        };
        let event = get(&listed.uuid, world.api_token.expose()).await.unwrap();
        assert_eq!(event, listed);
        let subject = event.subject.unwrap();
        assert_eq!(
            (subject.r#type.as_str(), subject.uuid.as_str(), subject.name.as_str()),
            ("user", members[4].as_str(), "m4")
        );
        let context: Value = serde_json::from_str(&event.context_json).unwrap();
        assert_eq!((&context["type"], &context["request_ip"]), (&"OPERATOR".into(), &"192.0.2.1".into()));
        let missing = refusal(get(&Uuid::from_u128(9).to_string(), world.api_token.expose()).await);
        assert_eq!((missing.class, missing.message.as_str()), (Code::NotFound, "No audit event found"));
        assert_eq!(refusal(get("x", world.api_token.expose()).await).reason, "invalid_request");
    })
    .await;
}

#[tokio::test]
async fn only_an_administrator_with_the_scope_is_told() {
    everywhere_with(unlimited(), async |world| {
        let (_, member) = member_with_token(world, "bob@example.com", Role::Member).await;
        let mut scopeless = wanted("ada@example.com");
        scopeless.scopes.retain(|scope| scope != "read_audit_events");
        let (_, scopeless) = make(world, scopeless).await;
        let answer = async |organization: Uuid, token: Option<&str>| {
            let message = ListAuditEventsRequest { organization_uuid: organization.to_string(), ..Default::default() };
            refusal(audit(world).list_audit_events(from_outside(message, token)).await).reason
        };
        assert_eq!(answer(ORGANIZATION, None).await, "authentication_required");
        assert_eq!(answer(ORGANIZATION, Some(&member)).await, "forbidden");
        assert_eq!(answer(ORGANIZATION, Some(&scopeless)).await, "missing_scope");
        assert_eq!(answer(ELSEWHERE, Some(world.api_token.expose())).await, "not_found");
        for wrong in [
            asked(AuditFilter::default(), 501, None),
            asked(AuditFilter::default(), 1, Some(Place::AfterUuid("x".into()))),
            asked(AuditFilter { actor_uuid: Some("x".into()), ..AuditFilter::default() }, 1, None),
            asked(AuditFilter { occurred_at_to: Some(THE_LAST), ..AuditFilter::default() }, 1, None),
        ] {
            assert_eq!(refusal(ask(world, wrong).await).reason, "invalid_request");
        }
    })
    .await;
}

#[tokio::test]
async fn what_another_part_has_counted_is_not_counted_again() {
    everywhere(async |world| {
        let send = async |is_counted, key: &str| {
            let caller = kit::grpc::Caller { is_counted, ..caller(Some(world.api_token.expose())) };
            let request = caller.onward(asked(AuditFilter::default(), 1, None), &key.parse().unwrap());
            let reply = audit(world).list_audit_events(request).await.unwrap();
            reply.metadata().get("ratelimit-user-remaining").map(|left| left.to_str().unwrap().to_owned())
        };
        let (ours, theirs) = ("s".repeat(32), "x".repeat(32));
        assert_eq!(send(false, &ours).await.as_deref(), Some("49"));
        assert_eq!(send(true, &ours).await, None);
        assert_eq!(send(true, &theirs).await.as_deref(), Some("48"), "whoever isn't a part can't say so");
    })
    .await;
}
