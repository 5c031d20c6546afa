//! `/v2/organizations/{org}/audit_events`.

use contracts::audit::v1::{AuditFilter, GetAuditEventRequest, ListAuditEventsRequest};
use kit::error::Code;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    World, code, header,
    script::{Plan, Refuse},
};

const ALL: &str = "/v2/organizations/acme/audit_events";
const PUBLIC: &str = "https://portals.example/v2/organizations/acme/audit_events";

fn uuid(number: u32) -> String {
    Uuid::from_u128(number.into()).to_string()
}

fn numbers(page: &Value) -> Vec<u64> {
    page["items"].as_array().unwrap().iter().map(|event| event["data"]["n"].as_u64().unwrap()).collect()
}

async fn get(world: &World, url: &str) -> (Value, String) {
    let response = world.send("GET", url.strip_prefix("https://portals.example").unwrap_or(url), "").await;
    assert_eq!(response.status(), 200, "{url}");
    let links = header(&response, "link").unwrap().to_owned();
    (super::json(response).await, links)
}

#[tokio::test]
async fn an_event_has_the_documented_form() {
    let world = World::new().await;
    let event = super::json(world.send("GET", &format!("{ALL}/{}", uuid(7)), "").await).await;
    let expected = json!({
        "uuid": uuid(7), "graphql_id": "QXVkaXRFdmVudC0tLTAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwNw==",
        "type": "PortalTokenCreatedEvent", "occurred_at": "2026-01-01T00:00:00.007Z",
        "actor": {"type": "User", "uuid": "u-1", "name": "Ada"},
        "subject": {"type": "PortalToken", "uuid": "t-1", "name": "=CI"},
        "context": {"type": "WebContext", "request_ip": "192.0.2.1", "request_user_agent": null, "request_id": "r-1",
            "credential_uuid": null},
        "data": {"n": 7}, "url": format!("{PUBLIC}/{}", uuid(7)),
    });
    assert_eq!(event, expected);
    let (_, asked) = world.script.last::<GetAuditEventRequest>();
    assert_eq!(asked.event_uuid, uuid(7));
    world.send("GET", &format!("{ALL}/x"), "").await;
    assert_eq!(world.script.last::<GetAuditEventRequest>().1.event_uuid, Uuid::nil().to_string());
}

#[tokio::test]
async fn pages_lead_through_the_whole_list_and_back() {
    let world = World::new().await;
    world.script.plan(Plan { total: 5, ..Plan::default() });
    let (newest, header) = get(&world, &format!("{ALL}?per_page=2&type=PortalCreatedEvent")).await;
    assert_eq!(numbers(&newest), [5, 4]);
    let links = &newest["links"];
    assert_eq!((links.get("first"), links.get("prev")), (None, None));
    assert!(links["self"].as_str().unwrap().starts_with(&format!("{PUBLIC}?per_page=2&type=PortalCreatedEvent")));
    assert!(header.contains("rel=\"self\"") && header.contains("rel=\"next\""), "{header}");
    let (middle, header) = get(&world, links["next"].as_str().unwrap()).await;
    assert_eq!(numbers(&middle), [3, 2]);
    for relation in ["self", "first", "prev", "next"] {
        let url = middle["links"][relation].as_str().unwrap();
        assert!(header.contains(&format!("<{url}>; rel=\"{relation}\"")), "{header}");
    }
    let (oldest, _) = get(&world, middle["links"]["next"].as_str().unwrap()).await;
    assert_eq!((numbers(&oldest), oldest["links"].get("next")), (vec![1], None));
    assert_eq!((&oldest["items"][0]["actor"], &oldest["items"][0]["context"]), (&Value::Null, &Value::Null));
    let (back, _) = get(&world, oldest["links"]["prev"].as_str().unwrap()).await;
    assert_eq!(numbers(&back), [3, 2]);
    let (first, _) = get(&world, back["links"]["prev"].as_str().unwrap()).await;
    assert_eq!((numbers(&first), first["links"].get("prev")), (vec![5, 4], None));
    assert_eq!(get(&world, first["links"]["first"].as_str().unwrap()).await.0, newest);
    let (_, asked) = world.script.last::<ListAuditEventsRequest>();
    let filter = AuditFilter { types: vec!["PORTAL_CREATED".into()], ..AuditFilter::default() };
    assert_eq!((asked.limit, asked.filter), (2, Some(filter)));
}

#[tokio::test]
async fn parameters_that_are_none_are_refused() {
    let world = World::new().await;
    for query in ["per_page=0", "per_page=101", "after=x", "before=", "type=X", "subject_type=X", "actor=1"] {
        let refused = world.send("GET", &format!("{ALL}?{query}"), "").await;
        assert_eq!(code(refused).await, (400, "invalid_parameter".into()), "{query}");
    }
    for query in ["type=X", "occurred_at_from=yesterday"] {
        for form in ["csv", "ndjson"] {
            let refused = world.send("GET", &format!("{ALL}.{form}?{query}"), "").await;
            assert_eq!(code(refused).await, (400, "invalid_parameter".into()), "{query}");
        }
    }
    assert_eq!(world.script.count::<ListAuditEventsRequest>(), 0);
}

#[tokio::test]
async fn an_export_has_every_event_and_counts_as_one_request() {
    let world = World::new().await;
    world.script.plan(Plan { total: 1_203, figures: vec![("ratelimit-remaining", "9")], ..Plan::default() });
    let response = world.send("GET", &format!("{ALL}.csv?subject_type=Portal"), "").await;
    assert_eq!(header(&response, "content-type"), Some("text/csv; charset=utf-8; header=present"));
    assert_eq!(header(&response, "content-disposition"), Some("attachment; filename=\"audit-events.csv\""));
    assert_eq!(header(&response, "ratelimit-remaining"), Some("9"));
    let text = response.text().await.unwrap();
    let lines: Vec<_> = text.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 1_204);
    assert!(lines[0].starts_with("uuid,type,occurred_at,actor_uuid,"));
    let row = format!(
        "{},PortalTokenCreatedEvent,2026-01-01T00:00:00.007Z,u-1,Ada,PortalToken,t-1,'=CI,WebContext,192.0.2.1,,r-1,,\
         \"{{\"\"n\"\":1203}}\"",
        uuid(1_203)
    );
    assert_eq!(lines[1], row);
    assert!(lines[1_203].ends_with(",,,PortalToken,t-1,'=CI,,,,,,\"{\"\"n\"\":1}\""), "{}", lines[1_203]);
    assert_eq!(world.script.count::<ListAuditEventsRequest>(), 3);
    assert!(!world.script.first::<ListAuditEventsRequest>().0.is_counted);
    let (caller, asked) = world.script.last::<ListAuditEventsRequest>();
    assert!(caller.is_counted);
    assert_eq!(asked.filter.unwrap().subject_type.as_deref(), Some("portal"));
    let response = world.send("GET", &format!("{ALL}.ndjson"), "").await;
    assert_eq!(header(&response, "content-type"), Some("application/x-ndjson"));
    let text = response.text().await.unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbers: Vec<_> = events.iter().map(|event| event["data"]["n"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=1_203).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn an_export_that_breaks_off_is_no_whole_file() {
    let world = World::new().await;
    // The first page is there, the second one isn't.
    world.script.plan(Plan { total: 501, result: "broken", ..Plan::default() });
    let response = world.send("GET", &format!("{ALL}.ndjson"), "").await;
    assert_eq!(response.status(), 200);
    assert!(response.text().await.is_err(), "it looks whole");
    world.script.plan(Plan { total: 1, result: "broken", ..Plan::default() });
    assert_eq!(world.send("GET", &format!("{ALL}.csv"), "").await.status(), 502);
    world.script.refuse(Refuse::new(Code::Forbidden, "forbidden"));
    for path in [ALL.to_owned(), format!("{ALL}.csv"), format!("{ALL}.ndjson"), format!("{ALL}/{}", uuid(7))] {
        assert_eq!(code(world.send("GET", &path, "").await).await, (403, "forbidden".into()), "{path}");
    }
}
