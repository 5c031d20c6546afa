//! What happens around every RPC, in process or not: the deadline is kept, and the call is timed and logged once.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use http::{HeaderMap, Request, Response};
use tonic::{Code, Status, body::Body};
use tower::Service;

/// What stands for the name of an RPC that doesn't exist.
const UNKNOWN: &str = "(unknown)";

/// A part's routes with everything around them.
#[derive(Clone, Debug)]
pub struct Layered<S>(S);

impl<S> Layered<S> {
    /// Puts the layer around `routes`.
    #[must_use]
    pub fn new(routes: S) -> Self {
        Self(routes)
    }
}

impl<S> Service<Request<Body>> for Layered<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let begun = Instant::now();
        let deadline = deadline(request.headers());
        let rpc = request.uri().path().to_owned();
        let call = self.0.call(request);
        Box::pin(async move {
            let answer = match deadline {
                Some(deadline) => tokio::time::timeout(deadline, call).await,
                None => Ok(call.await),
            };
            let response = match answer {
                Ok(answer) => answer?,
                Err(_elapsed) => Status::deadline_exceeded("the deadline passed").into_http(),
            };
            record(rpc, begun.elapsed(), &response);
            Ok(response)
        })
    }
}

fn record(rpc: String, took: Duration, response: &Response<Body>) {
    // A reply with a body has its status in the trailers; an error of a unary call has it in the headers.
    // Only that is read: decoding the whole status, its details too, costs more than everything else here.
    let code = response.headers().get(Status::GRPC_STATUS).map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()));
    // A path that is no RPC of ours is a stranger's text: it may hold anything, and there are endlessly many.
    let rpc = if code == Code::Unimplemented { UNKNOWN.to_owned() } else { rpc };
    tracing::debug!(rpc, ?code, micros = took.as_micros(), "rpc");
    let code = code.description();
    metrics::histogram!("portals_rpc_duration_seconds", "rpc" => rpc, "code" => code).record(took.as_secs_f64());
}

/// Reads `grpc-timeout`: up to 8 digits and a unit (gRPC over HTTP/2, "Timeout").
fn deadline(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let value: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    match unit {
        "H" => Some(Duration::from_secs(value * 3600)),
        "M" => Some(Duration::from_secs(value * 60)),
        "S" => Some(Duration::from_secs(value)),
        "m" => Some(Duration::from_millis(value)),
        "u" => Some(Duration::from_micros(value)),
        "n" => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_read_in_every_unit() {
        let read =
            |text: &str| deadline(&HeaderMap::from_iter([("grpc-timeout".parse().unwrap(), text.parse().unwrap())]));
        assert_eq!(read("90S"), Some(Duration::from_secs(90)));
        assert_eq!(read("1500m"), Some(Duration::from_millis(1500)));
        assert_eq!((read("123456789S"), read("1x"), read("S"), read("")), (None, None, None, None));
    }
}
