//! Rows. sea-orm lives here and nowhere else; every statement names the organizations that it is for.

mod builds;
mod entity;
pub(crate) mod migration;
mod pipelines;

use kit::db::Database;
use sea_orm::{ColumnTrait, Condition};

use crate::domain::filter::Period;

pub(crate) use builds::Birth;
pub(crate) use pipelines::Creation;

/// The rows of pipelines and builds.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    database: Database,
}

impl Store {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }
}

fn within(column: impl ColumnTrait, period: Period) -> Condition {
    Condition::all().add_option(period.from.map(|from| column.gte(from))).add_option(period.to.map(|to| column.lte(to)))
}
