//! What happens around every RPC, in process or not: the deadline is kept, and the call is timed and logged once.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use http::{HeaderMap, Request, Response};
use tokio::time::timeout_at;
use tonic::{Code, body::Body};
use tower::Service;

use super::{budget, spans, status::late};
use crate::trace::Span;

/// How much earlier than at its deadline a call is given up. tonic's server keeps the same deadline and would answer
/// CANCELLED, which says that the caller left.
const AHEAD: Duration = Duration::from_millis(2);

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
        let patience = deadline(request.headers()).map(|after| after.saturating_sub(AHEAD));
        let asked = tokio::time::Instant::now();
        // Whether there is such an RPC isn't known of a call that doesn't begin.
        let begins = patience != Some(Duration::ZERO);
        let rpc = if begins { request.uri().path() } else { UNKNOWN }.to_owned();
        let span = spans::server(&request);
        let call = span.within(self.0.call(request));
        Box::pin(async move {
            let answer = match patience {
                // The timer counts milliseconds: it would let such a call begin.
                Some(Duration::ZERO) => None,
                // What doesn't end in time is dropped, and whatever it has under way with it.
                Some(patience) => {
                    let end = asked + patience;
                    timeout_at(end, budget::until(Some(end), call)).await.ok()
                }
                None => Some(budget::for_all(call).await),
            };
            let response = match answer {
                Some(answer) => answer?,
                None => late().into_http(),
            };
            record(rpc, begun.elapsed(), &response, &span);
            Ok(response)
        })
    }
}

fn record(rpc: String, took: Duration, response: &Response<Body>, span: &Span) {
    // Only that is read: decoding the whole status, its details too, costs more than everything else here.
    let code = spans::code(response.headers());
    // A path that is no RPC of ours is a stranger's text: it may hold anything, and there are endlessly many.
    let rpc = if code == Code::Unimplemented { UNKNOWN.to_owned() } else { rpc };
    spans::came(span, &rpc, code);
    let _entered = span.enter();
    tracing::debug!(rpc, ?code, micros = took.as_micros(), "rpc");
    let code = code.description();
    metrics::histogram!("portals_rpc_duration_seconds", "rpc" => rpc, "code" => code).record(took.as_secs_f64());
}

/// Reads `grpc-timeout`: up to 8 digits and a unit (gRPC over HTTP/2, "Timeout"). `None`: there is none that can be read.
#[must_use]
pub fn deadline(headers: &HeaderMap) -> Option<Duration> {
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
    use tonic::Status;

    use super::*;

    /// Says when it is dropped.
    struct Work(std::sync::Arc<std::sync::atomic::AtomicBool>);

    impl Drop for Work {
        fn drop(&mut self) {
            self.0.store(true, std::sync::atomic::Ordering::SeqCst);
        }
    }

    #[tokio::test]
    async fn what_has_passed_its_deadline_is_answered_and_dropped() {
        let dropped = std::sync::Arc::<std::sync::atomic::AtomicBool>::default();
        let hanging = tower::service_fn(|_: Request<Body>| {
            let work = Work(std::sync::Arc::clone(&dropped));
            async move {
                let () = std::future::pending().await;
                drop(work);
                Ok::<_, std::convert::Infallible>(Response::new(Body::empty()))
            }
        });
        let request = Request::builder().header("grpc-timeout", "20m").body(Body::empty()).unwrap();
        let answer = Layered::new(hanging).call(request).await.unwrap();
        assert_eq!(answer.headers()[Status::GRPC_STATUS], "4");
        assert!(dropped.load(std::sync::atomic::Ordering::SeqCst), "it goes on");
    }

    #[tokio::test]
    async fn what_comes_too_late_does_not_begin() {
        let never = tower::service_fn(|_: Request<Body>| async {
            assert!(std::hint::black_box(false), "it began");
            Ok::<_, std::convert::Infallible>(Response::new(Body::empty()))
        });
        let request = Request::builder().header("grpc-timeout", "1n").body(Body::empty()).unwrap();
        let answer = Layered::new(never).call(request).await.unwrap();
        assert_eq!(answer.headers()[Status::GRPC_STATUS], "4");
    }

    #[test]
    fn deadlines_are_read_in_every_unit() {
        let read =
            |text: &str| deadline(&HeaderMap::from_iter([("grpc-timeout".parse().unwrap(), text.parse().unwrap())]));
        assert_eq!(read("90S"), Some(Duration::from_secs(90)));
        assert_eq!(read("1500m"), Some(Duration::from_millis(1500)));
        assert_eq!((read("123456789S"), read("1x"), read("S"), read("")), (None, None, None, None));
    }
}
