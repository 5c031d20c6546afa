//! The schema's history.
#![allow(
    elided_lifetimes_in_paths,
    reason = "with `<'_>` async-trait makes another signature than sea-orm's trait has"
)]

mod m0001_credentials;
mod m0002_secrets_codes_sessions;
mod m0003_key_readers;
mod m0004_address_lists;
mod m0005_outbox;
mod m0006_limit_windows;

use sea_orm::{DynIden, sea_query::IntoIden};
use sea_orm_migration::prelude::{MigrationTrait, MigratorTrait};

/// Brings a database to the schema of this version. It is a database of this service alone: others have tables of the same
/// names.
#[derive(Debug)]
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_credentials::Migration),
            Box::new(m0002_secrets_codes_sessions::Migration),
            Box::new(m0003_key_readers::Migration),
            Box::new(m0004_address_lists::Migration),
            Box::new(m0005_outbox::Migration),
            Box::new(m0006_limit_windows::Migration),
        ]
    }

    fn migration_table_name() -> DynIden {
        "token_migrations".into_iden()
    }
}
