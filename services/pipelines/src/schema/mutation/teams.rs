//! Changes of teams: administrators make, change and delete them; their maintainers too say who and what is in them.

use async_graphql::Context;
use uuid::Uuid;

use super::{
    birth,
    payloads::{
        TeamCreatePayload, TeamDeletePayload, TeamMemberCreatePayload, TeamMemberDeletePayload,
        TeamMemberUpdatePayload, TeamPipelineCreatePayload, TeamPipelineDeletePayload, TeamPipelineUpdatePayload,
        TeamUpdatePayload,
    },
};
use crate::{
    domain::{
        self,
        filter::ListOrder,
        relay::{self, Kind},
        team::{Access, Assignment},
    },
    error::Error,
    schema::{
        authority,
        connection::{TeamEdge, TeamMemberEdge, TeamPipelineEdge},
        inputs::{
            PipelineTeamAssignmentInput, TeamCreateInput, TeamDeleteInput, TeamMemberCreateInput,
            TeamMemberDeleteInput, TeamMemberUpdateInput, TeamPipelineCreateInput, TeamPipelineDeleteInput,
            TeamPipelineUpdateInput, TeamUpdateInput,
        },
        organization::Organization,
        pipeline::Pipeline,
        scope, server,
        team::Team,
        team_member::{self, TeamMember},
        team_pipeline::TeamPipeline,
        viewer,
    },
    store::Birth,
};

pub(super) async fn create(ctx: &Context<'_>, input: TeamCreateInput) -> Result<TeamCreatePayload, Error> {
    let client_mutation_id = input.client_mutation_id.clone();
    let organization = relay::decode_as(Kind::Organization, &input.organization_id);
    let organization = organization.and_then(|uuid| viewer(ctx).organization(uuid)).ok_or(Error::NoOrganization)?;
    let content = input.content()?;
    authority::require_administrator(ctx, organization.uuid).await?;
    let row = server(ctx).store.create_team(organization.uuid, birth(ctx), content.slug()?, content).await?;
    let team = Team::new(row);
    Ok(TeamCreatePayload {
        client_mutation_id,
        organization: Organization(organization.clone()),
        team_edge: TeamEdge::new(&team.place(ListOrder::Name), team),
    })
}

pub(super) async fn update(ctx: &Context<'_>, input: TeamUpdateInput) -> Result<TeamUpdatePayload, Error> {
    let client_mutation_id = input.client_mutation_id.clone();
    let (uuid, _) = administered(ctx, &input.id).await?;
    let by = viewer(ctx).person();
    let row = server(ctx).store.update_team(&scope(ctx), uuid, by.as_ref(), |content| input.apply(content)).await?;
    Ok(TeamUpdatePayload { client_mutation_id, team: Team::new(row) })
}

pub(super) async fn delete(ctx: &Context<'_>, input: TeamDeleteInput) -> Result<TeamDeletePayload, Error> {
    let TeamDeleteInput { client_mutation_id, id } = input;
    let (uuid, organization) = administered(ctx, &id).await?;
    server(ctx).store.delete_team(&scope(ctx), uuid, viewer(ctx).person().as_ref()).await?;
    Ok(TeamDeletePayload { client_mutation_id, deleted_team_id: id, organization })
}

/// The team of that id and its organization, for those who administer it.
async fn administered(ctx: &Context<'_>, id: &str) -> Result<(Uuid, Organization), Error> {
    let uuid = relay::decode_as(Kind::Team, id).ok_or(Error::NoTeam)?;
    let team = server(ctx).store.team(&scope(ctx), uuid).await?.ok_or(Error::NoTeam)?;
    let administers = authority::require_administrator(ctx, team.organization).await;
    // A secret team isn't there for those who don't know of it.
    if administers.is_err() && super::super::node::team(ctx, uuid).await?.is_none() {
        return Err(Error::NoTeam);
    }
    administers?;
    let organization = viewer(ctx).organization(team.organization).cloned().ok_or(Error::NoOrganization)?;
    Ok((uuid, Organization(organization)))
}

pub(super) async fn create_member(
    ctx: &Context<'_>,
    input: TeamMemberCreateInput,
) -> Result<TeamMemberCreatePayload, Error> {
    let TeamMemberCreateInput { client_mutation_id, role, team_id, user_id } = input;
    let team = relay::decode_as(Kind::Team, &team_id).ok_or(Error::NoTeam)?;
    authority::require_maintainer(ctx, team).await?;
    let user = relay::decode_as(Kind::User, &user_id).ok_or(Error::NoUser)?;
    let store = &server(ctx).store;
    let organization = store.team(&scope(ctx), team).await?.ok_or(Error::NoTeam)?.organization;
    let member = team_member::find(ctx, organization, vec![user]).await?.remove(&user).ok_or(Error::NoUser)?;
    let made = store.create_team_member(&scope(ctx), (team, user), role.map(Into::into), birth(ctx)).await?;
    let (row, team) = (made.0, Team::new(made.1));
    let member = TeamMember::new(row, team.clone(), Some(member));
    let edge = TeamMemberEdge::new(&member.place(ListOrder::RecentlyCreated), member);
    Ok(TeamMemberCreatePayload { client_mutation_id, team: Some(team), team_member_edge: Some(edge) })
}

pub(super) async fn update_member(
    ctx: &Context<'_>,
    input: TeamMemberUpdateInput,
) -> Result<TeamMemberUpdatePayload, Error> {
    let TeamMemberUpdateInput { client_mutation_id, id, role } = input;
    let (uuid, team) = kept_member(ctx, &id).await?;
    let by = viewer(ctx).person();
    let row = server(ctx).store.update_team_member(&scope(ctx), uuid, role.into(), by.as_ref()).await?;
    let member = team_member::find(ctx, row.organization, vec![row.user]).await?.remove(&row.user);
    Ok(TeamMemberUpdatePayload { client_mutation_id, team_member: TeamMember::new(row, Team::new(team), member) })
}

pub(super) async fn delete_member(
    ctx: &Context<'_>,
    input: TeamMemberDeleteInput,
) -> Result<TeamMemberDeletePayload, Error> {
    let TeamMemberDeleteInput { client_mutation_id, id } = input;
    let (uuid, team) = kept_member(ctx, &id).await?;
    server(ctx).store.delete_team_member(&scope(ctx), uuid, viewer(ctx).person().as_ref()).await?;
    Ok(TeamMemberDeletePayload { client_mutation_id, deleted_team_member_id: id, team: Some(Team::new(team)) })
}

/// The member of that id and their team, for those who may change it.
async fn kept_member(ctx: &Context<'_>, id: &str) -> Result<(Uuid, domain::team::Team), Error> {
    let uuid = relay::decode_as(Kind::TeamMember, id).ok_or(Error::NoTeamMember)?;
    let (_, team) = server(ctx).store.team_member(&scope(ctx), uuid).await?.ok_or(Error::NoTeamMember)?;
    match authority::require_maintainer(ctx, team.uuid).await {
        Err(Error::NoTeam) => Err(Error::NoTeamMember),
        other => other.map(|()| (uuid, team)),
    }
}

pub(super) async fn create_pipeline(
    ctx: &Context<'_>,
    input: TeamPipelineCreateInput,
) -> Result<TeamPipelineCreatePayload, Error> {
    let TeamPipelineCreateInput { access_level, client_mutation_id, pipeline_id, team_id } = input;
    let team = relay::decode_as(Kind::Team, &team_id).ok_or(Error::NoTeam)?;
    authority::require_maintainer(ctx, team).await?;
    let pipeline = relay::decode_as(Kind::Pipeline, &pipeline_id).ok_or(Error::NoPipeline)?;
    let access = access_level.map_or(Access::ReadOnly, Into::into);
    let store = &server(ctx).store;
    let (row, team, pipeline) = store.create_team_pipeline(&scope(ctx), (team, pipeline), access, birth(ctx)).await?;
    let (team, pipeline) = (Team::new(team), Pipeline::new(pipeline));
    let one = TeamPipeline::new(row, team.clone(), pipeline.clone());
    let edge = TeamPipelineEdge::new(&one.place(ListOrder::RecentlyCreated), one.clone());
    Ok(TeamPipelineCreatePayload {
        client_mutation_id,
        pipeline: Some(pipeline),
        team: Some(team),
        team_pipeline: Some(one),
        team_pipeline_edge: Some(edge),
    })
}

pub(super) async fn update_pipeline(
    ctx: &Context<'_>,
    input: TeamPipelineUpdateInput,
) -> Result<TeamPipelineUpdatePayload, Error> {
    let TeamPipelineUpdateInput { access_level, client_mutation_id, id } = input;
    let (uuid, team) = kept_pipeline(ctx, &id).await?;
    let (store, by) = (&server(ctx).store, viewer(ctx).person());
    let row = store.update_team_pipeline(&scope(ctx), uuid, access_level.into(), by.as_ref()).await?;
    let pipeline = store.pipeline(&scope(ctx), row.pipeline).await?.ok_or(Error::NoPipeline)?;
    let team_pipeline = TeamPipeline::new(row, Team::new(team), Pipeline::new(pipeline));
    Ok(TeamPipelineUpdatePayload { client_mutation_id, team_pipeline })
}

pub(super) async fn delete_pipeline(
    ctx: &Context<'_>,
    input: TeamPipelineDeleteInput,
) -> Result<TeamPipelineDeletePayload, Error> {
    let TeamPipelineDeleteInput { client_mutation_id, id } = input;
    let (uuid, team) = kept_pipeline(ctx, &id).await?;
    server(ctx).store.delete_team_pipeline(&scope(ctx), uuid, viewer(ctx).person().as_ref()).await?;
    Ok(TeamPipelineDeletePayload { client_mutation_id, deleted_team_pipeline_id: id, team: Some(Team::new(team)) })
}

/// The pipeline's place of that id and its team, for those who may change it.
async fn kept_pipeline(ctx: &Context<'_>, id: &str) -> Result<(Uuid, domain::team::Team), Error> {
    let uuid = relay::decode_as(Kind::TeamPipeline, id).ok_or(Error::NoTeamPipeline)?;
    let (_, team) = server(ctx).store.team_pipeline(&scope(ctx), uuid).await?.ok_or(Error::NoTeamPipeline)?;
    match authority::require_maintainer(ctx, team.uuid).await {
        Err(Error::NoTeam) => Err(Error::NoTeamPipeline),
        other => other.map(|()| (uuid, team)),
    }
}

/// The places in teams that a new pipeline gets.
pub(super) async fn assignments(
    ctx: &Context<'_>,
    pipeline: Uuid,
    organization: Uuid,
    teams: Vec<PipelineTeamAssignmentInput>,
) -> Result<Vec<Assignment>, Error> {
    let mut assignments = Vec::new();
    for PipelineTeamAssignmentInput { access_level, id } in domain::text::at_most("Teams", teams, MOST_TEAMS)? {
        let team = relay::decode_as(Kind::Team, &id).ok_or(Error::NoTeam)?;
        authority::require_maintainer(ctx, team).await?;
        let found = server(ctx).store.team(&scope(ctx), team).await?.ok_or(Error::NoTeam)?;
        if found.organization != organization {
            return Err(Error::NoTeam);
        }
        let access = access_level.map_or(Access::ManageBuildAndRead, Into::into);
        let Birth { uuid, at, by } = birth(ctx);
        assignments.push(Assignment { uuid, organization, team, pipeline, access, created_at: at, created_by: by });
    }
    Ok(assignments)
}

/// The most teams that a new pipeline can be put into at once.
const MOST_TEAMS: usize = 50;
