//! User codes: asked for, decided on in a browser, exchanged.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{Answer, Browser, Caller, Portal, browser, path, unique};

/// A code as `/codes` answered it.
#[derive(Clone, Debug)]
pub struct Code {
    /// What stands in the URL.
    pub code: String,
    /// What the requester keeps.
    pub secret: String,
    /// Where the user decides.
    pub url: String,
    /// The whole body.
    pub body: Value,
}

impl Code {
    /// Reads the body of a 200.
    pub fn of(body: Value) -> Self {
        let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body:#}")).to_owned();
        Self { code: text("code"), secret: text("secret"), url: text("authorization_url"), body }
    }

    /// The documented body of its exchange.
    pub fn grant(&self) -> Value {
        json!({"grant_type": "device_code", "code": self.code, "secret": self.secret})
    }
}

impl Caller {
    /// Makes a portal that users may invoke as themselves.
    pub async fn invokable(&self, query: &str) -> Portal {
        self.portal(json!({"name": unique("invokable"), "query": query, "user_invokable": true})).await
    }

    /// Asks for a code.
    pub async fn ask(&self, portal: &Portal) -> Answer {
        Answer::of(self.request(Method::POST, &format!("{}/codes", path(&portal.slug)))).await
    }

    /// Gets a code.
    pub async fn code(&self, portal: &Portal) -> Code {
        Code::of(self.ask(portal).await.expect(200))
    }

    /// Tries to exchange it.
    pub async fn poll(&self, portal: &Portal, code: &Code) -> Answer {
        self.exchange(portal, code.grant()).await
    }

    /// Exchanges a code that was approved and not polled before. Gives the user token.
    pub async fn user_token(&self, portal: &Portal, code: &Code) -> String {
        self.poll(portal, code).await.expect(200)["token"].as_str().unwrap().to_owned()
    }
}

impl Browser<'_> {
    /// Opens a code's page and presses `approve` or `deny`.
    pub async fn decide(&self, code: &Code, decision: &str) -> Answer {
        let page = self.open(self.local(&code.url)).await;
        assert_eq!(page.status, 200, "{page:#?}");
        let fields = browser::filled(&page.text, &[("code", &code.code), ("decision", decision)]);
        self.submit("/console/authorize", &fields).await
    }

    /// Approves a code.
    pub async fn approve(&self, code: &Code) {
        let answer = self.decide(code, "approve").await;
        assert!([200, 302, 303].contains(&answer.status), "{answer:#?}");
    }
}
