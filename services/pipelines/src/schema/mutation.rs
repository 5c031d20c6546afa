//! The root of changes: each parses its ids, decides, writes in one transaction and replies.

mod payloads;
mod teams;

use async_graphql::{Context, Object};

use self::payloads::{
    BuildCancelPayload, BuildCreatePayload, BuildRebuildPayload, PipelineArchivePayload, PipelineCreatePayload,
    PipelineDeletePayload, PipelineUnarchivePayload, PipelineUpdatePayload, TeamCreatePayload, TeamDeletePayload,
    TeamMemberCreatePayload, TeamMemberDeletePayload, TeamMemberUpdatePayload, TeamPipelineCreatePayload,
    TeamPipelineDeletePayload, TeamPipelineUpdatePayload, TeamUpdatePayload,
};
use super::{
    Nullable,
    build::Build,
    connection::PipelineEdge,
    inputs::{
        BuildCancelInput, BuildCreateInput, BuildRebuildInput, PipelineArchiveInput, PipelineCreateInput,
        PipelineDeleteInput, PipelineUnarchiveInput, PipelineUpdateInput, TeamCreateInput, TeamDeleteInput,
        TeamMemberCreateInput, TeamMemberDeleteInput, TeamMemberUpdateInput, TeamPipelineCreateInput,
        TeamPipelineDeleteInput, TeamPipelineUpdateInput, TeamUpdateInput,
    },
    organization::Organization,
    pipeline::Pipeline,
    scope, server, viewer,
};
use crate::{
    domain::{
        filter::ListOrder,
        relay::{self, Kind},
    },
    error::Error,
    store::{Birth, Creation, Edit},
};

/// The root for mutations in this schema
pub(crate) struct Mutation;

#[Object]
impl Mutation {
    /// Cancel a build.
    async fn build_cancel(&self, ctx: &Context<'_>, input: BuildCancelInput) -> Nullable<BuildCancelPayload> {
        Some(build_cancel(ctx, input).await)
    }

    /// Create a build.
    async fn build_create(&self, ctx: &Context<'_>, input: BuildCreateInput) -> Nullable<BuildCreatePayload> {
        Some(build_create(ctx, input).await)
    }

    /// Rebuild a build.
    async fn build_rebuild(&self, ctx: &Context<'_>, input: BuildRebuildInput) -> Nullable<BuildRebuildPayload> {
        Some(build_rebuild(ctx, input).await)
    }

    /// Archive a pipeline.
    async fn pipeline_archive(
        &self,
        ctx: &Context<'_>,
        input: PipelineArchiveInput,
    ) -> Nullable<PipelineArchivePayload> {
        let PipelineArchiveInput { client_mutation_id, id } = input;
        let pipeline = pipeline_archive(ctx, &id, true).await;
        Some(pipeline.map(|pipeline| PipelineArchivePayload { client_mutation_id, pipeline }))
    }

    /// Create a pipeline.
    async fn pipeline_create(&self, ctx: &Context<'_>, input: PipelineCreateInput) -> Nullable<PipelineCreatePayload> {
        Some(pipeline_create(ctx, input).await)
    }

    /// Delete a pipeline.
    async fn pipeline_delete(&self, ctx: &Context<'_>, input: PipelineDeleteInput) -> Nullable<PipelineDeletePayload> {
        Some(pipeline_delete(ctx, input).await)
    }

    /// Unarchive a pipeline.
    async fn pipeline_unarchive(
        &self,
        ctx: &Context<'_>,
        input: PipelineUnarchiveInput,
    ) -> Nullable<PipelineUnarchivePayload> {
        let PipelineUnarchiveInput { client_mutation_id, id } = input;
        let pipeline = pipeline_archive(ctx, &id, false).await;
        Some(pipeline.map(|pipeline| PipelineUnarchivePayload { client_mutation_id, pipeline }))
    }

    /// Change the settings for a pipeline.
    async fn pipeline_update(&self, ctx: &Context<'_>, input: PipelineUpdateInput) -> Nullable<PipelineUpdatePayload> {
        Some(pipeline_update(ctx, input).await)
    }

    /// Create a team.
    async fn team_create(&self, ctx: &Context<'_>, input: TeamCreateInput) -> Nullable<TeamCreatePayload> {
        Some(teams::create(ctx, input).await)
    }

    /// Delete a team.
    async fn team_delete(&self, ctx: &Context<'_>, input: TeamDeleteInput) -> Nullable<TeamDeletePayload> {
        Some(teams::delete(ctx, input).await)
    }

    /// Add a user to a team.
    async fn team_member_create(
        &self,
        ctx: &Context<'_>,
        input: TeamMemberCreateInput,
    ) -> Nullable<TeamMemberCreatePayload> {
        Some(teams::create_member(ctx, input).await)
    }

    /// Remove a user from a team.
    async fn team_member_delete(
        &self,
        ctx: &Context<'_>,
        input: TeamMemberDeleteInput,
    ) -> Nullable<TeamMemberDeletePayload> {
        Some(teams::delete_member(ctx, input).await)
    }

    /// Update a user's role in a team.
    async fn team_member_update(
        &self,
        ctx: &Context<'_>,
        input: TeamMemberUpdateInput,
    ) -> Nullable<TeamMemberUpdatePayload> {
        Some(teams::update_member(ctx, input).await)
    }

    /// Add a pipeline to a team.
    async fn team_pipeline_create(
        &self,
        ctx: &Context<'_>,
        input: TeamPipelineCreateInput,
    ) -> Nullable<TeamPipelineCreatePayload> {
        Some(teams::create_pipeline(ctx, input).await)
    }

    /// Remove a pipeline from a team.
    async fn team_pipeline_delete(
        &self,
        ctx: &Context<'_>,
        input: TeamPipelineDeleteInput,
    ) -> Nullable<TeamPipelineDeletePayload> {
        Some(teams::delete_pipeline(ctx, input).await)
    }

    /// Update a pipeline's access level within a team.
    async fn team_pipeline_update(
        &self,
        ctx: &Context<'_>,
        input: TeamPipelineUpdateInput,
    ) -> Nullable<TeamPipelineUpdatePayload> {
        Some(teams::update_pipeline(ctx, input).await)
    }

    /// Change the settings for a team.
    async fn team_update(&self, ctx: &Context<'_>, input: TeamUpdateInput) -> Nullable<TeamUpdatePayload> {
        Some(teams::update(ctx, input).await)
    }
}

async fn build_create(ctx: &Context<'_>, input: BuildCreateInput) -> Result<BuildCreatePayload, Error> {
    let client_mutation_id = input.client_mutation_id.clone();
    let pipeline = relay::decode_as(Kind::Pipeline, &input.pipeline_id).ok_or(Error::NoPipeline)?;
    let mut order = input.order(viewer(ctx))?;
    let birth = Birth { by: order.created_by.take(), ..birth(ctx) };
    let pair = server(ctx).store.create_build(&scope(ctx), pipeline, birth, |pipeline| order.content(pipeline)).await?;
    Ok(BuildCreatePayload { build: Some(Build::new(pair)), client_mutation_id })
}

async fn build_cancel(ctx: &Context<'_>, input: BuildCancelInput) -> Result<BuildCancelPayload, Error> {
    let BuildCancelInput { client_mutation_id, id } = input;
    let uuid = relay::decode_as(Kind::Build, &id).ok_or(Error::NoBuild)?;
    let server = server(ctx);
    let pair = server.store.cancel_build(&scope(ctx), uuid, (server.ambient.now(), viewer(ctx).person())).await?;
    Ok(BuildCancelPayload { build: Build::new(pair), client_mutation_id })
}

async fn build_rebuild(ctx: &Context<'_>, input: BuildRebuildInput) -> Result<BuildRebuildPayload, Error> {
    let BuildRebuildInput { client_mutation_id, id } = input;
    let uuid = relay::decode_as(Kind::Build, &id).ok_or(Error::NoBuild)?;
    let (original, (copy, pipeline)) = server(ctx).store.rebuild(&scope(ctx), uuid, birth(ctx)).await?;
    let pipeline = Pipeline::new(pipeline);
    Ok(BuildRebuildPayload {
        build: Build::on(original, pipeline.clone()),
        client_mutation_id,
        rebuild: Build::on(copy, pipeline),
    })
}

async fn pipeline_create(ctx: &Context<'_>, input: PipelineCreateInput) -> Result<PipelineCreatePayload, Error> {
    let client_mutation_id = input.client_mutation_id.clone();
    let organization = relay::decode_as(Kind::Organization, &input.organization_id);
    let organization = organization.and_then(|uuid| viewer(ctx).organization(uuid)).ok_or(Error::NoOrganization)?;
    let (teams, content) = (input.teams.clone().unwrap_or_default(), input.content()?);
    let Birth { uuid, at, by } = birth(ctx);
    let teams = teams::assignments(ctx, uuid, organization.uuid, teams).await?;
    let creation = Creation { uuid, organization: organization.uuid, at, by, teams };
    let row = server(ctx).store.create_pipeline(creation, content.slug()?, content).await?;
    let pipeline = Pipeline::new(row);
    let cursor = pipeline.place(ListOrder::RecentlyCreated);
    Ok(PipelineCreatePayload {
        client_mutation_id,
        organization: Organization(organization.clone()),
        pipeline: pipeline.clone(),
        pipeline_edge: PipelineEdge::new(&cursor, pipeline),
    })
}

async fn pipeline_update(ctx: &Context<'_>, input: PipelineUpdateInput) -> Result<PipelineUpdatePayload, Error> {
    let client_mutation_id = input.client_mutation_id.clone();
    let uuid = relay::decode_as(Kind::Pipeline, &input.id).ok_or(Error::NoPipeline)?;
    let edit = Edit { archived: input.archived, at: server(ctx).ambient.now(), by: viewer(ctx).person() };
    let row = server(ctx).store.update_pipeline(&scope(ctx), uuid, edit, |content| input.apply(content)).await?;
    Ok(PipelineUpdatePayload { client_mutation_id, pipeline: Pipeline::new(row) })
}

async fn pipeline_archive(ctx: &Context<'_>, id: &str, archive: bool) -> Result<Pipeline, Error> {
    let uuid = relay::decode_as(Kind::Pipeline, id).ok_or(Error::NoPipeline)?;
    let edit = Edit { archived: Some(archive), at: server(ctx).ambient.now(), by: viewer(ctx).person() };
    Ok(Pipeline::new(server(ctx).store.update_pipeline(&scope(ctx), uuid, edit, Ok).await?))
}

async fn pipeline_delete(ctx: &Context<'_>, input: PipelineDeleteInput) -> Result<PipelineDeletePayload, Error> {
    let PipelineDeleteInput { client_mutation_id, id } = input;
    let uuid = relay::decode_as(Kind::Pipeline, &id).ok_or(Error::NoPipeline)?;
    let organization = server(ctx).store.delete_pipeline(&scope(ctx), uuid, viewer(ctx).person().as_ref()).await?;
    let organization = viewer(ctx).organization(organization).cloned().ok_or(Error::NoOrganization)?;
    Ok(PipelineDeletePayload { client_mutation_id, deleted_pipeline_id: id, organization: Organization(organization) })
}

fn birth(ctx: &Context<'_>) -> Birth {
    let ambient = &server(ctx).ambient;
    Birth { uuid: ambient.uuid(), at: ambient.now(), by: viewer(ctx).person() }
}
