//! `/v2/organizations/{org}/services/{uuid}/deliveries`: what a notification service was told, and what came of it.

use axum::response::Response;
use contracts::webhook::v1::{
    Delivery, DeliveryState, GetDeliveryRequest, ListDeliveriesRequest, ListDeliveriesResponse,
    RedeliverDeliveryRequest,
};
use http::StatusCode;
use serde::Serialize;
use serde_json::{json, value::RawValue};
use utoipa::{ToSchema, openapi::Object};

use crate::{
    cursor::{self, Around, Cursor},
    description::{About, words},
    error::Error,
    query::parameter,
    reply,
    routes::{
        form::{Names, missing, names, rfc3339, rfc3339_or_null, uuid_or_nil},
        rest::Rest,
    },
};

/// A delivery.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(crate) struct DeliveryJson {
    uuid: String,
    #[schema(example = "build.finished")]
    event: String,
    event_uuid: String,
    #[schema(schema_with = states)]
    state: &'static str,
    #[schema(example = 1)]
    attempts: u32,
    created_at: String,
    next_attempt_at: Option<String>,
    last_attempt_at: Option<String>,
    /// Null: there was no answer.
    #[schema(example = 200)]
    response_status: Option<u32>,
    /// What the answer began with.
    #[schema(example = "ok")]
    response_excerpt: Option<String>,
    /// How long the last try took.
    #[schema(example = 87)]
    duration_ms: Option<u32>,
    /// What was wrong with the last try.
    #[schema(example = json!(null))]
    fault: Option<String>,
    /// What is sent; left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false, example = json!({"event": "build.finished"}))]
    payload: Option<Box<RawValue>>,
}

const STATES: [DeliveryState; 3] = [DeliveryState::Pending, DeliveryState::Delivered, DeliveryState::Dead];

fn states() -> Object {
    words(STATES.into_iter().filter_map(word))
}

impl DeliveryJson {
    fn of(delivery: Delivery) -> Result<Self, Error> {
        let state = word(delivery.state()).ok_or_else(|| missing("the state of a delivery"))?;
        let was_tried = delivery.last_attempt_at.is_some();
        let payload = String::from_utf8(delivery.payload_json).ok().filter(|json| !json.is_empty());
        Ok(Self {
            uuid: delivery.uuid,
            event: delivery.event,
            event_uuid: delivery.event_uuid,
            state,
            attempts: delivery.attempts,
            created_at: rfc3339(delivery.created_at)?,
            next_attempt_at: rfc3339_or_null(delivery.next_attempt_at)?,
            last_attempt_at: rfc3339_or_null(delivery.last_attempt_at)?,
            response_status: Some(delivery.response_status).filter(|status| *status != 0),
            response_excerpt: was_tried.then_some(delivery.response_excerpt),
            duration_ms: was_tried.then_some(delivery.duration_ms),
            fault: Some(delivery.fault).filter(|fault| !fault.is_empty()),
            payload: payload.and_then(|json| RawValue::from_string(json).ok()),
        })
    }

    pub(super) fn required(delivery: Option<Delivery>) -> Result<Self, Error> {
        Self::of(delivery.ok_or_else(|| missing("the delivery"))?)
    }
}

/// [`list`], described.
pub(crate) fn about_list() -> About {
    let states: Vec<_> = STATES.into_iter().filter_map(word).collect();
    let about = About::of("list_deliveries", "List what a notification service was told", "Newest first.");
    let about = about.parameter("state", &json!({ "type": "string", "enum": states }), "Those in this state alone.");
    cursor::describe::<DeliveryJson>(about, "A part of them, without their payloads.")
}

/// Answers a part of the deliveries, newest first.
pub(crate) async fn list(rest: Rest, path: Names<(String, String)>) -> Result<Response, Error> {
    let (organization, service) = names(path)?;
    let (cursor, state) = (Cursor::read(rest.query())?, state(&rest)?);
    let filter = word(state).map(|state| format!("state={state}&")).unwrap_or_default();
    let url = rest.url(&format!("{organization}/services/{service}/deliveries?{filter}"));
    let message = ListDeliveriesRequest {
        organization,
        service_uuid: uuid_or_nil(&service),
        state: state.into(),
        after: cursor.after.clone(),
        before: cursor.before.clone(),
        limit: cursor.size,
    };
    let request = rest.request(message);
    let reply = rest.call(rest.gateway.webhooks().list_deliveries(request)).await?;
    let (metadata, ListDeliveriesResponse { deliveries, has_previous, has_next }, _) = reply.into_parts();
    let items = deliveries.into_iter().map(DeliveryJson::of).collect::<Result<Vec<_>, _>>()?;
    let ends = items.first().zip(items.last()).map(|(first, last)| (first.uuid.as_str(), last.uuid.as_str()));
    Ok(cursor.reply(&metadata, &url, Around { ends, has_previous, has_next }, &items))
}

/// [`show`], described.
pub(crate) fn about_show() -> About {
    About::of("get_delivery", "One delivery", "").answers::<DeliveryJson>("The delivery, with its payload.")
}

/// Answers one delivery.
pub(crate) async fn show(rest: Rest, path: Names<(String, String, String)>) -> Result<Response, Error> {
    let (organization, service, uuid) = names(path)?;
    let (service_uuid, uuid) = (uuid_or_nil(&service), uuid_or_nil(&uuid));
    let request = rest.request(GetDeliveryRequest { organization, service_uuid, uuid });
    let reply = rest.call(rest.gateway.webhooks().get_delivery(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    Ok(reply::json(StatusCode::OK, &metadata, &DeliveryJson::required(reply.delivery)?))
}

/// [`redeliver`], described.
pub(crate) fn about_redeliver() -> About {
    About::of("redeliver_delivery", "Make a delivery once more", "Whatever came of it. It begins anew.")
        .accepts::<DeliveryJson>("The delivery, which waits.")
}

/// Has a delivery made once more.
pub(crate) async fn redeliver(rest: Rest, path: Names<(String, String, String)>) -> Result<Response, Error> {
    let (organization, service, uuid) = names(path)?;
    let (service_uuid, uuid) = (uuid_or_nil(&service), uuid_or_nil(&uuid));
    let request = rest.request(RedeliverDeliveryRequest { organization, service_uuid, uuid });
    let reply = rest.call(rest.gateway.webhooks().redeliver_delivery(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    Ok(reply::json(StatusCode::ACCEPTED, &metadata, &DeliveryJson::required(reply.delivery)?))
}

/// The state that `?state=` asks for.
fn state(rest: &Rest) -> Result<DeliveryState, Error> {
    let Some(asked) = parameter(rest.query(), "state") else { return Ok(DeliveryState::Unspecified) };
    let state = STATES.into_iter().find(|state| word(*state) == Some(&asked));
    state.ok_or(Error::InvalidParameter("state", "pending, delivered or dead"))
}

fn word(state: DeliveryState) -> Option<&'static str> {
    match state {
        DeliveryState::Unspecified => None,
        DeliveryState::Pending => Some("pending"),
        DeliveryState::Delivered => Some("delivered"),
        DeliveryState::Dead => Some("dead"),
    }
}
