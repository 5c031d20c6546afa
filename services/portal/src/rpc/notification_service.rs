//! Notification services: found, shown, and their tokens.

use contracts::webhook::v1::{NotificationService as Wire, TokenMode as WireTokenMode};
use kit::grpc::to_timestamp;
use serde_json::{Value, json};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::authority::Authority;
use crate::{
    domain::{
        id::NotificationServiceId,
        notification_service::{Filter, NotificationService, TokenMode},
        page::{Part, Place},
    },
    error::Error,
    service::Parts,
    upstream::seal::Sealed,
    verifier::wire_user,
    webhooks,
};

/// The notification service of that id in the authority's organization. What is no UUID names none.
pub(super) async fn find(
    service: &Parts,
    authority: &Authority,
    uuid: &str,
) -> Result<(NotificationService, Sealed), Error> {
    let id = NotificationServiceId(Uuid::parse_str(uuid).unwrap_or_default());
    let found = service.store.find_notification_service(authority.organization.id, id).await?;
    found.ok_or(Error::NoNotificationService)
}

/// The part of a list that a request asks for.
pub(super) fn part(after: Option<String>, before: Option<String>, limit: u32) -> Result<Part, Error> {
    let uuid = |field: &str, text: String| {
        Uuid::parse_str(&text).map_err(|_unreadable| Error::invalid(field, "must be the UUID of an entry"))
    };
    let place = match (after, before) {
        (None, None) => None,
        (Some(after), None) => Some(Place::After(uuid("after", after)?)),
        (None, Some(before)) => Some(Place::Before(uuid("before", before)?)),
        (Some(_), Some(_)) => return Err(Error::invalid("before", "can't be given together with `after`")),
    };
    Ok(Part::new(place, limit))
}

/// A token that nobody knows yet.
pub(super) fn new_token(service: &Parts) -> Zeroizing<String> {
    let random = Zeroizing::new(service.ambient.bytes::<20>());
    Zeroizing::new(hex::encode(random.as_slice()))
}

/// A token as it is kept for `of`.
pub(super) fn seal(service: &Parts, token: &str, of: &NotificationService) -> Result<Sealed, Error> {
    let sealed = webhooks::seal::seal(&service.targets.seals(), token, (of.id, &of.url), &service.ambient);
    sealed.ok_or(Error::Garbled("keys"))
}

/// The token of `of`.
pub(super) fn open(service: &Parts, of: &NotificationService, sealed: &Sealed) -> Result<Zeroizing<String>, Error> {
    let token = webhooks::seal::open(&service.targets.seals(), sealed, (of.id, &of.url));
    token.map_err(|unopened| {
        tracing::error!(service = %of.id.0, %unopened, "the token of a notification service can't be read");
        Error::Garbled("a token that can't be read")
    })
}

/// A notification service as this caller may see it: with its token only if they could replace it (ADR 23), and if it can be
/// read.
pub(super) fn show(service: &Parts, authority: &Authority, (found, sealed): (NotificationService, Sealed)) -> Wire {
    let token = if authority.may_see_tokens() { open(service, &found, &sealed).ok() } else { None };
    wire(found, &token.unwrap_or_default())
}

pub(super) fn wire(service: NotificationService, token: &str) -> Wire {
    let NotificationService {
        id,
        organization: _,
        description,
        enabled,
        url,
        token_mode,
        filter: Filter { events, pipelines, branches, states },
        created_at,
        updated_at,
        created_by,
    } = service;
    let words = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect();
    let token_mode = match token_mode {
        TokenMode::Token => WireTokenMode::Token,
        TokenMode::Signature => WireTokenMode::Signature,
    };
    Wire {
        uuid: id.0.to_string(),
        description,
        enabled,
        pipeline_uuids: pipelines.iter().map(ToString::to_string).collect(),
        branch_configuration: branches,
        build_states: words(states),
        url: url.into(),
        token: token.to_owned(),
        token_mode: token_mode.into(),
        events: words(events),
        created_at: Some(to_timestamp(created_at)),
        updated_at: Some(to_timestamp(updated_at)),
        created_by: Some(wire_user(&created_by)),
    }
}

/// The mode that a request asks for.
pub(super) fn token_mode(mode: WireTokenMode) -> TokenMode {
    match mode {
        WireTokenMode::Token | WireTokenMode::Unspecified => TokenMode::Token,
        WireTokenMode::Signature => TokenMode::Signature,
    }
}

/// What the audit trail has of one: of its address only the origin, since paths and queries may hold what isn't for everybody.
pub(super) fn audited(of: &NotificationService) -> Value {
    json!({
        "enabled": of.enabled,
        "url": of.url.origin().ascii_serialization(),
        "token_mode": if of.token_mode == TokenMode::Token { "token" } else { "signature" },
        "events": of.filter.events,
        "scope_uuids": of.filter.pipelines,
        "branch_configuration": of.filter.branches,
        "build_states": of.filter.states,
    })
}
