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
mod openapi;
mod organizations;
mod pipelines;
mod portal_descriptions;
mod portals;
mod rate_limit;
mod resolve;
mod rest;
mod root;
mod secret_scanning;
mod secrets;
mod service_tokens;
mod services;
mod table;
mod tokens;
mod upstreams;
mod usage;
mod user;
mod validate;
mod versions;

use axum::{Router, routing};

use self::{services::deliveries, table::Table};
use crate::{
    description::{
        Access::{Administrator, ApiToken, Client, Open, PortalToken, Scope},
        Description, delete, get, patch, post, put,
    },
    gateway::Gateway,
};

/// Every route of the public API.
pub(crate) fn router(gateway: &Gateway) -> Router {
    table(gateway).finish()
}

/// What the public API says of itself.
pub(crate) fn describe(gateway: &Gateway) -> Description {
    table(gateway).describe()
}

/// Every route: where, how, whom it lets in, and what the description says of it.
fn table(gateway: &Gateway) -> Table {
    let table = calls(Table::of(gateway));
    let table = organizations(installation(table));
    let table = credentials(portals(table));
    let table = webhooks(builds(upstreams(table)));
    pages(audit(table), gateway)
}

fn calls(table: Table) -> Table {
    table
        .group("Calls", "Running what is stored. None of these takes an API access token.")
        .at("/organizations/{org}/portals/{portal}", [post(call_portal::call, PortalToken, call_portal::about_call)])
        .at("/organizations/{org}/portals/{portal}/codes", [post(codes::create, Open, codes::about_create)])
        .at("/organizations/{org}/portals/{portal}/tokens", [post(tokens::exchange, Client, tokens::about_exchange)])
}

fn installation(table: Table) -> Table {
    table
        .group("Installation", "What it says of itself to everybody.")
        .at("/", [get(root::greet, Open, root::about_greet)])
        .at("/.well-known/jwks.json", [get(assertion_keys::show, Open, assertion_keys::about_show)])
        .at("/v2/openapi.json", [get(openapi::show, Open, openapi::about_show)])
        .at("/secret_scanning", [post(secret_scanning::report, Open, secret_scanning::about_report)])
        .group("GraphQL", "The built-in API.")
        .at("/graphql", [post(execute_query::execute, Scope("graphql"), execute_query::about_execute)])
        .at("/v1", [post(execute_query::execute, Scope("graphql"), execute_query::about_execute_v1)])
        .group("Token in hand", "What is presented, and whose it is.")
        .at(
            "/v2/access-token",
            [
                get(access_token::show, ApiToken, access_token::about_show),
                delete(access_token::revoke, ApiToken, access_token::about_revoke),
            ],
        )
        .at("/v2/user", [get(user::show, Scope("read_user"), user::about_show)])
}

fn organizations(table: Table) -> Table {
    let (see, read, write) =
        (Scope("read_organizations"), "read_organization_settings", Administrator("write_organization_settings"));
    table
        .group("Organizations", "Who belongs to them, and what they ask of those who call.")
        .at("/v2/organizations", [get(organizations::list, see, organizations::about_list)])
        .at("/v2/organizations/{org}", [get(organizations::show, see, organizations::about_show)])
        .at(
            "/v2/organizations/{org}/api-access-tokens",
            [get(api_access_tokens::list, Administrator(read), api_access_tokens::about_list)],
        )
        .at(
            "/v2/organizations/{org}/api-access-tokens.csv",
            [get(api_access_tokens::export, Administrator(read), api_access_tokens::about_export)],
        )
        .at(
            "/v2/organizations/{org}/api-access-tokens/{uuid}",
            [delete(api_access_tokens::remove, write, api_access_tokens::about_remove)],
        )
        .at(
            "/v2/organizations/{org}/api-settings",
            [
                get(api_settings::show, Scope(read), api_settings::about_show),
                patch(api_settings::update, write, api_settings::about_update),
            ],
        )
        .at(
            "/v2/organizations/{org}/members",
            [get(members::list, see, members::about_list), post(members::create, write, members::about_create)],
        )
        .at(
            "/v2/organizations/{org}/members/{uuid}",
            [
                get(members::show, see, members::about_show),
                patch(members::update, write, members::about_update),
                delete(members::delete, write, members::about_delete),
            ],
        )
        .at("/v2/organizations/{org}/rate_limit", [get(rate_limit::show, ApiToken, rate_limit::about_show)])
}

fn portals(table: Table) -> Table {
    let (read, write) = (Scope("read_portals"), Administrator("write_portals"));
    table
        .group("Portals", "What an administrator keeps: documents, their versions and copies.")
        .at(
            "/v2/organizations/{org}/portals",
            [get(portals::list, read, portals::about_list), post(portals::create, write, portals::about_create)],
        )
        .at(
            "/v2/organizations/{org}/portals/{slug}",
            [
                get(portals::show, read, portals::about_show),
                put(portals::update, write, portals::about_update),
                delete(portals::delete, write, portals::about_delete),
            ],
        )
        .at(
            "/v2/organizations/{org}/openapi.json",
            [get(portal_descriptions::list, read, portal_descriptions::about_list)],
        )
        .at(
            "/v2/organizations/{org}/portals/{slug}/openapi.json",
            [get(portal_descriptions::show, read, portal_descriptions::about_show)],
        )
        .at_slug(
            "/v2/organizations/{org}/portals/validate",
            validate::of_that_slug_methods(),
            [post(validate::check, read, validate::about_check)],
        )
        .at(
            "/v2/organizations/{org}/portals/{slug}/duplicate",
            [post(portals::duplicate, write, portals::about_duplicate)],
        )
        .at("/v2/organizations/{org}/portals/{slug}/usage", [get(usage::show, read, usage::about_show)])
        .at("/v2/organizations/{org}/portals/{slug}/versions", [get(versions::list, read, versions::about_list)])
        .at(
            "/v2/organizations/{org}/portals/{slug}/versions/{number}",
            [get(versions::show, read, versions::about_show)],
        )
        .at(
            "/v2/organizations/{org}/portals/{slug}/versions/{number}/restore",
            [post(versions::restore, write, versions::about_restore)],
        )
}

fn credentials(table: Table) -> Table {
    let (read, write) = (Scope("read_portals"), Administrator("write_portals"));
    table
        .group("Credentials of portals", "Secrets, and the tokens that call.")
        .at(
            "/v2/organizations/{org}/portals/{slug}/live_tokens",
            [get(live_tokens::list, read, live_tokens::about_list)],
        )
        .at(
            "/v2/organizations/{org}/portals/{slug}/live_tokens/{uuid}",
            [delete(live_tokens::delete, write, live_tokens::about_delete)],
        )
        .at(
            "/v2/organizations/{org}/portals/{slug}/revoke_all",
            [post(live_tokens::revoke_all, write, live_tokens::about_revoke_all)],
        )
        .at(
            "/v2/organizations/{org}/portals/{slug}/secrets",
            [get(secrets::list, read, secrets::about_list), post(secrets::create, write, secrets::about_create)],
        )
        .at(
            "/v2/organizations/{org}/portals/{slug}/secrets/{uuid}",
            [delete(secrets::delete, write, secrets::about_delete)],
        )
        .at(
            "/v2/organizations/{org}/portals/{slug}/service_tokens",
            [
                get(service_tokens::list, read, service_tokens::about_list),
                post(service_tokens::create, write, service_tokens::about_create),
            ],
        )
        .at(
            "/v2/organizations/{org}/portals/{slug}/service_tokens/{uuid}",
            [delete(service_tokens::delete, write, service_tokens::about_delete)],
        )
}

fn upstreams(table: Table) -> Table {
    let (read, write) = (Scope("read_organization_settings"), Administrator("write_organization_settings"));
    table
        .group("Upstreams", "The GraphQL APIs that portals run on.")
        .at(
            "/v2/organizations/{org}/upstreams",
            [
                get(upstreams::list, read, upstreams::about_list),
                post(upstreams::create, write, upstreams::about_create),
            ],
        )
        .at(
            "/v2/organizations/{org}/upstreams/{slug}",
            [
                get(upstreams::show, read, upstreams::about_show),
                put(upstreams::update, write, upstreams::about_update),
                delete(upstreams::delete, write, upstreams::about_delete),
            ],
        )
        .at(
            "/v2/organizations/{org}/upstreams/{slug}/refresh",
            [post(upstreams::refresh, write, upstreams::about_refresh)],
        )
}

fn builds(table: Table) -> Table {
    let (read, write) = (Scope("read_builds"), Scope("write_builds"));
    let pipeline = Scope("read_pipelines");
    table
        .group("Pipelines and builds", "The built-in API's, for scripts that don't speak GraphQL.")
        .at("/v2/builds", [get(builds::list_all, read, builds::about_list_all)])
        .at(
            "/v2/organizations/{org}/builds",
            [get(builds::list_of_organization, read, builds::about_list_of_organization)],
        )
        .at("/v2/organizations/{org}/pipelines", [get(pipelines::list, pipeline, pipelines::about_list)])
        .at("/v2/organizations/{org}/pipelines/{slug}", [get(pipelines::show, pipeline, pipelines::about_show)])
        .at(
            "/v2/organizations/{org}/pipelines/{slug}/builds",
            [get(builds::list, read, builds::about_list), post(builds::create, write, builds::about_create)],
        )
        .at(
            "/v2/organizations/{org}/pipelines/{slug}/builds/{number}",
            [get(builds::show, read, builds::about_show), patch(builds::report, write, builds::about_report)],
        )
        .at(
            "/v2/organizations/{org}/pipelines/{slug}/builds/{number}/cancel",
            [put(builds::cancel, write, builds::about_cancel)],
        )
        .at(
            "/v2/organizations/{org}/pipelines/{slug}/builds/{number}/rebuild",
            [put(builds::rebuild, write, builds::about_rebuild)],
        )
}

fn webhooks(table: Table) -> Table {
    let (read, write) = (Scope("read_notification_services"), Administrator("write_notification_services"));
    table
        .group("Webhooks", "Notification services: who is told of what happens.")
        .at(
            "/v2/organizations/{org}/services",
            [get(services::list, read, services::about_list), post(services::create, write, services::about_create)],
        )
        .at(
            "/v2/organizations/{org}/services/{uuid}",
            [
                get(services::show, read, services::about_show),
                patch(services::update, write, services::about_update),
                delete(services::delete, write, services::about_delete),
            ],
        )
        .at("/v2/organizations/{org}/services/{uuid}/deliveries", [get(deliveries::list, read, deliveries::about_list)])
        .at(
            "/v2/organizations/{org}/services/{uuid}/deliveries/{delivery}",
            [get(deliveries::show, read, deliveries::about_show)],
        )
        .at(
            "/v2/organizations/{org}/services/{uuid}/deliveries/{delivery}/redeliver",
            [post(deliveries::redeliver, write, deliveries::about_redeliver)],
        )
        .at("/v2/organizations/{org}/services/{uuid}/disable", [put(services::disable, write, services::about_disable)])
        .at("/v2/organizations/{org}/services/{uuid}/enable", [put(services::enable, write, services::about_enable)])
        .at("/v2/organizations/{org}/services/{uuid}/test", [post(services::test, write, services::about_test)])
}

fn audit(table: Table) -> Table {
    let read = Administrator("read_audit_events");
    table
        .group("Audit", "What happened in an organization, and who did it.")
        .at("/v2/organizations/{org}/audit_events", [get(audit_events::list, read, audit_events::about_list)])
        .at(
            "/v2/organizations/{org}/audit_events.csv",
            [get(audit_events::export_csv, read, audit_events::about_export_csv)],
        )
        .at(
            "/v2/organizations/{org}/audit_events.ndjson",
            [get(audit_events::export_lines, read, audit_events::about_export_lines)],
        )
        .at("/v2/organizations/{org}/audit_events/{uuid}", [get(audit_events::show, read, audit_events::about_show)])
}

/// What isn't of the API that is described: pages for people, and gRPC-Web, which the contracts describe.
fn pages(table: Table, gateway: &Gateway) -> Table {
    let table = table
        .page("/console", routing::get(console::home))
        .page("/console/authorize", routing::get(console::ask).post(console::decide))
        .page("/console/sign-in", routing::get(console::sign_in_form).post(console::sign_in))
        .page("/console/sign-out", routing::post(console::sign_out))
        .page("/console/style.css", routing::get(console::style))
        .page("/docs", routing::get(openapi::page))
        .page("/docs/style.css", routing::get(openapi::style));
    grpc_web::RPCS.into_iter().fold(table, |table, rpc| table.page(rpc, grpc_web::methods(gateway, rpc)))
}
