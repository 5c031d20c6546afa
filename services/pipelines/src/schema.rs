//! The GraphQL types, a file per type, named and shaped as in the public schema.
//!
//! Everything resolves serially: the executor would otherwise put the fields of an object in the order in which they
//! became ready, and a `SQLite` file gains nothing from two reads at once.

#![expect(clippy::unused_async, reason = "resolvers are async by the macro's contract")]

pub(crate) mod authority;
mod build;
mod connection;
mod inputs;
mod member;
mod mutation;
mod node;
mod organization;
mod pipeline;
mod query;
mod scalar;
mod selector;
mod serial;
mod siblings;
mod team;
mod team_member;
mod team_pipeline;
mod user;
mod viewer;

use std::sync::Arc;

use async_graphql::{Context, EmptySubscription, SchemaBuilder, ValidationMode};
use kit::{ambient::Ambient, audit::Origin};

use crate::{
    domain::{self, member::Directory},
    error::Error,
    store::Store,
};

/// A schema that executes.
pub(crate) type Schema = async_graphql::Schema<query::Query, mutation::Mutation, EmptySubscription>;

/// What a nullable field gives that may fail: its error leaves a null behind, as the specification wants it.
type Nullable<T> = Option<Result<T, Error>>;

/// What every resolver may use.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) store: Store,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) ambient: Ambient,
    pub(crate) public_url: Arc<str>,
}

impl Server {
    /// The same, for what a request causes.
    pub(crate) fn caused_by(&self, origin: Origin) -> Self {
        Self { store: self.store.caused_by(origin), ..self.clone() }
    }
}

/// A schema that checks documents as strictly as the specification wants (`Strict`), or as little as possible (`Fast`). Each
/// request brings its [`Server`] and its viewer.
pub(crate) fn build(mode: ValidationMode) -> Schema {
    let builder: SchemaBuilder<_, _, _> = Schema::build(query::Query, mutation::Mutation, EmptySubscription);
    builder
        .register_output_type::<connection::Connection>()
        .validation_mode(mode)
        // `document` has measured the depth; this one counts fragments as levels and comes before it.
        .limit_recursive_depth(usize::MAX)
        .finish()
}

fn server<'a>(ctx: &Context<'a>) -> &'a Server {
    ctx.data_unchecked::<Server>()
}

fn viewer<'a>(ctx: &Context<'a>) -> &'a domain::viewer::Viewer {
    ctx.data_unchecked::<domain::viewer::Viewer>()
}

/// The scope of a statement: the organizations within the caller's reach.
fn scope(ctx: &Context<'_>) -> Vec<uuid::Uuid> {
    viewer(ctx).scope()
}

#[cfg(test)]
mod tests;
