//! An upstream as JSON.

use contracts::registry::v1::{SchemaSource, Upstream, UpstreamSchema};
use serde::Serialize;

use crate::{
    error::Error,
    routes::{
        form::{missing, rfc3339, rfc3339_or_null},
        user::UserJson,
    },
};

/// An upstream. The values of its headers are nowhere.
#[derive(Serialize)]
pub(super) struct UpstreamJson {
    uuid: String,
    slug: String,
    url: String,
    header_names: Vec<String>,
    schema: SchemaJson,
    timeout_ms: Option<u32>,
    /// How many portals are on it.
    portals: u32,
    /// How many of those have operations that can't run.
    broken_portals: u32,
    created_at: String,
    updated_at: String,
    created_by: UserJson,
}

#[derive(Serialize)]
struct SchemaJson {
    source: &'static str,
    digest: Option<String>,
    changed_at: Option<String>,
    checked_at: Option<String>,
    fault: Option<String>,
}

impl UpstreamJson {
    pub(super) fn of(upstream: Upstream) -> Result<Self, Error> {
        let source = match upstream.schema_source() {
            SchemaSource::Sdl => "sdl",
            SchemaSource::Introspection | SchemaSource::Unspecified => "introspection",
        };
        let UpstreamSchema { digest, changed_at, checked_at, fault } = upstream.schema.unwrap_or_default();
        let some = |text: String| (!text.is_empty()).then_some(text);
        Ok(Self {
            uuid: upstream.uuid,
            slug: upstream.slug,
            url: upstream.url,
            header_names: upstream.header_names,
            schema: SchemaJson {
                source,
                digest: some(digest),
                changed_at: rfc3339_or_null(changed_at)?,
                checked_at: rfc3339_or_null(checked_at)?,
                fault: some(fault),
            },
            timeout_ms: (upstream.timeout_ms != 0).then_some(upstream.timeout_ms),
            portals: upstream.portals,
            broken_portals: upstream.broken_portals,
            created_at: rfc3339(upstream.created_at)?,
            updated_at: rfc3339(upstream.updated_at)?,
            created_by: UserJson::author(upstream.created_by.ok_or_else(|| missing("the upstream's author"))?)?,
        })
    }

    pub(super) fn required(upstream: Option<Upstream>) -> Result<Self, Error> {
        Self::of(upstream.ok_or_else(|| missing("the upstream"))?)
    }
}

/// An upstream that was asked for its schema.
#[derive(Serialize)]
pub(super) struct RefreshedJson {
    #[serde(flatten)]
    upstream: UpstreamJson,
    /// The slugs of the portals that don't fit it, the first 100.
    broken_portal_slugs: Vec<String>,
}

impl RefreshedJson {
    pub(super) fn of(upstream: Option<Upstream>, broken_portal_slugs: Vec<String>) -> Result<Self, Error> {
        Ok(Self { upstream: UpstreamJson::required(upstream)?, broken_portal_slugs })
    }
}
