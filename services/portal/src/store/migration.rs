//! The schema and how it came to be. Each step must leave a schema that the version before can still work with.

mod m0001_registry;
mod m0002_user_tokens;
mod m0003_upstreams;
mod m0004_webhooks;
mod m0005_usage;
mod m0006_limit_windows;

use sea_orm_migration::prelude::*;

/// The steps of the registry's schema.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_registry::Migration),
            Box::new(m0002_user_tokens::Migration),
            Box::new(m0003_upstreams::Migration),
            Box::new(m0004_webhooks::Migration),
            Box::new(m0005_usage::Migration),
            Box::new(m0006_limit_windows::Migration),
        ]
    }

    /// Own table: the built-in API may keep its rows in the same database.
    fn migration_table_name() -> DynIden {
        "portal_migrations".into_iden()
    }
}
