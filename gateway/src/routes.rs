//! The whole public API.

mod access_token;
mod api_access_tokens;
mod api_settings;
mod assertion_keys;
mod audit_events;
mod builds;
mod call_portal;
mod codes;
mod console;
mod credentials;
mod execute_query;
mod fallback;
mod form;
mod grpc_web;
mod live_tokens;
mod members;
mod organizations;
mod pipelines;
mod portals;
mod rate_limit;
mod resolve;
mod rest;
mod root;
mod secrets;
mod service_tokens;
mod services;
mod tokens;
mod upstreams;
mod user;
mod validate;
mod versions;

use axum::{
    Router,
    routing::{MethodRouter, delete, get, post, put},
};
use tower::layer::layer_fn;

use self::services::deliveries;
use crate::{gateway::Gateway, shell::Shell};

/// Every route of the public API.
pub(crate) fn router(gateway: &Gateway) -> Router {
    let table = Table::of(gateway)
        .at("/", get(root::greet))
        .at("/.well-known/jwks.json", get(assertion_keys::show))
        .at("/organizations/{org}/portals/{portal}", post(call_portal::call))
        .at("/organizations/{org}/portals/{portal}/codes", post(codes::create))
        .at("/organizations/{org}/portals/{portal}/tokens", post(tokens::exchange))
        .at("/graphql", post(execute_query::execute))
        .at("/v1", post(execute_query::execute))
        .at("/v2/access-token", get(access_token::show).delete(access_token::revoke))
        .at("/v2/user", get(user::show))
        .at("/v2/builds", get(builds::list_all))
        .at("/v2/organizations", get(organizations::list))
        .at("/v2/organizations/{org}", get(organizations::show))
        .at("/v2/organizations/{org}/api-access-tokens", get(api_access_tokens::list))
        .at("/v2/organizations/{org}/api-access-tokens.csv", get(api_access_tokens::export))
        .at("/v2/organizations/{org}/api-access-tokens/{uuid}", delete(api_access_tokens::remove))
        .at("/v2/organizations/{org}/api-settings", get(api_settings::show).patch(api_settings::update))
        .at("/v2/organizations/{org}/audit_events", get(audit_events::list))
        .at("/v2/organizations/{org}/audit_events.csv", get(audit_events::export_csv))
        .at("/v2/organizations/{org}/audit_events.ndjson", get(audit_events::export_lines))
        .at("/v2/organizations/{org}/audit_events/{uuid}", get(audit_events::show))
        .at("/v2/organizations/{org}/builds", get(builds::list_of_organization))
        .at("/v2/organizations/{org}/members", get(members::list).post(members::create))
        .at("/v2/organizations/{org}/members/{uuid}", get(members::show).patch(members::update).delete(members::delete))
        .at("/v2/organizations/{org}/pipelines", get(pipelines::list))
        .at("/v2/organizations/{org}/pipelines/{slug}", get(pipelines::show))
        .at("/v2/organizations/{org}/pipelines/{slug}/builds", get(builds::list).post(builds::create))
        .at("/v2/organizations/{org}/pipelines/{slug}/builds/{number}", get(builds::show).patch(builds::report))
        .at("/v2/organizations/{org}/pipelines/{slug}/builds/{number}/cancel", put(builds::cancel))
        .at("/v2/organizations/{org}/pipelines/{slug}/builds/{number}/rebuild", put(builds::rebuild))
        .at("/v2/organizations/{org}/portals", get(portals::list).post(portals::create))
        .at("/v2/organizations/{org}/portals/{slug}", get(portals::show).put(portals::update).delete(portals::delete))
        .at(
            "/v2/organizations/{org}/portals/validate",
            get(validate::show).post(validate::check).put(validate::update).delete(validate::delete),
        )
        .at("/v2/organizations/{org}/portals/{slug}/duplicate", post(portals::duplicate))
        .at("/v2/organizations/{org}/portals/{slug}/live_tokens", get(live_tokens::list))
        .at("/v2/organizations/{org}/portals/{slug}/live_tokens/{uuid}", delete(live_tokens::delete))
        .at("/v2/organizations/{org}/portals/{slug}/revoke_all", post(live_tokens::revoke_all))
        .at("/v2/organizations/{org}/portals/{slug}/secrets", get(secrets::list).post(secrets::create))
        .at("/v2/organizations/{org}/portals/{slug}/secrets/{uuid}", delete(secrets::delete))
        .at(
            "/v2/organizations/{org}/portals/{slug}/service_tokens",
            get(service_tokens::list).post(service_tokens::create),
        )
        .at("/v2/organizations/{org}/portals/{slug}/service_tokens/{uuid}", delete(service_tokens::delete))
        .at("/v2/organizations/{org}/portals/{slug}/versions", get(versions::list))
        .at("/v2/organizations/{org}/portals/{slug}/versions/{number}", get(versions::show))
        .at("/v2/organizations/{org}/portals/{slug}/versions/{number}/restore", post(versions::restore))
        .at("/v2/organizations/{org}/rate_limit", get(rate_limit::show))
        .at("/v2/organizations/{org}/services", get(services::list).post(services::create))
        .at(
            "/v2/organizations/{org}/services/{uuid}",
            get(services::show).patch(services::update).delete(services::delete),
        )
        .at("/v2/organizations/{org}/services/{uuid}/deliveries", get(deliveries::list))
        .at("/v2/organizations/{org}/services/{uuid}/deliveries/{delivery}", get(deliveries::show))
        .at("/v2/organizations/{org}/services/{uuid}/deliveries/{delivery}/redeliver", post(deliveries::redeliver))
        .at("/v2/organizations/{org}/services/{uuid}/disable", put(services::disable))
        .at("/v2/organizations/{org}/services/{uuid}/enable", put(services::enable))
        .at("/v2/organizations/{org}/services/{uuid}/test", post(services::test))
        .at("/v2/organizations/{org}/upstreams", get(upstreams::list).post(upstreams::create))
        .at(
            "/v2/organizations/{org}/upstreams/{slug}",
            get(upstreams::show).put(upstreams::update).delete(upstreams::delete),
        )
        .at("/v2/organizations/{org}/upstreams/{slug}/refresh", post(upstreams::refresh))
        .at("/console", get(console::home))
        .at("/console/authorize", get(console::ask).post(console::decide))
        .at("/console/sign-in", get(console::sign_in_form).post(console::sign_in))
        .at("/console/sign-out", post(console::sign_out))
        .at("/console/style.css", get(console::style));
    grpc_web::RPCS.into_iter().fold(table, |table, rpc| table.at(rpc, grpc_web::methods(gateway, rpc))).finish()
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
