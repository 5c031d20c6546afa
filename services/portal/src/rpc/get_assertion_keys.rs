use contracts::registry::v1::{GetAssertionKeysRequest, GetAssertionKeysResponse};
use tonic::{Request, metadata::MetadataMap};

use crate::{error::Error, service::Parts};

pub(super) async fn handle(
    service: &Parts,
    request: Request<GetAssertionKeysRequest>,
    _: &mut MetadataMap,
) -> Result<GetAssertionKeysResponse, Error> {
    service.service(&request)?;
    let GetAssertionKeysRequest {} = request.into_inner();
    std::future::ready(Ok(GetAssertionKeysResponse { jwks_json: service.targets.assertions().key_set() })).await
}
