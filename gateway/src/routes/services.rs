//! `/v2/organizations/{org}/services`: notification services, who are told of what happens.

mod asked;
pub(super) mod deliveries;
mod document;

use axum::{extract::Request, response::Response};
use contracts::webhook::v1::{
    CreateNotificationServiceRequest, DeleteNotificationServiceRequest, GetNotificationServiceRequest,
    ListNotificationServicesRequest, ListNotificationServicesResponse, NotificationService,
    TestNotificationServiceRequest, UpdateNotificationServiceRequest,
};
use http::StatusCode;
use prost_types::FieldMask;
use tonic::metadata::MetadataMap;

use self::{
    asked::{Asked, members},
    deliveries::DeliveryJson,
    document::ServiceJson,
};
use super::{
    form::{Names, missing, names, uuid_or_nil},
    rest::Rest,
};
use crate::{
    cursor::{self, Around, Cursor},
    description::About,
    error::Error,
    reply,
};

/// [`list`], described.
pub(crate) fn about_list() -> About {
    let details = "Who is told of what happens, oldest first.";
    let about = About::of("list_notification_services", "List notification services", details);
    cursor::describe::<ServiceJson>(about, "A part of them.")
}

/// Answers a part of an organization's notification services.
pub(crate) async fn list(rest: Rest, path: Names<String>) -> Result<Response, Error> {
    let organization = names(path)?;
    let cursor = Cursor::read(rest.query())?;
    let url = rest.url(&format!("{organization}/services?"));
    let message = ListNotificationServicesRequest {
        organization: organization.clone(),
        after: cursor.after.clone(),
        before: cursor.before.clone(),
        limit: cursor.size,
    };
    let request = rest.request(message);
    let reply = rest.call(rest.gateway.webhooks().list_notification_services(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    let ListNotificationServicesResponse { notification_services: found, has_previous, has_next } = reply;
    let json = |service: &NotificationService| ServiceJson::of(&rest, &organization, service.clone());
    let items = found.iter().map(json).collect::<Result<Vec<_>, _>>()?;
    let ends = found.first().zip(found.last()).map(|(first, last)| (first.uuid.as_str(), last.uuid.as_str()));
    Ok(reply::unstored(cursor.reply(&metadata, &url, Around { ends, has_previous, has_next }, &items)))
}

/// [`create`], described.
pub(crate) fn about_create() -> About {
    About::of("create_notification_service", "Add a notification service", "Where no token is given, one is made.")
        .takes("NewNotificationService", members(true))
        .creates::<ServiceJson>("The notification service, with its token.")
}

/// Adds a notification service.
pub(crate) async fn create(rest: Rest, path: Names<String>, request: Request) -> Result<Response, Error> {
    let organization = names(path)?;
    let mut given = rest.body(request).await?;
    let asked = Asked::read(&mut given);
    if asked.url.is_empty() {
        given.refuse::<()>("settings.url", "is required");
    }
    rest.accept(given).await?;
    let disabled = asked.mask.iter().any(|field| field == "enabled") && !asked.enabled;
    let message = CreateNotificationServiceRequest {
        organization: organization.clone(),
        description: asked.description,
        disabled,
        pipeline_uuids: asked.pipelines,
        branch_configuration: asked.branches,
        build_states: asked.states,
        url: asked.url,
        token: asked.token,
        token_mode: asked.token_mode.into(),
        events: asked.events,
    };
    let request = rest.request(message);
    let reply = rest.call(rest.gateway.webhooks().create_notification_service(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    answer(&rest, StatusCode::CREATED, &organization, (&metadata, reply.notification_service))
}

/// [`show`], described.
pub(crate) fn about_show() -> About {
    About::of("get_notification_service", "One notification service", "")
        .answers::<ServiceJson>("The notification service.")
}

/// Answers one notification service.
pub(crate) async fn show(rest: Rest, path: Names<(String, String)>) -> Result<Response, Error> {
    let (organization, uuid) = names(path)?;
    let message = GetNotificationServiceRequest { organization: organization.clone(), uuid: uuid_or_nil(&uuid) };
    let request = rest.request(message);
    let reply = rest.call(rest.gateway.webhooks().get_notification_service(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    answer(&rest, StatusCode::OK, &organization, (&metadata, reply.notification_service))
}

/// [`update`], described.
pub(crate) fn about_update() -> About {
    About::of("update_notification_service", "Change a notification service", "What the body doesn't name stays.")
        .takes("NotificationServiceChange", members(false))
        .answers::<ServiceJson>("The notification service as it is now.")
}

/// Changes what the body names and leaves the rest.
pub(crate) async fn update(rest: Rest, path: Names<(String, String)>, request: Request) -> Result<Response, Error> {
    let path = names(path)?;
    let mut given = rest.body(request).await?;
    let asked = Asked::read(&mut given);
    rest.accept(given).await?;
    change(&rest, path, asked).await
}

/// [`enable`], described.
pub(crate) fn about_enable() -> About {
    About::of("enable_notification_service", "Have a notification service told again", "")
        .answers::<ServiceJson>("The notification service as it is now.")
}

/// Has it told again.
pub(crate) async fn enable(rest: Rest, path: Names<(String, String)>) -> Result<Response, Error> {
    change(&rest, names(path)?, Asked::enabled(true)).await
}

/// [`disable`], described.
pub(crate) fn about_disable() -> About {
    About::of("disable_notification_service", "Have a notification service told nothing", "")
        .answers::<ServiceJson>("The notification service as it is now.")
}

/// Has it told nothing.
pub(crate) async fn disable(rest: Rest, path: Names<(String, String)>) -> Result<Response, Error> {
    change(&rest, names(path)?, Asked::enabled(false)).await
}

async fn change(rest: &Rest, (organization, uuid): (String, String), asked: Asked) -> Result<Response, Error> {
    let message = UpdateNotificationServiceRequest {
        organization: organization.clone(),
        uuid: uuid_or_nil(&uuid),
        update_mask: Some(FieldMask { paths: asked.mask }),
        description: asked.description,
        enabled: asked.enabled,
        pipeline_uuids: asked.pipelines,
        branch_configuration: asked.branches,
        build_states: asked.states,
        url: asked.url,
        token: asked.token,
        token_mode: asked.token_mode.into(),
        events: asked.events,
    };
    let request = rest.request(message);
    let reply = rest.call(rest.gateway.webhooks().update_notification_service(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    answer(rest, StatusCode::OK, &organization, (&metadata, reply.notification_service))
}

/// [`delete`], described.
pub(crate) fn about_delete() -> About {
    let details = "And the log of its deliveries.";
    About::of("delete_notification_service", "Remove a notification service", details).answers_nothing("It is removed.")
}

/// Removes a notification service.
pub(crate) async fn delete(rest: Rest, path: Names<(String, String)>) -> Result<Response, Error> {
    let (organization, uuid) = names(path)?;
    let request = rest.request(DeleteNotificationServiceRequest { organization, uuid: uuid_or_nil(&uuid) });
    let reply = rest.call(rest.gateway.webhooks().delete_notification_service(request)).await?;
    Ok(reply::empty(reply.metadata()))
}

/// [`test`], described.
pub(crate) fn about_test() -> About {
    let details = "Also by one that is disabled. What came of it is in the log.";
    About::of("test_notification_service", "Have a `ping` delivered", details)
        .accepts::<DeliveryJson>("The delivery, which waits.")
}

/// Has a `ping` delivered. What came of it is in the log.
pub(crate) async fn test(rest: Rest, path: Names<(String, String)>) -> Result<Response, Error> {
    let (organization, uuid) = names(path)?;
    let request = rest.request(TestNotificationServiceRequest { organization, uuid: uuid_or_nil(&uuid) });
    let reply = rest.call(rest.gateway.webhooks().test_notification_service(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    Ok(reply::json(StatusCode::ACCEPTED, &metadata, &DeliveryJson::required(reply.delivery)?))
}

/// A notification service with its token in it, which nobody on the way is to keep.
fn answer(
    rest: &Rest,
    status: StatusCode,
    organization: &str,
    (metadata, service): (&MetadataMap, Option<NotificationService>),
) -> Result<Response, Error> {
    let service = service.ok_or_else(|| missing("the notification service"))?;
    Ok(reply::unstored(reply::json(status, metadata, &ServiceJson::of(rest, organization, service)?)))
}
