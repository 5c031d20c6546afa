//! `/v2/organizations/{org}/portals/validate`: whether a document could be a portal. `POST` alone is about documents; every
//! other method means the portal of that slug.

use axum::{
    extract::{Path, Request},
    response::Response,
    routing::{self, MethodRouter},
};
use contracts::registry::v1::{ValidateDocumentRequest, ValidateDocumentResponse};
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    form::{Names, names},
    portals::{
        self,
        document::{OperationJson, WarningJson},
    },
    rest::Rest,
};
use crate::{
    description::{About, text},
    error::Error,
    gateway::Gateway,
    reply,
};

#[derive(Serialize, ToSchema)]
#[schema(as = Validation)]
struct ValidatedJson {
    /// Whether it could be saved.
    valid: bool,
    errors: Vec<WarningJson>,
    warnings: Vec<WarningJson>,
    operations: Vec<OperationJson>,
}

/// [`check`], described.
pub(crate) fn about_check() -> About {
    let members = [
        text("query", "query A($n: Int) { viewer { user { name } } }", "The document.").required(),
        text("upstream", "shop", "The slug of the upstream; null: the built-in API.").nullable().like(Value::Null),
    ];
    About::of("validate_document", "Check a document without saving it", "")
        .takes("DocumentToCheck", members)
        .answers::<ValidatedJson>("What is wrong with it, or what it would be.")
}

/// Says what is wrong with a document, or what it would be.
pub(crate) async fn check(rest: Rest, path: Names<String>, request: Request) -> Result<Response, Error> {
    let organization = names(path)?;
    let mut given = rest.body(request).await?;
    let (query, upstream) = (given.required_text("query"), given.nullable_text("upstream"));
    rest.accept(given).await?;
    let request = rest.request(ValidateDocumentRequest { organization, query, upstream });
    let reply = rest.call(rest.gateway.registry().validate_document(request)).await?;
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
async fn show(rest: Rest, path: Names<String>) -> Result<Response, Error> {
    portals::show(rest, of_that_slug(path)).await
}

/// Changes the portal of that slug.
async fn update(rest: Rest, path: Names<String>, request: Request) -> Result<Response, Error> {
    portals::update(rest, of_that_slug(path), request).await
}

/// Removes the portal of that slug.
async fn delete(rest: Rest, path: Names<String>) -> Result<Response, Error> {
    portals::delete(rest, of_that_slug(path)).await
}

/// Every method but `POST`.
pub(crate) fn of_that_slug_methods() -> MethodRouter<Gateway> {
    routing::get(show).put(update).delete(delete)
}

fn of_that_slug(path: Names<String>) -> Names<(String, String)> {
    path.map(|Path(organization)| Path((organization, "validate".to_owned())))
}
