//! `/v2/organizations/{org}/upstreams`: the GraphQL APIs that portals run on.

mod document;

use axum::{body::HttpBody, extract::Request, response::Response};
use contracts::registry::v1::{
    CreateUpstreamRequest, DeleteUpstreamRequest, GetUpstreamRequest, ListUpstreamsRequest, RefreshUpstreamRequest,
    RefreshUpstreamResponse, SchemaSource, UpdateUpstreamRequest, UpstreamHeader,
};
use http::StatusCode;
use prost_types::FieldMask;
use serde_json::{Value, json};

use self::document::{RefreshedJson, UpstreamJson};
use super::{
    form::{Names, names},
    rest::Rest,
};
use crate::{
    body,
    description::{About, Member, count, object, text},
    error::Error,
    members::Members,
    reply,
};

/// What a body can say of an upstream.
fn members(is_new: bool) -> Vec<Member> {
    let needed = |member: Member| if is_new { member.required() } else { member };
    let schema = json!({
        "type": "object",
        "properties": {
            "source": { "type": "string", "enum": ["introspection", "sdl"], "example": "sdl" },
            "sdl": { "type": ["string", "null"], "example": "type Query { hello: String }" },
        },
        "required": ["source"],
        "example": { "source": "sdl", "sdl": "type Query { hello: String }" },
        "description": "Where its schema comes from. It is asked for it (`introspection`) when absent.",
    });
    let headers = json!({
        "type": "object",
        "additionalProperties": { "type": "string" },
        "example": { "authorization": "Bearer …" },
        "description": "What it is called with.",
    });
    vec![
        needed(text("slug", "shop", "The name by which portals name it.")),
        needed(text("url", "https://shop.example/graphql", "Where it is called.")),
        object("headers", headers),
        object("schema", schema),
        count("timeout_ms", 1, 5000, "How long a call may take; null: as long as the installation allows.").nullable(),
    ]
}

/// [`list`], described.
pub(crate) fn about_list() -> About {
    About::of("list_upstreams", "List upstreams", "By slug.").lists::<UpstreamJson>("A page of them.")
}

/// Answers a page of an organization's upstreams.
pub(crate) async fn list(rest: Rest, path: Names<String>) -> Result<Response, Error> {
    let organization = names(path)?;
    let page = rest.page()?;
    let url = rest.url(&format!("{organization}/upstreams"));
    let message = ListUpstreamsRequest { organization, page: page.number, per_page: page.size };
    let request = rest.request(message);
    let reply = rest.call(rest.gateway.registry().list_upstreams(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    let upstreams = reply.upstreams.into_iter().map(UpstreamJson::of).collect::<Result<Vec<_>, _>>()?;
    Ok(page.reply(&metadata, &url, reply.total, &upstreams))
}

/// [`create`], described.
pub(crate) fn about_create() -> About {
    About::of("create_upstream", "Add a GraphQL API", "Its headers are encrypted and never shown again.")
        .takes("NewUpstream", members(true))
        .creates::<UpstreamJson>("The upstream.")
}

/// Adds an upstream. Its headers are never shown again.
pub(crate) async fn create(rest: Rest, path: Names<String>, request: Request) -> Result<Response, Error> {
    let organization = names(path)?;
    let mut given = read(&rest, request).await?;
    let (slug, url) = (given.required_text("slug"), given.required_text("url"));
    let headers = headers(&mut given);
    let (schema_source, sdl) = schema(&mut given);
    let timeout_ms = timeout(&mut given);
    rest.accept(given).await?;
    let schema_source = schema_source.into();
    let message = CreateUpstreamRequest { organization, slug, url, headers, schema_source, sdl, timeout_ms };
    let request = rest.request(message);
    let reply = rest.call(rest.gateway.registry().create_upstream(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    Ok(reply::json(StatusCode::CREATED, &metadata, &UpstreamJson::required(reply.upstream)?))
}

/// [`show`], described.
pub(crate) fn about_show() -> About {
    About::of("get_upstream", "One upstream", "").answers::<UpstreamJson>("The upstream.")
}

/// Answers one upstream.
pub(crate) async fn show(rest: Rest, path: Names<(String, String)>) -> Result<Response, Error> {
    let (organization, upstream) = names(path)?;
    let request = rest.request(GetUpstreamRequest { organization, upstream });
    let reply = rest.call(rest.gateway.registry().get_upstream(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    Ok(reply::json(StatusCode::OK, &metadata, &UpstreamJson::required(reply.upstream)?))
}

/// [`update`], described.
pub(crate) fn about_update() -> About {
    let details = "What the body doesn't name stays. `headers` are replaced as a whole, and must be given where `url` has another origin.";
    About::of("update_upstream", "Change an upstream", details)
        .takes("UpstreamChange", members(false))
        .answers::<UpstreamJson>("The upstream as it is now.")
}

/// Changes what the body names and leaves the rest.
pub(crate) async fn update(rest: Rest, path: Names<(String, String)>, request: Request) -> Result<Response, Error> {
    let (organization, upstream) = names(path)?;
    let mut given = read(&rest, request).await?;
    let slug = given.text("slug").unwrap_or_default();
    let url = given.text("url").unwrap_or_default();
    let headers = headers(&mut given);
    let (schema_source, sdl) = schema(&mut given);
    let timeout_ms = timeout(&mut given);
    let message = UpdateUpstreamRequest {
        organization,
        upstream,
        update_mask: Some(FieldMask { paths: rest.accept(given).await? }),
        slug,
        url,
        headers,
        schema_source: schema_source.into(),
        sdl,
        timeout_ms,
    };
    let request = rest.request(message);
    let reply = rest.call(rest.gateway.registry().update_upstream(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    Ok(reply::json(StatusCode::OK, &metadata, &UpstreamJson::required(reply.upstream)?))
}

/// [`delete`], described.
pub(crate) fn about_delete() -> About {
    About::of("delete_upstream", "Remove an upstream", "Not while portals are on it.")
        .answers_nothing("It is removed.")
        .refuses(409, &["upstream_in_use"])
}

/// Removes an upstream that no portal is on.
pub(crate) async fn delete(rest: Rest, path: Names<(String, String)>) -> Result<Response, Error> {
    let (organization, upstream) = names(path)?;
    let request = rest.request(DeleteUpstreamRequest { organization, upstream });
    let reply = rest.call(rest.gateway.registry().delete_upstream(request)).await?;
    Ok(reply::empty(reply.metadata()))
}

/// [`refresh`], described.
pub(crate) fn about_refresh() -> About {
    let details = "The upstream is asked for its schema, and its portals are held against it.";
    About::of("refresh_upstream", "Fetch an upstream's schema again", details)
        .answers::<RefreshedJson>("The upstream as it is now.")
}

/// Has an upstream asked for its schema, and its portals held against it.
pub(crate) async fn refresh(rest: Rest, path: Names<(String, String)>) -> Result<Response, Error> {
    let (organization, upstream) = names(path)?;
    let request = rest.request(RefreshUpstreamRequest { organization, upstream });
    let reply = rest.call(rest.gateway.registry().refresh_upstream(request)).await?;
    let (metadata, RefreshUpstreamResponse { upstream, broken_portals }, _) = reply.into_parts();
    Ok(reply::json(StatusCode::OK, &metadata, &RefreshedJson::of(upstream, broken_portals)?))
}

/// The members of a body that may hold a schema. One that is longer than other bodies may be is read only from those whose token
/// counts: strangers mustn't be able to fill the memory.
async fn read(rest: &Rest, request: Request) -> Result<Members, Error> {
    let usual = u64::try_from(rest.gateway.rest_bounds().bytes).unwrap_or(u64::MAX);
    if request.body().size_hint().upper().is_none_or(|most| most > usual) {
        rest.gateway.require_token(&rest.arrival).await?;
    }
    Members::of(body::read(request, rest.gateway.upstream_bounds()).await?)
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
