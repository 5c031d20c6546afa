use contracts::pipelines::v1::{ListPipelinesRequest, ListPipelinesResponse};
use tonic::{Request, metadata::MetadataMap};

use super::{
    Parts,
    authority::{Authority, READ_PIPELINES},
};
use crate::{
    domain::{filter::Pipelines, page::Numbered, text},
    error::Error,
};

/// The longest text to search for, in bytes; engines bound the patterns that they match.
const LONGEST_SEARCH: usize = 255;

pub(super) async fn handle(
    service: &Parts,
    request: Request<ListPipelinesRequest>,
    notes: &mut MetadataMap,
) -> Result<ListPipelinesResponse, Error> {
    let caller = service.caller(&request);
    let ListPipelinesRequest { organization, name, repository, page, per_page } = request.into_inner();
    let place = (organization.as_str(), Error::NoOrganization);
    let Authority { organization, .. } = service.authorize(&caller, READ_PIPELINES, place, notes).await?;
    let filter = Pipelines {
        search: text::optional("Name", name, LONGEST_SEARCH)?,
        repository_like: text::optional("Repository", repository, LONGEST_SEARCH)?,
        ..Pipelines::default()
    };
    let store = &service.server.store;
    let total = store.count_pipelines(organization.uuid, &filter).await?;
    let found = store.page_of_pipelines(organization.uuid, &filter, Numbered::new(page, per_page)).await?;
    let counts = store.builds_under_way(found.iter().map(|pipeline| pipeline.uuid).collect()).await?;
    let pipelines = found.into_iter().map(|pipeline| {
        let counts = counts.get(&pipeline.uuid).copied().unwrap_or_default();
        service.pipeline_wire(&organization, pipeline, Some(counts))
    });
    Ok(ListPipelinesResponse { pipelines: pipelines.collect(), total: u32::try_from(total).unwrap_or(u32::MAX) })
}
