//! `GET /v2/organizations/{org}/openapi.json` and `…/portals/{slug}/openapi.json`: what portals say of their URLs.

use axum::response::Response;
use contracts::registry::v1::{GetPortalRequest, ListPortalsRequest, Operation, Portal};
use http::StatusCode;
use serde_json::{Value, json};

use super::{
    call_portal,
    form::{Names, missing, names},
    rest::Rest,
};
use crate::{
    description::{About, Callable, Runnable, of_portals},
    error::Error,
    query, reply,
};

/// How much of schemas one document has; the portals beyond it are described without.
const MOST_SCHEMA_BYTES: usize = 16 << 20;
/// Portals that are asked for at once.
const PAGE: u32 = 100;
/// An end to asking for pages.
const MOST_PAGES: u32 = 100;

fn document() -> Value {
    json!({ "application/json": { "schema": { "type": "object", "required": ["openapi", "paths"] } } })
}

/// [`show`], described.
pub(crate) fn about_show() -> About {
    let sentence = "Describe calls of this operation only, where the portal has several.";
    let details = "The variables of its operations are the request, their selections the response: made for code generators. \
                   Operations that can't run are left out.";
    About::of("describe_portal", "The contract of a portal's URL", details)
        .parameter("operation_name", &json!({ "type": "string" }), sentence)
        .answers_raw(200, "An OpenAPI 3.1 document.", document())
}

/// [`list`], described.
pub(crate) fn about_list() -> About {
    let details = "A path for each portal. Counted as one request for each hundred portals.";
    About::of("describe_portals", "The contracts of all portals of an organization", details).answers_raw(
        200,
        "An OpenAPI 3.1 document.",
        document(),
    )
}

/// Answers the description of a portal.
pub(crate) async fn show(rest: Rest, path: Names<(String, String)>) -> Result<Response, Error> {
    let (organization, portal) = names(path)?;
    let wanted = query::parameter(rest.query(), "operation_name").filter(|name| !name.is_empty());
    let request = rest.request(GetPortalRequest { organization: organization.clone(), portal });
    let reply = rest.call(rest.gateway.registry().get_portal(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    let portal = reply.portal.ok_or_else(|| missing("the portal"))?;
    let (title, version) = (portal.name.clone(), portal.version.to_string());
    let mut portal = callable(&organization, portal);
    if let Some(wanted) = wanted {
        portal.operations.retain(|operation| operation.name.as_deref() == Some(&wanted));
        portal.broken.clear();
        if portal.operations.is_empty() {
            return Err(Error::InvalidParameter("operation_name", "the name of an operation that can run"));
        }
    }
    let public_url = &rest.gateway.config().public_url;
    let document = of_portals(&title, &version, public_url, vec![portal], &call_portal::about_call());
    Ok(reply::json(StatusCode::OK, &metadata, &document))
}

/// Answers the description of all portals.
pub(crate) async fn list(rest: Rest, path: Names<String>) -> Result<Response, Error> {
    let organization = names(path)?;
    let (mut portals, mut bytes) = (Vec::new(), 0);
    let mut number = 1;
    let metadata = loop {
        let with_schemas = bytes < MOST_SCHEMA_BYTES;
        let message =
            ListPortalsRequest { organization: organization.clone(), page: number, per_page: PAGE, with_schemas };
        let request = rest.request(message);
        let reply = rest.call(rest.gateway.registry().list_portals(request)).await?;
        let (metadata, reply, _) = reply.into_parts();
        let is_last = reply.portals.is_empty() || number.saturating_mul(PAGE) >= reply.total || number >= MOST_PAGES;
        bytes += reply.portals.iter().flat_map(|portal| &portal.operations).map(size).sum::<usize>();
        portals.extend(reply.portals.into_iter().map(|portal| callable(&organization, portal)));
        if is_last {
            break metadata;
        }
        number += 1;
    };
    let public_url = &rest.gateway.config().public_url;
    let title = format!("Portals of {organization}");
    let document = of_portals(&title, "1", public_url, portals, &call_portal::about_call());
    Ok(reply::json(StatusCode::OK, &metadata, &document))
}

fn size(operation: &Operation) -> usize {
    let of = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    of(&operation.variables_schema_json) + of(&operation.result_schema_json)
}

fn callable(organization: &str, portal: Portal) -> Callable {
    let several = portal.operations.len() > 1;
    let (ready, broken): (Vec<_>, Vec<_>) =
        portal.operations.into_iter().partition(|operation| operation.errors.is_empty());
    Callable {
        path: format!("/organizations/{organization}/portals/{}", portal.slug),
        slug: portal.slug,
        name: portal.name,
        description: portal.description,
        strict: portal.strict_variables,
        several,
        operations: ready.into_iter().map(runnable).collect(),
        broken: broken
            .into_iter()
            .map(|operation| operation.name.unwrap_or_else(|| "the only one".to_owned()))
            .collect(),
    }
}

/// Where no schema is told, anything may be.
fn runnable(operation: Operation) -> Runnable {
    let schema = |text: Option<String>| text.and_then(|text| serde_json::from_str(&text).ok());
    Runnable {
        name: operation.name,
        variables: schema(operation.variables_schema_json).unwrap_or_else(|| json!({ "type": "object" })),
        data: schema(operation.result_schema_json).unwrap_or_else(|| json!({ "type": ["object", "null"] })),
    }
}
