//! The schema's history.

mod m0001_pipelines_and_builds;
mod m0002_teams;
mod m0003_outbox;
mod m0004_builds_of_organizations;

use sea_orm::{DynIden, sea_query::IntoIden};
use sea_orm_migration::prelude::{MigrationTrait, MigratorTrait};

/// Brings a database to the schema of this version. Keeps its own books, so that it may share a database.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_pipelines_and_builds::Migration),
            Box::new(m0002_teams::Migration),
            Box::new(m0003_outbox::Migration),
            Box::new(m0004_builds_of_organizations::Migration),
        ]
    }

    fn migration_table_name() -> DynIden {
        "pipelines_migrations".into_iden()
    }
}
