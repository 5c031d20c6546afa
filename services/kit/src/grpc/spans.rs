//! The spans of RPCs, named and described as OpenTelemetry's conventions have it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use http::{HeaderMap, Request, Response};
use tonic::{Code, Status, body::Body};

use super::{
    address::{Address, bare},
    caller::SERVICE_KEY,
};
use crate::trace::Span;

/// What begins the path of an RPC of ours. Health and reflection are asked every second or so, and are nobody's request.
const OURS: &str = "/portals.";

/// The span of an RPC that goes out. Its path is one of ours.
pub(super) fn client(request: &Request<Body>) -> Span {
    Span::client(|| request.uri().path().trim_start_matches('/').to_owned().into())
}

/// The span of an RPC that comes in. Its name comes with its answer: a path that is no RPC's is a stranger's text.
pub(super) fn server(request: &Request<Body>) -> Span {
    let (path, headers) = (request.uri().path(), request.headers());
    match (path.starts_with(OURS), headers.contains_key(SERVICE_KEY)) {
        (false, _) => Span::NONE,
        // A part that says of no trace works by itself, every second or so.
        (true, true) => Span::server_of(|| "rpc".into(), headers),
        (true, false) => Span::server(|| "rpc".into(), headers),
    }
}

/// Which process a call was sent to last. Goes with a request that is traced, to be filled in by who sends it.
#[derive(Clone, Debug, Default)]
pub(super) struct Reached(Arc<Mutex<Option<SocketAddr>>>);

impl Reached {
    /// The call goes to that process now.
    pub(super) fn note(&self, process: SocketAddr) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(process);
    }
}

/// Describes whom a call that goes out is for: the host as the setting has it, or all of them.
pub(super) fn goes(span: &Span, to: &Address) {
    let names: Vec<&str> = to.hosts.iter().map(bare).collect();
    span.set("server.address", names.join(","));
    let mut ports = to.hosts.iter().map(|host| to.port(host));
    if let Some(port) = ports.next().filter(|first| ports.all(|port| port == *first)) {
        span.set("server.port", i64::from(port));
    }
}

/// Describes what came of a call that went out, and which process it reached.
pub(super) fn went(span: &Span, path: &str, response: Option<&Response<Body>>, reached: &Reached) {
    if !span.is_recording() {
        return;
    }
    if let Some(process) = *reached.0.lock().unwrap_or_else(PoisonError::into_inner) {
        span.set("network.peer.address", process.ip().to_string());
        span.set("network.peer.port", i64::from(process.port()));
    }
    let Some(response) = response else {
        name(span, path);
        return span.fail("unreachable");
    };
    let code = code(response.headers());
    describe(span, path, code);
    if code != Code::Ok {
        span.fail(format!("{code:?}"));
    }
}

/// Describes what came of a call that came in. `path`: of an RPC, or something else in its place.
pub(super) fn came(span: &Span, path: &str, code: Code) {
    if span.is_recording() {
        span.rename(path.trim_start_matches('/').to_owned());
        describe(span, path, code);
        // The others are the caller's mistakes.
        let is_ours = matches!(
            code,
            Code::Unknown
                | Code::DeadlineExceeded
                | Code::Unimplemented
                | Code::Internal
                | Code::Unavailable
                | Code::DataLoss
        );
        if is_ours {
            span.fail(format!("{code:?}"));
        }
    }
}

fn describe(span: &Span, path: &str, code: Code) {
    name(span, path);
    span.set("rpc.grpc.status_code", i64::from(i32::from(code)));
}

fn name(span: &Span, path: &str) {
    span.set("rpc.system", "grpc");
    if let Some((service, method)) = path.trim_start_matches('/').split_once('/') {
        span.set("rpc.service", service.to_owned());
        span.set("rpc.method", method.to_owned());
    }
}

/// The code of a reply, as far as its headers say it: one with a body has it in the trailers, an error of a unary call in the
/// headers.
pub(super) fn code(headers: &HeaderMap) -> Code {
    headers.get(Status::GRPC_STATUS).map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()))
}
