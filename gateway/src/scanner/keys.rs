//! The format in which GitHub publishes keys: `{"public_keys":[{"key_identifier","key","is_current"}]}`, `key` being PEM.

use std::collections::HashMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;

/// What comes before the point of a P-256 key in its `SubjectPublicKeyInfo` (RFC 5480 §2).
const P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// An uncompressed point of that curve, in bytes (SEC 1 §2.3.3).
const POINT: usize = 65;

/// Points of P-256 by identifier.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Keys(HashMap<String, Vec<u8>>);

/// What is wrong with keys.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoKeys {
    #[error("not as GitHub publishes keys: {0}")]
    Form(#[from] serde_json::Error),
    #[error("the key {0} isn't a P-256 public key in PEM")]
    Key(String),
    #[error("there is no key")]
    Empty,
}

#[derive(Deserialize)]
struct Published {
    public_keys: Vec<PublishedKey>,
}

#[derive(Deserialize)]
struct PublishedKey {
    key_identifier: String,
    key: String,
}

impl Keys {
    /// Reads what is published. Keys that aren't current count as long as they are listed: reports may be on the way.
    pub(crate) fn read(text: &[u8]) -> Result<Self, NoKeys> {
        let Published { public_keys } = serde_json::from_slice(text)?;
        let keys = public_keys.into_iter().map(|PublishedKey { key_identifier, key }| match point(&key) {
            Some(point) => Ok((key_identifier, point)),
            None => Err(NoKeys::Key(key_identifier)),
        });
        let keys = keys.collect::<Result<HashMap<_, _>, _>>()?;
        if keys.is_empty() { Err(NoKeys::Empty) } else { Ok(Self(keys)) }
    }

    pub(super) fn point(&self, key: &str) -> Option<&[u8]> {
        self.0.get(key).map(Vec::as_slice)
    }
}

fn point(pem: &str) -> Option<Vec<u8>> {
    let inner = pem.trim().strip_prefix("-----BEGIN PUBLIC KEY-----")?.strip_suffix("-----END PUBLIC KEY-----")?;
    let inner: String = inner.split_whitespace().collect();
    let key = BASE64_STANDARD.decode(inner).ok()?;
    key.strip_prefix(&P256).filter(|point| point.len() == POINT).map(<[u8]>::to_vec)
}
