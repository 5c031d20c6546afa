//! `GET /v2/organizations`, `GET /v2/organizations/{org}`.

use axum::response::Response;
use contracts::registry::v1::{GetOrganizationRequest, ListOrganizationsRequest, Organization};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    form::{Names, graphql_id, missing, names, rfc3339},
    rest::Rest,
};
use crate::{description::About, error::Error, reply};

/// An organization as JSON.
#[derive(Serialize, ToSchema)]
#[schema(as = Organization)]
struct OrganizationJson {
    #[schema(format = "uuid")]
    id: String,
    #[schema(example = "VXNlci0tLTAxOGYyYjVl")]
    graphql_id: String,
    #[schema(example = "https://portals.example/v2/organizations/my-organization")]
    url: String,
    /// Always null until there is a console.
    web_url: Option<String>,
    #[schema(example = "My organization")]
    name: String,
    #[schema(example = "my-organization")]
    slug: String,
    #[schema(example = "https://portals.example/v2/organizations/my-organization/pipelines")]
    pipelines_url: String,
    /// Always null: there are no agents.
    agents_url: Option<String>,
    /// Always null: there are no emojis.
    emojis_url: Option<String>,
    created_at: String,
}

impl OrganizationJson {
    fn of(organization: Organization, public_url: &str) -> Result<Self, Error> {
        let Organization { uuid, slug, name, created_at } = organization;
        let url = format!("{public_url}/v2/organizations/{slug}");
        Ok(Self {
            graphql_id: graphql_id("Organization", &uuid),
            id: uuid,
            web_url: None,
            pipelines_url: format!("{url}/pipelines"),
            url,
            name,
            slug,
            agents_url: None,
            emojis_url: None,
            created_at: rfc3339(created_at)?,
        })
    }
}

/// [`list`], described.
pub(crate) fn about_list() -> About {
    About::of("list_organizations", "List organizations", "Those that the token reaches, by slug.")
        .lists::<OrganizationJson>("A page of them.")
}

/// Answers a page of the organizations that the token reaches.
pub(crate) async fn list(rest: Rest) -> Result<Response, Error> {
    let page = rest.page()?;
    let message = ListOrganizationsRequest { page: page.number, per_page: page.size };
    let request = rest.request(message);
    let reply = rest.call(rest.gateway.registry().list_organizations(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    let public_url = &rest.gateway.config().public_url;
    let organizations =
        reply.organizations.into_iter().map(|organization| OrganizationJson::of(organization, public_url));
    let organizations = organizations.collect::<Result<Vec<_>, _>>()?;
    Ok(page.reply(&metadata, &format!("{public_url}/v2/organizations"), reply.total, &organizations))
}

/// [`show`], described.
pub(crate) fn about_show() -> About {
    About::of("get_organization", "One organization", "").answers::<OrganizationJson>("The organization.")
}

/// Answers one organization.
pub(crate) async fn show(rest: Rest, path: Names<String>) -> Result<Response, Error> {
    let organization = names(path)?;
    let request = rest.request(GetOrganizationRequest { organization });
    let reply = rest.call(rest.gateway.registry().get_organization(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    let organization = reply.organization.ok_or_else(|| missing("the organization"))?;
    let organization = OrganizationJson::of(organization, &rest.gateway.config().public_url)?;
    Ok(reply::json(StatusCode::OK, &metadata, &organization))
}
