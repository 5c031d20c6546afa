use contracts::pipelines::v1::{CancelBuildRequest, CancelBuildResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{
    Parts,
    authority::{Authority, Found, WRITE_BUILDS},
};
use crate::error::Error;

pub(super) async fn handle(
    service: &Parts,
    request: Request<CancelBuildRequest>,
    notes: &mut MetadataMap,
) -> Result<CancelBuildResponse, Error> {
    let caller = service.caller(&request);
    let CancelBuildRequest { organization, pipeline, number } = request.into_inner();
    let place = (organization.as_str(), Error::NoBuild);
    let Authority { viewer, organization } = service.authorize(&caller, WRITE_BUILDS, place, notes).await?;
    let Found { build, origin, .. } = service.build(&organization, &pipeline, number).await?;
    let by = (service.server.ambient.now(), viewer.person());
    let (build, pipeline) = service.server.store.cancel_build(&organization.scope(), build.uuid, by).await?;
    let (build, pipeline) = service.changed(&organization, Found { build, pipeline, origin }).await;
    Ok(CancelBuildResponse { build, pipeline })
}
