//! One credential of every kind, made, used rightly and used wrongly: for tests that search for them afterwards.

mod api;
mod upstreams;

use reqwest::Method;
use serde_json::json;

use crate::{Answer, Browser, Installation, browser, grant, path, unique, upstream};

/// The settings that an installation needs for them: upstreams on this machine, and who signed their certificate.
pub const SETTINGS: [(&str, &str); 2] = [upstream::ALLOWED, ("PORTAL_UPSTREAM__CA_FILE", api::AUTHORITY)];

/// What each is, and its value.
pub type Canaries = Vec<(&'static str, String)>;

impl Installation {
    /// Makes one credential of every kind, and uses each as it is meant and as it isn't; and what goes to upstreams and comes
    /// back. Start with [`SETTINGS`].
    pub async fn canaries(&self) -> Canaries {
        let mut canaries = self.made().await;
        let (admin, name) = (self.admin(), unique("canary"));
        let user = admin.user(&name);
        admin.member(&user, "my-organization", "admin");
        canaries.push(("an API access token of the operator's making", admin.api_token(&user)));
        canaries.push(("a user's password", user.password.clone()));
        canaries.push(("a new password", admin.ok(&["reset-password", "--email", &user.email], "")));
        for (_, value) in &canaries {
            self.misuse(value).await;
        }
        canaries.extend(self.assertion_canaries().await);
        canaries.extend(self.upstream_canaries().await);
        canaries
    }

    async fn made(&self) -> Canaries {
        let portal = self.invokable("{ viewer { id } }").await;
        let service = self.issue(&portal, "service_tokens", json!({"description": "canary"})).await;
        let secret = self.secret(&portal).await;
        let ephemeral = self.ephemeral(&portal, &secret).await;
        let (browser, code) = (Browser::administrator(self, self.bootstrap()).await, self.code(&portal).await);
        let page = browser.open(browser.local(&code.url)).await;
        let csrf = browser::filled(&page.text, &[]).into_iter().find(|(name, _)| name == "csrf").expect("a token");
        browser.approve(&code).await;
        let user_token = self.user_token(&portal, &code).await;
        for token in [&portal.token, &service.value, &ephemeral, &user_token] {
            self.call_with(&portal, token).await.expect(200);
        }
        let [replaced, header] = self.upstream_headers().await;
        vec![
            ("a header that an upstream had", replaced),
            ("a header of an upstream", header),
            ("the first API access token", self.api_token().to_owned()),
            ("the administrator's password", self.bootstrap().text("password").to_owned()),
            ("the portal's first token", portal.token.clone()),
            ("a service token", service.value),
            ("a secret", secret.value),
            ("an ephemeral token", ephemeral),
            ("a code's secret", code.secret),
            ("a user token", user_token),
            ("a session", browser.cookies()[0].1.clone()),
            ("a CSRF token", csrf.1),
        ]
    }

    /// The values of headers of an upstream: one that was replaced, and the one that it has.
    async fn upstream_headers(&self) -> [String; 2] {
        let (slug, header) = (unique("canary"), format!("{}-{}", unique("first-header"), unique("of-an-upstream")));
        let upstreams = "/v2/organizations/my-organization/upstreams";
        let schema = json!({"source": "sdl", "sdl": "type Query { hello: String }"});
        let body = json!({"slug": slug, "url": "https://api.example.com/graphql", "schema": schema,
            "headers": {"x-replaced": header}});
        let made = self.rest(Method::POST, upstreams, Some(body)).await;
        made.expect(201);
        let kept = format!("{}-{}", unique("second-header"), unique("of-an-upstream"));
        let body = json!({"headers": {"authorization": kept}, "url": "https://api.example.net/graphql"});
        let changed = self.rest(Method::PUT, &format!("{upstreams}/{slug}"), Some(body)).await;
        changed.expect(200);
        assert!(!made.text.contains(&header) && !changed.text.contains(&kept), "{made:?} {changed:?}");
        [header, kept]
    }

    /// Shows a credential everywhere where it doesn't belong.
    async fn misuse(&self, value: &str) {
        let portal = self.portal_of("{ viewer { id } }").await;
        let tokens = format!("{}/tokens", path(&portal.slug));
        let here = path(&portal.slug);
        let device = json!({"grant_type": "device_code", "code": value, "secret": value});
        let form = browser::form(&[("email", value), ("password", value)]);
        for request in [
            self.request(Method::POST, &here).bearer_auth(value).json(&json!({})),
            self.request(Method::POST, &here).basic_auth(value, Some(value)).json(&json!({})),
            self.request(Method::POST, &here).header("Cookie", format!("portals={value}")).json(&json!({value: value})),
            self.request(Method::POST, &tokens).json(&grant(&portal, value)),
            self.request(Method::POST, &tokens)
                .json(&json!({"grant_type": value, "client_id": value, "secret": value})),
            self.request(Method::POST, &tokens).json(&device),
            self.request(Method::POST, &tokens).body(value.to_owned()),
            self.request(Method::GET, &format!("/console/authorize?code={value}")),
            self.request(Method::GET, "/v2/user").header("Authorization", value),
            self.request(Method::GET, &format!("/v2/user?access_token={value}")),
            self.request(Method::POST, "/console/sign-in")
                .header("Origin", self.gateway())
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body(form),
        ] {
            let answer = Answer::of(request).await;
            assert!(answer.status >= 300 || value == self.api_token() || value == portal.token, "{answer:#?}");
        }
    }
}
