use contracts::pipelines::v1::{ReportBuildStateRequest, ReportBuildStateResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{
    Parts,
    authority::{Authority, Found, WRITE_BUILDS},
    wire,
};
use crate::error::Error;

pub(super) async fn handle(
    service: &Parts,
    request: Request<ReportBuildStateRequest>,
    notes: &mut MetadataMap,
) -> Result<ReportBuildStateResponse, Error> {
    let caller = service.caller(&request);
    let report = request.get_ref().state();
    let ReportBuildStateRequest { organization, pipeline, number, state: _ } = request.into_inner();
    let place = (organization.as_str(), Error::NoBuild);
    let Authority { organization, .. } = service.authorize(&caller, WRITE_BUILDS, place, notes).await?;
    let report = (wire::state(report)?, service.server.ambient.now());
    let Found { build, origin, .. } = service.build(&organization, &pipeline, number).await?;
    let (build, pipeline) = service.server.store.report_build(&organization.scope(), build.uuid, report).await?;
    let (build, pipeline) = service.changed(&organization, Found { build, pipeline, origin }).await;
    Ok(ReportBuildStateResponse { build, pipeline })
}
