//! Databases on a `PostgreSQL` server that other processes' tests use too.
//!
//! A process has a session that says its number as long as it lives, and its databases carry that number: those of whom no
//! session speaks were left behind, and go when the next process comes.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use kit::ambient::Ambient;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement, TransactionTrait};
use tokio::{
    runtime,
    sync::{OnceCell, oneshot},
};

/// This process's number.
static PROCESS: OnceCell<u32> = OnceCell::const_new();
/// How many databases this process has made.
static MADE: AtomicU32 = AtomicU32::new(0);

const PREFIX: &str = "bed_";

/// A server, and a connection to it of one test's own: the runtime of each test is another.
pub(crate) struct Server {
    url: String,
    admin: DatabaseConnection,
    process: u32,
}

impl Server {
    pub(crate) async fn at(url: String) -> Self {
        let process = *PROCESS.get_or_init(|| claim(url.clone())).await;
        let admin = connect(&url).await;
        Self { url, admin, process }
    }

    /// A new database, a copy of `template` if that is given. Nobody may be connected to a template.
    pub(crate) async fn create(&self, template: Option<&String>) -> String {
        let name = format!("{PREFIX}{}_{}", self.process, MADE.fetch_add(1, Ordering::Relaxed));
        let template = template.map(|template| format!(" TEMPLATE {template}")).unwrap_or_default();
        let create = format!("CREATE DATABASE {name}{template}");
        self.admin.execute_unprepared(&create).await.expect("a new database");
        name
    }

    pub(crate) async fn drop(&self, name: &str) {
        drop(&self.admin, name).await;
    }

    /// For `kit::db::Database::open`.
    pub(crate) fn url_of(&self, name: &str) -> String {
        let (address, parameters) = self.url.split_once('?').unwrap_or((&self.url, ""));
        let (address, _) = address.rsplit_once('/').expect("a URL that names a database");
        format!("{address}/{name}?{parameters}")
    }
}

async fn connect(url: &str) -> DatabaseConnection {
    Database::connect(url).await.expect("the PostgreSQL server of the tests")
}

async fn drop(admin: &DatabaseConnection, name: &str) {
    let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    admin.execute_unprepared(&drop).await.expect("the database goes");
}

/// Takes a number for this process, in a thread that says it until the process ends.
async fn claim(url: String) -> u32 {
    let (tell, told) = oneshot::channel();
    let keep = async move {
        let admin = connect(&url).await;
        let number = u32::from_be_bytes(Ambient::system().bytes());
        // A transaction that doesn't end: its session is kept, however long it is idle.
        let session = admin.begin().await.expect("a session");
        let say = format!("SET application_name = '{PREFIX}{number}'");
        session.execute_unprepared(&say).await.expect("a name for the session");
        sweep(&admin).await;
        tell.send(number).expect("the test waits for it");
        std::future::pending::<()>().await;
    };
    thread::spawn(|| runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(keep));
    told.await.expect("the PostgreSQL server of the tests")
}

/// Drops what processes left behind that live no more.
async fn sweep(admin: &DatabaseConnection) {
    let left = "SELECT datname FROM pg_database WHERE datname ~ '^bed_[0-9]+_[0-9]+$' AND NOT EXISTS (SELECT 1 FROM \
                pg_stat_activity WHERE application_name = 'bed_' || split_part(datname, '_', 2))";
    let left = Statement::from_string(DbBackend::Postgres, left);
    for row in admin.query_all_raw(left).await.expect("the names of the databases") {
        drop(admin, &row.try_get::<String>("", "datname").expect("a name")).await;
    }
}
