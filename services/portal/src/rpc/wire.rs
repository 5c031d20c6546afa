//! The domain's things as the wire has them.

use contracts::registry::v1::{self as wire, OperationKind};
use kit::grpc::to_timestamp;

use crate::{
    compiler::warnings,
    domain::{
        content::Content,
        organization::Organization,
        portal::Portal,
        upstream::{SchemaState, Source, Upstream},
        version::Version,
    },
    error::Error,
    graphql::{Document, Finding, Kind, Operation, Schema, Variable, shape, variables},
    service::Parts,
    store::Counts,
    upstream::target::Target,
    verifier::wire_user,
};

/// An organization.
pub(super) fn organization(organization: Organization) -> wire::Organization {
    let Organization { id, slug, name, portal_requests_per_minute: _, created_at } = organization;
    wire::Organization { uuid: id.0.to_string(), slug, name, created_at: Some(to_timestamp(created_at)) }
}

impl Parts {
    /// A portal as lists have it: without the shape of what its operations answer.
    pub(super) async fn outline_portal(
        &self,
        organization: &Organization,
        portal: Portal,
    ) -> Result<wire::Portal, Error> {
        let target = self.target(portal.upstream).await?.ok_or(Error::NoPortal)?;
        Ok(self.outline(organization, portal, &target))
    }

    /// The same where it is known where it runs.
    pub(super) fn outline(&self, organization: &Organization, portal: Portal, target: &Target) -> wire::Portal {
        self.wire(organization, portal, target, None)
    }

    /// A portal as it is stored, with its document's operations and warnings.
    pub(super) async fn show_portal(&self, organization: &Organization, portal: Portal) -> Result<wire::Portal, Error> {
        let target = self.target(portal.upstream).await?.ok_or(Error::NoPortal)?;
        Ok(self.wire_portal(organization, portal, &target))
    }

    /// The same where it is known where it runs.
    pub(super) fn wire_portal(&self, organization: &Organization, portal: Portal, target: &Target) -> wire::Portal {
        self.wire(organization, portal, target, target.schema().ok())
    }

    fn wire(
        &self,
        organization: &Organization,
        portal: Portal,
        target: &Target,
        shapes: Option<&Schema>,
    ) -> wire::Portal {
        let (operations, warnings) = match self.compiler.document(&portal, target) {
            Ok(document) => describe(&portal.content, &document, shapes),
            Err(findings) => (Vec::new(), findings.iter().cloned().map(warning).collect()),
        };
        let url = format!("{}/organizations/{}/portals/{}", self.config.public_url, organization.slug, portal.slug);
        let Portal { id, organization, slug, upstream: _, content, version, check, created_at, updated_at, created_by } =
            portal;
        let Content { name, description, query, allowed_ip_addresses, user_invokable, strict_variables } = content;
        wire::Portal {
            uuid: id.0.to_string(),
            slug: slug.to_string(),
            organization_uuid: organization.0.to_string(),
            created_at: Some(to_timestamp(created_at)),
            updated_at: Some(to_timestamp(updated_at)),
            created_by: Some(wire_user(&created_by)),
            name,
            description,
            query,
            allowed_ip_addresses,
            user_invokable,
            version,
            url,
            upstream: target.slug().map(str::to_owned),
            strict_variables,
            operations,
            warnings,
            broken_since: check.broken_since.map(to_timestamp),
        }
    }
}

/// An upstream and the portals on it.
pub(super) fn upstream(upstream: Upstream, Counts { portals, broken }: Counts) -> wire::Upstream {
    let Upstream {
        id,
        organization: _,
        slug,
        url,
        header_names,
        source,
        timeout,
        schema: SchemaState { digest, changed_at, checked_at, fault },
        created_at,
        updated_at,
        created_by,
    } = upstream;
    wire::Upstream {
        uuid: id.0.to_string(),
        slug: slug.to_string(),
        url: url.into(),
        header_names,
        schema_source: match source {
            Source::Sdl => wire::SchemaSource::Sdl,
            Source::Introspection => wire::SchemaSource::Introspection,
        }
        .into(),
        schema: Some(wire::UpstreamSchema {
            digest: digest.unwrap_or_default(),
            changed_at: changed_at.map(to_timestamp),
            checked_at: checked_at.map(to_timestamp),
            fault: fault.unwrap_or_default(),
        }),
        timeout_ms: timeout.map_or(0, |timeout| u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX)),
        created_at: Some(to_timestamp(created_at)),
        updated_at: Some(to_timestamp(updated_at)),
        created_by: Some(wire_user(&created_by)),
        portals,
        broken_portals: broken,
    }
}

/// A document's operations and warnings. `shapes`: the schema that says what operations answer; `None` where that isn't told.
pub(super) fn describe(
    content: &Content,
    document: &Document,
    shapes: Option<&Schema>,
) -> (Vec<wire::Operation>, Vec<wire::Warning>) {
    let operations = document.operations().iter().map(|of| operation(of, shapes)).collect();
    (operations, warnings(content, document).into_iter().map(warning).collect())
}

fn operation(operation: &Operation, shapes: Option<&Schema>) -> wire::Operation {
    let kind = match operation.kind {
        Kind::Query => OperationKind::Query,
        Kind::Mutation => OperationKind::Mutation,
    };
    let ready = operation.ready.as_ref();
    let described = ready.ok().zip(shapes);
    wire::Operation {
        name: operation.name.clone(),
        kind: kind.into(),
        variables: operation.variables.iter().map(variable).collect(),
        errors: ready.err().into_iter().flatten().cloned().map(warning).collect(),
        result_schema_json: described.and_then(|(ready, schema)| shape(&ready.text, schema)),
        variables_schema_json: described.map(|(_, schema)| variables(operation, schema)),
    }
}

/// A version of a portal whose present one is `current`.
pub(super) fn version(version: Version, current: u32) -> wire::PortalVersion {
    let Version { number, query, created_at, created_by } = version;
    wire::PortalVersion {
        number,
        query,
        created_at: Some(to_timestamp(created_at)),
        created_by: Some(wire_user(&created_by)),
        current: number == current,
    }
}

fn variable(variable: &Variable) -> wire::Variable {
    wire::Variable {
        name: variable.name.clone(),
        r#type: variable.ty.to_string(),
        required: variable.is_required(),
        default_json: variable.default.as_ref().map(ToString::to_string),
    }
}

pub(super) fn warning(Finding { message, position }: Finding) -> wire::Warning {
    let (line, column) = position.unwrap_or_default();
    wire::Warning { message, line, column }
}
