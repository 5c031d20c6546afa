//! Who calls the built-in API's RPCs, as it asks the portal service.

use kit::grpc::Caller;
use pipelines::Viewer;
use tonic::{Status, metadata::MetadataMap};

use super::convert;

/// The portal service's verifier.
#[derive(Clone, Debug)]
pub(crate) struct Gatekeeper(pub(crate) portal::Service);

#[async_trait::async_trait]
impl pipelines::Gatekeeper for Gatekeeper {
    async fn admit(
        &self,
        caller: &Caller,
        scope: &'static str,
        organization: Option<&str>,
        notes: &mut MetadataMap,
    ) -> Result<Viewer, Status> {
        Ok(convert(self.0.admit(caller, scope, organization, notes).await?))
    }
}
