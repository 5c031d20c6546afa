//! The built-in GraphQL API: pipelines, builds and teams, so that a new installation has something real to run.
//!
//! Owns the rows of pipelines, builds and their meta-data, and of teams. Refuses to own organizations and users: it knows of
//! them what each request says ([`Viewer`]) and what a [`Directory`] answers, keeps an organization's UUID beside every row
//! and asks for it in every statement.
//! Executes no build: states change when somebody says so.
//!
//! Its schema is a strict subset of the public schema of the original; `schema::tests` compares the two.
//!
//! To add a field: copy name, type, arguments and defaults from the public schema into the type's file in `schema/`; what
//! it shows goes into `domain/`, the column into `store/entity/` and a new migration. A field that can fail must be nullable
//! (see `api::completion`): whatever a non-null field needs is loaded with its object.

mod api;
mod document;
mod domain;
mod error;
mod rpc;
mod schema;
mod store;

pub use api::{Answer, Api, PrepareError, Prepared, Settings};
pub use domain::{
    member::{Directory, Found, Member, MemberOrder, Members, Nobody, Place, Role, Unavailable},
    viewer::{Organization, User, Viewer},
};
pub use error::Error;
pub use rpc::{Gatekeeper, Service};
pub use store::migration::Migrator;
