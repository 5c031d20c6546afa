use contracts::pipelines::v1::{RebuildBuildRequest, RebuildBuildResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{
    Parts,
    authority::{Authority, Found, WRITE_BUILDS},
};
use crate::error::Error;

pub(super) async fn handle(
    service: &Parts,
    request: Request<RebuildBuildRequest>,
    notes: &mut MetadataMap,
) -> Result<RebuildBuildResponse, Error> {
    let caller = service.caller(&request);
    let RebuildBuildRequest { organization, pipeline, number } = request.into_inner();
    let place = (organization.as_str(), Error::NoBuild);
    let Authority { viewer, organization } = service.authorize(&caller, WRITE_BUILDS, place, notes).await?;
    let found = service.build(&organization, &pipeline, number).await?;
    let birth = service.birth(&viewer);
    let (original, copy) = service.server.store.rebuild(&organization.scope(), found.build.uuid, birth).await?;
    let (build, pipeline) = copy;
    let (build, pipeline) = service.changed(&organization, Found { build, pipeline, origin: Some(original) }).await;
    Ok(RebuildBuildResponse { build, pipeline })
}
