//! The one log line and the one measurement of a request.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use axum::extract::Request;
use http::{HeaderValue, Method, StatusCode, Uri};
use kit::trace::Span;
use metrics::Histogram;
use tracing::Level;

use crate::query::redacted;

/// What stands for the status when the client went away first.
const GONE: u16 = 499;

/// A route as log, metrics and traces call it.
#[derive(Debug)]
pub(crate) struct Route {
    name: &'static str,
    /// By method and status: finding one by its labels costs a request more than counting it.
    histograms: RwLock<HashMap<(&'static str, u16), Histogram>>,
}

impl Route {
    /// The route that is called `name`.
    pub(crate) fn named(name: &'static str) -> Self {
        Self { name, histograms: RwLock::default() }
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    fn measure(&self, method: &'static str, status: u16, took: Duration) {
        let known = self.histograms.read().unwrap_or_else(PoisonError::into_inner).get(&(method, status)).cloned();
        let histogram = known.unwrap_or_else(|| {
            let labels =
                [("route", self.name.to_owned()), ("method", method.to_owned()), ("status", status.to_string())];
            let histogram = metrics::histogram!("portals_http_duration_seconds", &labels);
            let mut known = self.histograms.write().unwrap_or_else(PoisonError::into_inner);
            known.entry((method, status)).or_insert(histogram).clone()
        });
        histogram.record(took.as_secs_f64());
    }
}

/// A request that is being answered. Dropped before [`Line::end`], it says that the client went away.
pub(crate) struct Line {
    begun: Instant,
    route: Arc<Route>,
    method: Method,
    /// Absent when nobody reads the log, so that it needn't be cloned.
    uri: Option<Uri>,
    client_ip: Option<IpAddr>,
    request_id: String,
    status: u16,
    span: Span,
}

impl Line {
    /// Begins the measurement.
    pub(crate) fn begin(route: Arc<Route>, request: &Request, client_ip: Option<IpAddr>, request_id: String) -> Self {
        let name = || format!("{} {}", name(request.method()), route.name()).into();
        let span = Span::server(name, request.headers());
        Self {
            begun: Instant::now(),
            route,
            method: request.method().clone(),
            uri: tracing::enabled!(Level::INFO).then(|| request.uri().clone()),
            client_ip,
            request_id,
            status: GONE,
            span,
        }
    }

    /// What the request is a part of, and everything that is done for it a part of.
    pub(crate) fn span(&self) -> &Span {
        &self.span
    }

    /// The id of the request.
    pub(crate) fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The id as a header's value.
    pub(crate) fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.request_id).unwrap_or_else(|_never| HeaderValue::from_static(""))
    }

    /// Ends the measurement and writes the line.
    pub(crate) fn end(mut self, status: StatusCode) {
        self.status = status.as_u16();
    }

    fn log(&self, took: Duration) {
        let Some(uri) = &self.uri else { return };
        let client = self.client_ip.map(tracing::field::display);
        tracing::info!(
            method = self.method.as_str(),
            route = self.route.name(),
            path = &*redacted(uri.path()),
            status = self.status,
            micros = took.as_micros(),
            request_id = self.request_id,
            client,
            "request"
        );
    }

    /// What a trace shows. No path: a stranger's may hold anything.
    fn trace(&self) {
        if self.span.is_recording() {
            let method = match name(&self.method) {
                "OTHER" => "_OTHER",
                known => known,
            };
            self.span.set("http.request.method", method);
            self.span.set("http.route", self.route.name());
            self.span.set("portals.request_id", self.request_id.clone());
            if self.status == GONE {
                self.span.fail("canceled");
                return;
            }
            self.span.set("http.response.status_code", i64::from(self.status));
            if self.status >= 500 {
                self.span.fail(self.status.to_string());
            }
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let took = self.begun.elapsed();
        self.route.measure(name(&self.method), self.status, took);
        self.trace();
        let _entered = self.span.enter();
        self.log(took);
    }
}

/// The method, or `OTHER`: strangers don't choose the values of labels.
fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}
