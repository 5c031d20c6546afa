//! The table of all routes, and the description that comes of it.

use std::sync::Arc;

use axum::{Router, routing::MethodRouter};
use tower::layer::layer_fn;

use super::fallback;
use crate::{
    description::{Description, Draft, Operation},
    gateway::Gateway,
    line::Route,
    shell::Shell,
};

/// Routes. What is in it is described, but for pages.
pub(super) struct Table {
    gateway: Gateway,
    draft: Draft,
    router: Router<Gateway>,
}

impl Table {
    /// Of a gateway; no route yet.
    pub(super) fn of(gateway: &Gateway) -> Self {
        Self { gateway: gateway.clone(), draft: Draft::default(), router: Router::new() }
    }

    /// Begins a group of the description.
    pub(super) fn group(mut self, name: &'static str, sentence: &'static str) -> Self {
        self.draft.group(name, sentence);
        self
    }

    /// Adds a route.
    pub(super) fn at<const N: usize>(self, path: &'static str, operations: [Operation; N]) -> Self {
        self.at_slug(path, MethodRouter::new(), operations)
    }

    /// The same, where `others` are the methods of a path that is described with a parameter in the place of the last word.
    pub(super) fn at_slug<const N: usize>(
        mut self,
        path: &'static str,
        others: MethodRouter<Gateway>,
        operations: [Operation; N],
    ) -> Self {
        let methods =
            operations.into_iter().fold(others, |methods, operation| methods.merge(self.draft.add(path, operation)));
        self.route(path, methods)
    }

    /// Adds a route that isn't described.
    pub(super) fn page(self, path: &'static str, methods: MethodRouter<Gateway>) -> Self {
        let is_known = ["/console", "/docs", "/portals."].iter().any(|start| path.starts_with(start));
        debug_assert!(is_known, "{path} isn't described");
        self.route(path, methods)
    }

    /// A trailing slash is the same route; another method is a 405.
    fn route(mut self, path: &'static str, methods: MethodRouter<Gateway>) -> Self {
        let (gateway, route) = (self.gateway.clone(), Arc::new(Route::named(path)));
        let methods = methods
            .fallback(fallback::method_not_allowed)
            .layer(layer_fn(move |inner| Shell::new(gateway.clone(), Arc::clone(&route), inner)));
        if path != "/" {
            self.router = self.router.route(&format!("{path}/"), methods.clone());
        }
        self.router = self.router.route(path, methods);
        self
    }

    /// What it says of itself.
    pub(super) fn describe(self) -> Description {
        Description::of(self.draft, &self.gateway.config().public_url)
    }

    /// All of it, and what answers elsewhere.
    pub(super) fn finish(self) -> Router {
        let gateway = self.gateway.clone();
        // Not a `MethodRouter`: that would add an empty `Allow` header.
        let unknown = Router::new().fallback(fallback::not_found).with_state(self.gateway.clone());
        let unknown = Shell::new(gateway, Arc::new(Route::named("(unknown)")), unknown);
        self.router.with_state(self.gateway).fallback_service(unknown)
    }
}
