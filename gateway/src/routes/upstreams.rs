//! `/v2/organizations/{org}/upstreams`: the GraphQL APIs that portals run on.

mod document;

use axum::{
    body::HttpBody,
    extract::{RawQuery, Request, State},
    response::Response,
};
use contracts::registry::v1::{
    CreateUpstreamRequest, DeleteUpstreamRequest, GetUpstreamRequest, ListUpstreamsRequest, RefreshUpstreamRequest,
    RefreshUpstreamResponse, SchemaSource, UpdateUpstreamRequest, UpstreamHeader,
};
use http::StatusCode;
use prost_types::FieldMask;
use serde_json::Value;

use self::document::{RefreshedJson, UpstreamJson};
use super::form::{Names, names};
use crate::{
    arrival::Arrival,
    body,
    error::Error,
    gateway::{DEADLINE, Gateway},
    members::Members,
    page::Page,
    realm::Realm,
    reply,
};

/// Answers a page of an organization's upstreams.
pub(crate) async fn list(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    path: Names<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let organization = names(path)?;
    let page = Page::read(query.as_deref())?;
    let url = format!("{}/v2/organizations/{organization}/upstreams", gateway.config().public_url);
    let message = ListUpstreamsRequest { organization, page: page.number, per_page: page.size };
    let request = gateway.request(&arrival, message, DEADLINE);
    let mut registry = gateway.registry();
    let reply = gateway.call(Realm::Api, &arrival, registry.list_upstreams(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    let upstreams = reply.upstreams.into_iter().map(UpstreamJson::of).collect::<Result<Vec<_>, _>>()?;
    Ok(page.reply(&metadata, &url, reply.total, &upstreams))
}

/// Adds an upstream. Its headers are never shown again.
pub(crate) async fn create(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    path: Names<String>,
    request: Request,
) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let organization = names(path)?;
    let mut given = read(&gateway, &arrival, request).await?;
    let (slug, url) = (given.required_text("slug"), given.required_text("url"));
    let headers = headers(&mut given);
    let (schema_source, sdl) = schema(&mut given);
    let timeout_ms = timeout(&mut given);
    gateway.accept(&arrival, given).await?;
    let schema_source = schema_source.into();
    let message = CreateUpstreamRequest { organization, slug, url, headers, schema_source, sdl, timeout_ms };
    let request = gateway.request(&arrival, message, DEADLINE);
    let mut registry = gateway.registry();
    let reply = gateway.call(Realm::Api, &arrival, registry.create_upstream(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    Ok(reply::json(StatusCode::CREATED, &metadata, &UpstreamJson::required(reply.upstream)?))
}

/// Answers one upstream.
pub(crate) async fn show(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    path: Names<(String, String)>,
) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let (organization, upstream) = names(path)?;
    let request = gateway.request(&arrival, GetUpstreamRequest { organization, upstream }, DEADLINE);
    let mut registry = gateway.registry();
    let reply = gateway.call(Realm::Api, &arrival, registry.get_upstream(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    Ok(reply::json(StatusCode::OK, &metadata, &UpstreamJson::required(reply.upstream)?))
}

/// Changes what the body names and leaves the rest.
pub(crate) async fn update(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    path: Names<(String, String)>,
    request: Request,
) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let (organization, upstream) = names(path)?;
    let mut given = read(&gateway, &arrival, request).await?;
    let slug = given.text("slug").unwrap_or_default();
    let url = given.text("url").unwrap_or_default();
    let headers = headers(&mut given);
    let (schema_source, sdl) = schema(&mut given);
    let timeout_ms = timeout(&mut given);
    let message = UpdateUpstreamRequest {
        organization,
        upstream,
        update_mask: Some(FieldMask { paths: gateway.accept(&arrival, given).await? }),
        slug,
        url,
        headers,
        schema_source: schema_source.into(),
        sdl,
        timeout_ms,
    };
    let request = gateway.request(&arrival, message, DEADLINE);
    let mut registry = gateway.registry();
    let reply = gateway.call(Realm::Api, &arrival, registry.update_upstream(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    Ok(reply::json(StatusCode::OK, &metadata, &UpstreamJson::required(reply.upstream)?))
}

/// Removes an upstream that no portal is on.
pub(crate) async fn delete(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    path: Names<(String, String)>,
) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let (organization, upstream) = names(path)?;
    let request = gateway.request(&arrival, DeleteUpstreamRequest { organization, upstream }, DEADLINE);
    let mut registry = gateway.registry();
    let reply = gateway.call(Realm::Api, &arrival, registry.delete_upstream(request)).await?;
    Ok(reply::empty(reply.metadata()))
}

/// Has an upstream asked for its schema, and its portals held against it.
pub(crate) async fn refresh(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    path: Names<(String, String)>,
) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let (organization, upstream) = names(path)?;
    let request = gateway.request(&arrival, RefreshUpstreamRequest { organization, upstream }, DEADLINE);
    let mut registry = gateway.registry();
    let reply = gateway.call(Realm::Api, &arrival, registry.refresh_upstream(request)).await?;
    let (metadata, RefreshUpstreamResponse { upstream, broken_portals }, _) = reply.into_parts();
    Ok(reply::json(StatusCode::OK, &metadata, &RefreshedJson::of(upstream, broken_portals)?))
}

/// The members of a body that may hold a schema. One that is longer than other bodies may be is read only from those whose token
/// counts: strangers mustn't be able to fill the memory.
async fn read(gateway: &Gateway, arrival: &Arrival, request: Request) -> Result<Members, Error> {
    let usual = u64::try_from(gateway.rest_bounds().bytes).unwrap_or(u64::MAX);
    if request.body().size_hint().upper().is_none_or(|most| most > usual) {
        gateway.require_token(arrival).await?;
    }
    Members::of(&body::read(request, gateway.upstream_bounds()).await?)
}

/// `{"name": "value", …}`
fn headers(given: &mut Members) -> Vec<UpstreamHeader> {
    let mut headers = Vec::new();
    for (name, value) in given.object("headers").into_iter().flatten() {
        match value {
            Value::String(value) => headers.push(UpstreamHeader { name, value }),
            _ => drop(given.refuse::<()>(&format!("headers.{name}"), "must be a string")),
        }
    }
    headers
}

/// `{"source": "sdl", "sdl": "…"}` or `{"source": "introspection"}`, which is also meant where there is nothing.
fn schema(given: &mut Members) -> (SchemaSource, String) {
    let Some(mut schema) = given.object("schema") else { return (SchemaSource::Introspection, String::new()) };
    let source = match schema.get("source").and_then(Value::as_str) {
        Some("sdl") => SchemaSource::Sdl,
        Some("introspection") => SchemaSource::Introspection,
        _ => given.refuse("schema.source", "must be \"sdl\" or \"introspection\"").unwrap_or_default(),
    };
    let sdl = match schema.remove("sdl") {
        Some(Value::String(sdl)) => sdl,
        None | Some(Value::Null) if source != SchemaSource::Sdl => String::new(),
        _ => given.refuse("schema.sdl", "must be the schema as a string").unwrap_or_default(),
    };
    (source, sdl)
}

/// Null, like 0 in the RPC: as long as the installation allows.
fn timeout(given: &mut Members) -> u32 {
    match given.nullable_count("timeout_ms") {
        Some(0) => given.refuse("timeout_ms", "must be a number of milliseconds above 0, or null").unwrap_or_default(),
        timeout => timeout.unwrap_or_default(),
    }
}
