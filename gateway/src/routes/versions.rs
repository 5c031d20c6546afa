//! `/v2/organizations/{org}/portals/{slug}/versions`: every document that a portal had.

use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use contracts::registry::v1::{
    GetPortalVersionRequest, ListPortalVersionsRequest, PortalVersion, RestorePortalVersionRequest,
};
use http::StatusCode;
use serde::Serialize;

use super::{
    form::{Names, missing, names, number_or_none, rfc3339, whole},
    portals::document::PortalJson,
    user::UserJson,
};
use crate::{
    arrival::Arrival,
    error::Error,
    gateway::{DEADLINE, Gateway},
    page::Page,
    query,
    realm::Realm,
    reply,
};

#[derive(Serialize)]
struct VersionJson {
    number: u32,
    query: String,
    created_at: String,
    created_by: UserJson,
    /// Whether it is the one that runs.
    current: bool,
    /// Only where another version was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<String>,
}

impl VersionJson {
    fn of(version: PortalVersion) -> Result<Self, Error> {
        let PortalVersion { number, query, created_at, created_by, current } = version;
        let created_by = UserJson::author(created_by.ok_or_else(|| missing("the version's author"))?)?;
        Ok(Self { number, query, created_at: rfc3339(created_at)?, created_by, current, diff: None })
    }
}

/// Answers a page of a portal's versions.
pub(crate) async fn list(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    path: Names<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let (organization, portal) = names(path)?;
    let page = Page::read(query.as_deref())?;
    let url = format!("{}/v2/organizations/{organization}/portals/{portal}/versions", gateway.config().public_url);
    let message = ListPortalVersionsRequest { organization, portal, page: page.number, per_page: page.size };
    let request = gateway.request(&arrival, message, DEADLINE);
    let mut registry = gateway.registry();
    let reply = gateway.call(Realm::Api, &arrival, registry.list_portal_versions(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    let versions = reply.versions.into_iter().map(VersionJson::of).collect::<Result<Vec<_>, _>>()?;
    Ok(page.reply(&metadata, &url, reply.total, &versions))
}

/// Answers a version; with `?diff=m` also what leads from version `m` to it.
pub(crate) async fn show(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    path: Names<(String, String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let (organization, portal, number) = names(path)?;
    let compare_with = query::parameter(query.as_deref(), "diff")
        .map(|text| whole(&text).ok_or(Error::InvalidParameter("diff", "the number of a version")))
        .transpose()?;
    let number = number_or_none(&number);
    let message = GetPortalVersionRequest { organization, portal, number, compare_with };
    let request = gateway.request(&arrival, message, DEADLINE);
    let mut registry = gateway.registry();
    let reply = gateway.call(Realm::Api, &arrival, registry.get_portal_version(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    let version = VersionJson::of(reply.version.ok_or_else(|| missing("the version"))?)?;
    Ok(reply::json(StatusCode::OK, &metadata, &VersionJson { diff: reply.diff, ..version }))
}

/// Makes the document of a version the current one again.
pub(crate) async fn restore(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    path: Names<(String, String, String)>,
) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let (organization, portal, number) = names(path)?;
    let number = number_or_none(&number);
    let request = gateway.request(&arrival, RestorePortalVersionRequest { organization, portal, number }, DEADLINE);
    let mut registry = gateway.registry();
    let reply = gateway.call(Realm::Api, &arrival, registry.restore_portal_version(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    Ok(reply::json(StatusCode::OK, &metadata, &PortalJson::required(reply.portal)?))
}
