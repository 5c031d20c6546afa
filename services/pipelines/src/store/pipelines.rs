//! Rows of pipelines.

use std::collections::HashMap;

use kit::ambient::Instant;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, Order, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select, SqlErr,
    sea_query::{BinOper, Expr, Func},
};
use uuid::Uuid;

use super::{
    Store,
    entity::{
        columns,
        pipeline::{ActiveModel, Column, Entity, Model},
    },
    within,
};
use crate::{
    domain::{
        cursor,
        filter::{PipelineOrder, Pipelines},
        paging::{Page, Window},
        pipeline::{Content, Pipeline},
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
        page: &Page<cursor::Pipeline>,
    ) -> Result<Window<Pipeline>, Error> {
        let forwards = !page.backwards();
        let mut select = narrowed(organization, filter);
        for (mark, beyond) in [(&page.after, true), (&page.before, false)] {
            if let Some(mark) = mark {
                select = select.filter(side(mark, filter.order, beyond)?);
            }
        }
        // Names ascend and ids descend, unless the page is asked for from the end.
        let select = match filter.order {
            PipelineOrder::Name => {
                select.order_by(Column::Name, order(forwards)).order_by(Column::Uuid, order(forwards))
            }
            PipelineOrder::RecentlyCreated => select.order_by(Column::Uuid, order(!forwards)),
        };
        let rows = select.limit(page.limit()).all(self.database.read()).await?;
        Ok(page.window(rows.into_iter().map(Pipeline::from).collect()))
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
        let Creation { uuid, organization, at, by } = creation;
        let (archived_at, archived_by) = (None, None);
        let pipeline =
            Pipeline { uuid, organization, slug, content, created_at: at, created_by: by, archived_at, archived_by };
        let transaction = self.database.begin().await?;
        Entity::insert(ActiveModel::from(pipeline.clone()))
            .exec_without_returning(&transaction)
            .await
            .map_err(taken)?;
        transaction.commit().await?;
        Ok(pipeline)
    }

    /// Changes what is chosen about a pipeline.
    pub(crate) async fn update_pipeline(
        &self,
        scope: &[Uuid],
        uuid: Uuid,
        change: impl FnOnce(Content) -> Result<Content, Error>,
    ) -> Result<Pipeline, Error> {
        let transaction = self.database.begin().await?;
        let row = one(scope, uuid).lock_exclusive().one(&transaction).await?.ok_or(Error::NoPipeline)?;
        let mut pipeline = Pipeline::from(row);
        let next_build_number = pipeline.content.next_build_number;
        pipeline.content = change(pipeline.content)?;
        if pipeline.content.next_build_number < next_build_number {
            return Err(Error::invalid(format!("Next build number must be at least {next_build_number}")));
        }
        let changed = ActiveModel::from(pipeline.content.clone());
        Entity::update_many()
            .set(changed)
            .filter(Column::Uuid.eq(uuid))
            .filter(Column::OrganizationUuid.eq(pipeline.organization))
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(pipeline)
    }

    /// Archives a pipeline, or brings it back. Doing so twice keeps the first time.
    pub(crate) async fn archive_pipeline(
        &self,
        scope: &[Uuid],
        uuid: Uuid,
        archived: Option<(Instant, Option<Person>)>,
    ) -> Result<Pipeline, Error> {
        let transaction = self.database.begin().await?;
        let row = one(scope, uuid).lock_exclusive().one(&transaction).await?.ok_or(Error::NoPipeline)?;
        let mut pipeline = Pipeline::from(row);
        if archived.is_none() || pipeline.archived_at.is_none() {
            (pipeline.archived_at, pipeline.archived_by) = archived.map_or((None, None), |(at, by)| (Some(at), by));
        }
        let (by_uuid, by_name, by_email) = columns(pipeline.archived_by.clone());
        Entity::update_many()
            .col_expr(Column::ArchivedAt, Expr::value(pipeline.archived_at))
            .col_expr(Column::ArchivedByUuid, Expr::value(by_uuid))
            .col_expr(Column::ArchivedByName, Expr::value(by_name))
            .col_expr(Column::ArchivedByEmail, Expr::value(by_email))
            .filter(Column::Uuid.eq(uuid))
            .filter(Column::OrganizationUuid.eq(pipeline.organization))
            .exec(&transaction)
            .await?;
        transaction.commit().await?;
        Ok(pipeline)
    }

    /// Deletes a pipeline with its builds; gives its organization.
    pub(crate) async fn delete_pipeline(&self, scope: &[Uuid], uuid: Uuid) -> Result<Uuid, Error> {
        let transaction = self.database.begin().await?;
        let row = one(scope, uuid).lock_exclusive().one(&transaction).await?.ok_or(Error::NoPipeline)?;
        let organization = row.organization_uuid;
        let row = Entity::delete_many().filter(Column::Uuid.eq(uuid)).filter(Column::OrganizationUuid.eq(organization));
        row.exec(&transaction).await?;
        transaction.commit().await?;
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

fn one(scope: &[Uuid], uuid: Uuid) -> Select<Entity> {
    Entity::find().filter(Column::Uuid.eq(uuid)).filter(Column::OrganizationUuid.is_in(scope.iter().copied()))
}

fn order(ascending: bool) -> Order {
    if ascending { Order::Asc } else { Order::Desc }
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
        .add_option(filter.search.as_deref().map(named_like));
    Entity::find().filter(condition)
}

/// Both sides are lowered by the database, so that they are lowered alike.
fn named_like(text: &str) -> Expr {
    let pattern: String =
        text.chars().flat_map(|c| ['%', '_', '\\'].contains(&c).then_some('\\').into_iter().chain([c])).collect();
    let escape = Expr::Constant('\\'.into());
    let pattern = Expr::from(Func::lower(Expr::val(format!("%{pattern}%")))).binary(BinOper::Escape, escape);
    Expr::from(Func::lower(Expr::col(Column::Name))).binary(BinOper::Like, pattern)
}

/// The rows on one side of a mark.
fn side(mark: &cursor::Pipeline, order: PipelineOrder, beyond: bool) -> Result<Condition, Error> {
    match (order, mark) {
        (PipelineOrder::RecentlyCreated, cursor::Pipeline::Created(uuid)) => {
            let side = if beyond { Column::Uuid.lt(*uuid) } else { Column::Uuid.gt(*uuid) };
            Ok(Condition::all().add(side))
        }
        (PipelineOrder::Name, cursor::Pipeline::Named(name, uuid)) => {
            let name_side = if beyond { Column::Name.gt(name) } else { Column::Name.lt(name) };
            let uuid_side = if beyond { Column::Uuid.gt(*uuid) } else { Column::Uuid.lt(*uuid) };
            Ok(Condition::any().add(name_side).add(Column::Name.eq(name).and(uuid_side)))
        }
        _ => Err(Error::Paging("the cursor belongs to another order of this list".to_owned())),
    }
}

fn taken(error: sea_orm::DbErr) -> Error {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => Error::NameTaken,
        _ => error.into(),
    }
}
