//! `GET /v2/organizations`, `GET /v2/organizations/{org}`.

use axum::{
    extract::{Path, RawQuery, State, rejection::PathRejection},
    response::Response,
};
use contracts::registry::v1::{GetOrganizationRequest, ListOrganizationsRequest, Organization};
use http::StatusCode;
use serde::Serialize;

use super::form::{graphql_id, missing, rfc3339};
use crate::{
    arrival::Arrival,
    error::Error,
    gateway::{DEADLINE, Gateway},
    page::Page,
    realm::Realm,
    reply,
};

/// An organization as JSON.
#[derive(Serialize)]
struct OrganizationJson {
    id: String,
    graphql_id: String,
    url: String,
    /// Always null until there is a console.
    web_url: Option<String>,
    name: String,
    slug: String,
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

/// Answers a page of the organizations that the token reaches.
pub(crate) async fn list(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let page = Page::read(query.as_deref())?;
    let message = ListOrganizationsRequest { page: page.number, per_page: page.size };
    let request = gateway.request(&arrival, message, DEADLINE);
    let mut registry = gateway.registry();
    let reply = gateway.call(Realm::Api, &arrival, registry.list_organizations(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    let public_url = &gateway.config().public_url;
    let organizations =
        reply.organizations.into_iter().map(|organization| OrganizationJson::of(organization, public_url));
    let organizations = organizations.collect::<Result<Vec<_>, _>>()?;
    Ok(page.reply(&metadata, &format!("{public_url}/v2/organizations"), reply.total, &organizations))
}

/// Answers one organization.
pub(crate) async fn show(
    State(gateway): State<Gateway>,
    arrival: Arrival,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Error> {
    arrival.require_credential(Realm::Api)?;
    let Path(organization) = path.map_err(|_undecodable| Error::NotFound)?;
    let request = gateway.request(&arrival, GetOrganizationRequest { organization }, DEADLINE);
    let mut registry = gateway.registry();
    let reply = gateway.call(Realm::Api, &arrival, registry.get_organization(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    let organization = reply.organization.ok_or_else(|| missing("the organization"))?;
    let organization = OrganizationJson::of(organization, &gateway.config().public_url)?;
    Ok(reply::json(StatusCode::OK, &metadata, &organization))
}
