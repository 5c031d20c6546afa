//! Rows. sea-orm lives here and nowhere else; every statement names the organizations that it is for.

mod build_lists;
mod builds;
mod entity;
mod gather;
pub(crate) mod migration;
mod one;
mod order;
mod pipelines;
mod reports;
mod team_members;
mod team_pipelines;
mod teams;
mod together;
mod trail;

use std::sync::Arc;

use kit::{
    ambient::Ambient,
    audit::Origin,
    db::{self, Database},
    outbox::Outbox,
};
use sea_orm::{ColumnTrait, Condition, DatabaseTransaction, DbErr, SqlErr};
use uuid::Uuid;

use crate::{
    domain::{filter::Period, pipeline::Pipeline},
    error::Error,
};

use gather::Gather;

pub(crate) use build_lists::Place;
pub(crate) use builds::Birth;
pub(crate) use pipelines::{Creation, Edit};

/// The rows of pipelines, builds and teams.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    database: Database,
    ambient: Ambient,
    /// Pipelines by organization and slug: where most calls begin.
    by_slug: Gather<(Uuid, String), Pipeline>,
    /// What causes the changes that are made through this; `None`: no request.
    origin: Option<Arc<Origin>>,
}

impl Store {
    pub(crate) fn new(database: Database, ambient: Ambient) -> Self {
        Self { database, ambient, by_slug: Gather::default(), origin: None }
    }

    /// The same rows, for the changes that a request causes.
    pub(crate) fn caused_by(&self, origin: Origin) -> Self {
        Self { origin: Some(Arc::new(origin)), ..self.clone() }
    }

    /// Where word of changes is left for others.
    pub(crate) fn outbox(&self) -> Outbox {
        Outbox::of(self.database.clone())
    }
}

fn within(column: impl ColumnTrait, period: Period) -> Condition {
    Condition::all().add_option(period.from.map(|from| column.gte(from))).add_option(period.to.map(|to| column.lte(to)))
}

/// Commits. Whether a commit that breaks off counts can't be known.
async fn commit(transaction: DatabaseTransaction) -> Result<(), Error> {
    Ok(db::commit(transaction).await?)
}

/// Says `instead` where a row of that name or place is there already.
fn taken(error: DbErr, instead: Error) -> Error {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => instead,
        _ => error.into(),
    }
}
