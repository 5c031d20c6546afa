//! `/v2/organizations/{org}/portals`: what an administrator keeps.

pub(super) mod document;

use axum::{
    extract::{RawQuery, Request, State},
    response::Response,
};
use contracts::registry::v1::{
    CreatePortalRequest, DeletePortalRequest, DuplicatePortalRequest, GetPortalRequest, ListPortalsRequest,
    UpdatePortalRequest,
};
use http::StatusCode;
use prost_types::FieldMask;

use self::document::PortalJson;
use super::form::{Names, names};
use crate::{
    arrival::Arrival,
    body,
    error::Error,
    gateway::{DEADLINE, Gateway},
    members::Members,
    page::Page,
    query,
    realm::Realm,
    reply,
};

/// Answers a page of an organization's portals.
pub(crate) async fn list(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    path: Names<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let organization = names(path)?;
    let page = Page::read(query.as_deref())?;
    let url = format!("{}/v2/organizations/{organization}/portals", gateway.config().public_url);
    let message = ListPortalsRequest { organization, page: page.number, per_page: page.size };
    let request = gateway.request(&arrival, message, DEADLINE);
    let mut registry = gateway.registry();
    let reply = gateway.call(Realm::Api, &arrival, registry.list_portals(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    let portals = reply.portals.into_iter().map(PortalJson::of).collect::<Result<Vec<_>, _>>()?;
    Ok(page.reply(&metadata, &url, reply.total, &portals))
}

/// Stores a document; the reply has its first token, this once.
pub(crate) async fn create(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    path: Names<String>,
    request: Request,
) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let organization = names(path)?;
    let mut given = Members::of(&body::read(request, gateway.rest_bounds()).await?)?;
    let message = CreatePortalRequest {
        organization,
        name: given.required_text("name"),
        slug: given.nullable_text("slug"),
        description: given.nullable_text("description"),
        query: given.required_text("query"),
        allowed_ip_addresses: given.nullable_text("allowed_ip_addresses"),
        user_invokable: given.flag("user_invokable").unwrap_or_default(),
        upstream: given.nullable_text("upstream"),
        strict_variables: given.flag("strict_variables").unwrap_or_default(),
    };
    gateway.accept(&arrival, given).await?;
    let request = gateway.request(&arrival, message, DEADLINE);
    let mut registry = gateway.registry();
    let reply = gateway.call(Realm::Api, &arrival, registry.create_portal(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    let portal = PortalJson::required(reply.portal)?.with_token(reply.token);
    Ok(reply::unstored(reply::json(StatusCode::CREATED, &metadata, &portal)))
}

/// Makes a portal like another one; the reply has its first token, this once.
pub(crate) async fn duplicate(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    path: Names<(String, String)>,
    request: Request,
) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let (organization, portal) = names(path)?;
    let body = body::read(request, gateway.rest_bounds()).await?;
    let mut given = Members::of(if body.is_empty() { b"{}" } else { &body })?;
    let (name, slug) = (given.nullable_text("name"), given.nullable_text("slug"));
    gateway.accept(&arrival, given).await?;
    let message = DuplicatePortalRequest { organization, portal, name, slug };
    let request = gateway.request(&arrival, message, DEADLINE);
    let mut registry = gateway.registry();
    let reply = gateway.call(Realm::Api, &arrival, registry.duplicate_portal(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    let portal = PortalJson::required(reply.portal)?.with_token(reply.token);
    Ok(reply::unstored(reply::json(StatusCode::CREATED, &metadata, &portal)))
}

/// Answers one portal.
pub(crate) async fn show(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    path: Names<(String, String)>,
) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let (organization, portal) = names(path)?;
    let request = gateway.request(&arrival, GetPortalRequest { organization, portal }, DEADLINE);
    let mut registry = gateway.registry();
    let reply = gateway.call(Realm::Api, &arrival, registry.get_portal(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    Ok(reply::json(StatusCode::OK, &metadata, &PortalJson::required(reply.portal)?))
}

/// Changes what the body names and leaves the rest.
pub(crate) async fn update(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    path: Names<(String, String)>,
    request: Request,
) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let (organization, portal) = names(path)?;
    let mut given = Members::of(&body::read(request, gateway.rest_bounds()).await?)?;
    let mut message = UpdatePortalRequest {
        organization,
        portal,
        update_mask: None,
        name: given.text("name"),
        slug: given.text("slug"),
        description: given.nullable_text("description"),
        query: given.text("query"),
        allowed_ip_addresses: given.nullable_text("allowed_ip_addresses"),
        user_invokable: given.flag("user_invokable"),
        upstream: given.nullable_text("upstream"),
        strict_variables: given.flag("strict_variables"),
    };
    message.update_mask = Some(FieldMask { paths: gateway.accept(&arrival, given).await? });
    let request = gateway.request(&arrival, message, DEADLINE);
    let mut registry = gateway.registry();
    let reply = gateway.call(Realm::Api, &arrival, registry.update_portal(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    Ok(reply::json(StatusCode::OK, &metadata, &PortalJson::required(reply.portal)?))
}

/// Removes a portal and what calls it.
pub(crate) async fn delete(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    path: Names<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let (organization, portal) = names(path)?;
    let wait = query::wait(query.as_deref())?;
    let request = gateway.request(&arrival, DeletePortalRequest { organization, portal, wait }, DEADLINE);
    let mut registry = gateway.registry();
    let reply = gateway.call(Realm::Api, &arrival, registry.delete_portal(request)).await?;
    Ok(reply::empty(reply.metadata()))
}
