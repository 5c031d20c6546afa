//! `GET /v2/user`: who presents the token.

use axum::response::Response;
use contracts::{
    pipelines::v1::Person,
    token::v1::{GetAuthenticatedUserRequest, User},
};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    form::{graphql_id, missing, rfc3339},
    rest::Rest,
};
use crate::{description::About, error::Error, reply};

/// A user as JSON.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserJson {
    #[schema(format = "uuid")]
    id: String,
    /// Only as `created_by`, where it says the same as `id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    uuid: Option<String>,
    #[schema(example = "VXNlci0tLTAxOGYyYjVl")]
    graphql_id: String,
    #[schema(example = "Ada")]
    name: String,
    #[schema(example = "ada@example.com")]
    email: String,
    /// Always null: there are no pictures.
    avatar_url: Option<String>,
    /// Null of somebody who is shown as they were when they did something.
    created_at: Option<String>,
}

impl UserJson {
    fn of(user: User) -> Result<Self, Error> {
        let User { uuid, name, email, created_at } = user;
        let graphql_id = graphql_id("User", &uuid);
        let created_at = Some(rfc3339(created_at)?);
        Ok(Self { id: uuid, uuid: None, graphql_id, name, email, avatar_url: None, created_at })
    }

    /// A user as they were when they did something; `None`: somebody without an account.
    pub(crate) fn remembered(person: &Person) -> Option<Self> {
        let Person { uuid, name, email } = person.clone();
        let graphql_id = graphql_id("User", &uuid);
        let user = Self { id: uuid, uuid: None, graphql_id, name, email, avatar_url: None, created_at: None };
        (!user.id.is_empty()).then_some(user)
    }

    /// A user as `created_by`.
    pub(crate) fn author(user: User) -> Result<Self, Error> {
        let user = Self::of(user)?;
        Ok(Self { uuid: Some(user.id.clone()), ..user })
    }
}

/// [`show`], described.
pub(crate) fn about_show() -> About {
    About::of("get_user", "The user of the token", "").answers::<UserJson>("The user.")
}

/// Answers the user.
pub(crate) async fn show(rest: Rest) -> Result<Response, Error> {
    let request = rest.request(GetAuthenticatedUserRequest {});
    let reply = rest.call(rest.gateway.tokens().get_authenticated_user(request)).await?;
    let (metadata, reply, _) = reply.into_parts();
    let user = UserJson::of(reply.user.ok_or_else(|| missing("the user"))?)?;
    Ok(reply::json(StatusCode::OK, &metadata, &user))
}
