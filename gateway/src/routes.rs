//! The whole public API.

mod call_portal;
mod execute_query;
mod fallback;
mod form;
mod organizations;
mod portals;
mod root;

mod user;

use axum::{
    Router,
    routing::{MethodRouter, get, post},
};
use tower::layer::layer_fn;

use crate::{gateway::Gateway, shell::Shell};

/// Every route of the public API.
pub(crate) fn router(gateway: &Gateway) -> Router {
    Table::of(gateway)
        .at("/", get(root::greet))
        .at("/organizations/{org}/portals/{portal}", post(call_portal::call))
        .at("/graphql", post(execute_query::execute))
        .at("/v1", post(execute_query::execute))
        .at("/v2/user", get(user::show))
        .at("/v2/organizations", get(organizations::list))
        .at("/v2/organizations/{org}", get(organizations::show))
        .at("/v2/organizations/{org}/portals", get(portals::list).post(portals::create))
        .at("/v2/organizations/{org}/portals/{slug}", get(portals::show).put(portals::update).delete(portals::delete))
        .finish()
}

struct Table {
    gateway: Gateway,
    router: Router<Gateway>,
}

impl Table {
    fn of(gateway: &Gateway) -> Self {
        Self { gateway: gateway.clone(), router: Router::new() }
    }

    /// Adds a route. A trailing slash is the same route; another method is a 405.
    fn at(mut self, path: &'static str, methods: MethodRouter<Gateway>) -> Self {
        let gateway = self.gateway.clone();
        let methods = methods
            .fallback(fallback::method_not_allowed)
            .layer(layer_fn(move |inner| Shell::new(gateway.clone(), path, inner)));
        if path != "/" {
            self.router = self.router.route(&format!("{path}/"), methods.clone());
        }
        self.router = self.router.route(path, methods);
        self
    }

    fn finish(self) -> Router {
        let gateway = self.gateway.clone();
        // Not a `MethodRouter`: that would add an empty `Allow` header.
        let unknown = Router::new().fallback(fallback::not_found).with_state(self.gateway.clone());
        let unknown = Shell::new(gateway, "(unknown)", unknown);
        self.router.with_state(self.gateway).fallback_service(unknown)
    }
}
