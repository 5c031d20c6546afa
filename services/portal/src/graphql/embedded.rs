//! An upstream that lives in this process.

use std::{fmt::Debug, sync::Arc};

use bytes::Bytes;
use kit::{
    ambient::Instant,
    audit::{Origin, Question, Read, Recorded},
    outbox::Outbox,
};
use serde_json::{Map, Value};
use uuid::Uuid;

/// A person on whose behalf something runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The UUID.
    pub uuid: Uuid,
    /// The name shown to others.
    pub name: String,
    /// The e-mail address.
    pub email: String,
    /// When the user was made.
    pub created_at: Instant,
}

/// An organization that an execution may see and change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The UUID.
    pub uuid: Uuid,
    /// The name in URLs.
    pub slug: String,
    /// The name shown.
    pub name: String,
}

/// With whose authority an operation runs.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// The user, or `None` for the organization's own authority.
    pub user: Option<User>,
    /// Everything within reach; nothing else exists for this execution.
    pub organizations: Arc<[Reach]>,
}

/// The answer to a caller's own document.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The GraphQL envelope as JSON, without `data` when nothing ran.
    pub json: Bytes,
    /// Whether anything ran.
    pub executed: bool,
    /// What the document may cost at most (spec §9).
    pub requested_complexity: u64,
    /// What it did cost.
    pub actual_complexity: u64,
}

/// A GraphQL API in this process.
#[async_trait::async_trait]
pub trait Embedded: Send + Sync + 'static {
    /// The schema, in the schema definition language.
    fn sdl(&self) -> String;

    /// Makes a document of exactly one valid operation ready to run. The error is a sentence.
    fn prepare(&self, document: &str) -> Result<Arc<dyn Prepared>, String>;

    /// Runs a caller's own document: validates it first. `asked`: with whose authority, and for which request.
    async fn query(
        &self,
        document: &str,
        operation: Option<&str>,
        variables: Map<String, Value>,
        asked: (Viewer, Origin),
    ) -> Answer;

    /// The events of a page of an organization's audit trail, newest first, and whether there are more.
    async fn audit_events(&self, question: &Question) -> Read<(Vec<Recorded>, bool)>;

    /// The event of that UUID in the organization's audit trail.
    async fn audit_event(&self, organization: Uuid, event: Uuid) -> Read<Option<Recorded>>;

    /// Where it leaves word of what happens, for webhooks. `None`: nowhere.
    fn events(&self) -> Option<Outbox> {
        None
    }
}

/// An operation that is ready to run.
#[async_trait::async_trait]
pub trait Prepared: Send + Sync + Debug {
    /// Runs it with coerced variables. `asked`: with whose authority, and for which request. The answer is the GraphQL envelope as JSON.
    async fn run(&self, variables: Map<String, Value>, asked: (Viewer, Origin)) -> Bytes;
}
