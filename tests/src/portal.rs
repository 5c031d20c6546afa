//! A portal that a test made.

use serde_json::Value;

/// The 201 of a creation.
#[derive(Clone, Debug)]
pub struct Portal {
    /// Its slug.
    pub slug: String,
    /// Its first token.
    pub token: String,
    /// The whole body.
    pub body: Value,
}

impl Portal {
    /// Reads the body of a 201.
    pub fn of(body: Value) -> Self {
        let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body:#}")).to_owned();
        Self { slug: text("slug"), token: text("token"), body }
    }

    /// Its UUID.
    pub fn uuid(&self) -> &str {
        self.body["uuid"].as_str().unwrap()
    }
}
