//! The domain's things as the wire has them.

use contracts::registry::v1::{self as wire, OperationKind};
use kit::grpc::to_timestamp;

use crate::{
    compiler::warnings,
    domain::{organization::Organization, portal::Portal},
    graphql::{Document, Finding, Kind, Operation, Variable},
    service::Parts,
    verifier::wire_user,
};

/// An organization.
pub(super) fn organization(organization: Organization) -> wire::Organization {
    let Organization { id, slug, name, portal_requests_per_minute: _, created_at } = organization;
    wire::Organization { uuid: id.0.to_string(), slug, name, created_at: Some(to_timestamp(created_at)) }
}

impl Parts {
    /// A portal as it is stored, with its document's operations and warnings, or why the document doesn't fit any more.
    pub(super) fn wire_portal(&self, organization: &Organization, portal: Portal) -> wire::Portal {
        let (operations, warnings) = match self.compiler.document(&portal) {
            Ok(document) => describe(&portal, &document),
            Err(findings) => (Vec::new(), findings.iter().cloned().map(warning).collect()),
        };
        let url = format!("{}/organizations/{}/portals/{}", self.config.public_url, organization.slug, portal.slug);
        wire::Portal {
            uuid: portal.id.0.to_string(),
            slug: portal.slug.to_string(),
            organization_uuid: portal.organization.0.to_string(),
            created_at: Some(to_timestamp(portal.created_at)),
            updated_at: Some(to_timestamp(portal.updated_at)),
            created_by: Some(wire_user(&portal.created_by)),
            name: portal.name,
            description: portal.description,
            query: portal.query,
            allowed_ip_addresses: portal.allowed_ip_addresses,
            user_invokable: portal.user_invokable,
            version: portal.version,
            url,
            upstream: None,
            strict_variables: portal.strict_variables,
            operations,
            warnings,
        }
    }
}

fn describe(portal: &Portal, document: &Document) -> (Vec<wire::Operation>, Vec<wire::Warning>) {
    let operations = document.operations().iter().map(operation).collect();
    (operations, warnings(portal, document).into_iter().map(warning).collect())
}

fn operation(operation: &Operation) -> wire::Operation {
    let kind = match operation.kind {
        Kind::Query => OperationKind::Query,
        Kind::Mutation => OperationKind::Mutation,
    };
    let variables = operation.variables.iter().map(variable).collect();
    wire::Operation { name: operation.name.clone(), kind: kind.into(), variables }
}

fn variable(variable: &Variable) -> wire::Variable {
    wire::Variable {
        name: variable.name.clone(),
        r#type: variable.ty.to_string(),
        required: variable.is_required(),
        default_json: variable.default.as_ref().map(ToString::to_string),
    }
}

fn warning(Finding { message, position }: Finding) -> wire::Warning {
    let (line, column) = position.unwrap_or_default();
    wire::Warning { message, line, column }
}
