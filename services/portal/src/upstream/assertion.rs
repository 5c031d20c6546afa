//! User assertions: signed statements by which upstreams know on whose behalf an operation runs (spec §10,
//! docs/user-identity.md).
//!
//! An assertion is a JSON Web Token (RFC 7519) under an Ed25519 key (RFC 8037) that is derived from a root key, so that all
//! replicas sign alike and nothing more needs to be kept.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::HeaderValue;
use kit::{ambient::Ambient, keys::RootKeys};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;
use uuid::Uuid;

use crate::{
    domain::{organization::Organization, portal::Portal},
    graphql::User,
};

const PURPOSE: &str = "portals/user-assertion/v1";
/// Tells assertions from every other token (RFC 8725 §3.11).
const TYPE: &str = "portal-user-assertion+jwt";
const ALGORITHM: &str = "EdDSA";
/// How long an assertion counts, in seconds.
const LIFE: i64 = 60;

/// What an assertion says.
#[derive(Clone, Copy)]
pub(crate) struct Statement<'a> {
    /// The installation's public URL.
    pub(crate) issuer: &'a str,
    /// Where the assertion goes. It counts at that origin.
    pub(crate) to: &'a Url,
    pub(crate) user: &'a User,
    pub(crate) organization: &'a Organization,
    pub(crate) portal: &'a Portal,
    /// The user token's own id, as the audit trail has it.
    pub(crate) token: Uuid,
}

/// The members of an assertion. Times are in seconds since 1970.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: String,
    sub: Uuid,
    iat: i64,
    exp: i64,
    jti: Uuid,
    name: &'a str,
    email: &'a str,
    organization: Value,
    portal: Value,
    token_uuid: Uuid,
}

impl<'a> Claims<'a> {
    fn of(statement: Statement<'a>, ambient: &Ambient) -> Self {
        let Statement { issuer, to, user, organization, portal, token } = statement;
        let now = ambient.now().timestamp();
        Self {
            iss: issuer,
            aud: to.origin().ascii_serialization(),
            sub: user.uuid,
            iat: now,
            exp: now + LIFE,
            jti: ambient.uuid(),
            name: &user.name,
            email: &user.email,
            organization: json!({ "uuid": organization.id.0, "slug": organization.slug }),
            portal: json!({ "uuid": portal.id.0, "slug": portal.slug.as_str(), "version": portal.version }),
            token_uuid: token,
        }
    }
}

struct Key {
    pair: Ed25519KeyPair,
    /// The header of what it signs, encoded.
    header: String,
    /// The public key.
    public: Value,
}

impl Key {
    fn new(seed: &[u8]) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        let x = URL_SAFE_NO_PAD.encode(pair.public_key());
        let kid = thumbprint(&x);
        let header = json!({ "alg": ALGORITHM, "kid": kid, "typ": TYPE });
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        let public = json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "use": "sig", "alg": ALGORITHM });
        Some(Self { pair, header, public })
    }
}

/// The name of a public key: its thumbprint (RFC 7638, RFC 8037 §2).
fn thumbprint(x: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)))
}

/// The keys of assertions: the first signs, all are published.
pub(crate) struct Assertions(Vec<Key>);

impl fmt::Debug for Assertions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Assertions")
    }
}

impl Assertions {
    /// With the keys of a file.
    pub(crate) fn new(keys: &RootKeys) -> Self {
        Self(keys.iter().filter_map(|root| Key::new(root.derive(PURPOSE).as_slice())).collect())
    }

    /// The public keys, as a JSON Web Key Set (RFC 7517).
    pub(crate) fn key_set(&self) -> String {
        let keys: Vec<_> = self.0.iter().map(|key| &key.public).collect();
        json!({ "keys": keys }).to_string()
    }

    /// Signs a statement, which counts from now on for a minute. `None`: there is no key, which can't be once the service has
    /// started.
    pub(crate) fn sign(&self, statement: Statement<'_>, ambient: &Ambient) -> Option<HeaderValue> {
        let Key { pair, header, public: _ } = self.0.first()?;
        let claims = serde_json::to_vec(&Claims::of(statement, ambient)).ok()?;
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(pair.sign(signed.as_bytes()));
        let mut value = HeaderValue::try_from(format!("{signed}.{signature}")).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8037, appendix A.1 to A.3.
    #[test]
    fn keys_and_their_names_are_those_of_the_rfc() {
        let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let key = Key::new(&seed).unwrap();
        assert_eq!(key.public["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert_eq!(key.public["kid"], "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        // A.4: what it signs.
        let text = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        assert_eq!(URL_SAFE_NO_PAD.encode(key.pair.sign(text.as_bytes())), signature);
    }
}
