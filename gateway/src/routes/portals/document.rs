//! A portal as JSON.

use contracts::registry::v1::{Operation, OperationKind, Portal, Variable, Warning};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    error::Error,
    routes::{
        form::{missing, rfc3339},
        user::UserJson,
    },
};

/// A portal.
#[derive(Serialize)]
pub(crate) struct PortalJson {
    uuid: String,
    slug: String,
    organization_uuid: String,
    name: String,
    description: Option<String>,
    query: String,
    allowed_ip_addresses: Option<String>,
    user_invokable: bool,
    created_at: String,
    created_by: UserJson,
    /// Only in the reply that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    updated_at: String,
    version: u32,
    url: String,
    upstream: Option<String>,
    strict_variables: bool,
    operations: Vec<OperationJson>,
    warnings: Vec<WarningJson>,
    /// Only while an operation can't run.
    #[serde(skip_serializing_if = "Option::is_none")]
    broken_since: Option<String>,
}

impl PortalJson {
    pub(crate) fn of(portal: Portal) -> Result<Self, Error> {
        Ok(Self {
            uuid: portal.uuid,
            slug: portal.slug,
            organization_uuid: portal.organization_uuid,
            name: portal.name,
            description: portal.description,
            query: portal.query,
            allowed_ip_addresses: portal.allowed_ip_addresses,
            user_invokable: portal.user_invokable,
            created_at: rfc3339(portal.created_at)?,
            created_by: UserJson::author(portal.created_by.ok_or_else(|| missing("the portal's author"))?)?,
            token: None,
            updated_at: rfc3339(portal.updated_at)?,
            version: portal.version,
            url: portal.url,
            upstream: portal.upstream,
            strict_variables: portal.strict_variables,
            operations: portal.operations.into_iter().map(OperationJson::of).collect(),
            warnings: portal.warnings.into_iter().map(WarningJson::of).collect(),
            broken_since: portal.broken_since.map(|at| rfc3339(Some(at))).transpose()?,
        })
    }

    pub(crate) fn required(portal: Option<Portal>) -> Result<Self, Error> {
        Self::of(portal.ok_or_else(|| missing("the portal"))?)
    }

    pub(crate) fn with_token(self, token: String) -> Self {
        Self { token: Some(token), ..self }
    }
}

/// An operation.
#[derive(Serialize)]
pub(crate) struct OperationJson {
    name: Option<String>,
    kind: &'static str,
    variables: Vec<VariableJson>,
    /// What `data` looks like; left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Box<RawValue>>,
    /// Only of an operation that can't run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<WarningJson>,
}

impl OperationJson {
    pub(crate) fn of(operation: Operation) -> Self {
        let kind = match operation.kind() {
            OperationKind::Mutation => "mutation",
            OperationKind::Query | OperationKind::Unspecified => "query",
        };
        let Operation { name, kind: _, variables, errors, result_schema_json } = operation;
        Self {
            name,
            kind,
            variables: variables.into_iter().map(VariableJson::of).collect(),
            result: result_schema_json.and_then(|json| RawValue::from_string(json).ok()),
            errors: errors.into_iter().map(WarningJson::of).collect(),
        }
    }
}

#[derive(Serialize)]
struct VariableJson {
    name: String,
    r#type: String,
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<Box<RawValue>>,
}

impl VariableJson {
    fn of(variable: Variable) -> Self {
        let Variable { name, r#type, required, default_json } = variable;
        Self { name, r#type, required, default: default_json.and_then(|json| RawValue::from_string(json).ok()) }
    }
}

/// A sentence about a place in a document.
#[derive(Serialize)]
pub(crate) struct WarningJson {
    message: String,
    line: u32,
    column: u32,
}

impl WarningJson {
    pub(crate) fn of(warning: Warning) -> Self {
        let Warning { message, line, column } = warning;
        Self { message, line, column }
    }
}
