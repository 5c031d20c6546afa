//! What is told of a portal: what the REST API shows of it in lists.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::SecondsFormat;
use kit::{ambient::Instant, audit::Actor, outbox::Notice};
use serde_json::{Value, json};

use crate::{
    compiler::warnings,
    domain::{
        organization::Organization,
        portal::{Author, Portal},
    },
    graphql::{Document, Finding, Operation, Variable},
    upstream::target::Target,
};

/// A portal as it is told of.
pub(crate) struct Told<'a> {
    pub(crate) organization: &'a Organization,
    pub(crate) portal: &'a Portal,
    pub(crate) target: &'a Target,
    /// Its document, or why it can't be read.
    pub(crate) document: Result<&'a Document, &'a [Finding]>,
}

impl Told<'_> {
    /// The notice of what happens to it. `public_url`: the gateway's.
    pub(crate) fn notice(&self, event: &'static str, by: Option<&Actor>, public_url: &str) -> Notice {
        Notice::new(event, self.organization.id.0, by, vec![("portal", self.json(public_url))])
    }

    fn json(&self, public_url: &str) -> Value {
        let Self { organization, portal, target, document } = self;
        let (operations, warnings): (Vec<_>, Vec<_>) = match document {
            Ok(document) => {
                (document.operations().iter().map(operation).collect(), warnings(&portal.content, document))
            }
            Err(findings) => (Vec::new(), findings.to_vec()),
        };
        let mut told = json!({
            "uuid": portal.id.0,
            "slug": portal.slug.as_str(),
            "organization_uuid": portal.organization.0,
            "name": portal.content.name,
            "description": portal.content.description,
            "query": portal.content.query,
            "allowed_ip_addresses": portal.content.allowed_ip_addresses,
            "user_invokable": portal.content.user_invokable,
            "created_at": time(portal.created_at),
            "created_by": person(&portal.created_by),
            "updated_at": time(portal.updated_at),
            "version": portal.version,
            "url": format!("{public_url}/organizations/{}/portals/{}", organization.slug, portal.slug),
            "upstream": target.slug(),
            "strict_variables": portal.content.strict_variables,
            "operations": operations,
            "warnings": warnings.iter().map(finding).collect::<Vec<_>>(),
        });
        if let Some(since) = portal.check.broken_since {
            put(&mut told, "broken_since", time(since).into());
        }
        told
    }
}

fn operation(operation: &Operation) -> Value {
    let variables: Vec<_> = operation.variables.iter().map(variable).collect();
    let mut told = json!({ "name": operation.name, "kind": operation.kind.word(), "variables": variables });
    if let Err(findings) = &operation.ready
        && !findings.is_empty()
    {
        put(&mut told, "errors", findings.iter().map(finding).collect());
    }
    told
}

fn variable(variable: &Variable) -> Value {
    let mut told =
        json!({ "name": variable.name, "type": variable.ty.to_string(), "required": variable.is_required() });
    if let Some(default) = &variable.default {
        put(&mut told, "default", default.clone());
    }
    told
}

/// Adds what there isn't always.
fn put(told: &mut Value, name: &str, value: Value) {
    if let Value::Object(members) = told {
        members.insert(name.to_owned(), value);
    }
}

fn finding(Finding { message, position }: &Finding) -> Value {
    let (line, column) = position.unwrap_or_default();
    json!({ "message": message, "line": line, "column": column })
}

fn person(Author { uuid, name, email, created_at }: &Author) -> Value {
    json!({
        "id": uuid,
        "uuid": uuid,
        "graphql_id": BASE64_STANDARD.encode(format!("User---{uuid}")),
        "name": name,
        "email": email,
        "avatar_url": null,
        "created_at": time(*created_at),
    })
}

/// RFC 3339 in UTC with milliseconds and `Z`.
fn time(at: Instant) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
