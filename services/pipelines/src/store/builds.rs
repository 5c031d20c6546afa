//! Rows of builds.

use std::{collections::HashMap, sync::Arc};

use kit::ambient::Instant;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, Order, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select, SelectTwoRequired, sea_query::Expr,
};
use uuid::Uuid;

use super::{
    Store, commit,
    entity::{
        build::{ActiveModel, Column, Entity, Model},
        columns, meta_data, pipeline,
    },
    order,
    pipelines::take_number,
    team_pipelines::Count,
    together, within,
};
use crate::{
    domain::{
        self,
        build::{Build, Content, MetaDatum, State, UNFINISHED},
        cursor::{Created, Number},
        filter::Builds,
        paging::{Page, Window},
        pipeline::Pipeline,
        viewer::Person,
    },
    error::Error,
};

pub(super) type Pair = (Build, Pipeline);

impl Store {
    /// The build of that number, with its pipeline.
    pub(crate) async fn build_of_number(
        &self,
        organization: Uuid,
        slug: &str,
        number: i32,
    ) -> Result<Option<Pair>, Error> {
        let select = paired()
            .filter(pipeline::Column::OrganizationUuid.eq(organization))
            .filter(pipeline::Column::Slug.eq(slug))
            .filter(Column::Number.eq(number));
        select.one(self.database.read()).await?.map(pair).transpose()
    }

    /// The build of that id, with its pipeline.
    pub(crate) async fn build(&self, scope: &[Uuid], uuid: Uuid) -> Result<Option<Pair>, Error> {
        build(self.database.read(), scope, uuid).await
    }

    /// The builds of those ids, by id.
    pub(crate) async fn builds_of(&self, scope: &[Uuid], uuids: Vec<Uuid>) -> Result<HashMap<Uuid, Pair>, Error> {
        if uuids.is_empty() {
            return Ok(HashMap::new());
        }
        let select = scoped(paired(), scope).filter(Column::Uuid.is_in(uuids));
        let rows = select.all(self.database.read()).await?;
        rows.into_iter().map(|row| pair(row).map(|found| (found.0.uuid, found))).collect()
    }

    /// A part of each of those pipelines' builds, the newest first.
    pub(crate) async fn builds(
        &self,
        pipelines: &[Arc<Pipeline>],
        filter: &Builds,
        page: &Page<Number>,
    ) -> Result<HashMap<Uuid, Window<Build>>, Error> {
        let lists = pipelines.iter().map(|pipeline| {
            let select = of_pipeline(pipeline, filter);
            let select = page.after.iter().fold(select, |select, after| select.filter(Column::Number.lt(after.0)));
            let select = page.before.iter().fold(select, |select, before| select.filter(Column::Number.gt(before.0)));
            let order = if page.backwards() { Order::Asc } else { Order::Desc };
            select.order_by(Column::Number, order).limit(page.limit()).into_query()
        });
        let rows: Vec<Model> = together::all(self.database.read(), lists.collect()).await?;
        let mut found = HashMap::<_, Vec<_>>::new();
        for row in rows {
            found.entry(row.pipeline_uuid).or_default().push(Build::try_from(row)?);
        }
        let window = |pipeline: &Arc<Pipeline>| page.window(found.remove(&pipeline.uuid).unwrap_or_default());
        Ok(pipelines.iter().map(|pipeline| pipeline.uuid).zip(pipelines.iter().map(window)).collect())
    }

    /// How many builds each of those pipelines has.
    pub(crate) async fn count_builds(
        &self,
        pipelines: &[Arc<Pipeline>],
        filter: &Builds,
    ) -> Result<HashMap<Uuid, u64>, Error> {
        // Each pipeline has its own default branch.
        let count = |pipeline: &Arc<Pipeline>| {
            let select = of_pipeline(pipeline, filter).select_only();
            let select = select.expr_as(Expr::value(pipeline.uuid), "parent");
            select.column_as(Column::Uuid.count(), "count").into_query()
        };
        let counts = pipelines.iter().map(count).collect();
        let counts: Vec<Count> = together::all(self.database.read(), counts).await?;
        Ok(counts.into_iter().map(|row| (row.parent, row.count.unsigned_abs())).collect())
    }

    /// A part of the builds that a user made, the newest first.
    pub(crate) async fn builds_by(
        &self,
        (scope, user): (&[Uuid], Uuid),
        filter: &Builds,
        page: &Page<Created>,
    ) -> Result<Window<Pair>, Error> {
        let order = if page.backwards() { Order::Asc } else { Order::Desc };
        let select = scoped(paired(), scope).filter(Column::CreatedByUuid.eq(user)).filter(anywhere(filter));
        let rows = select.order_by(Column::Uuid, order).limit(page.limit()).all(self.database.read()).await?;
        let pairs: Result<Vec<_>, Error> = rows.into_iter().map(pair).collect();
        Ok(page.window(pairs?))
    }

    /// How many builds a user made.
    pub(crate) async fn count_builds_by(&self, scope: &[Uuid], user: Uuid, filter: &Builds) -> Result<u64, Error> {
        let select = Entity::find()
            .filter(Column::OrganizationUuid.is_in(scope.iter().copied()))
            .filter(Column::CreatedByUuid.eq(user))
            .filter(anywhere(filter));
        Ok(select.count(self.database.read()).await?)
    }

    /// Makes a build. `content` says what is built once the pipeline is known; the number is the pipeline's next.
    pub(crate) async fn create_build(
        &self,
        scope: &[Uuid],
        pipeline: Uuid,
        birth: Birth,
        content: impl FnOnce(&Pipeline) -> Result<Content, Error>,
    ) -> Result<Pair, Error> {
        let transaction = self.database.begin().await?;
        let (pipeline, number) = take_number(&transaction, scope, pipeline).await?;
        let build = birth.build(&pipeline, number, content(&pipeline)?);
        insert(&transaction, &build).await?;
        self.tell(&transaction, (&build, &pipeline), build.created_by.as_ref()).await?;
        commit(transaction).await?;
        Ok((build, pipeline))
    }

    /// Makes a copy of a build; gives the original too.
    pub(crate) async fn rebuild(&self, scope: &[Uuid], uuid: Uuid, birth: Birth) -> Result<(Build, Pair), Error> {
        let transaction = self.database.begin().await?;
        let (original, _) = build(&transaction, scope, uuid).await?.ok_or(Error::NoBuild)?;
        let (pipeline, number) = take_number(&transaction, scope, original.pipeline).await?;
        if !pipeline.content.allow_rebuilds {
            return Err(Error::RebuildsForbidden);
        }
        let mut copy = birth.build(&pipeline, number, original.content.clone());
        copy.rebuilt_from = Some(original.uuid);
        insert(&transaction, &copy).await?;
        self.tell(&transaction, (&copy, &pipeline), copy.created_by.as_ref()).await?;
        commit(transaction).await?;
        Ok((original, (copy, pipeline)))
    }

    /// Cancels a build that isn't over.
    pub(crate) async fn cancel_build(
        &self,
        scope: &[Uuid],
        uuid: Uuid,
        (at, by): (Instant, Option<Person>),
    ) -> Result<Pair, Error> {
        let (by_uuid, by_name, by_email) = columns(by);
        let transaction = self.database.begin().await?;
        let changed = Entity::update_many()
            .col_expr(Column::State, Expr::value(State::Canceled.word()))
            .col_expr(Column::CanceledAt, Expr::value(at))
            .col_expr(Column::FinishedAt, Expr::value(at))
            .col_expr(Column::CanceledByUuid, Expr::value(by_uuid))
            .col_expr(Column::CanceledByName, Expr::value(by_name))
            .col_expr(Column::CanceledByEmail, Expr::value(by_email))
            .filter(Column::Uuid.eq(uuid))
            .filter(Column::OrganizationUuid.is_in(scope.iter().copied()))
            .filter(Column::State.is_in(UNFINISHED.map(State::word)))
            .exec(&transaction)
            .await?;
        let found = build(&transaction, scope, uuid).await?.ok_or(Error::NoBuild)?;
        if changed.rows_affected == 0 {
            return Err(Error::Finished);
        }
        self.tell(&transaction, (&found.0, &found.1), found.0.canceled_by.as_ref()).await?;
        commit(transaction).await?;
        Ok(found)
    }
}

/// What a new build's row needs beside its content.
pub(crate) struct Birth {
    pub(crate) uuid: Uuid,
    pub(crate) at: Instant,
    pub(crate) by: Option<Person>,
}

impl Birth {
    fn build(self, pipeline: &Pipeline, number: i32, content: Content) -> Build {
        Build {
            uuid: self.uuid,
            organization: pipeline.organization,
            pipeline: pipeline.uuid,
            number,
            state: State::Scheduled,
            content,
            created_at: self.at,
            created_by: self.by,
            scheduled_at: Some(self.at),
            started_at: None,
            finished_at: None,
            canceled_at: None,
            canceled_by: None,
            cancel_reason: None,
            rebuilt_from: None,
        }
    }
}

pub(super) async fn build(
    connection: &impl ConnectionTrait,
    scope: &[Uuid],
    uuid: Uuid,
) -> Result<Option<Pair>, Error> {
    let select = scoped(paired(), scope).filter(Column::Uuid.eq(uuid));
    select.one(connection).await?.map(pair).transpose()
}

async fn insert(transaction: &impl ConnectionTrait, build: &Build) -> Result<(), DbErr> {
    Entity::insert(ActiveModel::from(build.clone())).exec_without_returning(transaction).await?;
    let rows = build.content.meta_data.iter().map(|MetaDatum { key, value }| meta_data::ActiveModel {
        build_uuid: sea_orm::Set(build.uuid),
        key: sea_orm::Set(key.clone()),
        value: sea_orm::Set(value.clone()),
    });
    if rows.len() > 0 {
        meta_data::Entity::insert_many(rows).exec_without_returning(transaction).await?;
    }
    Ok(())
}

fn paired() -> SelectTwoRequired<Entity, pipeline::Entity> {
    Entity::find().find_both_related(pipeline::Entity)
}

fn pair((build, pipeline): (Model, pipeline::Model)) -> Result<Pair, Error> {
    Ok((Build::try_from(build)?, Pipeline::from(pipeline)))
}

fn scoped<Q: QueryFilter>(select: Q, scope: &[Uuid]) -> Q {
    select.filter(Column::OrganizationUuid.is_in(scope.iter().copied()))
}

fn of_pipeline(pipeline: &Pipeline, filter: &Builds) -> Select<Entity> {
    let branches = filter.branches.clone().map(|branches| domain::filter::branches(branches, pipeline));
    Entity::find()
        .filter(Column::PipelineUuid.eq(pipeline.uuid))
        .filter(Column::OrganizationUuid.eq(pipeline.organization))
        .filter(matching(filter))
        .filter(Condition::all().add_option(branches.map(|branches| Column::Branch.is_in(branches))))
}

/// What holds for builds of any pipeline.
fn matching(filter: &Builds) -> Condition {
    let states = filter.states.as_ref().map(|states| states.iter().map(|state| state.word()));
    let condition = Condition::all()
        .add(within(Column::CreatedAt, filter.created))
        .add_option(filter.commits.clone().map(|commits| Column::Commit.is_in(commits)))
        .add_option(states.map(|states| Column::State.is_in(states)))
        .add_option(filter.creator.map(|user| Column::CreatedByUuid.eq(user)))
        .add_option(filter.finished_from.map(|from| Column::FinishedAt.gte(from)));
    filter.meta_data.iter().fold(condition, |condition, datum| condition.add(Column::Uuid.in_subquery(carrying(datum))))
}

/// The same, and on those branches, whatever the pipeline.
pub(super) fn anywhere(filter: &Builds) -> Condition {
    let patterns = filter.branch_patterns.iter().map(|pattern| order::like(Column::Branch, pattern));
    let exact = filter.branches.clone().map(|branches| Column::Branch.is_in(branches));
    let any = exact.into_iter().chain(patterns).fold(Condition::any(), Condition::add);
    if any.is_empty() { matching(filter) } else { matching(filter).add(any) }
}

fn carrying(datum: &MetaDatum) -> sea_orm::sea_query::SelectStatement {
    meta_data::Entity::find()
        .select_only()
        .column(meta_data::Column::BuildUuid)
        .filter(meta_data::Column::Key.eq(&datum.key))
        .filter(meta_data::Column::Value.eq(&datum.value))
        .into_query()
}
