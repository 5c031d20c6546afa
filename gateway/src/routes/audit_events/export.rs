//! All events that fit, as a file that is written while it is read: page after page, however many there are.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use contracts::audit::v1::{
    AuditEvent, ListAuditEventsRequest, ListAuditEventsResponse, list_audit_events_request::Place,
};
use http::{HeaderValue, header};
use hyper::body::{Body as Frames, Frame};
use tonic::metadata::MetadataMap;

use super::{document::EventJson, filter};
use crate::{csv, error::Error, reply, routes::rest::Rest};

/// Events of a page: as many as are in memory at once.
const PAGE: u32 = 500;

/// A form of the file.
pub(super) trait Format: Send + Sync + 'static {
    const NAME: &'static str;
    const TYPE: &'static str;
    /// What comes before the first event.
    fn head() -> String;
    /// Adds an event.
    fn write(event: &EventJson, text: &mut String);
}

/// A row for each event (RFC 4180).
pub(super) struct Csv;
/// An object and a line feed for each event.
pub(super) struct Lines;

const HEADINGS: [&str; 14] = [
    "uuid",
    "type",
    "occurred_at",
    "actor_uuid",
    "actor_name",
    "subject_type",
    "subject_uuid",
    "subject_name",
    "context_type",
    "request_ip",
    "request_user_agent",
    "request_id",
    "credential_uuid",
    "data",
];

impl Format for Csv {
    const NAME: &'static str = "attachment; filename=\"audit-events.csv\"";
    const TYPE: &'static str = "text/csv; charset=utf-8; header=present";

    fn head() -> String {
        csv::line(&HEADINGS)
    }

    fn write(event: &EventJson, text: &mut String) {
        let (actor, context) = (event.actor.as_ref(), event.context.as_ref());
        let of_request = |part: Option<&Option<String>>| part.cloned().flatten().unwrap_or_default();
        text.push_str(&csv::line(&[
            &event.uuid,
            &event.r#type,
            &event.occurred_at,
            actor.map_or("", |actor| &actor.uuid),
            actor.map_or("", |actor| &actor.name),
            &event.subject.r#type,
            &event.subject.uuid,
            &event.subject.name,
            context.map_or("", |context| &context.r#type),
            &of_request(context.map(|context| &context.request_ip)),
            &of_request(context.map(|context| &context.request_user_agent)),
            &of_request(context.map(|context| &context.request_id)),
            &of_request(context.map(|context| &context.credential_uuid)),
            &serde_json::to_string(&event.data).unwrap_or_default(),
        ]));
    }
}

impl Format for Lines {
    const NAME: &'static str = "attachment; filename=\"audit-events.ndjson\"";
    const TYPE: &'static str = "application/x-ndjson";

    fn head() -> String {
        String::new()
    }

    fn write(event: &EventJson, text: &mut String) {
        text.push_str(&serde_json::to_string(event).unwrap_or_default());
        text.push('\n');
    }
}

/// Answers all events of an organization that fit the query. What can be refused is refused before the file begins; if it
/// breaks off later, so does the connection, and nobody takes a part for the whole.
pub(super) async fn answer<F: Format>(rest: Rest, slug: String) -> Result<Response, Error> {
    let filter = filter::read(rest.query())?;
    let url = rest.url(&format!("{slug}/audit_events"));
    let organization_uuid = rest.organization(slug).await?;
    let message = ListAuditEventsRequest { organization_uuid, filter: Some(filter), limit: PAGE, place: None };
    let reading = Reading { rest, message, url };
    let (metadata, page) = reading.first::<F>().await?;
    let mut response = Response::new(Body::new(File(Some(Box::pin(async { Ok(page) })))));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(F::TYPE));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(F::NAME));
    reply::put_figures(&metadata, headers);
    Ok(response)
}

/// What is still to be read.
struct Reading {
    rest: Rest,
    message: ListAuditEventsRequest,
    url: String,
}

/// A part of the file, and how the next one is had.
struct Part(Bytes, Option<Next>);
type Next = Pin<Box<dyn Future<Output = Result<Part, Error>> + Send>>;

impl Reading {
    async fn first<F: Format>(self) -> Result<(MetadataMap, Part), Error> {
        let request = self.rest.request(self.message.clone());
        let reply = self.rest.call(self.rest.gateway.audit().list_audit_events(request)).await?;
        let (metadata, page, _) = reply.into_parts();
        Ok((metadata, self.part::<F>(F::head(), page)?))
    }

    async fn next<F: Format>(self) -> Result<Part, Error> {
        let request = self.rest.further(self.message.clone());
        let reply = self.rest.call(self.rest.gateway.audit().list_audit_events(request)).await?;
        self.part::<F>(String::new(), reply.into_inner())
    }

    fn part<F: Format>(mut self, mut text: String, page: ListAuditEventsResponse) -> Result<Part, Error> {
        let ListAuditEventsResponse { events, has_more } = page;
        let last = events.last().map(|event: &AuditEvent| event.uuid.clone()).filter(|_| has_more);
        for event in events {
            F::write(&EventJson::of(event, &self.url)?, &mut text);
        }
        let next = last.map(|uuid| {
            self.message.place = Some(Place::AfterUuid(uuid));
            Box::pin(self.next::<F>()) as Next
        });
        Ok(Part(text.into(), next))
    }
}

/// A body that reads on when it is asked for more.
struct File(Option<Next>);

impl Frames for File {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        loop {
            let Some(next) = self.0.as_mut() else { return Poll::Ready(None) };
            let Poll::Ready(part) = next.as_mut().poll(cx) else { return Poll::Pending };
            let Part(text, next) = match part {
                Ok(part) => part,
                Err(error) => {
                    tracing::warn!(%error, "an export of the audit trail breaks off");
                    self.0 = None;
                    return Poll::Ready(Some(Err(error)));
                }
            };
            self.0 = next;
            if !text.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(text))));
            }
        }
    }
}
