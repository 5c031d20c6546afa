//! Objects with a global id.

use async_graphql::{Context, ID, Interface};

use uuid::Uuid;

use super::{
    authority, build::Build, member::OrganizationMember, organization::Organization, pipeline::Pipeline, scope, server,
    team::Team, team_member, team_member::TeamMember, team_pipeline::TeamPipeline, user::User, viewer, viewer::Viewer,
};
use crate::{
    domain::{
        self,
        member::Member,
        relay::{self, Kind},
        team::Sight,
    },
    error::Error,
};

/// An object with an ID.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "ID of the object."))]
pub(crate) enum Node {
    Build(Build),
    Organization(Organization),
    OrganizationMember(OrganizationMember),
    Pipeline(Pipeline),
    Team(Team),
    TeamMember(TeamMember),
    TeamPipeline(TeamPipeline),
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
        Kind::OrganizationMember => member(ctx, uuid).await?.map(Node::OrganizationMember),
        Kind::Team => team(ctx, uuid).await?.map(Team::new).map(Node::Team),
        Kind::TeamMember => team_member(ctx, uuid).await?.map(Node::TeamMember),
        Kind::TeamPipeline => team_pipeline(ctx, uuid).await?.map(Node::TeamPipeline),
        Kind::User => user(ctx, uuid).await?.map(Node::User),
        Kind::Viewer => (Viewer::uuid(viewer) == Some(uuid)).then_some(Node::Viewer(Viewer)),
    })
}

/// The organization member of that id.
async fn member(ctx: &Context<'_>, id: Uuid) -> Result<Option<OrganizationMember>, Error> {
    for organization in &viewer(ctx).organizations {
        if let Some(found) = member_of(ctx, organization, id).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The same, in that organization.
pub(crate) async fn member_of(
    ctx: &Context<'_>,
    organization: &domain::viewer::Organization,
    id: Uuid,
) -> Result<Option<OrganizationMember>, Error> {
    let user = domain::member::user_of(organization.uuid, id);
    let found = team_member::find(ctx, organization.uuid, vec![user]).await?.remove(&user);
    // Of one whose id isn't made like that there is another.
    let found = found.filter(|found| domain::member::id(organization.uuid, found.user.uuid) == id);
    Ok(found.map(|found| OrganizationMember::new(found, Organization(organization.clone()))))
}

/// The caller, or somebody in one of their organizations.
async fn user(ctx: &Context<'_>, uuid: Uuid) -> Result<Option<User>, Error> {
    let viewer = viewer(ctx);
    if let Some(own) = viewer.user.clone().filter(|user| user.uuid == uuid) {
        return Ok(Some(own.into()));
    }
    for organization in &viewer.organizations {
        if let Some(Member { user, .. }) = team_member::find(ctx, organization.uuid, vec![uuid]).await?.remove(&uuid) {
            return Ok(Some(user.into()));
        }
    }
    Ok(None)
}

/// The team of that id, if the caller knows of it.
pub(crate) async fn team(ctx: &Context<'_>, uuid: Uuid) -> Result<Option<domain::team::Team>, Error> {
    let found = server(ctx).store.team(&scope(ctx), uuid).await?;
    let Some(team) = found else { return Ok(None) };
    let known = !team.content.is_secret()
        || match authority::sight(ctx, team.organization).await? {
            Sight::All => true,
            Sight::Of(user) => server(ctx).store.role_in_team(team.uuid, user).await?.is_some(),
        };
    Ok(known.then_some(team))
}

async fn team_member(ctx: &Context<'_>, uuid: Uuid) -> Result<Option<TeamMember>, Error> {
    let Some((row, found)) = server(ctx).store.team_member(&scope(ctx), uuid).await? else { return Ok(None) };
    let Some(team) = team(ctx, found.uuid).await? else { return Ok(None) };
    let member = team_member::find(ctx, row.organization, vec![row.user]).await?.remove(&row.user);
    // Who has left the organization is in none of its teams.
    Ok(member.map(|member| TeamMember::new(row, Team::new(team), Some(member))))
}

async fn team_pipeline(ctx: &Context<'_>, uuid: Uuid) -> Result<Option<TeamPipeline>, Error> {
    let store = &server(ctx).store;
    let Some((row, found)) = store.team_pipeline(&scope(ctx), uuid).await? else { return Ok(None) };
    let Some(team) = team(ctx, found.uuid).await? else { return Ok(None) };
    let pipeline = store.pipeline(&scope(ctx), row.pipeline).await?.map(Pipeline::new);
    Ok(pipeline.map(|pipeline| TeamPipeline::new(row, Team::new(team), pipeline)))
}
