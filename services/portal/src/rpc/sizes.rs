//! How large requests of the registry may be: tonic has one limit for a whole service, and only those that hold an upstream's
//! schema may have 8 MiB (spec §8).

use std::task::{Context, Poll};

use contracts::registry::v1::registry_service_server::{RegistryServiceServer, SERVICE_NAME};
use http::{Request, Response};
use kit::grpc::MOST_REQUEST_BYTES;
use tonic::{body::Body, codegen::Service as Rpcs, server::NamedService};

use crate::Service;

/// A schema of 8 MiB, and what stands beside it.
const MOST_SCHEMA_BYTES: usize = (8 << 20) + (64 << 10);

/// The registry under two limits.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    usual: RegistryServiceServer<Service>,
    schemas: RegistryServiceServer<Service>,
}

impl Registry {
    pub(crate) fn of(service: &Service) -> Self {
        let up_to = |bytes| RegistryServiceServer::new(service.clone()).max_decoding_message_size(bytes);
        Self { usual: up_to(MOST_REQUEST_BYTES), schemas: up_to(MOST_SCHEMA_BYTES) }
    }
}

impl NamedService for Registry {
    const NAME: &'static str = SERVICE_NAME;
}

impl Rpcs<Request<Body>> for Registry {
    type Response = Response<Body>;
    type Error = <RegistryServiceServer<Service> as Rpcs<Request<Body>>>::Error;
    type Future = <RegistryServiceServer<Service> as Rpcs<Request<Body>>>::Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let holds_schema = ["/CreateUpstream", "/UpdateUpstream"].iter().any(|rpc| request.uri().path().ends_with(rpc));
        if holds_schema { self.schemas.call(request) } else { self.usual.call(request) }
    }
}
