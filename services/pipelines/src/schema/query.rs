//! The root of reads.

use async_graphql::{Context, ID, Object};
use uuid::Uuid;

use super::{
    Nullable, authority,
    build::Build,
    member::OrganizationMember,
    node::{self, Node},
    organization::Organization,
    pipeline::Pipeline,
    scope,
    serial::Serial,
    server,
    team::Team,
    viewer,
    viewer::Viewer,
};
use crate::{domain::slug, error::Error};

/// The query root for this schema
pub(crate) struct Query;

#[Object]
impl Query {
    /// Find a build
    async fn build(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The slug of the build, prefixed with its organization and pipeline. i.e. `acme-inc/my-pipeline/123`"
        )]
        slug: Option<ID>,
        #[graphql(desc = "The UUID of the build")] uuid: Option<ID>,
    ) -> Nullable<Build> {
        find_build(ctx, slug, uuid).await.transpose()
    }

    /// Fetches an object given its ID.
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "ID of the object.")] id: ID) -> Nullable<Serial<Node>> {
        Some(node::find(ctx, &id).await.transpose()?.map(Serial))
    }

    /// Find an organization
    async fn organization(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The slug of the organization")] slug: Option<ID>,
        #[graphql(desc = "The UUID of the organization")] uuid: Option<ID>,
    ) -> Option<Organization> {
        let viewer = viewer(ctx);
        let found = match (slug, uuid) {
            (Some(slug), _) => viewer.organization_of_slug(&slug),
            (None, Some(uuid)) => viewer.organization(Uuid::try_parse(&uuid).ok()?),
            (None, None) => None,
        };
        found.cloned().map(Organization)
    }

    /// Find an organization member
    async fn organization_member(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The UUID for the membership, prefixed by its organization's slug i.e. `acme-inc/0bd5ea7c-89b3-4f40-8ca3-ffac805771eb`"
        )]
        slug: ID,
    ) -> Nullable<OrganizationMember> {
        find_member(ctx, &slug).await.transpose()
    }

    /// Find a pipeline
    async fn pipeline(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The slug of the pipeline, prefixed with its organization. i.e. `acme-inc/my-pipeline`")] slug: Option<ID>,
        #[graphql(desc = "The UUID of the pipeline")] uuid: Option<ID>,
    ) -> Nullable<Pipeline> {
        find_pipeline(ctx, slug, uuid).await.transpose()
    }

    /// Find a team
    async fn team(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The slug of the team, prefixed with its organization. i.e. `acme-inc/awesome-team`")]
        slug: ID,
    ) -> Nullable<Team> {
        find_team(ctx, &slug).await.transpose()
    }

    /// Context of the current user using the GraphQL API
    async fn viewer(&self) -> Option<Viewer> {
        Some(Viewer)
    }
}

async fn find_pipeline(ctx: &Context<'_>, slug: Option<ID>, uuid: Option<ID>) -> Result<Option<Pipeline>, Error> {
    let store = &server(ctx).store;
    let found = if let Some(slug) = slug {
        let Some([organization, pipeline]) = slug::parts(&slug) else { return Ok(None) };
        let Some(organization) = viewer(ctx).organization_of_slug(organization) else { return Ok(None) };
        store.pipeline_of_slug(organization.uuid, pipeline).await?
    } else {
        let Some(uuid) = uuid.and_then(|uuid| Uuid::try_parse(&uuid).ok()) else { return Ok(None) };
        store.pipeline(&scope(ctx), uuid).await?
    };
    Ok(found.map(Pipeline::new))
}

async fn find_build(ctx: &Context<'_>, slug: Option<ID>, uuid: Option<ID>) -> Result<Option<Build>, Error> {
    let store = &server(ctx).store;
    let found = if let Some(slug) = slug {
        let Some([organization, pipeline, number]) = slug::parts(&slug) else { return Ok(None) };
        let Some(organization) = viewer(ctx).organization_of_slug(organization) else { return Ok(None) };
        let Ok(number) = number.parse() else { return Ok(None) };
        store.build_of_number(organization.uuid, pipeline, number).await?
    } else {
        let Some(uuid) = uuid.and_then(|uuid| Uuid::try_parse(&uuid).ok()) else { return Ok(None) };
        store.build(&scope(ctx), uuid).await?
    };
    Ok(found.map(Build::new))
}

async fn find_member(ctx: &Context<'_>, slug: &str) -> Result<Option<OrganizationMember>, Error> {
    let Some([organization, uuid]) = slug::parts(slug) else { return Ok(None) };
    let Some(organization) = viewer(ctx).organization_of_slug(organization) else { return Ok(None) };
    let Ok(uuid) = Uuid::try_parse(uuid) else { return Ok(None) };
    node::member_of(ctx, organization, uuid).await
}

async fn find_team(ctx: &Context<'_>, slug: &str) -> Result<Option<Team>, Error> {
    let Some([organization, team]) = slug::parts(slug) else { return Ok(None) };
    let Some(organization) = viewer(ctx).organization_of_slug(organization) else { return Ok(None) };
    let sight = authority::sight(ctx, organization.uuid).await?;
    Ok(server(ctx).store.team_of_slug(organization.uuid, team, sight).await?.map(Team::new))
}
