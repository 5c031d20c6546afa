use contracts::registry::v1::{ValidateDocumentRequest, ValidateDocumentResponse, Warning};
use kit::error::Violation;
use tonic::{Request, metadata::MetadataMap};

use super::{authority::LIST_PORTALS, wire};
use crate::{
    domain::{content::Content, details::Details},
    error::Error,
    graphql::Finding,
    service::Parts,
};

/// How many errors are answered.
const MOST_ERRORS: usize = 50;

pub(super) async fn handle(
    service: &Parts,
    request: Request<ValidateDocumentRequest>,
    notes: &mut MetadataMap,
) -> Result<ValidateDocumentResponse, Error> {
    let caller = service.caller(&request);
    let ValidateDocumentRequest { organization, query, upstream } = request.into_inner();
    let authority = service.authorize(caller, &organization, LIST_PORTALS, notes).await?;
    let target = service.target_of_slug(authority.organization.id, upstream.as_deref()).await?;
    // The check of a portal that is saved, of which nothing but the document can be wrong.
    let content = Content { name: "Validated".to_owned(), query, ..Content::default() };
    let details = Details { slug: None, upstream, content };
    match service.compiler.check(&details, &target) {
        Ok((_slug, document)) => {
            let (operations, warnings) = wire::describe(&details.content, &document, target.schema().ok());
            Ok(ValidateDocumentResponse { errors: Vec::new(), warnings, operations })
        }
        Err(Error::Invalid(violations)) => {
            Ok(ValidateDocumentResponse { errors: errors(violations), ..ValidateDocumentResponse::default() })
        }
        Err(other) => Err(other),
    }
}

fn errors(violations: Vec<Violation>) -> Vec<Warning> {
    let more = violations.len().saturating_sub(MOST_ERRORS);
    let error = |Violation { message, position, .. }| wire::warning(Finding { message, position });
    let mut errors: Vec<_> = violations.into_iter().take(MOST_ERRORS).map(error).collect();
    if more > 0 {
        errors.push(wire::warning(Finding::whole(format!("There are {more} more errors"))));
    }
    errors
}
