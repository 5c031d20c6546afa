//! `/v2/organizations/{org}/api-access-tokens`, also as CSV: which tokens reach an organization.

use super::{
    form::{Names, missing, names, rfc3339, rfc3339_or_null, uuid_or_nil},
    rest::Rest,
};
use crate::{csv, description::About, error::Error, reply};
use axum::response::Response;
use contracts::directory::v1::{
    ApiToken, ExportApiTokensRequest, ListApiTokensRequest, ListApiTokensResponse, RemoveApiTokenOrganizationRequest,
};
use http::{HeaderValue, header};
use serde::Serialize;
use utoipa::ToSchema;

/// A token as JSON, and as a row.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiAccessToken)]
struct ApiTokenJson {
    uuid: String,
    #[schema(example = "CI")]
    description: String,
    #[schema(example = "6RZx")]
    last_four: String,
    scopes: Vec<String>,
    user: Owner,
    created_at: String,
    /// Null: never.
    expires_at: Option<String>,
    last_used_at: Option<String>,
    #[schema(example = "192.0.2.7")]
    last_used_ip: Option<String>,
    #[schema(example = "192.0.2.0/24 2001:db8::/32")]
    allowed_ip_addresses: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ApiAccessTokenOwner)]
struct Owner {
    #[schema(format = "uuid")]
    id: String,
    #[schema(example = "Ada")]
    name: String,
    #[schema(example = "ada@example.com")]
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

/// [`list`], described.
pub(crate) fn about_list() -> About {
    About::of("list_api_access_tokens", "List the API access tokens that reach an organization", "")
        .lists::<ApiTokenJson>("A page of them.")
}

/// Answers a page of the tokens.
pub(crate) async fn list(rest: Rest, path: Names<String>) -> Result<Response, Error> {
    let slug = names(path)?;
    let page = rest.page()?;
    let url = rest.url(&format!("{slug}/api-access-tokens"));
    let organization_uuid = rest.organization(slug).await?;
    let request = rest.request(ListApiTokensRequest { organization_uuid, page: page.number, per_page: page.size });
    let reply = rest.call(rest.gateway.directory().list_api_tokens(request)).await?;
    let (metadata, ListApiTokensResponse { api_tokens, total }, _) = reply.into_parts();
    let tokens = api_tokens.into_iter().map(ApiTokenJson::of).collect::<Result<Vec<_>, _>>()?;
    Ok(page.reply(&metadata, &url, total, &tokens))
}

/// [`export`], described.
pub(crate) fn about_export() -> About {
    About::of("export_api_access_tokens", "The same as CSV", "All of them, as RFC 4180 has it.")
        .answers_file("text/csv", "The tokens.")
}

/// Answers all tokens as CSV.
pub(crate) async fn export(rest: Rest, path: Names<String>) -> Result<Response, Error> {
    let organization_uuid = rest.organization(names(path)?).await?;
    let request = rest.request(ExportApiTokensRequest { organization_uuid });
    let mut text = csv::line(&HEADINGS);
    let read = async {
        let reply = rest.gateway.directory().export_api_tokens(request).await?;
        let (metadata, mut parts, extensions) = reply.into_parts();
        let mut tokens = Vec::new();
        while let Some(part) = parts.message().await? {
            tokens.extend(part.api_tokens);
        }
        Ok(tonic::Response::from_parts(metadata, tokens, extensions))
    };
    // Read to its end before anything is answered: what breaks off must not look like a whole.
    let (metadata, tokens, _) = rest.call(read).await?.into_parts();
    for token in tokens {
        text.push_str(&row(&ApiTokenJson::of(token)?));
    }
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

/// [`remove`], described.
pub(crate) fn about_remove() -> About {
    About::of(
        "remove_api_access_token",
        "Take an organization out of a token's reach",
        "For good: it can't be put back. The token itself stays.",
    )
    .answers_nothing("The token doesn't reach the organization any more.")
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
