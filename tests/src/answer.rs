//! What an HTTP request came back with.

use std::collections::BTreeSet;

use reqwest::header::HeaderMap;
use serde_json::Value;

/// A response, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
}

impl Answer {
    /// Sends `request` and reads the whole answer.
    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// A header as a number.
    pub fn number(&self, name: &str) -> u64 {
        let text = self.header(name).unwrap_or_else(|| panic!("no {name} in {self:#?}"));
        text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}"))
    }

    /// The names in `Portal-Ignored-Variables`, sorted.
    pub fn ignored(&self) -> Vec<&str> {
        let names = self.header("portal-ignored-variables").unwrap_or_default().split(',').map(str::trim);
        let mut names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
        names.sort_unstable();
        names
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("no JSON ({error}): {self:#?}"))
    }

    /// Fails unless the status is `status`. Gives the body.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:#?}");
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// The body's `data`, of an answer that ran without errors.
    #[track_caller]
    pub fn data(&self) -> Value {
        let body = self.expect(200);
        assert_eq!(body.get("errors"), None, "{body:#}");
        body["data"].clone()
    }

    /// Fails unless this is a well-formed error of that status. Gives the body.
    #[track_caller]
    pub fn error(&self, status: u16) -> Value {
        let body = self.expect(status);
        let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name} in {self:#?}")).to_owned();
        assert!(!text("message").is_empty(), "{body:#}");
        assert!(!text("request_id").is_empty(), "{body:#}");
        let code = text("code");
        assert!(
            !code.is_empty() && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
            "not snake_case: {code}"
        );
        let kind = self.header("content-type").unwrap_or_default();
        assert!(kind.starts_with("application/json"), "{self:#?}");
        let source = self.header("portal-error-source").unwrap_or_default();
        assert!(["gateway", "portal", "upstream"].contains(&source), "no Portal-Error-Source in {self:#?}");
        body
    }

    /// Fails unless this is an error of that status and code. Gives the body.
    #[track_caller]
    pub fn error_code(&self, status: u16, code: &str) -> Value {
        let body = self.error(status);
        assert_eq!(body["code"], code, "{body:#}");
        body
    }

    /// The `field`s of the body's `errors`.
    #[track_caller]
    pub fn fields(&self) -> BTreeSet<String> {
        let body = self.json();
        let errors = body["errors"].as_array().unwrap_or_else(|| panic!("no errors in {body:#}"));
        errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
    }
}
