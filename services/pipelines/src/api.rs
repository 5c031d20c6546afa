//! The crate's face: prepares documents, executes them, answers callers' own.

mod completion;

use std::sync::Arc;

use async_graphql::{Request, Response, ServerError, ValidationMode, Variables};
use bytes::Bytes;
use kit::{
    ambient::Ambient,
    audit::{Origin, Question, Read, Recorded},
    db::Database,
    outbox::Outbox,
};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    document::{self, Document, Limits},
    domain::{
        member::Directory,
        pipeline::Content,
        viewer::{Organization, Viewer},
    },
    error::Error,
    schema::{self, Schema, Server, authority::Roles},
    store::{Creation, Store},
};

/// How the API is put up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the URLs of pipelines and builds begin with, without a slash at the end.
    pub public_url: String,
    /// How deep the fields of a caller's own document may nest; 15 unless set.
    pub max_depth: usize,
    /// The most that a caller's own document may cost: objects cost 1, connections multiply by `first` or `last`; 50 000
    /// unless set.
    pub max_complexity: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { public_url: String::new(), max_depth: 15, max_complexity: 50_000 }
    }
}

/// The GraphQL API over one database.
#[derive(Clone)]
pub struct Api {
    /// Checks callers' own documents.
    strict: Schema,
    /// Executes documents that were checked when they were stored.
    fast: Schema,
    pub(crate) server: Server,
    limits: Limits,
}

/// A document that is ready to run.
#[derive(Clone, Debug)]
pub struct Prepared(Arc<Document>);

/// The answer to a caller's own document.
#[derive(Clone, Debug)]
pub struct Answer {
    /// GraphQL's JSON, without `data` when nothing ran.
    pub json: Bytes,
    /// Whether anything ran.
    pub executed: bool,
    /// What the document may cost at most: objects cost 1, connections multiply. 0 if it can't be read.
    pub requested: u64,
    /// What it did cost: the objects of the answer, those that describe the schema aside.
    pub actual: u64,
}

/// Why a document can't be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// It is no GraphQL document.
    #[error("{0}")]
    Syntax(String),
    /// It holds none or several operations.
    #[error("the document must hold exactly one operation")]
    Operations,
    /// It can't be run as it is.
    #[error("{0}")]
    Unfit(String),
}

impl Api {
    /// The API over a database whose schema is up to date ([`crate::Migrator`]). `directory` knows who belongs where.
    #[must_use]
    pub fn new(database: Database, directory: Arc<dyn Directory>, ambient: Ambient, settings: Settings) -> Self {
        let Settings { public_url, max_depth, max_complexity } = settings;
        let store = Store::new(database, ambient.clone());
        let server = Server { store, directory, ambient, public_url: public_url.trim_end_matches('/').into() };
        Self {
            strict: schema::build(ValidationMode::Strict),
            fast: schema::build(ValidationMode::Fast),
            server,
            limits: Limits { depth: max_depth as u64, complexity: max_complexity as u64 },
        }
    }

    /// The schema in the schema definition language, for those who check documents.
    #[must_use]
    pub fn sdl(&self) -> String {
        self.strict.sdl()
    }

    /// Where word of builds is left for others.
    #[must_use]
    pub fn outbox(&self) -> Outbox {
        self.server.store.outbox()
    }

    /// Parses a stored document, which must hold exactly one operation and is checked elsewhere.
    pub fn prepare(&self, document: &str) -> Result<Prepared, PrepareError> {
        let parsed = document::parse(document).map_err(|error| PrepareError::Syntax(error.message))?;
        let document = Document::only(parsed).ok_or(PrepareError::Operations)?;
        let document = document.check(&Limits::NONE, &Variables::default()).and_then(Document::merged);
        Ok(Prepared(Arc::new(document.map_err(|error| PrepareError::Unfit(error.message))?)))
    }

    /// Executes a prepared document as it is, with variables that were coerced elsewhere. Answers GraphQL's JSON.
    pub async fn execute(
        &self,
        prepared: &Prepared,
        variables: Map<String, Value>,
        (viewer, origin): (Viewer, Origin),
    ) -> Bytes {
        let variables = Variables::from_json(Value::Object(variables));
        let request = Request::new("").variables(variables).data(viewer).data(self.server.caused_by(origin));
        completion::bytes(&run(&self.fast, Document::clone(&prepared.0), request).await)
    }

    /// Parses, checks and executes a caller's own document.
    pub async fn query(
        &self,
        text: &str,
        operation_name: Option<&str>,
        variables: Map<String, Value>,
        (viewer, origin): (Viewer, Origin),
    ) -> Answer {
        let variables = Variables::from_json(Value::Object(variables));
        let document = match self.admit(text, operation_name, &variables) {
            Ok(document) => document,
            Err(error) => {
                let json = completion::bytes(&Response::from_errors(vec![error]));
                return Answer { json, executed: false, requested: 0, actual: 0 };
            }
        };
        let (requested, free) = (document.requested, document.free.clone());
        let request = Request::new("").variables(variables).data(viewer).data(self.server.caused_by(origin));
        let response = run(&self.strict, document, request).await;
        Answer {
            json: completion::bytes(&response),
            executed: completion::has_data(&response),
            requested,
            actual: completion::objects(&response, &free),
        }
    }

    /// Makes the pipeline unless the organization has one of that slug; gives its id. For the first start.
    pub async fn ensure_pipeline(&self, organization: &Organization, slug: &str, name: &str) -> Result<Uuid, Error> {
        let Server { store, ambient, .. } = &self.server;
        let find = || store.pipeline_of_slug(organization.uuid, slug);
        if let Some(found) = find().await? {
            return Ok(found.uuid);
        }
        let repository = format!("https://example.com/{}/{slug}.git", organization.slug);
        let content = Content::new(name.to_owned(), repository).check()?;
        let (uuid, at) = (ambient.uuid(), ambient.now());
        let creation = Creation { uuid, organization: organization.uuid, at, by: None, teams: Vec::new() };
        match store.create_pipeline(creation, slug.to_owned(), content).await {
            Ok(made) => Ok(made.uuid),
            // Somebody else was faster.
            Err(Error::NameTaken) => find().await?.map(|found| found.uuid).ok_or(Error::NoPipeline),
            Err(error) => Err(error),
        }
    }

    /// The events of a page of an organization's audit trail, newest first, and whether there are more.
    pub async fn audit_events(&self, question: &Question) -> Read<(Vec<Recorded>, bool)> {
        self.server.store.audit_events(question).await
    }

    /// The event of that UUID in the organization's audit trail.
    pub async fn audit_event(&self, organization: Uuid, event: Uuid) -> Read<Option<Recorded>> {
        self.server.store.audit_event(organization, event).await
    }

    fn admit(&self, text: &str, operation: Option<&str>, variables: &Variables) -> Result<Document, ServerError> {
        let document = Document::select(document::parse(text)?, operation)?;
        document.require(variables)?;
        document.check(&self.limits, variables)?.merged()
    }
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Api")
    }
}

async fn run(schema: &Schema, document: Document, request: Request) -> Response {
    let Document { parsed, operation, keys, .. } = document;
    let mut request = request.data(Roles::default());
    request.operation_name = operation;
    request.set_parsed_query(parsed);
    let mut response = schema.execute(request).await;
    completion::complete(&mut response, &keys);
    response
}

#[cfg(test)]
mod tests;
