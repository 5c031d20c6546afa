//! Objects with a global id.

use async_graphql::{Context, ID, Interface};

use super::{
    build::Build, organization::Organization, pipeline::Pipeline, scope, server, user::User, viewer, viewer::Viewer,
};
use crate::{
    domain::relay::{self, Kind},
    error::Error,
};

/// An object with an ID.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "ID of the object."))]
pub(crate) enum Node {
    Build(Build),
    Organization(Organization),
    Pipeline(Pipeline),
    User(User),
    Viewer(Viewer),
}

/// Finds an object within the caller's reach.
pub(crate) async fn find(ctx: &Context<'_>, id: &ID) -> Result<Option<Node>, Error> {
    let Some((kind, uuid)) = relay::decode(id) else { return Ok(None) };
    let viewer = viewer(ctx);
    Ok(match kind {
        Kind::Build => server(ctx).store.build(&scope(ctx), uuid).await?.map(Build::new).map(Node::Build),
        Kind::Pipeline => server(ctx).store.pipeline(&scope(ctx), uuid).await?.map(Pipeline::new).map(Node::Pipeline),
        Kind::Organization => viewer.organization(uuid).cloned().map(Organization).map(Node::Organization),
        Kind::User => viewer.user.clone().filter(|user| user.uuid == uuid).map(User::from).map(Node::User),
        Kind::Viewer => (Viewer::uuid(viewer) == Some(uuid)).then_some(Node::Viewer(Viewer)),
    })
}
