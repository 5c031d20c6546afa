use contracts::pipelines::v1::{GetPipelineRequest, GetPipelineResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{
    Parts,
    authority::{Authority, READ_PIPELINES},
};
use crate::error::Error;

pub(super) async fn handle(
    service: &Parts,
    request: Request<GetPipelineRequest>,
    notes: &mut MetadataMap,
) -> Result<GetPipelineResponse, Error> {
    let caller = service.caller(&request);
    let GetPipelineRequest { organization, pipeline } = request.into_inner();
    let place = (organization.as_str(), Error::NoPipeline);
    let Authority { organization, .. } = service.authorize(&caller, READ_PIPELINES, place, notes).await?;
    let pipeline = service.pipeline(&organization, &pipeline).await?;
    let counts = service.count(pipeline.uuid).await?;
    Ok(GetPipelineResponse { pipeline: Some(service.pipeline_wire(&organization, pipeline, Some(counts))) })
}
