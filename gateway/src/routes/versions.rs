//! `/v2/organizations/{org}/portals/{slug}/versions`: every document that a portal had.

use axum::response::Response;
use contracts::registry::v1::{
    GetPortalVersionRequest, ListPortalVersionsRequest, PortalVersion, RestorePortalVersionRequest,
};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{
    form::{Names, missing, names, number_or_none, rfc3339, whole},
    portals::document::PortalJson,
    rest::Rest,
    user::UserJson,
};
use crate::{description::About, error::Error, query, reply};

#[derive(Serialize, ToSchema)]
#[schema(as = PortalVersion)]
struct VersionJson {
    #[schema(example = 2)]
    number: u32,
    #[schema(example = "query Builds { viewer { user { name } } }")]
    query: String,
    created_at: String,
    created_by: UserJson,
    /// Whether it is the one that runs.
    current: bool,
    /// Only where another version was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "--- version 1\n+++ version 2")]
    diff: Option<String>,
}

impl VersionJson {
    fn of(version: PortalVersion) -> Result<Self, Error> {
        let PortalVersion { number, query, created_at, created_by, current } = version;
        let created_by = UserJson::author(created_by.ok_or_else(|| missing("the version's author"))?)?;
        Ok(Self { number, query, created_at: rfc3339(created_at)?, created_by, current, diff: None })
    }
}

/// [`list`], described.
pub(crate) fn about_list() -> About {
    About::of("list_portal_versions", "List the documents that a portal had", "Newest first.")
        .lists::<VersionJson>("A page of the versions.")
}

/// Answers a page of a portal's versions.
pub(crate) async fn list(rest: Rest, path: Names<(String, String)>) -> Result<Response, Error> {
    let (organization, portal) = names(path)?;
    let page = rest.page()?;
    let url = rest.url(&format!("{organization}/portals/{portal}/versions"));
    let message = ListPortalVersionsRequest { organization, portal, page: page.number, per_page: page.size };
    let request = rest.request(message);
    let reply = rest.call(rest.gateway.registry().list_portal_versions(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    let versions = reply.versions.into_iter().map(VersionJson::of).collect::<Result<Vec<_>, _>>()?;
    Ok(page.reply(&metadata, &url, reply.total, &versions))
}

/// [`show`], described.
pub(crate) fn about_show() -> About {
    let sentence = "The number of another version: `diff` is what leads from that one to this one.";
    About::of("get_portal_version", "One version", "")
        .parameter("diff", &json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }), sentence)
        .answers::<VersionJson>("The version.")
}

/// Answers a version; with `?diff=m` also what leads from version `m` to it.
pub(crate) async fn show(rest: Rest, path: Names<(String, String, String)>) -> Result<Response, Error> {
    let (organization, portal, number) = names(path)?;
    let compare_with = query::parameter(rest.query(), "diff")
        .map(|text| whole(&text).ok_or(Error::InvalidParameter("diff", "the number of a version")))
        .transpose()?;
    let number = number_or_none(&number);
    let message = GetPortalVersionRequest { organization, portal, number, compare_with };
    let request = rest.request(message);
    let reply = rest.call(rest.gateway.registry().get_portal_version(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    let version = VersionJson::of(reply.version.ok_or_else(|| missing("the version"))?)?;
    Ok(reply::json(StatusCode::OK, &metadata, &VersionJson { diff: reply.diff, ..version }))
}

/// [`restore`], described.
pub(crate) fn about_restore() -> About {
    let details = "As the next version. It is checked like a new one.";
    About::of("restore_portal_version", "Make an older document the current one again", details)
        .answers::<PortalJson>("The portal as it is now.")
        .refuses(422, &["validation_failed"])
}

/// Makes the document of a version the current one again.
pub(crate) async fn restore(rest: Rest, path: Names<(String, String, String)>) -> Result<Response, Error> {
    let (organization, portal, number) = names(path)?;
    let number = number_or_none(&number);
    let request = rest.request(RestorePortalVersionRequest { organization, portal, number });
    let reply = rest.call(rest.gateway.registry().restore_portal_version(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    Ok(reply::json(StatusCode::OK, &metadata, &PortalJson::required(reply.portal)?))
}
