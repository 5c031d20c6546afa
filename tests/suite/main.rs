//! The black-box tests and the house rules: one binary, one file per behaviour.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what isn't as expected must stop the test, and say where"
)]
#![allow(clippy::format_collect, reason = "text for a test needn't be made fast")]

mod access_token;
mod address_lists;
mod addresses;
mod admin_commands;
mod at_rest;
mod audit_evasion;
mod audit_pages;
mod audit_trail;
mod bad_upstreams;
mod blocked_sinks;
mod browser_pages;
mod builds_rest;
mod calling;
mod chart;
mod console_pages;
mod credential_kinds;
mod credentials;
mod cut_off_replicas;
mod database_faults;
mod disk_faults;
mod documented_examples;
mod documents;
mod env_examples;
mod ephemeral_tokens;
mod errors;
mod exchange_refusals;
mod exchange_timing;
mod first_start;
mod full_disks;
mod garbage_flood;
mod graphql_api;
mod graphql_http;
mod grpc;
mod grpc_access;
mod grpc_documented;
mod grpc_web;
mod healthchecks;
mod house_rules;
mod http2_floods;
mod interrupted_start;
mod key_rotation;
mod killed_exchanges;
mod killed_parts;
mod leaving_callers;
mod limits;
mod limits_apart;
mod live_tokens;
mod locking_out;
mod many_tokens;
mod mass_assignment;
mod measured;
mod members;
mod migrations_at_once;
mod moved_installations;
mod oauth_clients;
mod openapi;
mod order_of_checks;
mod organization_settings;
mod other_apis;
mod overload;
mod permissions;
mod portal_changes;
mod portal_contracts;
mod portals_rest;
mod postgres_tls;
mod pybuildkite;
mod races;
mod readme;
mod recipes;
mod refused_starts;
mod response_headers;
mod rest_bodies;
mod restored_backups;
mod revocation_faults;
mod revocation_replicas;
mod rolling_restarts;
mod route_table;
mod schema_ahead;
mod secrecy;
mod secret_scanning;
mod separate_processes;
mod service_tokens;
mod shared_limits;
mod silent_notifications;
mod slow_clients;
mod smuggling;
mod standalone_settings;
mod stored_text;
mod tenants;
mod terraform_portal;
mod tls_between_parts;
mod traces;
mod two_nodes;
mod upgrades;
mod url_credentials;
mod usage;
mod user_codes;
mod user_identity;
mod variables;
mod versions;
mod webhooks;
mod webhooks_killed;
