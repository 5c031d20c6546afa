use contracts::pipelines::v1::{GetBuildRequest, GetBuildResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{
    Parts,
    authority::{Authority, READ_BUILDS},
};
use crate::error::Error;

pub(super) async fn handle(
    service: &Parts,
    request: Request<GetBuildRequest>,
    notes: &mut MetadataMap,
) -> Result<GetBuildResponse, Error> {
    let caller = service.caller(&request);
    let GetBuildRequest { organization, pipeline, number } = request.into_inner();
    let place = (organization.as_str(), Error::NoBuild);
    let Authority { organization, .. } = service.authorize(&caller, READ_BUILDS, place, notes).await?;
    let found = service.build(&organization, &pipeline, number).await?;
    let counts = service.count(found.pipeline.uuid).await?;
    let (build, pipeline) = service.both(&organization, found, Some(counts));
    Ok(GetBuildResponse { build, pipeline })
}
