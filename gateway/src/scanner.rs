//! Who may report leaked credentials: whoever signs with one of the keys that a file or a URL names, in the format of GitHub's
//! secret scanning (docs/secret-scanning.md).

mod fetch;
mod keys;
#[cfg(test)]
mod tests;

use std::{net::IpAddr, path::PathBuf, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, HeaderName, Uri};
use kit::ambient::Ambient;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use tokio::sync::Mutex;

pub(crate) use self::keys::Keys;

const KEY_IDENTIFIER: HeaderName = HeaderName::from_static("github-public-key-identifier");
const SIGNATURE: HeaderName = HeaderName::from_static("github-public-key-signature");
/// How often the keys are read at most: anybody can name one that nobody knows.
const REST: Duration = Duration::from_mins(1);
/// How often they are read at least while reports come: so long one counts that was withdrawn.
const FRESH: Duration = Duration::from_hours(1);

/// Where the keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// A URL. https, unless it is of this machine.
    Url(Uri),
}

impl Source {
    /// The URL, if nobody on the way can put other keys in.
    pub(crate) fn url(text: &str) -> Option<Self> {
        let url: Uri = text.parse().ok()?;
        let host = url.host()?.trim_matches(['[', ']']);
        let is_here = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        let is_safe = match url.scheme_str()? {
            "https" => true,
            "http" => is_here,
            _ => false,
        };
        is_safe.then_some(Self::Url(url))
    }

    async fn read(&self) -> Result<Keys, String> {
        let text = match self {
            Self::File(path) => tokio::fs::read(path).await.map_err(|error| format!("{}: {error}", path.display()))?,
            Self::Url(url) => fetch::get(url).await.map_err(|error| format!("{url}: {error}"))?.to_vec(),
        };
        Keys::read(&text).map_err(|error| format!("these aren't keys: {error}"))
    }
}

/// A signature and the key that it is said to be of.
pub(crate) struct Signature {
    key: String,
    bytes: Vec<u8>,
}

impl Signature {
    /// Of the headers of a report.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let text = |name| headers.get(name)?.to_str().ok();
        let bytes = BASE64_STANDARD.decode(text(SIGNATURE)?).ok()?;
        Some(Self { key: text(KEY_IDENTIFIER)?.to_owned(), bytes })
    }
}

/// The keys can't be had.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unavailable;

/// Checks signatures.
pub(crate) struct Scanner {
    source: Source,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    keys: Keys,
    /// When they were last asked for, since boot, and whether they came.
    asked: Option<(Duration, bool)>,
}

impl Scanner {
    pub(crate) fn new(source: Source) -> Self {
        Self { source, known: Mutex::default() }
    }

    /// Whether `signature` is one of `body`.
    pub(crate) async fn admits(
        &self,
        signature: &Signature,
        body: &[u8],
        ambient: &Ambient,
    ) -> Result<bool, Unavailable> {
        let point = self.point(&signature.key, ambient.since_boot()).await?;
        let verify = |point| UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(body, &signature.bytes);
        Ok(point.is_some_and(|point| verify(point).is_ok()))
    }

    async fn point(&self, key: &str, now: Duration) -> Result<Option<Vec<u8>>, Unavailable> {
        let mut known = self.known.lock().await;
        let age = known.asked.map(|(at, _)| now.saturating_sub(at));
        let patience = if known.keys.point(key).is_some() { FRESH } else { REST };
        if age.is_none_or(|age| age >= patience) {
            let read = self.source.read().await;
            known.asked = Some((now, read.is_ok()));
            match read {
                Ok(keys) => known.keys = keys,
                Err(error) => tracing::error!(error, "the keys of leak reports can't be read"),
            }
        }
        match (known.keys.point(key), known.asked) {
            (Some(point), _) => Ok(Some(point.to_vec())),
            (None, Some((_, true))) => Ok(None),
            (None, _) => Err(Unavailable),
        }
    }
}
