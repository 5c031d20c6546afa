//! The service's database, as a test looks into it and breaks it.

use kit::{db::Database, outbox::Notice};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::Value;

use super::World;

impl World {
    async fn database(&self) -> Database {
        Database::open(&self.bed.url).await.unwrap()
    }

    /// How many rows of the audit trail are of that type.
    pub(in crate::tests) async fn audited(&self, kind: &str) -> i64 {
        self.value(&format!("SELECT COUNT(*) FROM audit_events WHERE type = '{kind}'")).await
    }

    /// The data of every row of the audit trail that is of that type.
    pub(in crate::tests) async fn events(&self, kind: &str) -> Vec<Value> {
        let database = self.database().await;
        let sql = format!("SELECT data FROM audit_events WHERE type = '{kind}'");
        let select = Statement::from_string(database.read().get_database_backend(), sql);
        let rows = database.read().query_all_raw(select).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    /// Leaves word of something that happened, as whoever changes something does.
    pub(in crate::tests) async fn leave(&self, notice: Notice) {
        let database = self.database().await;
        let transaction = database.begin().await.unwrap();
        kit::outbox::record(&transaction, &self.service.0.ambient, [notice]).await.unwrap();
        transaction.commit().await.unwrap();
    }

    /// Makes the audit trail unwritable.
    pub(in crate::tests) async fn lose_audit_trail(&self) {
        self.sql("ALTER TABLE audit_events RENAME TO elsewhere").await;
    }

    /// The only value of a query's answer.
    pub(in crate::tests) async fn bytes(&self, query: &str) -> Vec<u8> {
        self.value(query).await
    }

    /// The same where it is a text.
    pub(in crate::tests) async fn text(&self, query: &str) -> String {
        self.value(query).await
    }

    async fn value<T: sea_orm::TryGetable>(&self, query: &str) -> T {
        let database = self.database().await;
        let query = Statement::from_string(database.read().get_database_backend(), query);
        database.read().query_one_raw(query).await.unwrap().unwrap().try_get_by_index(0).unwrap()
    }

    /// Changes the database behind the service's back.
    pub(in crate::tests) async fn sql(&self, statement: &str) {
        let database = self.database().await;
        let transaction = database.begin().await.unwrap();
        transaction.execute_unprepared(statement).await.unwrap();
        transaction.commit().await.unwrap();
    }

    /// Has every commit break off that changed `table`.
    pub(in crate::tests) async fn break_commits_on(&self, table: &str) {
        let owed = "CREATE TABLE owed (id INTEGER PRIMARY KEY); \
                    CREATE TABLE owing (id INTEGER REFERENCES owed (id) DEFERRABLE INITIALLY DEFERRED);";
        let triggers = if self.bed.url.starts_with("postgres") {
            format!(
                "CREATE FUNCTION owe() RETURNS trigger LANGUAGE plpgsql AS \
                 'BEGIN INSERT INTO owing VALUES (1); RETURN NULL; END'; \
                 CREATE TRIGGER owe AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION owe()"
            )
        } else {
            ["INSERT", "UPDATE", "DELETE"]
                .map(|verb| {
                    format!(
                        "CREATE TRIGGER owe_{verb} AFTER {verb} ON {table} BEGIN INSERT INTO owing VALUES (1); END;"
                    )
                })
                .concat()
        };
        self.sql(&format!("{owed} {triggers}")).await;
    }
}
