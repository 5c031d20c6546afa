//! `/v2/organizations/{org}/portals/validate`: whether a document could be a portal. `POST` alone is about documents; every
//! other method means the portal of that slug.

use axum::{
    extract::{Path, RawQuery, Request, State},
    response::Response,
};
use contracts::registry::v1::{ValidateDocumentRequest, ValidateDocumentResponse};
use http::StatusCode;
use serde::Serialize;

use super::{
    form::{Names, names},
    portals::{
        self,
        document::{OperationJson, WarningJson},
    },
};
use crate::{
    arrival::Arrival,
    body,
    error::Error,
    gateway::{DEADLINE, Gateway},
    members::Members,
    realm::Realm,
    reply,
};

#[derive(Serialize)]
struct ValidatedJson {
    /// Whether it could be saved.
    valid: bool,
    errors: Vec<WarningJson>,
    warnings: Vec<WarningJson>,
    operations: Vec<OperationJson>,
}

/// Says what is wrong with a document, or what it would be.
pub(crate) async fn check(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    path: Names<String>,
    request: Request,
) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let organization = names(path)?;
    let mut given = Members::of(&body::read(request, gateway.rest_bounds()).await?)?;
    let (query, upstream) = (given.required_text("query"), given.nullable_text("upstream"));
    gateway.accept(&arrival, given).await?;
    let request = gateway.request(&arrival, ValidateDocumentRequest { organization, query, upstream }, DEADLINE);
    let mut registry = gateway.registry();
    let reply = gateway.call(Realm::Api, &arrival, registry.validate_document(request)).await?;
    let (metadata, ValidateDocumentResponse { errors, warnings, operations }, _) = reply.into_parts();
    let validated = ValidatedJson {
        valid: errors.is_empty(),
        errors: errors.into_iter().map(WarningJson::of).collect(),
        warnings: warnings.into_iter().map(WarningJson::of).collect(),
        operations: operations.into_iter().map(OperationJson::of).collect(),
    };
    Ok(reply::json(StatusCode::OK, &metadata, &validated))
}

/// Answers the portal of that slug.
pub(crate) async fn show(state: State<Gateway>, arrival: Arrival, path: Names<String>) -> Result<Response, Error> {
    portals::show(state, arrival, of_that_slug(path)).await
}

/// Changes the portal of that slug.
pub(crate) async fn update(
    state: State<Gateway>,
    arrival: Arrival,
    path: Names<String>,
    request: Request,
) -> Result<Response, Error> {
    portals::update(state, arrival, of_that_slug(path), request).await
}

/// Removes the portal of that slug.
pub(crate) async fn delete(
    state: State<Gateway>,
    arrival: Arrival,
    path: Names<String>,
    query: RawQuery,
) -> Result<Response, Error> {
    portals::delete(state, arrival, of_that_slug(path), query).await
}

fn of_that_slug(path: Names<String>) -> Names<(String, String)> {
    path.map(|Path(organization)| Path((organization, "validate".to_owned())))
}
