//! Deliveries as the wire has them.

use contracts::webhook::v1::{Delivery as Wire, DeliveryState};
use kit::grpc::to_timestamp;
use uuid::Uuid;

use super::{authority::Authority, notification_service};
use crate::{
    domain::{
        delivery::{Attempt, Delivery, State},
        id::DeliveryId,
    },
    error::Error,
    service::Parts,
};

/// Whether a delivery's body is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    Shown,
    Hidden,
}

/// The delivery of that id of that service. What is no UUID names none.
pub(super) async fn find(service: &Parts, authority: &Authority, of: &str, uuid: &str) -> Result<Delivery, Error> {
    let (of, _) = notification_service::find(service, authority, of).await?;
    let id = DeliveryId(Uuid::parse_str(uuid).unwrap_or_default());
    service.store.find_delivery(of.id, id).await?.ok_or(Error::NoDelivery)
}

/// The state that a request asks for; `None`: any.
pub(super) fn state(state: DeliveryState) -> Option<State> {
    match state {
        DeliveryState::Unspecified => None,
        DeliveryState::Pending => Some(State::Pending),
        DeliveryState::Delivered => Some(State::Delivered),
        DeliveryState::Dead => Some(State::Dead),
    }
}

pub(super) fn wire(delivery: Delivery, body: Body) -> Wire {
    let Delivery { id, event_uuid, service: _, event, payload, progress, created_at } = delivery;
    let state = match progress.state {
        State::Pending => DeliveryState::Pending,
        State::Delivered => DeliveryState::Delivered,
        State::Dead => DeliveryState::Dead,
    };
    let last_attempt_at = progress.last.as_ref().map(|last| to_timestamp(last.at));
    let last = progress.last.map(|Attempt { at: _, took, status, excerpt, fault }| (took, status, excerpt, fault));
    let (took, status, response_excerpt, fault) = last.unwrap_or_default();
    Wire {
        uuid: id.0.to_string(),
        event_uuid: event_uuid.to_string(),
        event,
        state: state.into(),
        attempts: progress.attempts,
        created_at: Some(to_timestamp(created_at)),
        next_attempt_at: progress.due_at.map(to_timestamp),
        last_attempt_at,
        response_status: status.unwrap_or_default().into(),
        duration_ms: u32::try_from(took.as_millis()).unwrap_or(u32::MAX),
        response_excerpt,
        fault: fault.unwrap_or_default(),
        payload_json: if body == Body::Shown { payload.into_bytes() } else { Vec::new() },
    }
}
