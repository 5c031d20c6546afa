//! The tables.

#![expect(unreachable_pub, reason = "sea-orm's macros put `pub` items beside these, in whose interfaces these appear")]

pub(super) mod build;
pub(super) mod meta_data;
pub(super) mod pipeline;
pub(super) mod team;
pub(super) mod team_member;
pub(super) mod team_pipeline;

use uuid::Uuid;

use crate::domain::viewer::Person;

/// A snapshot of a person as three columns; `None` when there was nobody.
fn person(uuid: Option<Uuid>, name: Option<String>, email: Option<String>) -> Option<Person> {
    Some(Person { uuid, name: name?, email: email.unwrap_or_default() })
}

/// Undoes [`person`].
pub(super) fn columns(person: Option<Person>) -> (Option<Uuid>, Option<String>, Option<String>) {
    match person {
        Some(Person { uuid, name, email }) => (uuid, Some(name), Some(email)),
        None => (None, None, None),
    }
}
