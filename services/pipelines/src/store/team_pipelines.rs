//! Rows of pipelines' places in teams.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, RelationTrait, Select, SelectTwoRequired, sea_query::SelectStatement,
};
use serde_json::json;
use uuid::Uuid;

use super::{
    Birth, Store, commit,
    entity::{
        pipeline, team,
        team_pipeline::{ActiveModel, Column, Entity, Model, Relation},
    },
    one::One,
    order, taken, teams, together,
    trail::{Entry, Thing},
};
use crate::{
    domain::{
        cursor,
        filter::{Assignments, Selector},
        paging::{Page, Window},
        pipeline::Pipeline,
        team::{Access, Assignment, Sight, Team},
        viewer::Person,
    },
    error::Error,
};

type Placed = (Assignment, Pipeline);

/// How many rows belong to something.
#[derive(Debug, FromQueryResult)]
pub(super) struct Count {
    pub(super) parent: Uuid,
    pub(super) count: i64,
}

impl Store {
    /// A part of each of those teams' pipelines.
    pub(crate) async fn pipelines_of_teams(
        &self,
        teams: &[Uuid],
        filter: &Assignments,
        page: &Page<cursor::Ordered>,
    ) -> Result<HashMap<Uuid, Window<Placed>>, Error> {
        let list = |team: &Uuid| {
            let columns = (pipeline::Column::Name, Column::Uuid);
            Ok(order::part(of_team(*team, filter), columns, filter.order, page)?.into_query())
        };
        let lists: Vec<SelectStatement> = teams.iter().map(list).collect::<Result<_, Error>>()?;
        let rows: Vec<Model> = together::all(self.database.read(), lists).await?;
        let ids = rows.iter().map(|row| row.pipeline_uuid);
        let pipelines = pipeline::Entity::find().filter(pipeline::Column::Uuid.is_in(ids));
        let pipelines = if rows.is_empty() { Vec::new() } else { pipelines.all(self.database.read()).await? };
        let pipelines: HashMap<_, _> = pipelines.into_iter().map(|row| (row.uuid, Pipeline::from(row))).collect();
        let mut found = HashMap::<_, Vec<_>>::new();
        for row in rows {
            // One that has been deleted in between isn't there any more.
            if let Some(pipeline) = pipelines.get(&row.pipeline_uuid) {
                found.entry(row.team_uuid).or_default().push((Assignment::from(row), pipeline.clone()));
            }
        }
        Ok(teams.iter().map(|team| (*team, page.window(found.remove(team).unwrap_or_default()))).collect())
    }

    /// How many pipelines each of those teams has.
    pub(crate) async fn count_pipelines_of_teams(
        &self,
        teams: &[Uuid],
        filter: &Assignments,
    ) -> Result<HashMap<Uuid, u64>, Error> {
        let all = joined(filter).filter(Column::TeamUuid.is_in(teams.iter().copied()));
        let counts = all
            .select_only()
            .column_as(Column::TeamUuid, "parent")
            .column_as(Column::Uuid.count(), "count")
            .group_by(Column::TeamUuid)
            .into_model::<Count>()
            .all(self.database.read())
            .await?;
        Ok(counts.into_iter().map(|row| (row.parent, row.count.unsigned_abs())).collect())
    }

    /// Which teams each of those pipelines is in, the newest places first.
    pub(crate) async fn teams_of_pipelines(
        &self,
        pipelines: &[Uuid],
        sight: Sight,
    ) -> Result<HashMap<Uuid, Vec<(Assignment, Team)>>, Error> {
        let select = paired().filter(Column::PipelineUuid.is_in(pipelines.iter().copied())).filter(teams::seen(sight));
        let mut found = HashMap::<_, Vec<_>>::new();
        for (row, team) in select.order_by_desc(Column::Uuid).all(self.database.read()).await? {
            found.entry(row.pipeline_uuid).or_default().push((Assignment::from(row), Team::from(team)));
        }
        Ok(found)
    }

    /// The place of that id, with its team.
    pub(crate) async fn team_pipeline(&self, scope: &[Uuid], uuid: Uuid) -> Result<Option<(Assignment, Team)>, Error> {
        let select = paired().filter(Column::Uuid.eq(uuid));
        let select = select.filter(Column::OrganizationUuid.is_in(scope.iter().copied()));
        Ok(select.one(self.database.read()).await?.map(|(row, team)| (row.into(), team.into())))
    }

    /// Puts a pipeline into a team of the same organization.
    pub(crate) async fn create_team_pipeline(
        &self,
        scope: &[Uuid],
        (team, pipeline): (Uuid, Uuid),
        access: Access,
        birth: Birth,
    ) -> Result<(Assignment, Team, Pipeline), Error> {
        let transaction = self.database.begin().await?;
        let team = teams::locked(&transaction, scope, team).await?;
        let found = pipeline::Entity::find()
            .filter(pipeline::Column::Uuid.eq(pipeline))
            .filter(pipeline::Column::OrganizationUuid.eq(team.organization));
        let found = found.lock_exclusive().one(&transaction).await?.map(Pipeline::from).ok_or(Error::NoPipeline)?;
        let Birth { uuid, at, by } = birth;
        let (organization, team_uuid) = (team.organization, team.uuid);
        let row = Assignment { uuid, organization, team: team_uuid, pipeline, access, created_at: at, created_by: by };
        self.assign(&transaction, row.clone()).await?;
        commit(transaction).await?;
        Ok((row, team, found))
    }

    /// Writes a pipeline's place in a team, and its trail.
    pub(super) async fn assign(&self, transaction: &DatabaseTransaction, row: Assignment) -> Result<(), Error> {
        let made = Entity::insert(ActiveModel::from(row.clone())).exec_without_returning(transaction).await;
        made.map_err(|error| taken(error, Error::PipelineTaken))?;
        self.record(transaction, entry("TEAM_PIPELINE_CREATED", &row, row.created_by.as_ref())).await?;
        Ok(())
    }

    /// Changes what a team's members may do with a pipeline.
    pub(crate) async fn update_team_pipeline(
        &self,
        scope: &[Uuid],
        uuid: Uuid,
        access: Access,
        by: Option<&Person>,
    ) -> Result<Assignment, Error> {
        let transaction = self.database.begin().await?;
        let row = one(scope, uuid).update::<Entity>(&transaction, (Column::AccessLevel, access.word())).await?;
        let row = Assignment::from(row.ok_or(Error::NoTeamPipeline)?);
        self.conclude(transaction, entry("TEAM_PIPELINE_UPDATED", &row, by)).await?;
        Ok(row)
    }

    /// Takes a pipeline out of a team.
    pub(crate) async fn delete_team_pipeline(
        &self,
        scope: &[Uuid],
        uuid: Uuid,
        by: Option<&Person>,
    ) -> Result<(), Error> {
        let transaction = self.database.begin().await?;
        let row = one(scope, uuid).delete::<Entity>(&transaction).await?;
        let row = Assignment::from(row.ok_or(Error::NoTeamPipeline)?);
        self.conclude(transaction, entry("TEAM_PIPELINE_DELETED", &row, by)).await
    }
}

/// The pipelines that a team holds, or doesn't.
pub(super) fn held_by(team: &Selector<Uuid>) -> Condition {
    let rows = Entity::find().filter(Column::TeamUuid.eq(team.value));
    let pipelines = rows.select_only().column(Column::PipelineUuid).into_query();
    let uuid = pipeline::Column::Uuid;
    let within = if team.negated { uuid.not_in_subquery(pipelines) } else { uuid.in_subquery(pipelines) };
    Condition::all().add(within)
}

fn one(scope: &[Uuid], uuid: Uuid) -> One<'_, Column> {
    One { columns: (Column::Uuid, Column::OrganizationUuid), scope, uuid }
}

fn entry<'a>(kind: &'static str, row: &'a Assignment, by: Option<&'a Person>) -> Entry<'a> {
    let data = json!({ "team_uuid": row.team, "pipeline_uuid": row.pipeline, "access_level": row.access.word() });
    Entry { kind, subject: Thing::TeamPipeline(row), by, data }
}

fn paired() -> SelectTwoRequired<Entity, team::Entity> {
    Entity::find().find_both_related(team::Entity)
}

fn joined(filter: &Assignments) -> Select<Entity> {
    let named = filter.search.as_deref().map(|text| order::named_like(pipeline::Column::Name, text));
    let select = Entity::find().join(JoinType::InnerJoin, Relation::Pipeline.def());
    select.filter(Condition::all().add_option(named))
}

fn of_team(team: Uuid, filter: &Assignments) -> Select<Entity> {
    joined(filter).filter(Column::TeamUuid.eq(team))
}
