//! A portal as JSON.

use contracts::registry::v1::{Operation, OperationKind, Portal, Variable, Warning};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::{
    error::Error,
    routes::{
        form::{missing, rfc3339},
        user::UserJson,
    },
};

/// A portal.
#[derive(Serialize, ToSchema)]
#[schema(as = Portal)]
pub(crate) struct PortalJson {
    uuid: String,
    #[schema(example = "main-builds")]
    slug: String,
    organization_uuid: String,
    #[schema(example = "Main builds")]
    name: String,
    #[schema(example = "What runs on main")]
    description: Option<String>,
    #[schema(example = "query Builds { viewer { user { name } } }")]
    query: String,
    /// Networks that calls may come from, separated by spaces; null: anywhere.
    #[schema(example = "192.0.2.0/24 2001:db8::/32")]
    allowed_ip_addresses: Option<String>,
    /// Whether users may be asked to run it.
    user_invokable: bool,
    created_at: String,
    created_by: UserJson,
    /// Only in the reply that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "bkpat_…")]
    token: Option<String>,
    updated_at: String,
    /// Which of its versions runs.
    #[schema(example = 1)]
    version: u32,
    /// Where it is called.
    #[schema(example = "https://portals.example/organizations/my-organization/portals/main-builds")]
    url: String,
    /// The slug of the upstream that it runs on; null: the built-in API.
    #[schema(example = "shop")]
    upstream: Option<String>,
    /// Whether a variable that the operation doesn't declare is an error.
    strict_variables: bool,
    operations: Vec<OperationJson>,
    warnings: Vec<WarningJson>,
    /// Only while an operation can't run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = DateTime)]
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
#[derive(Serialize, ToSchema)]
#[schema(as = Operation)]
pub(crate) struct OperationJson {
    /// Null: it is the only one, and has none.
    #[schema(example = "Builds")]
    name: Option<String>,
    kind: KindJson,
    variables: Vec<VariableJson>,
    /// What `data` looks like; left out in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, required = false)]
    result: Option<Box<RawValue>>,
    /// Only of an operation that can't run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<WarningJson>,
}

impl OperationJson {
    pub(crate) fn of(operation: Operation) -> Self {
        let kind = match operation.kind() {
            OperationKind::Mutation => KindJson::Mutation,
            OperationKind::Query | OperationKind::Unspecified => KindJson::Query,
        };
        let Operation { name, kind: _, variables, errors, result_schema_json, variables_schema_json: _ } = operation;
        Self {
            name,
            kind,
            variables: variables.into_iter().map(VariableJson::of).collect(),
            result: result_schema_json.and_then(|json| RawValue::from_string(json).ok()),
            errors: errors.into_iter().map(WarningJson::of).collect(),
        }
    }
}

/// What an operation does.
#[derive(Serialize, ToSchema)]
#[schema(as = OperationKind)]
#[serde(rename_all = "lowercase")]
enum KindJson {
    Query,
    Mutation,
}

/// A variable that an operation declares.
#[derive(Serialize, ToSchema)]
#[schema(as = Variable)]
struct VariableJson {
    #[schema(example = "ids")]
    name: String,
    #[schema(example = "[ID!]!")]
    r#type: String,
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = serde_json::Value, required = false)]
    default: Option<Box<RawValue>>,
}

impl VariableJson {
    fn of(variable: Variable) -> Self {
        let Variable { name, r#type, required, default_json } = variable;
        Self { name, r#type, required, default: default_json.and_then(|json| RawValue::from_string(json).ok()) }
    }
}

/// A sentence about a place in a document.
#[derive(Serialize, ToSchema)]
#[schema(as = Warning)]
pub(crate) struct WarningJson {
    #[schema(example = "The variable $n is never used")]
    message: String,
    #[schema(example = 1)]
    line: u32,
    #[schema(example = 9)]
    column: u32,
}

impl WarningJson {
    pub(crate) fn of(warning: Warning) -> Self {
        let Warning { message, line, column } = warning;
        Self { message, line, column }
    }
}
