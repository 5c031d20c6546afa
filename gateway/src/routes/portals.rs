//! `/v2/organizations/{org}/portals`: what an administrator keeps.

pub(super) mod document;

use axum::{extract::Request, response::Response};
use contracts::registry::v1::{
    CreatePortalRequest, DeletePortalRequest, DuplicatePortalRequest, GetPortalRequest, ListPortalsRequest,
    UpdatePortalRequest,
};
use http::StatusCode;
use prost_types::FieldMask;
use serde_json::Value;

use self::document::PortalJson;
use super::{
    form::{Names, names},
    rest::Rest,
};
use crate::{
    description::{About, Member, flag, text},
    error::Error,
    reply,
};

/// What a body can say of a portal.
fn members(is_new: bool) -> Vec<Member> {
    let needed = |member: Member| if is_new { member.required() } else { member };
    let slug = text(
        "slug",
        "main-builds",
        "The name in URLs: `[a-z0-9][a-z0-9-]*`, at most 100. Made from the name when absent.",
    );
    let networks = "Networks that calls may come from, at most 24, separated by spaces; null: anywhere.";
    vec![
        needed(text("name", "Main builds", "The name shown.")),
        if is_new { slug.nullable() } else { slug },
        text("description", "What runs on main", "What it is for.").nullable(),
        needed(text("query", "query Builds { viewer { user { name } } }", "The document.")),
        text("allowed_ip_addresses", "127.0.0.0/8 192.0.2.0/24", networks).nullable(),
        flag("user_invokable", "Whether users may be asked to run it."),
        text("upstream", "shop", "The slug of the upstream that it runs on; null: the built-in API.")
            .nullable()
            .like(Value::Null),
        flag("strict_variables", "Whether a variable that the operation doesn't declare is an error."),
    ]
}

/// [`list`], described.
pub(crate) fn about_list() -> About {
    About::of("list_portals", "List portals", "Newest first. What operations answer is left out.")
        .lists::<PortalJson>("A page of them.")
}

/// Answers a page of an organization's portals.
pub(crate) async fn list(rest: Rest, path: Names<String>) -> Result<Response, Error> {
    let organization = names(path)?;
    let page = rest.page()?;
    let url = rest.url(&format!("{organization}/portals"));
    let message = ListPortalsRequest { organization, page: page.number, per_page: page.size, with_schemas: false };
    let request = rest.request(message);
    let reply = rest.call(rest.gateway.registry().list_portals(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    let portals = reply.portals.into_iter().map(PortalJson::of).collect::<Result<Vec<_>, _>>()?;
    Ok(page.reply(&metadata, &url, reply.total, &portals))
}

/// [`create`], described.
pub(crate) fn about_create() -> About {
    About::of("create_portal", "Store a document", "It is checked against the schema of its upstream first.")
        .takes("NewPortal", members(true))
        .creates::<PortalJson>("The portal; `token` is its first token, shown this once.")
}

/// Stores a document; the reply has its first token, this once.
pub(crate) async fn create(rest: Rest, path: Names<String>, request: Request) -> Result<Response, Error> {
    let organization = names(path)?;
    let mut given = rest.body(request).await?;
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
    rest.accept(given).await?;
    let request = rest.request(message);
    let reply = rest.call(rest.gateway.registry().create_portal(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    let portal = PortalJson::required(reply.portal)?.with_token(reply.token);
    Ok(reply::unstored(reply::json(StatusCode::CREATED, &metadata, &portal)))
}

/// [`duplicate`], described.
pub(crate) fn about_duplicate() -> About {
    let name = "`Copy of …` when absent.";
    let slug = "Made from the name when absent, with `-2`, `-3`, … where it is taken.";
    About::of("duplicate_portal", "Copy a portal", "The copy has a token of its own.")
        .may_take(
            "Duplicate",
            [text("name", "Main builds 2", name).nullable(), text("slug", "main-builds-2", slug).nullable()],
        )
        .creates::<PortalJson>("The copy; `token` is its first token, shown this once.")
}

/// Makes a portal like another one; the reply has its first token, this once.
pub(crate) async fn duplicate(rest: Rest, path: Names<(String, String)>, request: Request) -> Result<Response, Error> {
    let (organization, portal) = names(path)?;
    let mut given = rest.body(request).await?;
    let (name, slug) = (given.nullable_text("name"), given.nullable_text("slug"));
    rest.accept(given).await?;
    let message = DuplicatePortalRequest { organization, portal, name, slug };
    let request = rest.request(message);
    let reply = rest.call(rest.gateway.registry().duplicate_portal(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    let portal = PortalJson::required(reply.portal)?.with_token(reply.token);
    Ok(reply::unstored(reply::json(StatusCode::CREATED, &metadata, &portal)))
}

/// [`show`], described.
pub(crate) fn about_show() -> About {
    About::of("get_portal", "One portal", "").answers::<PortalJson>("The portal.")
}

/// Answers one portal.
pub(crate) async fn show(rest: Rest, path: Names<(String, String)>) -> Result<Response, Error> {
    let (organization, portal) = names(path)?;
    let request = rest.request(GetPortalRequest { organization, portal });
    let reply = rest.call(rest.gateway.registry().get_portal(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    Ok(reply::json(StatusCode::OK, &metadata, &PortalJson::required(reply.portal)?))
}

/// [`update`], described.
pub(crate) fn about_update() -> About {
    About::of(
        "update_portal",
        "Change a portal",
        "What the body doesn't name stays. A change of `query` makes a version.",
    )
    .takes("PortalChange", members(false))
    .answers::<PortalJson>("The portal as it is now.")
}

/// Changes what the body names and leaves the rest.
pub(crate) async fn update(rest: Rest, path: Names<(String, String)>, request: Request) -> Result<Response, Error> {
    let (organization, portal) = names(path)?;
    let mut given = rest.body(request).await?;
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
    message.update_mask = Some(FieldMask { paths: rest.accept(given).await? });
    let request = rest.request(message);
    let reply = rest.call(rest.gateway.registry().update_portal(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    Ok(reply::json(StatusCode::OK, &metadata, &PortalJson::required(reply.portal)?))
}

/// [`delete`], described.
pub(crate) fn about_delete() -> About {
    About::of("delete_portal", "Remove a portal", "Its tokens and secrets end with it.")
        .waits()
        .answers_nothing("It is removed.")
}

/// Removes a portal and what calls it.
pub(crate) async fn delete(rest: Rest, path: Names<(String, String)>) -> Result<Response, Error> {
    let (organization, portal) = names(path)?;
    let wait = rest.wait()?;
    let request = rest.request(DeletePortalRequest { organization, portal, wait });
    let reply = rest.call(rest.gateway.registry().delete_portal(request)).await?;
    Ok(reply::empty(reply.metadata()))
}
