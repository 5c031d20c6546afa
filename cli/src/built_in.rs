//! The built-in API as the portal service sees it: the one place that knows both.

mod directory;
mod gatekeeper;

use std::sync::Arc;

use bytes::Bytes;
use kit::{
    audit::{Origin, Question, Read, Recorded},
    outbox::Outbox,
};
use portal::graphql;
use serde_json::{Map, Value};
use uuid::Uuid;

pub(crate) use directory::Directory;
pub(crate) use gatekeeper::Gatekeeper;

/// The pipelines API as an upstream in this process.
pub(crate) struct BuiltIn(pub(crate) pipelines::Api);

#[derive(Debug)]
struct Ready {
    api: pipelines::Api,
    document: pipelines::Prepared,
}

#[async_trait::async_trait]
impl graphql::Embedded for BuiltIn {
    fn sdl(&self) -> String {
        self.0.sdl()
    }

    fn prepare(&self, document: &str) -> Result<Arc<dyn graphql::Prepared>, String> {
        let document = self.0.prepare(document).map_err(|error| error.to_string())?;
        Ok(Arc::new(Ready { api: self.0.clone(), document }))
    }

    async fn query(
        &self,
        document: &str,
        operation: Option<&str>,
        variables: Map<String, Value>,
        (viewer, origin): (graphql::Viewer, Origin),
    ) -> graphql::Answer {
        let answer = self.0.query(document, operation, variables, (convert(viewer), origin)).await;
        let pipelines::Answer { json, executed, requested, actual } = answer;
        graphql::Answer { json, executed, requested_complexity: requested, actual_complexity: actual }
    }

    async fn audit_events(&self, question: &Question) -> Read<(Vec<Recorded>, bool)> {
        self.0.audit_events(question).await
    }

    async fn audit_event(&self, organization: Uuid, event: Uuid) -> Read<Option<Recorded>> {
        self.0.audit_event(organization, event).await
    }

    fn events(&self) -> Option<Outbox> {
        Some(self.0.outbox())
    }
}

#[async_trait::async_trait]
impl graphql::Prepared for Ready {
    async fn run(&self, variables: Map<String, Value>, (viewer, origin): (graphql::Viewer, Origin)) -> Bytes {
        self.api.execute(&self.document, variables, (convert(viewer), origin)).await
    }
}

fn convert(viewer: graphql::Viewer) -> pipelines::Viewer {
    let graphql::Viewer { user, organizations } = viewer;
    let organization = |reach: &graphql::Reach| pipelines::Organization {
        uuid: reach.uuid,
        slug: reach.slug.clone(),
        name: reach.name.clone(),
    };
    pipelines::Viewer {
        user: user.map(|user| pipelines::User { uuid: user.uuid, name: user.name, email: user.email }),
        organizations: organizations.iter().map(organization).collect(),
    }
}
