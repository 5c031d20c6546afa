//! What runners say of builds.

use kit::ambient::Instant;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, Set};
use uuid::Uuid;

use super::{
    Store,
    builds::{Pair, build},
    commit,
    entity::build::{ActiveModel, Column, Entity},
};
use crate::{
    domain::build::{Build, State},
    error::Error,
};

impl Store {
    /// Makes of a build what a runner says of it. What is so already stays as it is.
    pub(crate) async fn report_build(
        &self,
        scope: &[Uuid],
        uuid: Uuid,
        (report, at): (State, Instant),
    ) -> Result<Pair, Error> {
        let transaction = self.database.begin().await?;
        let one = Entity::find().filter(Column::Uuid.eq(uuid)).lock_exclusive();
        let row = one.one(&transaction).await?.ok_or(Error::NoBuild)?;
        let (_, pipeline) = build(&transaction, scope, uuid).await?.ok_or(Error::NoBuild)?;
        let old = Build::try_from(row)?;
        let Some(new) = old.after(report, at)? else { return Ok((old, pipeline)) };
        let change = ActiveModel {
            state: Set(new.state.word().to_owned()),
            started_at: Set(new.started_at),
            finished_at: Set(new.finished_at),
            ..ActiveModel::default()
        };
        Entity::update_many().set(change).filter(Column::Uuid.eq(uuid)).exec(&transaction).await?;
        self.tell(&transaction, (&new, &pipeline), None).await?;
        commit(transaction).await?;
        Ok((new, pipeline))
    }
}
