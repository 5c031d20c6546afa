//! Rows. sea-orm lives here and nowhere else; every statement names the organizations that it is for.

mod builds;
mod entity;
mod gather;
pub(crate) mod migration;
mod pipelines;

use kit::db::Database;
use sea_orm::{ColumnTrait, Condition};

use uuid::Uuid;

use crate::domain::{filter::Period, pipeline::Pipeline};

use gather::Gather;

pub(crate) use builds::Birth;
pub(crate) use pipelines::Creation;

/// The rows of pipelines and builds.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    database: Database,
    /// Pipelines by organization and slug: where most calls begin.
    by_slug: Gather<(Uuid, String), Pipeline>,
}

impl Store {
    pub(crate) fn new(database: Database) -> Self {
        Self { database, by_slug: Gather::default() }
    }
}

fn within(column: impl ColumnTrait, period: Period) -> Condition {
    Condition::all().add_option(period.from.map(|from| column.gte(from))).add_option(period.to.map(|to| column.lte(to)))
}
