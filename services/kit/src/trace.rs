//! Spans: what a trace shows of a request in this process, where traces are exported ([`crate::telemetry::traces`]).
//!
//! Only spans that are begun here leave the process, with the attributes that are set here: no credential, variable, document
//! or path that a stranger chose. Where nothing is exported a span is nothing, and costs a look at a static.
//!
//! The context goes along with a future ([`Span::within`]): whatever that future awaits finds it, RPCs to other parts among it.

mod context;

use std::{borrow::Cow, sync::OnceLock};

use http::HeaderMap;
use opentelemetry::{
    Context, ContextGuard, KeyValue, Value,
    context::{FutureExt as _, WithContext},
    trace::{SpanKind, Status, TraceContextExt as _, TraceId, Tracer as _},
};
use opentelemetry_sdk::trace::SdkTracer;
use tokio_util::either::Either;

/// Set once, when exporting begins.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// Begins to trace. Whoever comes second changes nothing.
pub(crate) fn begin_with(tracer: SdkTracer) {
    _ = TRACER.set(tracer);
}

/// The trace that the present request belongs to.
#[must_use]
pub fn current_id() -> Option<TraceId> {
    TRACER.get()?;
    Context::map_current(|current| known(current).then(|| current.span().span_context().trace_id()))
}

fn known(context: &Context) -> bool {
    context.has_active_span() && context.span().span_context().is_valid()
}

/// What is done for a request here, from its making to its dropping.
#[derive(Debug)]
#[must_use]
pub struct Span(Option<Context>);

impl Span {
    /// A span that is none.
    pub const NONE: Self = Self(None);

    /// Of a request from elsewhere, whose headers say what it belongs to (W3C Trace Context). One that says nothing, or
    /// nothing that can be read, begins a trace of its own.
    pub fn server(name: impl FnOnce() -> Cow<'static, str>, headers: &HeaderMap) -> Self {
        let Some(tracer) = TRACER.get() else { return Self::NONE };
        let parent = context::read(headers).map_or_else(Context::new, |remote| {
            // A context of its own: what is current on this thread is no part of a stranger's request.
            Context::new().with_remote_span_context(remote)
        });
        Self::start(tracer, name(), SpanKind::Server, &parent)
    }

    /// The same, and none where the headers say nothing: what parts do by themselves, every second or so, is no request.
    pub fn server_of(name: impl FnOnce() -> Cow<'static, str>, headers: &HeaderMap) -> Self {
        if TRACER.get().is_none() || context::read(headers).is_none() {
            return Self::NONE;
        }
        Self::server(name, headers)
    }

    /// A call of somebody else, for the present request.
    pub fn client(name: impl FnOnce() -> Cow<'static, str>) -> Self {
        Self::child(name, SpanKind::Client)
    }

    /// A call of somebody else that is no part of a request, in a trace of its own.
    pub fn client_alone(name: &'static str) -> Self {
        let Some(tracer) = TRACER.get() else { return Self::NONE };
        Self::start(tracer, name.into(), SpanKind::Client, &Context::new())
    }

    /// A part of what is done for the present request.
    pub fn internal(name: &'static str) -> Self {
        Self::child(|| name.into(), SpanKind::Internal)
    }

    fn child(name: impl FnOnce() -> Cow<'static, str>, kind: SpanKind) -> Self {
        let Some(tracer) = TRACER.get() else { return Self::NONE };
        let parent = Context::current();
        if known(&parent) { Self::start(tracer, name(), kind, &parent) } else { Self::NONE }
    }

    fn start(tracer: &SdkTracer, name: Cow<'static, str>, kind: SpanKind, parent: &Context) -> Self {
        let span = tracer.build_with_context(tracer.span_builder(name).with_kind(kind), parent);
        Self(Some(parent.with_span(span)))
    }

    /// Whether it is none: nothing is traced, or nothing of this.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Names it anew.
    pub fn rename(&self, name: String) {
        if let Some(context) = &self.0 {
            context.span().update_name(name);
        }
    }

    /// Makes it the present one on this thread until what comes back is dropped, which must be before anything is awaited.
    #[must_use]
    pub fn enter(&self) -> Option<ContextGuard> {
        Some(self.0.clone()?.attach())
    }

    /// Whether it is one that is written down: what costs something needn't be found out for others.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.0.as_ref().is_some_and(|context| context.span().is_recording())
    }

    /// Sets an attribute, named as OpenTelemetry's semantic conventions have it.
    pub fn set(&self, name: &'static str, value: impl Into<Value>) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(KeyValue::new(name, value));
        }
    }

    /// Says that it went wrong, and how: one of few words (`error.type`).
    pub fn fail(&self, kind: impl Into<Value>) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(KeyValue::new("error.type", kind));
            context.span().set_status(Status::error(""));
        }
    }

    /// `future`, as a part of this span.
    pub fn within<F: Future>(&self, future: F) -> Either<F, WithContext<F>> {
        match &self.0 {
            None => Either::Left(future),
            Some(context) => Either::Right(future.with_context(context.clone())),
        }
    }

    /// Tells a part of this installation what its work belongs to.
    pub fn tell_part(&self, headers: &mut HeaderMap) {
        if let Some(context) = &self.0 {
            context::write(context.span().span_context(), headers);
        }
    }

    /// Tells somebody else: by `traceparent` alone. What callers of ours said in `tracestate` is none of others' business.
    pub fn tell_stranger(&self, headers: &mut HeaderMap) {
        if let Some(context) = &self.0 {
            context::write_parent(context.span().span_context(), headers);
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(context) = &self.0 {
            context.span().end();
        }
    }
}
