//! What a portal call is compared with: servers that do less.
//!
//! `bench-servers echo | graphql | tiny | insert` serves one of them on a free loopback port, and prints its address:
//! `echo` parses a JSON body and writes it again; `graphql` serves the built-in API's schema over a database of its own
//! with 64 pipelines, from the text of each request; `tiny` does so with a schema of one field and no database; `insert`
//! writes one row a request, durable before it answers, into a database opened as the services open theirs (`SQLite`, or
//! the `PostgreSQL` that the second argument names).

#![allow(clippy::expect_used, clippy::panic, reason = "a benchmark that can't run must stop")]

use std::{env, io::Write, sync::Arc};

use async_graphql::{EmptyMutation, EmptySubscription, ID, Object, Request, Schema, SimpleObject};
use axum::{Json, Router, extract::State, http::header::CONTENT_TYPE, response::IntoResponse, routing::post};
use kit::{ambient::Ambient, audit::Origin, db::Database};
use pipelines::{Api, Migrator, Nobody, Organization, Settings, Viewer};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Map, Value};
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As many as `call.lua` asks for.
const PIPELINES: u32 = 64;

/// The schema of `tiny`.
struct Query;

#[derive(SimpleObject)]
struct Item {
    id: ID,
    name: String,
}

#[Object]
impl Query {
    /// An item of any id.
    async fn item(&self, id: ID) -> Item {
        Item { name: format!("item {}", id.as_str()), id }
    }
}

type Tiny = Schema<Query, EmptyMutation, EmptySubscription>;

#[tokio::main]
async fn main() {
    let scenario = env::args().nth(1).unwrap_or_default();
    // Lives as long as the process.
    let directory = tempfile::tempdir().expect("a directory for the database");
    let routes = match scenario.as_str() {
        "echo" => Router::new().route("/", post(echo)),
        "graphql" => {
            let database = Database::open(&Database::sqlite_url(&directory.path().join("pipelines.db"))).await;
            let shared = Arc::new(shared(database.expect("a database")).await);
            Router::new().route("/", post(graphql)).with_state(shared)
        }
        "insert" => {
            let url = env::args().nth(2).unwrap_or_else(|| Database::sqlite_url(&directory.path().join("rows.db")));
            Router::new().route("/", post(insert)).with_state(Arc::new(rows(&url).await))
        }
        "tiny" => {
            let schema = Schema::new(Query, EmptyMutation, EmptySubscription);
            Router::new().route("/", post(tiny)).with_state(schema)
        }
        _ => panic!("usage: bench-servers echo | graphql | tiny | insert [URL]"),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    writeln!(std::io::stdout(), "http://{address}/").expect("standard output");
    axum::serve(listener, routes).await.expect("serving");
}

async fn echo(Json(body): Json<Value>) -> Json<Value> {
    Json(body)
}

async fn tiny(State(schema): State<Tiny>, Json(request): Json<Request>) -> Json<async_graphql::Response> {
    Json(schema.execute(request).await)
}

/// What a request of `graphql` needs: the API, and who asks.
struct Shared {
    api: Api,
    viewer: Viewer,
}

/// The built-in API with the pipelines that a portal is called for.
async fn shared(database: Database) -> Shared {
    database.migrate::<Migrator>().await.expect("the schema");
    let ambient = Ambient::system();
    let (uuid, slug, name) = (ambient.uuid(), "my-organization".to_owned(), "My Organization".to_owned());
    let organization = Organization { uuid, slug, name };
    let settings = Settings { public_url: "http://127.0.0.1:8080".to_owned(), ..Settings::default() };
    let api = Api::new(database, Arc::new(Nobody), ambient, settings);
    for number in 0..PIPELINES {
        let (slug, name) = (format!("p-{number}"), format!("P {number}"));
        api.ensure_pipeline(&organization, &slug, &name).await.expect("a pipeline");
    }
    Shared { api, viewer: Viewer { user: None, organizations: vec![organization] } }
}

async fn graphql(State(shared): State<Arc<Shared>>, Json(mut body): Json<Map<String, Value>>) -> impl IntoResponse {
    let variables = match body.remove("variables") {
        Some(Value::Object(variables)) => variables,
        _ => Map::new(),
    };
    let query = body.get("query").and_then(Value::as_str).unwrap_or_default();
    let answer = shared.api.query(query, None, variables, (shared.viewer.clone(), Origin::default())).await;
    ([(CONTENT_TYPE, "application/json")], answer.json)
}

/// Where `insert` writes.
struct Rows {
    database: Database,
    ambient: Ambient,
}

async fn rows(url: &str) -> Rows {
    let database = Database::open(url).await.expect("a database");
    let transaction = database.begin().await.expect("a transaction");
    let table = "CREATE TABLE bench_rows (uuid TEXT PRIMARY KEY, tag TEXT NOT NULL, body TEXT NOT NULL)";
    transaction.execute_unprepared(table).await.expect("a table");
    transaction.commit().await.expect("a commit");
    Rows { database, ambient: Ambient::system() }
}

async fn insert(State(rows): State<Arc<Rows>>, Json(body): Json<Value>) -> Json<Value> {
    let (uuid, tag) = (rows.ambient.uuid().to_string(), hex::encode(rows.ambient.bytes::<32>()));
    let values = [uuid.clone(), tag, body.to_string()].map(Into::into);
    let transaction = rows.database.begin().await.expect("a transaction");
    let sql = "INSERT INTO bench_rows (uuid, tag, body) VALUES ($1, $2, $3)";
    let statement = Statement::from_sql_and_values(transaction.get_database_backend(), sql, values);
    transaction.execute_raw(statement).await.expect("an insert");
    transaction.commit().await.expect("a commit");
    Json(Value::String(uuid))
}
