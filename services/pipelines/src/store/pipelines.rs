//! Rows of pipelines.

use std::collections::HashMap;

use kit::ambient::Instant;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select, sea_query::Expr,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Store, commit,
    entity::pipeline::{ActiveModel, Column, Entity, Model},
    order, taken, team_pipelines,
    trail::{Entry, Thing},
    within,
};
use crate::{
    domain::{
        cursor,
        filter::Pipelines,
        page::Numbered,
        paging::{Page, Window},
        pipeline::{Content, Pipeline},
        team::Assignment,
        viewer::Person,
    },
    error::Error,
};

/// What a new pipeline row needs beside its content.
pub(crate) struct Creation {
    pub(crate) uuid: Uuid,
    pub(crate) organization: Uuid,
    pub(crate) at: Instant,
    pub(crate) by: Option<Person>,
    /// The teams that it begins in.
    pub(crate) teams: Vec<Assignment>,
}

/// A change of a pipeline beside its content.
pub(crate) struct Edit {
    /// Whether it is archived from now on; `None`: as it is.
    pub(crate) archived: Option<bool>,
    pub(crate) at: Instant,
    pub(crate) by: Option<Person>,
}

impl Store {
    /// The pipeline of that slug.
    pub(crate) async fn pipeline_of_slug(&self, organization: Uuid, slug: &str) -> Result<Option<Pipeline>, Error> {
        let load = |keys| self.pipelines_of_slugs(keys);
        self.by_slug.get((organization, slug.to_owned()), load).await
    }

    async fn pipelines_of_slugs(
        &self,
        mut keys: Vec<(Uuid, String)>,
    ) -> Result<HashMap<(Uuid, String), Pipeline>, Error> {
        // Powers of two, so that few statements have to be kept prepared.
        if let Some(last) = keys.last().cloned() {
            keys.resize(keys.len().next_power_of_two(), last);
        }
        let key = |(organization, slug)| Column::OrganizationUuid.eq(organization).and(Column::Slug.eq(slug));
        let any = keys.into_iter().map(key).fold(Condition::any(), Condition::add);
        let rows = Entity::find().filter(any).all(self.database.read()).await?;
        let keyed = |row: Model| ((row.organization_uuid, row.slug.clone()), Pipeline::from(row));
        Ok(rows.into_iter().map(keyed).collect())
    }

    /// The pipeline of that id.
    pub(crate) async fn pipeline(&self, scope: &[Uuid], uuid: Uuid) -> Result<Option<Pipeline>, Error> {
        Ok(one(scope, uuid).one(self.database.read()).await?.map(Pipeline::from))
    }

    /// A part of an organization's pipelines.
    pub(crate) async fn pipelines(
        &self,
        organization: Uuid,
        filter: &Pipelines,
        page: &Page<cursor::Ordered>,
    ) -> Result<Window<Pipeline>, Error> {
        let select = narrowed(organization, filter);
        let select = order::part(select, (Column::Name, Column::Uuid), filter.order, page)?;
        let rows = select.all(self.database.read()).await?;
        Ok(page.window(rows.into_iter().map(Pipeline::from).collect()))
    }

    /// A numbered page of an organization's pipelines, the newest first.
    pub(crate) async fn page_of_pipelines(
        &self,
        organization: Uuid,
        filter: &Pipelines,
        page: Numbered,
    ) -> Result<Vec<Pipeline>, Error> {
        let select = narrowed(organization, filter).order_by_desc(Column::Uuid);
        let rows = select.offset(page.offset).limit(page.limit).all(self.database.read()).await?;
        Ok(rows.into_iter().map(Pipeline::from).collect())
    }

    /// The pipelines of those ids.
    pub(crate) async fn pipelines_of(&self, scope: &[Uuid], uuids: Vec<Uuid>) -> Result<Vec<Pipeline>, Error> {
        if uuids.is_empty() {
            return Ok(Vec::new());
        }
        let select = Entity::find().filter(Column::Uuid.is_in(uuids));
        let select = select.filter(Column::OrganizationUuid.is_in(scope.iter().copied()));
        Ok(select.all(self.database.read()).await?.into_iter().map(Pipeline::from).collect())
    }

    /// How many of an organization's pipelines there are.
    pub(crate) async fn count_pipelines(&self, organization: Uuid, filter: &Pipelines) -> Result<u64, Error> {
        Ok(narrowed(organization, filter).count(self.database.read()).await?)
    }

    /// Makes a pipeline.
    pub(crate) async fn create_pipeline(
        &self,
        creation: Creation,
        slug: String,
        content: Content,
    ) -> Result<Pipeline, Error> {
        let Creation { uuid, organization, at, by, teams } = creation;
        let (archived_at, archived_by) = (None, None);
        let pipeline =
            Pipeline { uuid, organization, slug, content, created_at: at, created_by: by, archived_at, archived_by };
        let transaction = self.database.begin().await?;
        Entity::insert(ActiveModel::from(pipeline.clone()))
            .exec_without_returning(&transaction)
            .await
            .map_err(|error| taken(error, Error::NameTaken))?;
        let (by, data) = (pipeline.created_by.as_ref(), json!({ "slug": pipeline.slug }));
        self.record(&transaction, entry("PIPELINE_CREATED", &pipeline, by, data)).await?;
        for assignment in teams {
            self.assign(&transaction, assignment).await?;
        }
        commit(transaction).await?;
        Ok(pipeline)
    }

    /// Changes what is chosen about a pipeline; archives it or brings it back. What is so already stays as it is.
    pub(crate) async fn update_pipeline(
        &self,
        scope: &[Uuid],
        uuid: Uuid,
        Edit { archived, at, by }: Edit,
        change: impl FnOnce(Content) -> Result<Content, Error>,
    ) -> Result<Pipeline, Error> {
        let transaction = self.database.begin().await?;
        let row = one(scope, uuid).lock_exclusive().one(&transaction).await?.ok_or(Error::NoPipeline)?;
        let old = Pipeline::from(row);
        let mut pipeline = Pipeline { content: change(old.content.clone())?, ..old.clone() };
        let next_build_number = old.content.next_build_number;
        if pipeline.content.next_build_number < next_build_number {
            return Err(Error::invalid(format!("Next build number must be at least {next_build_number}")));
        }
        let moved = archived.filter(|archived| *archived != old.archived_at.is_some());
        if let Some(archived) = moved {
            pipeline.archived_at = archived.then_some(at);
            pipeline.archived_by = by.clone().filter(|_| archived);
        } else if pipeline.content == old.content {
            return Ok(old);
        }
        Entity::update_many()
            .set(ActiveModel::from(pipeline.clone()))
            .filter(Column::Uuid.eq(uuid))
            .filter(Column::OrganizationUuid.eq(pipeline.organization))
            .exec(&transaction)
            .await?;
        let data = json!({ "slug": pipeline.slug, "archived": moved });
        self.conclude(transaction, entry("PIPELINE_UPDATED", &pipeline, by.as_ref(), data)).await?;
        Ok(pipeline)
    }

    /// Deletes a pipeline with its builds; gives its organization.
    pub(crate) async fn delete_pipeline(&self, scope: &[Uuid], uuid: Uuid, by: Option<&Person>) -> Result<Uuid, Error> {
        let transaction = self.database.begin().await?;
        let row = one(scope, uuid).lock_exclusive().one(&transaction).await?.ok_or(Error::NoPipeline)?;
        let pipeline = Pipeline::from(row);
        let organization = pipeline.organization;
        self.record(&transaction, entry("PIPELINE_DELETED", &pipeline, by, json!({ "slug": pipeline.slug }))).await?;
        let row = Entity::delete_many().filter(Column::Uuid.eq(uuid)).filter(Column::OrganizationUuid.eq(organization));
        row.exec(&transaction).await?;
        commit(transaction).await?;
        Ok(organization)
    }
}

/// Takes the next number of a pipeline that isn't archived. The row stays locked until the transaction ends, so that
/// numbers are given in the order of commits, without gaps.
pub(super) async fn take_number(
    transaction: &impl ConnectionTrait,
    scope: &[Uuid],
    uuid: Uuid,
) -> Result<(Pipeline, i32), Error> {
    let rows = Entity::update_many()
        .col_expr(Column::NextBuildNumber, Expr::col(Column::NextBuildNumber).add(1))
        .filter(Column::Uuid.eq(uuid))
        .filter(Column::OrganizationUuid.is_in(scope.iter().copied()))
        .filter(Column::ArchivedAt.is_null())
        .exec_with_returning(transaction)
        .await?;
    if let Some(row) = rows.into_iter().next() {
        let number = row.next_build_number - 1;
        return Ok((Pipeline::from(row), number));
    }
    match one(scope, uuid).one(transaction).await? {
        Some(_) => Err(Error::Archived),
        None => Err(Error::NoPipeline),
    }
}

fn entry<'a>(kind: &'static str, pipeline: &'a Pipeline, by: Option<&'a Person>, data: Value) -> Entry<'a> {
    Entry { kind, subject: Thing::Pipeline(pipeline), by, data }
}

fn one(scope: &[Uuid], uuid: Uuid) -> Select<Entity> {
    Entity::find().filter(Column::Uuid.eq(uuid)).filter(Column::OrganizationUuid.is_in(scope.iter().copied()))
}

fn narrowed(organization: Uuid, filter: &Pipelines) -> Select<Entity> {
    let archived = filter
        .archived
        .map(|archived| if archived { Column::ArchivedAt.is_not_null() } else { Column::ArchivedAt.is_null() });
    let condition = Condition::all()
        .add(Column::OrganizationUuid.eq(organization))
        .add(within(Column::CreatedAt, filter.created))
        .add_option(archived)
        .add_option(filter.repository_url.as_ref().map(|url| Column::RepositoryUrl.eq(url)))
        .add_option(filter.repository_like.as_deref().map(|text| order::named_like(Column::RepositoryUrl, text)))
        .add_option(filter.search.as_deref().map(|text| order::named_like(Column::Name, text)))
        .add_option(filter.team.as_ref().map(team_pipelines::held_by));
    Entity::find().filter(condition)
}
