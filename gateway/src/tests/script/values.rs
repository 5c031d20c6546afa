//! What the services know.

use contracts::{
    credential::v1::{PortalToken, Secret},
    directory::v1::ApiToken,
    registry::v1::{
        GetPortalUsageResponse, Operation, OperationKind, Organization, OutcomeCount, Portal, PortalVersion,
        SchemaSource, Upstream, UpstreamSchema, UsageFigures, UsagePeriod, UsageResolution, Variable, Warning,
    },
    token::v1::{PortalTokenKind, User},
};
use prost_types::Timestamp;

pub(super) fn at(millis: i32) -> Timestamp {
    Timestamp { seconds: 1_767_225_600, nanos: millis * 1_000_000 }
}

pub(super) fn user() -> User {
    User { uuid: "u-1".into(), name: "Ada".into(), email: "ada@example.com".into(), created_at: Some(at(7)) }
}

pub(super) fn organization() -> Organization {
    Organization { uuid: "o-1".into(), slug: "acme".into(), name: "Acme".into(), created_at: Some(at(0)) }
}

pub(super) fn portal() -> Portal {
    let variable = |name: &str, default: Option<&str>| Variable {
        name: name.to_owned(),
        r#type: "Int".to_owned(),
        required: default.is_none(),
        default_json: default.map(ToOwned::to_owned),
    };
    let variables = vec![variable("a", Some(r#"{"n":12345678901234567890123}"#)), variable("b", None)];
    Portal {
        uuid: "p-1".into(),
        slug: "build".into(),
        organization_uuid: "o-1".into(),
        name: "Build".into(),
        query: "query A { a }".into(),
        created_at: Some(at(1)),
        updated_at: Some(at(999)),
        created_by: Some(user()),
        version: 3,
        url: "https://portals.example/organizations/acme/portals/build".into(),
        operations: vec![Operation {
            name: None,
            kind: OperationKind::Mutation.into(),
            variables,
            errors: Vec::new(),
            result_schema_json: None,
            variables_schema_json: None,
        }],
        warnings: vec![Warning { message: "unused".into(), line: 2, column: 5 }],
        ..Portal::default()
    }
}

pub(super) fn upstream() -> Upstream {
    Upstream {
        uuid: "up-1".into(),
        slug: "weather".into(),
        url: "https://weather.example/graphql".into(),
        header_names: vec!["authorization".into()],
        schema_source: SchemaSource::Introspection.into(),
        schema: Some(UpstreamSchema {
            digest: "ab".into(),
            changed_at: Some(at(2)),
            checked_at: Some(at(3)),
            fault: "It was away".into(),
        }),
        created_at: Some(at(1)),
        updated_at: Some(at(4)),
        created_by: Some(user()),
        portals: 2,
        broken_portals: 1,
        ..Upstream::default()
    }
}

pub(super) fn version() -> PortalVersion {
    PortalVersion {
        number: 2,
        query: "{ a }\r\n".into(),
        created_at: Some(at(2)),
        created_by: Some(user()),
        current: true,
    }
}

pub(super) fn secret() -> Secret {
    Secret {
        uuid: "s-1".into(),
        description: "CI".into(),
        last_four: "wQKx".into(),
        created_at: Some(at(2)),
        created_by: Some(user()),
        last_used_at: Some(at(3)),
        last_used_ip: Some("192.0.2.1".into()),
        ..Secret::default()
    }
}

pub(super) fn token(kind: PortalTokenKind) -> PortalToken {
    PortalToken {
        uuid: "t-1".into(),
        kind: kind.into(),
        description: "CI".into(),
        last_four: "6RZx".into(),
        created_at: Some(at(2)),
        created_by: Some(user()),
        expires_at: Some(at(4)),
        allowed_ip_addresses: Some("10.0.0.0/8".into()),
        secret_uuid: (kind == PortalTokenKind::Ephemeral).then(|| "s-1".into()),
        ..PortalToken::default()
    }
}

pub(super) fn api_token() -> ApiToken {
    ApiToken {
        uuid: "a-1".into(),
        description: "=cmd, \"x\"".into(),
        last_four: "vATv".into(),
        scopes: vec!["read_portals".into(), "read_user".into()],
        user: Some(user()),
        created_at: Some(at(2)),
        last_used_at: Some(at(3)),
        last_used_ip: Some("192.0.2.1".into()),
        ..ApiToken::default()
    }
}

pub(super) fn usage() -> GetPortalUsageResponse {
    let errors = vec![OutcomeCount { code: "upstream_timeout".into(), calls: 3 }];
    let figures = UsageFigures { calls: 1_200, errors, p50_ms: Some(12.345_678), p99_ms: None };
    GetPortalUsageResponse {
        from: Some(at(0)),
        to: Some(at(9)),
        resolution: UsageResolution::Day.into(),
        total: Some(figures.clone()),
        periods: vec![UsagePeriod { at: Some(at(1)), figures: Some(figures) }],
        last_called_at: Some(at(2)),
    }
}
