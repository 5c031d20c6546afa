//! What a form of a session must carry, so that no other site can send one: `HMAC-SHA-256(key, session)` in hexadecimal,
//! under a key of its own.

use hmac::{Hmac, KeyInit, Mac};
use kit::{credential::Plain, keys::RootKeys};
use sha2::Sha256;

/// What the key is derived for.
const PURPOSE: &str = "portals/csrf/v1";

/// Makes and checks these tokens under the keys of the key file, the one in use first.
#[derive(Clone)]
pub(crate) struct Csrf(Vec<Hmac<Sha256>>);

impl Csrf {
    /// With the keys of a file.
    pub(crate) fn new(keys: &RootKeys) -> Self {
        // HMAC takes keys of every length (RFC 2104 §2), so none is left out.
        Self(keys.iter().filter_map(|key| Hmac::new_from_slice(key.derive(PURPOSE).as_slice()).ok()).collect())
    }

    /// What forms of this session carry.
    pub(crate) fn token(&self, session: &Plain) -> String {
        let Some(key) = self.0.first() else { return String::new() };
        key.clone().chain_update(session.expose()).finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect()
    }

    /// Whether a form of this session carried `token`, which may have been made under either live key. Compared in constant
    /// time.
    pub(crate) fn accepts(&self, session: &Plain, token: &str) -> bool {
        let Some(bytes) = bytes(token) else { return false };
        self.0.iter().any(|key| key.clone().chain_update(session.expose()).verify_slice(&bytes).is_ok())
    }
}

fn bytes(token: &str) -> Option<Vec<u8>> {
    let pairs = (0..token.len()).step_by(2).map(|at| token.get(at..at + 2));
    pairs.map(|pair| pair.filter(|pair| pair.is_ascii()).and_then(|pair| u8::from_str_radix(pair, 16).ok())).collect()
}

#[cfg(test)]
mod tests {
    use kit::credential::Kind;

    use super::*;

    fn csrf(bytes: &[u8]) -> Csrf {
        Csrf(bytes.iter().map(|byte| Hmac::new_from_slice(&[*byte; 32]).unwrap()).collect())
    }

    fn session(byte: u8) -> Plain {
        Plain::token("bk", Kind::Session, &[byte; 32])
    }

    #[test]
    fn a_token_serves_its_session_only_and_under_live_keys_only() {
        let token = csrf(&[1]).token(&session(1));
        assert_eq!(token.len(), 64);
        assert!(csrf(&[1]).accepts(&session(1), &token));
        assert!(csrf(&[2, 1]).accepts(&session(1), &token));
        assert!(!csrf(&[2]).accepts(&session(1), &token));
        assert!(!csrf(&[1]).accepts(&session(2), &token));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let token = csrf(&[1]).token(&session(1));
        for bad in ["", "0", "zz", "éé", "+1", &token[1..], &token[..62], &format!("{token}00")] {
            assert!(!csrf(&[1]).accepts(&session(1), bad), "{bad}");
        }
    }
}
