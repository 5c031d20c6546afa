//! `Viewer`.

use async_graphql::{Context, ID, Object};
use uuid::Uuid;

use super::{
    Nullable, build,
    connection::{BuildConnection, OrganizationConnection, part},
    organization::Organization,
    user::User,
    viewer,
};
use crate::{
    domain::{
        self,
        relay::{self, Kind},
    },
    schema::build::BuildStates,
};

/// Represents the current user session
pub(crate) struct Viewer;

impl Viewer {
    /// The user's id, or that of the organization whose authority this is.
    pub(crate) fn uuid(viewer: &domain::viewer::Viewer) -> Option<Uuid> {
        let organization = || viewer.organizations.first().map(|organization| organization.uuid);
        viewer.user.as_ref().map(|user| user.uuid).or_else(organization)
    }
}

#[Object(serial)]
impl Viewer {
    #[expect(clippy::too_many_arguments, reason = "the public schema has them")]
    async fn builds(
        &self,
        ctx: &Context<'_>,
        branch: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
        meta_data: Option<Vec<String>>,
        state: Option<Vec<BuildStates>>,
    ) -> Nullable<BuildConnection> {
        let user = viewer(ctx).user.as_ref()?.uuid;
        let filter = build::Filter { branch: branch.map(|branch| vec![branch]), meta_data, state };
        Some(build::made_by(ctx, user, filter, (first, last)).await)
    }

    /// ID of the object.
    pub(crate) async fn id(&self, ctx: &Context<'_>) -> ID {
        relay::encode(Kind::Viewer, Self::uuid(viewer(ctx)).unwrap_or_default()).into()
    }

    async fn organizations(
        &self,
        ctx: &Context<'_>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Nullable<OrganizationConnection> {
        let organizations: Vec<_> = viewer(ctx).organizations.iter().cloned().map(Organization).collect();
        let count = organizations.len() as u64;
        Some(part(organizations, first, last).map(|window| OrganizationConnection::new(count, window)))
    }

    async fn user(&self, ctx: &Context<'_>) -> Option<User> {
        viewer(ctx).user.clone().map(User::from)
    }
}
