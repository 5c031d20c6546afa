//! `/v2/organizations/{org}/audit_events`, also whole as CSV and as lines of JSON: what happened in an organization.

mod document;
mod export;
mod filter;
mod kinds;
mod place;

use axum::response::Response;
use contracts::audit::v1::{
    GetAuditEventRequest, ListAuditEventsRequest, ListAuditEventsResponse, list_audit_events_request,
};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;

use self::{
    document::EventJson,
    export::{Csv, Lines},
    place::Page,
};
use super::{
    form::{Names, missing, names, uuid_or_nil},
    rest::Rest,
};
use crate::{cursor::Links, description::About, error::Error, reply};

/// A page of events.
#[derive(Serialize)]
struct PageJson {
    items: Vec<EventJson>,
    links: Links,
}

/// [`list`], described.
pub(crate) fn about_list() -> About {
    let about = About::of("list_audit_events", "List what happened in an organization", "Newest first.");
    filter::describe(about).lists_parts::<EventJson, Links>(&json!({ "type": "string" }), "A page of the events.")
}

/// Answers a page of the events, newest first.
pub(crate) async fn list(rest: Rest, path: Names<String>) -> Result<Response, Error> {
    let slug = names(path)?;
    let (page, filter) = (Page::read(rest.query())?, filter::read(rest.query())?);
    let url = rest.url(&format!("{slug}/audit_events"));
    let organization_uuid = rest.organization(slug).await?;
    let place = page.place.clone().map(list_audit_events_request::Place::from);
    let message = ListAuditEventsRequest { organization_uuid, filter: Some(filter), limit: page.size, place };
    let reply = rest.call(rest.gateway.audit().list_audit_events(rest.request(message))).await?;
    let (metadata, ListAuditEventsResponse { events, has_more }, _) = reply.into_parts();
    let ends = events.first().zip(events.last()).map(|(first, last)| (first.uuid.as_str(), last.uuid.as_str()));
    let links = page.links(&url, rest.query(), ends, has_more);
    let header = links.header();
    let items = events.into_iter().map(|event| EventJson::of(event, &url)).collect::<Result<_, _>>()?;
    let mut response = reply::json(StatusCode::OK, &metadata, &PageJson { items, links });
    response.headers_mut().extend(header.map(|links| (http::header::LINK, links)));
    Ok(response)
}

/// [`show`], described.
pub(crate) fn about_show() -> About {
    About::of("get_audit_event", "One event", "").answers::<EventJson>("The event.")
}

/// Answers one event.
pub(crate) async fn show(rest: Rest, path: Names<(String, String)>) -> Result<Response, Error> {
    let (slug, uuid) = names(path)?;
    let url = rest.url(&format!("{slug}/audit_events"));
    let organization_uuid = rest.organization(slug).await?;
    let message = GetAuditEventRequest { organization_uuid, event_uuid: uuid_or_nil(&uuid) };
    let reply = rest.call(rest.gateway.audit().get_audit_event(rest.request(message))).await?;
    let (metadata, reply, _) = reply.into_parts();
    let event = EventJson::of(reply.event.ok_or_else(|| missing("the event"))?, &url)?;
    Ok(reply::json(StatusCode::OK, &metadata, &event))
}

const WHOLE: &str =
    "All that fit, newest first. What breaks off ends with a broken connection: no part looks like the whole.";

/// [`export_csv`], described.
pub(crate) fn about_export_csv() -> About {
    let about = About::of("export_audit_events_csv", "The same as CSV (RFC 4180)", WHOLE);
    filter::describe(about).answers_file("text/csv", "The events.")
}

/// Answers all events that fit as CSV, newest first.
pub(crate) async fn export_csv(rest: Rest, path: Names<String>) -> Result<Response, Error> {
    export::answer::<Csv>(rest, names(path)?).await
}

/// [`export_lines`], described.
pub(crate) fn about_export_lines() -> About {
    let about = About::of("export_audit_events_ndjson", "The same as lines of JSON", WHOLE);
    filter::describe(about).answers_file("application/x-ndjson", "The events, one in each line.")
}

/// Answers all events that fit as lines of JSON, newest first.
pub(crate) async fn export_lines(rest: Rest, path: Names<String>) -> Result<Response, Error> {
    export::answer::<Lines>(rest, names(path)?).await
}
