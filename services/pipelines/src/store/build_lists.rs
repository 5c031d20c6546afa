//! Numbered pages of builds, and how many builds are under way.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use uuid::Uuid;

use super::{
    Store,
    builds::anywhere,
    entity::build::{Column, Entity},
};
use crate::{
    domain::{
        build::{Build, Counts, State},
        filter::Builds,
        page::Numbered,
    },
    error::Error,
};

/// Of what builds are listed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The organizations.
    pub(crate) scope: &'a [Uuid],
    /// One of their pipelines; `None`: all of them.
    pub(crate) pipeline: Option<Uuid>,
}

impl Store {
    /// A page of builds, the newest first, and how many there are on all pages.
    pub(crate) async fn page_of_builds(
        &self,
        place: Place<'_>,
        filter: &Builds,
        page: Numbered,
    ) -> Result<(Vec<Build>, u64), Error> {
        let total = at(place, filter).count(self.database.read()).await?;
        let column = if place.pipeline.is_some() { Column::Number } else { Column::Uuid };
        let select = at(place, filter).order_by_desc(column).offset(page.offset).limit(page.limit);
        let rows = select.all(self.database.read()).await?;
        let builds = rows.into_iter().map(Build::try_from).collect::<Result<_, _>>()?;
        Ok((builds, total))
    }

    /// How many builds of each of those pipelines are under way. None are for those that are left out.
    pub(crate) async fn builds_under_way(&self, pipelines: Vec<Uuid>) -> Result<HashMap<Uuid, Counts>, Error> {
        let mut counts = HashMap::<Uuid, Counts>::new();
        if pipelines.is_empty() {
            return Ok(counts);
        }
        let select = Entity::find()
            .select_only()
            .column(Column::PipelineUuid)
            .column(Column::State)
            .column_as(Column::Uuid.count(), "count")
            .filter(Column::PipelineUuid.is_in(pipelines))
            .filter(Column::State.is_in([State::Scheduled, State::Running].map(State::word)))
            .group_by(Column::PipelineUuid)
            .group_by(Column::State);
        let rows: Vec<(Uuid, String, i64)> = select.into_tuple().all(self.database.read()).await?;
        for (pipeline, state, count) in rows {
            let counts = counts.entry(pipeline).or_default();
            match State::of_word(&state) {
                Some(State::Scheduled) => counts.scheduled = count.unsigned_abs(),
                Some(State::Running) => counts.running = count.unsigned_abs(),
                _ => {}
            }
        }
        Ok(counts)
    }
}

fn at(Place { scope, pipeline }: Place<'_>, filter: &Builds) -> Select<Entity> {
    let select = Entity::find().filter(Column::OrganizationUuid.is_in(scope.iter().copied()));
    let select = pipeline.into_iter().fold(select, |select, uuid| select.filter(Column::PipelineUuid.eq(uuid)));
    select.filter(anywhere(filter))
}
