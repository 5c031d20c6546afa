//! Documents as the audit trail has them: a hash, and what changed (spec §9).

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::domain::{diff, portal::Portal};

/// How long a diff may be; of a longer one there are only the hashes.
const MOST_DIFF_BYTES: usize = 16 << 10;

/// A document that is new.
pub(super) fn created(portal: &Portal) -> Value {
    json!({ "sha256": { "after": sha256(portal) } })
}

/// A document in place of another.
pub(super) fn changed(before: &Portal, after: &Portal) -> Value {
    let diff = diff::unified(named(before, &title(before)), named(after, &title(after)));
    let mut data = vec![("sha256", json!({ "before": sha256(before), "after": sha256(after) }))];
    if diff.len() <= MOST_DIFF_BYTES {
        data.push(("diff", diff.into()));
    }
    Value::from_iter(data)
}

fn title(portal: &Portal) -> String {
    format!("version {}", portal.version)
}

fn named<'a>(portal: &'a Portal, title: &'a str) -> (&'a str, &'a str) {
    (title, &portal.content.query)
}

fn sha256(portal: &Portal) -> String {
    hex::encode(Sha256::digest(&portal.content.query))
}
