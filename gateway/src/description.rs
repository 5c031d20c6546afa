//! What the public API says of itself: an `OpenAPI` 3.1 document, made of the route table and of the types that answer.
//!
//! `about` is what a route says; `access` whom it lets in; `errors` what follows of both; `schemas` makes the types fit what
//! they are written as; `document` puts all of it together, and `portal` does so for the URL of a portal. `page` shows a
//! document to people.
//!
//! To describe a route: `routes.rs` names its access and its `about_…` function, which stands above the handler.

mod about;
mod access;
mod body;
mod document;
mod errors;
mod example;
mod graphql;
mod page;
mod portal;
mod schemas;

pub(crate) use self::{
    about::{About, reference},
    access::Access,
    body::{Member, choice, count, flag, instant, object, text},
    document::{Description, Draft, Operation, delete, get, patch, post, put},
    portal::{Callable, Runnable, of_portals},
    schemas::words,
};
