//! What the executor leaves undone: it drops the key of a field that failed instead of answering null, gives the root's
//! keys in the order in which they became ready, and says `"data": null` where nothing ran.
//!
//! Every field of ours that can fail is nullable, so a dropped key is always to be null.

use std::collections::HashSet;

use async_graphql::{Name, PathSegment, Response, ServerError, Value, indexmap::IndexMap};
use bytes::Bytes;
use kit::error::chain;
use serde::Serialize;

use crate::error::Error;

/// Puts right what the executor left; `keys` are the root's, in the document's order.
pub(super) fn complete(response: &mut Response, keys: &[Name]) {
    let place = |name: &str| keys.iter().position(|key| key == name);
    response.errors.sort_by_cached_key(|error| match error.path.first() {
        Some(PathSegment::Field(name)) => place(name),
        _ => None,
    });
    for error in &response.errors {
        log(error);
        restore(&mut response.data, &error.path);
    }
    if response.errors.is_empty() && response.data == Value::Null {
        response.data = Value::Object(IndexMap::new());
    }
    if let Value::Object(fields) = &mut response.data
        && fields.len() > 1
    {
        fields.sort_by_cached_key(|name, _| place(name));
    }
}

/// The response as JSON. `data` is absent when the request failed before anything ran.
pub(super) fn bytes(response: &Response) -> Bytes {
    #[derive(Serialize)]
    struct Envelope<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        data: Option<&'a Value>,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        errors: &'a [ServerError],
    }
    let data = Some(&response.data).filter(|_| has_data(response));
    let json = serde_json::to_vec(&Envelope { data, errors: &response.errors });
    Bytes::from(json.unwrap_or_else(|_unwritable| br#"{"errors":[{"message":"Something went wrong"}]}"#.to_vec()))
}

/// Whether anything ran.
pub(super) fn has_data(response: &Response) -> bool {
    response.data != Value::Null
}

/// How many objects the answer holds: what it cost. `free`: under which keys of the root they cost nothing.
pub(super) fn objects(response: &Response, free: &HashSet<Name>) -> u64 {
    let Value::Object(fields) = &response.data else { return 0 };
    fields.iter().filter(|(name, _)| !free.contains(*name)).map(|(_, value)| objects_in(value)).sum()
}

fn objects_in(value: &Value) -> u64 {
    match value {
        Value::Object(fields) => 1 + fields.values().map(objects_in).sum::<u64>(),
        Value::List(items) => items.iter().map(objects_in).sum(),
        _ => 0,
    }
}

/// Writes null where the path ends, unless something is there.
fn restore(mut at: &mut Value, path: &[PathSegment]) {
    for segment in path {
        // An object of which nothing else was left became null itself.
        if let (Value::Null, PathSegment::Field(_)) = (&*at, segment) {
            *at = Value::Object(IndexMap::new());
        }
        at = match (at, segment) {
            (Value::Object(fields), PathSegment::Field(name)) => fields.entry(Name::new(name)).or_insert(Value::Null),
            (Value::List(items), PathSegment::Index(index)) => match items.get_mut(*index) {
                Some(item) => item,
                None => return,
            },
            _ => return,
        };
    }
}

fn log(error: &ServerError) {
    if let Some(Error::Database(source)) = error.source.as_ref().and_then(|source| source.downcast_ref::<Error>()) {
        tracing::error!(error = chain(source.as_ref()), "a statement failed");
    }
}
