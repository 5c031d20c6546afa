//! `ExportApiTokens`: everything that `ListApiTokens` lists, by one request.

use std::pin::Pin;

use contracts::directory::v1::{ExportApiTokensRequest, ExportApiTokensResponse};
use kit::grpc::to_status;
use tokio::sync::mpsc;
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Status, metadata::MetadataMap};
use uuid::Uuid;

use super::{
    parse,
    people::{self, SEE_API_TOKENS},
};
use crate::{Error, Service};

pub(super) type Parts = Pin<Box<dyn Stream<Item = Result<ExportApiTokensResponse, Status>> + Send>>;

/// How many parts wait for a reader.
const BUFFER: usize = 1;

pub(super) async fn handle(
    service: &Service,
    request: Request<ExportApiTokensRequest>,
    notes: &mut MetadataMap,
) -> Result<Parts, Error> {
    let caller = service.caller(&request);
    let organization = parse::uuid("organization_uuid", &request.into_inner().organization_uuid)?;
    service.authorize(caller, organization, &SEE_API_TOKENS, notes).await?;
    let (parts, stream) = mpsc::channel(BUFFER);
    let (exporter, stop) = (service.clone(), service.0.tasks.stopping());
    service.0.tasks.spawn(async move {
        stop.run_until_cancelled(export(&exporter, organization, parts)).await;
    });
    Ok(Box::pin(ReceiverStream::new(stream)))
}

/// Sends part after part until there are no more, or nobody reads them.
async fn export(service: &Service, organization: Uuid, parts: mpsc::Sender<Result<ExportApiTokensResponse, Status>>) {
    let (now, mut last) = (service.0.ambient.now(), None);
    loop {
        let part = match service.0.store.next_api_tokens(organization, last, now).await {
            Ok(found) if found.is_empty() => return,
            Ok(found) => {
                last = found.last().map(|token| (token.created_at, token.uuid));
                Ok(ExportApiTokensResponse { api_tokens: found.into_iter().map(people::api_token).collect() })
            }
            Err(error) => Err(to_status(&Error::from(error))),
        };
        let is_over = part.is_err();
        if parts.send(part).await.is_err() || is_over {
            return;
        }
    }
}
