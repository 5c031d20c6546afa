//! What is stored instead of a token (spec §4): `HMAC-SHA-256(key, "portals/token/v1\0" ‖ class ‖ "\0" ‖ token)`.
//!
//! It is keyed, so that someone who can write to the database still can't mint a token, and classed, so that a tag copied
//! from one class of credential to another means nothing there.

use hmac::{Hmac, KeyInit, Mac};
use kit::{credential::Plain, keys::RootKeys};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// What the tags' key is derived for, and how a tagged text begins.
const PURPOSE: &str = "portals/token/v1";

/// What a tagged credential is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Calls a portal.
    Portal,
    /// A user's API access token.
    Api,
}

impl Class {
    const fn name(self) -> &'static str {
        match self {
            Self::Portal => "portal",
            Self::Api => "api",
        }
    }
}

/// A tag and the id of the root key that it was made under.
#[derive(Clone, Debug)]
pub(crate) struct Tag {
    pub(crate) key_id: String,
    pub(crate) bytes: Vec<u8>,
}

impl Tag {
    /// Whether both are the same. Takes as long for every pair of tags made under one key.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.key_id == other.key_id && bool::from(self.bytes.ct_eq(&other.bytes))
    }
}

/// Makes tags under the keys of the key file.
#[derive(Clone)]
pub(crate) struct Tagger {
    in_use: Key,
    retiring: Option<Key>,
}

#[derive(Clone)]
struct Key {
    id: String,
    hmac: Hmac<Sha256>,
}

impl Tagger {
    /// A tagger with the keys of a file; `None` if there are no keys.
    pub(crate) fn new(keys: &RootKeys) -> Option<Self> {
        let mut keys = keys.iter().map(|key| Key::new(key.id(), key.derive(PURPOSE).as_slice()));
        Some(Self { in_use: keys.next()?, retiring: keys.next() })
    }

    /// The tag that a new row carries.
    pub(crate) fn tag(&self, class: Class, plain: &Plain) -> Tag {
        self.in_use.tag(class, plain)
    }

    /// The tags that a row of this credential may carry: one for each live key.
    pub(crate) fn candidates(&self, class: Class, plain: &Plain) -> Vec<Tag> {
        std::iter::once(&self.in_use).chain(&self.retiring).map(|key| key.tag(class, plain)).collect()
    }
}

impl Key {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length (RFC 2104 §2)")]
    fn new(id: &str, bytes: &[u8]) -> Self {
        let hmac = Hmac::new_from_slice(bytes).expect("HMAC takes keys of every length");
        Self { id: id.to_owned(), hmac }
    }

    fn tag(&self, class: Class, plain: &Plain) -> Tag {
        let mut hmac = self.hmac.clone();
        for part in [PURPOSE, "\0", class.name(), "\0", plain.expose()] {
            hmac.update(part.as_bytes());
        }
        Tag { key_id: self.id.clone(), bytes: hmac.finalize().into_bytes().to_vec() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_vector() -> Plain {
        Plain::parse("bkpat_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf076RZx").unwrap()
    }

    #[test]
    fn a_tag_matches_the_vector_of_the_specification() {
        let tag = Key::new("k1", &[0x0b; 32]).tag(Class::Portal, &first_vector());
        let digits = tag.bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        assert_eq!(digits, "e89dda56bf8ebfa5571564e8f51e3450a4164f7f20122d7ae5876893c7e9eed6");
    }

    #[test]
    fn tags_differ_by_class_and_by_key() {
        let (one, other) = (Key::new("k1", &[1; 32]), Key::new("k1", &[2; 32]));
        let tag = one.tag(Class::Portal, &first_vector());
        assert!(tag.is(&one.tag(Class::Portal, &first_vector())));
        assert!(!tag.is(&one.tag(Class::Api, &first_vector())));
        assert!(!tag.is(&other.tag(Class::Portal, &first_vector())));
        assert!(!tag.is(&Tag { key_id: "k2".into(), ..tag.clone() }));
        assert!(!tag.is(&Tag { bytes: Vec::new(), ..tag.clone() }));
    }
}
