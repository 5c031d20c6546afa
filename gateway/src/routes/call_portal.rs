//! `POST /organizations/{org}/portals/{portal}`: runs what is stored.

use axum::{
    extract::{Path, Request, State, rejection::PathRejection},
    response::Response,
};
use contracts::execution::v1::{ExecutePortalRequest, ExecutePortalResponse};
use http::{HeaderName, HeaderValue};
use kit::json;
use serde_json::json;

use crate::{
    arrival::Arrival,
    body,
    description::{About, reference},
    error::Error,
    gateway::{CALL_DEADLINE, Gateway},
    members::MOST_DEPTH,
    query,
    realm::Realm,
    reply,
};

const IGNORED_VARIABLES: HeaderName = HeaderName::from_static("portal-ignored-variables");

/// [`call`], described.
pub(crate) fn about_call() -> About {
    let sentence = "Which operation of the document runs. Needn't be given where there is only one.";
    let variables =
        json!({ "type": "object", "description": "The variables of the operation, and nothing else.", "example": {} });
    let content = json!({ "application/json": { "schema": variables } });
    About::of(
        "call_portal",
        "Run what is stored",
        "Every portal describes its own variables and data at `/v2/organizations/{org}/portals/{slug}/openapi.json`. Variables that \
         the operation doesn't declare are dropped and named in `Portal-Ignored-Variables`, unless the portal is strict.",
    )
    .parameter("operation_name", &json!({ "type": "string" }), sentence)
    .takes_raw(json!({ "required": false, "content": content }))
    .knows_graphql()
    .answers_raw(200, "What the operation gave.", json!({ "application/json": { "schema": reference("GraphqlResponse") } }))
    .with_header("Portal-Ignored-Variables", "Names of variables that the operation doesn't declare, at most 20 of them.")
    .refuses(401, &["authentication_required"])
    .refuses(403, &["ip_not_allowed"])
    .refuses(422, &["operation_broken", "validation_failed"])
    .refuses(429, &["rate_limited"])
    .refuses(502, &["upstream_auth_failed", "upstream_invalid_response", "upstream_unavailable"])
    .refuses(503, &["portal_busy", "schema_unavailable", "verification_unavailable"])
    .refuses(504, &["upstream_timeout"])
}

/// Runs one operation of a portal. The order of the checks is spec §2's; the router has answered 405 before.
pub(crate) async fn call(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request,
) -> Result<Response, Error> {
    let operation_name = query::parameter(request.uri().query(), "operation_name").filter(|name| !name.is_empty());
    let variables_json = body::read(request, gateway.call_bounds()).await?;
    json::text(&variables_json, MOST_DEPTH).map_err(Error::NotAnObject)?;
    arrival.require_credential(Realm::Portal)?;
    // A path that can't be decoded names no portal, like any other unknown name: the empty one.
    let (organization, portal) = path.map(|Path(names)| names).unwrap_or_default();
    let message = ExecutePortalRequest { organization, portal, operation_name, variables_json };
    let request = gateway.request(&arrival, message, CALL_DEADLINE);
    let mut execution = gateway.execution();
    let reply = gateway.call(Realm::Portal, &arrival, execution.execute_portal(request)).await?;
    let (metadata, ExecutePortalResponse { result_json, ignored_variables, more_ignored_variables }, _) =
        reply.into_parts();
    let mut response = reply::raw(&metadata, result_json);
    if let Some(names) = named(ignored_variables, more_ignored_variables) {
        response.headers_mut().insert(IGNORED_VARIABLES, names);
    }
    Ok(response)
}

/// The names, and how many there are beside them.
fn named(mut names: Vec<String>, more: u32) -> Option<HeaderValue> {
    if more > 0 {
        names.push(format!("+{more}"));
    }
    if names.is_empty() { None } else { names.join(", ").parse().ok() }
}
