//! `/v2/organizations/{org}/api-access-tokens`, also as CSV: which tokens reach an organization.

mod csv;

use axum::response::Response;
use contracts::directory::v1::{
    ApiToken, ListApiTokensRequest, ListApiTokensResponse, RemoveApiTokenOrganizationRequest,
};
use http::{HeaderValue, header};
use serde::Serialize;
use tonic::metadata::MetadataMap;

use super::{
    form::{Names, missing, names, rfc3339, rfc3339_or_null, uuid_or_nil},
    rest::Rest,
};
use crate::{
    error::Error,
    page::{MOST, Page},
    reply,
};

/// A token as JSON, and as a row.
#[derive(Serialize)]
struct ApiTokenJson {
    uuid: String,
    description: String,
    last_four: String,
    scopes: Vec<String>,
    user: Owner,
    created_at: String,
    /// Null: never.
    expires_at: Option<String>,
    last_used_at: Option<String>,
    last_used_ip: Option<String>,
    allowed_ip_addresses: Option<String>,
}

#[derive(Serialize)]
struct Owner {
    id: String,
    name: String,
    email: String,
}

impl ApiTokenJson {
    fn of(token: ApiToken) -> Result<Self, Error> {
        let user = token.user.ok_or_else(|| missing("the token's user"))?;
        Ok(Self {
            uuid: token.uuid,
            description: token.description,
            last_four: token.last_four,
            scopes: token.scopes,
            user: Owner { id: user.uuid, name: user.name, email: user.email },
            created_at: rfc3339(token.created_at)?,
            expires_at: rfc3339_or_null(token.expires_at)?,
            last_used_at: rfc3339_or_null(token.last_used_at)?,
            last_used_ip: token.last_used_ip,
            allowed_ip_addresses: token.allowed_ip_addresses,
        })
    }
}

async fn fetch(
    rest: &Rest,
    organization_uuid: &str,
    page: Page,
) -> Result<(MetadataMap, Vec<ApiTokenJson>, u32), Error> {
    let organization_uuid = organization_uuid.to_owned();
    let request = rest.request(ListApiTokensRequest { organization_uuid, page: page.number, per_page: page.size });
    let reply = rest.call(rest.gateway.directory().list_api_tokens(request)).await?;
    let (metadata, ListApiTokensResponse { api_tokens, total }, _) = reply.into_parts();
    let tokens = api_tokens.into_iter().map(ApiTokenJson::of).collect::<Result<Vec<_>, _>>()?;
    Ok((metadata, tokens, total))
}

/// Answers a page of the tokens.
pub(crate) async fn list(rest: Rest, path: Names<String>) -> Result<Response, Error> {
    let slug = names(path)?;
    let page = rest.page()?;
    let url = rest.url(&format!("{slug}/api-access-tokens"));
    let organization = rest.organization(slug).await?;
    let (metadata, tokens, total) = fetch(&rest, &organization, page).await?;
    Ok(page.reply(&metadata, &url, total, &tokens))
}

/// Answers all tokens as CSV. Each hundred counts as a request.
pub(crate) async fn export(rest: Rest, path: Names<String>) -> Result<Response, Error> {
    let organization = rest.organization(names(path)?).await?;
    let mut text = csv::line(&HEADINGS);
    let mut page = Page { number: 1, size: MOST };
    let metadata = loop {
        let (metadata, tokens, total) = fetch(&rest, &organization, page).await?;
        text.extend(tokens.iter().map(row));
        if page.is_last(total) {
            break metadata;
        }
        page.number += 1;
    };
    let mut response = reply::raw(&metadata, text.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    let attachment = "attachment; filename=\"api-access-tokens.csv\"";
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(attachment));
    Ok(response)
}

const HEADINGS: [&str; 11] = [
    "uuid",
    "description",
    "last_four",
    "scopes",
    "user_name",
    "user_email",
    "created_at",
    "expires_at",
    "last_used_at",
    "last_used_ip",
    "allowed_ip_addresses",
];

fn row(token: &ApiTokenJson) -> String {
    let or_empty = |text: &'_ Option<String>| text.clone().unwrap_or_default();
    csv::line(&[
        &token.uuid,
        &token.description,
        &token.last_four,
        &token.scopes.join(" "),
        &token.user.name,
        &token.user.email,
        &token.created_at,
        &or_empty(&token.expires_at),
        &or_empty(&token.last_used_at),
        &or_empty(&token.last_used_ip),
        &or_empty(&token.allowed_ip_addresses),
    ])
}

/// Takes the organization out of a token's reach, for good.
pub(crate) async fn remove(rest: Rest, path: Names<(String, String)>) -> Result<Response, Error> {
    let (slug, uuid) = names(path)?;
    let organization_uuid = rest.organization(slug).await?;
    let message = RemoveApiTokenOrganizationRequest { organization_uuid, token_uuid: uuid_or_nil(&uuid) };
    let request = rest.request(message);
    let reply = rest.call(rest.gateway.directory().remove_api_token_organization(request)).await?;
    Ok(reply::empty(reply.metadata()))
}
