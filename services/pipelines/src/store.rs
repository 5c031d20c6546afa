//! Rows. sea-orm lives here and nowhere else; every statement names the organizations that it is for.

mod builds;
mod entity;
mod gather;
pub(crate) mod migration;
mod order;
mod pipelines;
mod team_members;
mod team_pipelines;
mod teams;
mod together;
mod trail;

use kit::{ambient::Ambient, db::Database};
use sea_orm::{ColumnTrait, Condition, DbErr, SqlErr};
use uuid::Uuid;

use crate::{
    domain::{filter::Period, pipeline::Pipeline},
    error::Error,
};

use gather::Gather;

pub(crate) use builds::Birth;
pub(crate) use pipelines::{Creation, Edit};

/// The rows of pipelines, builds and teams.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    database: Database,
    ambient: Ambient,
    /// Pipelines by organization and slug: where most calls begin.
    by_slug: Gather<(Uuid, String), Pipeline>,
}

impl Store {
    pub(crate) fn new(database: Database, ambient: Ambient) -> Self {
        Self { database, ambient, by_slug: Gather::default() }
    }
}

fn within(column: impl ColumnTrait, period: Period) -> Condition {
    Condition::all().add_option(period.from.map(|from| column.gte(from))).add_option(period.to.map(|to| column.lte(to)))
}

/// Says `instead` where a row of that name or place is there already.
fn taken(error: DbErr, instead: Error) -> Error {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => instead,
        _ => error.into(),
    }
}
