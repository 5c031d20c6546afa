//! An upstream as JSON.

use contracts::registry::v1::{SchemaSource, Upstream, UpstreamSchema};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::Error,
    routes::{
        form::{missing, rfc3339, rfc3339_or_null},
        user::UserJson,
    },
};

/// An upstream. The values of its headers are nowhere.
#[derive(Serialize, ToSchema)]
#[schema(as = Upstream)]
pub(super) struct UpstreamJson {
    uuid: String,
    #[schema(example = "shop")]
    slug: String,
    #[schema(example = "https://shop.example/graphql")]
    url: String,
    header_names: Vec<String>,
    schema: SchemaJson,
    #[schema(example = 30000)]
    timeout_ms: Option<u32>,
    /// How many portals are on it.
    #[schema(example = 3)]
    portals: u32,
    /// How many of those have operations that can't run.
    broken_portals: u32,
    created_at: String,
    updated_at: String,
    created_by: UserJson,
}

/// Where a schema comes from.
#[derive(Serialize, ToSchema)]
#[schema(as = UpstreamSchemaSource)]
#[serde(rename_all = "lowercase")]
enum SourceJson {
    Introspection,
    Sdl,
}

/// What is known of an upstream's schema.
#[derive(Serialize, ToSchema)]
#[schema(as = UpstreamSchema)]
struct SchemaJson {
    source: SourceJson,
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    digest: Option<String>,
    changed_at: Option<String>,
    checked_at: Option<String>,
    /// Why it couldn't be had when it was last asked for.
    fault: Option<String>,
}

impl UpstreamJson {
    pub(super) fn of(upstream: Upstream) -> Result<Self, Error> {
        let source = match upstream.schema_source() {
            SchemaSource::Sdl => SourceJson::Sdl,
            SchemaSource::Introspection | SchemaSource::Unspecified => SourceJson::Introspection,
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
#[derive(Serialize, ToSchema)]
#[schema(as = RefreshedUpstream)]
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
