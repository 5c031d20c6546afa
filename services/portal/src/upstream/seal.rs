//! Headers of upstreams at rest: encrypted under a key outside the database, bound to the upstream and to the origin of its
//! URL, so that neither a row copied to another upstream nor a changed URL is ever sent them (spec §10).

use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};
use kit::{ambient::Ambient, keys::RootKeys};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use url::Url;
use zeroize::Zeroizing;

use crate::domain::id::UpstreamId;

const PURPOSE: &str = "portals/upstream-headers/v1";

/// Headers as they are kept: a nonce of 12 bytes, and what ChaCha20-Poly1305 (RFC 8439) makes of their lines.
#[derive(Clone)]
pub(crate) struct Sealed {
    /// The root key that they are kept under.
    pub(crate) key_id: String,
    pub(crate) bytes: Vec<u8>,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed(under {})", self.key_id)
    }
}

/// Why headers can't be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unopened {
    /// The key file doesn't hold the key.
    #[error("the key that they were encrypted under isn't in the key file")]
    NoKey,
    /// The row or the URL was changed by someone else, or the key is another one of the same id.
    #[error("they don't belong to this upstream and origin")]
    Foreign,
}

/// The keys that headers are kept under: the first seals, all open.
pub(crate) struct Seals(Vec<(String, LessSafeKey)>);

impl fmt::Debug for Seals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seals")
    }
}

impl Seals {
    /// With the keys of a file.
    pub(crate) fn new(keys: &RootKeys) -> Self {
        let key = |bytes: &[u8]| UnboundKey::new(&CHACHA20_POLY1305, bytes).map(LessSafeKey::new).ok();
        let keys = keys.iter().filter_map(|root| Some((root.id().to_owned(), key(root.derive(PURPOSE).as_slice())?)));
        Self(keys.collect())
    }

    /// Encrypts headers for one upstream at one origin. `None`: there is no key, which can't be once the service has started.
    pub(crate) fn seal(&self, headers: &HeaderMap, to: UpstreamId, url: &Url, ambient: &Ambient) -> Option<Sealed> {
        let (key_id, key) = self.0.first()?;
        let nonce = ambient.bytes::<NONCE_LEN>();
        let mut bytes = lines(headers);
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), bound(to, url), &mut *bytes).ok()?;
        Some(Sealed { key_id: key_id.clone(), bytes: [nonce.as_slice(), &bytes].concat() })
    }

    /// Decrypts them.
    pub(crate) fn open(&self, sealed: &Sealed, of: UpstreamId, url: &Url) -> Result<HeaderMap, Unopened> {
        let (_, key) = self.0.iter().find(|(id, _)| *id == sealed.key_id).ok_or(Unopened::NoKey)?;
        let (nonce, text) = sealed.bytes.split_first_chunk().ok_or(Unopened::Foreign)?;
        let mut text = Zeroizing::new(text.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = key.open_in_place(nonce, bound(of, url), &mut text);
        let opened = opened.map_err(|_says_nothing: ring::error::Unspecified| Unopened::Foreign)?;
        parse(opened).ok_or(Unopened::Foreign)
    }
}

/// What the headers are bound to.
fn bound(id: UpstreamId, url: &Url) -> Aad<Vec<u8>> {
    Aad::from([id.0.as_bytes().as_slice(), url.origin().ascii_serialization().as_bytes()].concat())
}

/// `name: value` lines. Neither holds a line break.
fn lines(headers: &HeaderMap) -> Zeroizing<Vec<u8>> {
    let line = |(name, value): (&HeaderName, &HeaderValue)| [name.as_str().as_bytes(), b":", value.as_bytes()].concat();
    let lines: Vec<_> = headers.iter().map(|header| Zeroizing::new(line(header))).collect();
    Zeroizing::new(lines.iter().map(|line| line.as_slice()).collect::<Vec<_>>().join(&b'\n'))
}

fn parse(text: &[u8]) -> Option<HeaderMap> {
    let header = |line: &[u8]| {
        let at = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (line.get(..at)?, line.get(at + 1..)?);
        let mut value = HeaderValue::from_bytes(value).ok()?;
        value.set_sensitive(true);
        Some((HeaderName::from_bytes(name).ok()?, value))
    };
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(header).collect()
}
