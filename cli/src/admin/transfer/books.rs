//! The databases of an installation, each once: the built-in API's may be the portal service's.

use std::{collections::BTreeMap, path::Path};

use kit::db::{
    Database, OpenError,
    transfer::{Outgoing, Rows, TransferError, fresh, versions},
};

use super::archive::Versions;
use crate::{assembly, failure::Failure, roles::Roles};

const TOKEN: &str = "token";
const PORTAL: &str = "portal";
const PIPELINES: &str = "pipelines";
/// A table that only the portal service has.
const OF_PORTAL: &str = "portals";

/// A database.
pub(super) struct Book {
    pub(super) name: &'static str,
    pub(super) database: Database,
    /// What it holds when it was only migrated.
    pub(super) fresh: Rows,
}

/// The databases, in the order in which they are exported: what a portal needs is made before the portal, so that of a running
/// installation no portal is exported without its tokens.
pub(super) struct Books(Vec<Book>);

/// The key files of the services, in the order of [`Books::with_keys`].
pub(super) fn key_files(roles: &Roles) -> Vec<&Path> {
    let portal = roles.portal.as_ref().map(|config| config.keys_file.as_path());
    let token = roles.token.as_ref().map(|config| config.keys_file.as_path());
    portal.into_iter().chain(token).collect()
}

fn failed(name: &'static str) -> impl Fn(OpenError) -> Failure {
    move |error| Failure::because(format!("the {name} database"), error)
}

impl Books {
    /// Opens databases of exactly this version.
    pub(super) async fn open(roles: &Roles) -> Result<Self, Failure> {
        let mut books = Vec::new();
        if let Some(config) = &roles.portal {
            let portal = Database::open(&config.database_url).await.map_err(failed(PORTAL))?;
            portal.require_schema::<portal::Migrator>().await.map_err(failed(PORTAL))?;
            let pipelines = Database::open(&config.pipelines_database_url).await.map_err(failed(PIPELINES))?;
            pipelines.require_schema::<pipelines::Migrator>().await.map_err(failed(PIPELINES))?;
            books.extend(
                Self::of_portal(portal, pipelines).await.map_err(|error| Failure::because("the databases", error))?,
            );
        }
        if let Some(config) = &roles.token {
            let database = Database::open(&config.database_url).await.map_err(failed(TOKEN))?;
            database.require_schema::<token::Migrator>().await.map_err(failed(TOKEN))?;
            let fresh =
                fresh::<token::Migrator>().await.map_err(|error| Failure::because("a fresh database", error))?;
            books.push(Book { name: TOKEN, database, fresh });
        }
        Ok(Self(books))
    }

    /// Brings databases up to this version, and opens them.
    pub(super) async fn migrate(roles: &Roles) -> Result<Self, Failure> {
        assembly::migrate(roles).await?;
        Self::open(roles).await
    }

    async fn of_portal(portal: Database, pipelines: Database) -> Result<Vec<Book>, TransferError> {
        let mut own = fresh::<portal::Migrator>().await?;
        let others = fresh::<pipelines::Migrator>().await?;
        if Outgoing::begin(&pipelines).await?.tables().any(|table| table == OF_PORTAL) {
            own.extend(others);
            return Ok(vec![Book { name: PORTAL, database: portal, fresh: own }]);
        }
        let own = Book { name: PORTAL, database: portal, fresh: own };
        Ok(vec![own, Book { name: PIPELINES, database: pipelines, fresh: others }])
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Book> {
        self.0.iter()
    }

    /// Those that root keys belong to.
    pub(super) fn with_keys(&self) -> impl Iterator<Item = &Book> {
        self.0.iter().filter(|book| book.name != PIPELINES)
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|book| book.name == name)
    }

    /// Of which version the databases are.
    pub(super) fn versions(&self) -> Versions {
        let mut all = BTreeMap::new();
        if self.has(TOKEN) {
            all.insert(TOKEN.to_owned(), versions::<token::Migrator>());
        }
        if self.has(PORTAL) {
            all.insert(PORTAL.to_owned(), versions::<portal::Migrator>());
            all.insert(PIPELINES.to_owned(), versions::<pipelines::Migrator>());
        }
        all
    }

    /// Refuses what another version made, and what lacks one of these services.
    pub(super) fn require(&self, given: &Versions) -> Result<(), Failure> {
        for (name, own) in self.versions() {
            match given.get(&name) {
                None => return Err(Failure::Plain(format!("the file holds nothing of the {name} service"))),
                Some(theirs) if *theirs != own => {
                    return Err(Failure::Plain(format!(
                        "the file was made by another version of portals (its {name} database ends with {}, this version's with \
                         {}): export with the version that imports",
                        theirs.last().map_or("nothing", String::as_str),
                        own.last().map_or("nothing", String::as_str)
                    )));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// In which database the rows belong that stood in `table` of the database `of`; `None`: of a service that isn't asked for. `has`
    /// says whether a database has that table. Where the built-in API shares the portal service's database on one side only, its
    /// tables change places.
    pub(super) fn place(
        &self,
        of: &str,
        table: &str,
        has: impl Fn(&str) -> bool,
    ) -> Result<Option<&'static str>, Failure> {
        let group: &[&'static str] = if of == TOKEN { &[TOKEN] } else { &[PORTAL, PIPELINES] };
        if !group.iter().any(|name| self.has(name)) {
            return Ok(None);
        }
        let own_first = group.iter().filter(|name| **name == of).chain(group.iter().filter(|name| **name != of));
        match own_first.copied().find(|name| has(name)) {
            Some(name) => Ok(Some(name)),
            None => Err(Failure::Plain(format!("the file holds a table that this version doesn't have: {table}"))),
        }
    }
}
