//! Who calls, and what is within their reach. Another service knows: [`Gatekeeper`] is how it is asked.

use std::fmt::Debug;

use kit::grpc::Caller;
use tonic::{Status, metadata::MetadataMap};
use uuid::Uuid;

use super::Parts;
use crate::{
    domain::{
        build::Build,
        pipeline::Pipeline,
        viewer::{Organization, Viewer},
    },
    error::Error,
    store::Birth,
};

/// What a credential is asked for.
pub(super) const READ_PIPELINES: &str = "read_pipelines";
pub(super) const READ_BUILDS: &str = "read_builds";
pub(super) const WRITE_BUILDS: &str = "write_builds";

/// Verifies the credentials of callers.
#[async_trait::async_trait]
pub trait Gatekeeper: Debug + Send + Sync + 'static {
    /// Who calls, with a credential that counts and has the scope, and the organizations within reach: if one was named, that one
    /// or none. The request is counted for the `organization` of that slug, if it is within reach, and the rate figures go
    /// into `notes`; `None`: the request is about all that are within reach. The error is the RPC's.
    async fn admit(
        &self,
        caller: &Caller,
        scope: &'static str,
        organization: Option<&str>,
        notes: &mut MetadataMap,
    ) -> Result<Viewer, Status>;
}

/// A caller within the organization that the request is about.
pub(super) struct Authority {
    pub(super) viewer: Viewer,
    pub(super) organization: Organization,
}

/// A build where it was looked for.
pub(super) struct Found {
    pub(super) build: Build,
    pub(super) pipeline: Pipeline,
    /// The build that it is a copy of.
    pub(super) origin: Option<Build>,
}

impl Parts {
    /// The caller as somebody with that scope.
    pub(super) async fn admit(
        &self,
        caller: &Caller,
        scope: &'static str,
        organization: Option<&str>,
        notes: &mut MetadataMap,
    ) -> Result<Viewer, Error> {
        let admitted = self.gatekeeper.admit(caller, scope, organization, notes).await;
        admitted.map_err(|status| Error::Relayed(Box::new(status)))
    }

    /// The same within the organization of that slug. `missing`: what is said where it is out of reach.
    pub(super) async fn authorize(
        &self,
        caller: &Caller,
        scope: &'static str,
        (organization, missing): (&str, Error),
        notes: &mut MetadataMap,
    ) -> Result<Authority, Error> {
        let viewer = self.admit(caller, scope, Some(organization), notes).await?;
        let organization = viewer.organization_of_slug(organization).cloned().ok_or(missing)?;
        Ok(Authority { viewer, organization })
    }

    /// The pipeline of that slug.
    pub(super) async fn pipeline(&self, organization: &Organization, slug: &str) -> Result<Pipeline, Error> {
        // `PostgreSQL` refuses to compare with a NUL.
        let found = if slug.contains('\0') {
            None
        } else {
            self.server.store.pipeline_of_slug(organization.uuid, slug).await?
        };
        found.ok_or(Error::NoPipeline)
    }

    /// The build of that number.
    pub(super) async fn build(&self, organization: &Organization, slug: &str, number: u32) -> Result<Found, Error> {
        let (store, number) = (&self.server.store, i32::try_from(number).ok());
        let found = match number.filter(|_| !slug.contains('\0')) {
            Some(number) => store.build_of_number(organization.uuid, slug, number).await?,
            None => None,
        };
        let (build, pipeline) = found.ok_or(Error::NoBuild)?;
        let origin = match build.rebuilt_from {
            Some(uuid) => store.build(&organization.scope(), uuid).await?.map(|(origin, _)| origin),
            None => None,
        };
        Ok(Found { build, pipeline, origin })
    }

    /// What a build that this caller makes begins with.
    pub(super) fn birth(&self, viewer: &Viewer) -> Birth {
        let ambient = &self.server.ambient;
        Birth { uuid: ambient.uuid(), at: ambient.now(), by: viewer.person() }
    }
}

impl Organization {
    /// It alone, as the scope of a statement.
    pub(super) fn scope(&self) -> [Uuid; 1] {
        [self.uuid]
    }
}
