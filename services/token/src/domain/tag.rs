//! What is stored instead of a token (spec §4): `HMAC-SHA-256(key, "portals/token/v1\0" ‖ class ‖ "\0" ‖ token)`.
//!
//! It is keyed, so that someone who can write to the database still can't mint a token, and classed, so that a tag copied
//! from one class of credential to another means nothing there.

use arc_swap::ArcSwap;
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
    /// A code that a user is asked with.
    Code,
    /// What the requester of a code holds.
    CodeSecret,
    /// A signed-in user's session.
    Session,
}

impl Class {
    const fn name(self) -> &'static str {
        match self {
            Self::Portal => "portal",
            Self::Api => "api",
            Self::Code => "code",
            Self::CodeSecret => "code_secret",
            Self::Session => "session",
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

/// Makes tags under the keys of the key file, as it is at the moment.
pub(crate) struct Tagger(ArcSwap<Live>);

struct Live {
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
        Live::new(keys).map(|live| Self(ArcSwap::from_pointee(live)))
    }

    /// Uses other keys from now on; nothing changes if there are none.
    pub(crate) fn replace(&self, keys: &RootKeys) {
        if let Some(live) = Live::new(keys) {
            self.0.store(live.into());
        }
    }

    /// The id of the key that new rows carry.
    pub(crate) fn in_use(&self) -> String {
        self.0.load().in_use.id.clone()
    }

    /// The tag that a new row carries.
    pub(crate) fn tag(&self, class: Class, plain: &Plain) -> Tag {
        self.0.load().in_use.tag(class, plain)
    }

    /// The tags that a row of this credential may carry: one for each live key, the one in use first.
    pub(crate) fn candidates(&self, class: Class, plain: &Plain) -> Vec<Tag> {
        self.0.load().keys().map(|key| key.tag(class, plain)).collect()
    }

    /// The tags that a new code's row carries, of the code and of its secret: both under one key.
    pub(crate) fn tag_code(&self, code: &str, secret: &Plain) -> (Tag, Tag) {
        let live = self.0.load();
        (live.in_use.tag_text(Class::Code, code), live.in_use.tag(Class::CodeSecret, secret))
    }

    /// The tags that a row of this code may carry: one for each live key.
    pub(crate) fn code_candidates(&self, code: &str) -> Vec<Tag> {
        self.0.load().keys().map(|key| key.tag_text(Class::Code, code)).collect()
    }
}

impl Live {
    fn new(keys: &RootKeys) -> Option<Self> {
        let mut keys = keys.iter().map(|key| Key::new(key.id(), key.derive(PURPOSE).as_slice()));
        Some(Self { in_use: keys.next()?, retiring: keys.next() })
    }

    /// The one in use first.
    fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.in_use).chain(&self.retiring)
    }
}

impl Key {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length (RFC 2104 §2)")]
    fn new(id: &str, bytes: &[u8]) -> Self {
        let hmac = Hmac::new_from_slice(bytes).expect("HMAC takes keys of every length");
        Self { id: id.to_owned(), hmac }
    }

    fn tag(&self, class: Class, plain: &Plain) -> Tag {
        self.tag_text(class, plain.expose())
    }

    fn tag_text(&self, class: Class, text: &str) -> Tag {
        let mut hmac = self.hmac.clone();
        for part in [PURPOSE, "\0", class.name(), "\0", text] {
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
