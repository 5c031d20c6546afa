//! The built-in API as the portal service sees it: the one place that knows both.

mod directory;

use std::sync::Arc;

use bytes::Bytes;
use portal::graphql;
use serde_json::{Map, Value};

pub(crate) use directory::Directory;

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
        viewer: graphql::Viewer,
    ) -> graphql::Answer {
        let answer = self.0.query(document, operation, variables, convert(viewer)).await;
        let pipelines::Answer { json, executed, requested, actual } = answer;
        graphql::Answer { json, executed, requested_complexity: requested, actual_complexity: actual }
    }
}

#[async_trait::async_trait]
impl graphql::Prepared for Ready {
    async fn run(&self, variables: Map<String, Value>, viewer: graphql::Viewer) -> Bytes {
        self.api.execute(&self.document, variables, convert(viewer)).await
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
