//! Pages of other origins that may call the gateway by gRPC-Web (Fetch standard, "CORS protocol"). None unless the operator
//! names them. They never act with a cookie: their requests carry a credential of their own.

use std::str::FromStr;

use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};
use url::Url;

/// What a page may send.
const SENT: HeaderValue =
    HeaderValue::from_static("authorization, content-type, grpc-timeout, x-grpc-web, x-user-agent");
/// What a page may read.
const SHOWN: HeaderValue = HeaderValue::from_static(
    "grpc-message, grpc-status, grpc-status-details-bin, ratelimit-limit, ratelimit-remaining, ratelimit-reset, \
     ratelimit-user-limit, ratelimit-user-remaining, ratelimit-user-reset, x-request-id",
);
/// How long a browser may remember the answer, in seconds.
const REMEMBERED: HeaderValue = HeaderValue::from_static("600");

/// The origins whose pages may call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Vec<String>);

/// A text that is no origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no origin: it must be http or https, a host and at most a port, such as https://app.example.com")]
pub struct NoOrigin(String);

/// Origins as they are set: separated by commas, each exactly as browsers send it. There is no "any".
impl FromStr for Origins {
    type Err = NoOrigin;

    fn from_str(text: &str) -> Result<Self, NoOrigin> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        entries.map(origin).collect::<Result<_, _>>().map(Self)
    }
}

fn origin(entry: &str) -> Result<String, NoOrigin> {
    let url = Url::parse(entry).ok().filter(|url| ["http", "https"].contains(&url.scheme()));
    let origin = url.map(|url| url.origin().ascii_serialization());
    // The URL standard lets a host have asterisks; here they would mean nothing.
    origin.filter(|origin| origin == entry && !entry.contains('*')).ok_or_else(|| NoOrigin(entry.to_owned()))
}

impl Origins {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The origin of the page that sent `headers`, if it is one of these.
    fn admitted<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        let sent = headers.get(header::ORIGIN)?;
        self.0.iter().any(|origin| sent == origin.as_str()).then_some(sent)
    }

    /// What a browser is told that asks whether a page may call; `None`: it may not.
    pub(crate) fn preflight(&self, headers: &HeaderMap) -> Option<Response> {
        self.admitted(headers)?;
        let mut response = Response::default();
        *response.status_mut() = http::StatusCode::NO_CONTENT;
        let told = response.headers_mut();
        told.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
        told.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, SENT);
        told.insert(header::ACCESS_CONTROL_MAX_AGE, REMEMBERED);
        self.dress(headers, told);
        Some(response)
    }

    /// Lets the page that sent `sent` read the answer, if it may.
    pub(crate) fn dress(&self, sent: &HeaderMap, answer: &mut HeaderMap) {
        if self.is_empty() {
            return;
        }
        answer.insert(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = self.admitted(sent) {
            answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, SHOWN);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(origin: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::ORIGIN, origin.parse().unwrap())])
    }

    #[test]
    fn only_exact_origins_are_taken() {
        let both = "https://app.example.com, http://127.0.0.1:3000".parse::<Origins>().unwrap();
        assert_eq!(both.0, ["https://app.example.com", "http://127.0.0.1:3000"]);
        assert!("".parse::<Origins>().unwrap().is_empty());
        for wrong in [
            "*",
            "null",
            "https://*.example.com",
            "app.example.com",
            "https://app.example.com/",
            "https://app.example.com/path",
            "https://app.example.com:443",
            "https://APP.example.com",
            "https://user@app.example.com",
            "ftp://app.example.com",
            "file:///x",
        ] {
            assert_eq!(wrong.parse::<Origins>(), Err(NoOrigin(wrong.to_owned())));
        }
    }

    #[test]
    fn only_a_named_origin_is_told_that_it_may() {
        let origins: Origins = "https://app.example.com".parse().unwrap();
        let told = origins.preflight(&from("https://app.example.com")).unwrap();
        assert_eq!(told.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "https://app.example.com");
        assert!(!told.headers().contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS), "no cookie goes along");
        for other in ["https://evil.example", "https://app.example.com.evil.example", "https://app.example.co", "null"]
        {
            assert!(origins.preflight(&from(other)).is_none(), "{other}");
            let mut answer = HeaderMap::new();
            origins.dress(&from(other), &mut answer);
            assert_eq!((answer.len(), &answer[header::VARY]), (1, &HeaderValue::from_static("Origin")));
        }
        let mut answer = HeaderMap::new();
        Origins::default().dress(&from("https://app.example.com"), &mut answer);
        assert!(answer.is_empty());
    }
}
