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

use self::{asked::Asked, deliveries::DeliveryJson, document::ServiceJson};
use super::{
    form::{Names, missing, names, uuid_or_nil},
    rest::Rest,
};
use crate::{
    cursor::{Around, Cursor},
    error::Error,
    reply,
};

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

/// Adds a notification service.
pub(crate) async fn create(rest: Rest, path: Names<String>, request: Request) -> Result<Response, Error> {
    let organization = names(path)?;
    let mut given = rest.body(request).await?;
    let asked = Asked::read(&mut given);
    if asked.url.is_none() {
        given.refuse::<()>("settings.url", "is required");
    }
    rest.accept(given).await?;
    let message = CreateNotificationServiceRequest {
        organization: organization.clone(),
        description: asked.description.unwrap_or_default(),
        disabled: asked.enabled == Some(false),
        pipeline_uuids: asked.pipelines.unwrap_or_default(),
        branch_configuration: asked.branches.unwrap_or_default(),
        build_states: asked.states.unwrap_or_default(),
        url: asked.url.unwrap_or_default(),
        token: asked.token.unwrap_or_default(),
        token_mode: asked.token_mode.unwrap_or_default().into(),
        events: asked.events.unwrap_or_default(),
    };
    let request = rest.request(message);
    let reply = rest.call(rest.gateway.webhooks().create_notification_service(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    answer(&rest, StatusCode::CREATED, &organization, (&metadata, reply.notification_service))
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

/// Changes what the body names and leaves the rest.
pub(crate) async fn update(rest: Rest, path: Names<(String, String)>, request: Request) -> Result<Response, Error> {
    let path = names(path)?;
    let mut given = rest.body(request).await?;
    let asked = Asked::read(&mut given);
    rest.accept(given).await?;
    change(&rest, path, asked).await
}

/// Has it told again.
pub(crate) async fn enable(rest: Rest, path: Names<(String, String)>) -> Result<Response, Error> {
    change(&rest, names(path)?, Asked { enabled: Some(true), ..Asked::default() }).await
}

/// Has it told nothing.
pub(crate) async fn disable(rest: Rest, path: Names<(String, String)>) -> Result<Response, Error> {
    change(&rest, names(path)?, Asked { enabled: Some(false), ..Asked::default() }).await
}

async fn change(rest: &Rest, (organization, uuid): (String, String), asked: Asked) -> Result<Response, Error> {
    let message = UpdateNotificationServiceRequest {
        organization: organization.clone(),
        uuid: uuid_or_nil(&uuid),
        update_mask: Some(FieldMask { paths: asked.mask() }),
        description: asked.description.unwrap_or_default(),
        enabled: asked.enabled.unwrap_or_default(),
        pipeline_uuids: asked.pipelines.unwrap_or_default(),
        branch_configuration: asked.branches.unwrap_or_default(),
        build_states: asked.states.unwrap_or_default(),
        url: asked.url.unwrap_or_default(),
        token: asked.token.unwrap_or_default(),
        token_mode: asked.token_mode.unwrap_or_default().into(),
        events: asked.events.unwrap_or_default(),
    };
    let request = rest.request(message);
    let reply = rest.call(rest.gateway.webhooks().update_notification_service(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    answer(rest, StatusCode::OK, &organization, (&metadata, reply.notification_service))
}

/// Removes a notification service.
pub(crate) async fn delete(rest: Rest, path: Names<(String, String)>) -> Result<Response, Error> {
    let (organization, uuid) = names(path)?;
    let request = rest.request(DeleteNotificationServiceRequest { organization, uuid: uuid_or_nil(&uuid) });
    let reply = rest.call(rest.gateway.webhooks().delete_notification_service(request)).await?;
    Ok(reply::empty(reply.metadata()))
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
