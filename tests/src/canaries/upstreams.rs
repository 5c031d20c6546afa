//! What goes to upstreams, and what they say: none of it is ours to keep, or to tell.

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    Canaries,
    api::{Api, BAD},
};
use crate::{Answer, Browser, Caller, Installation, Portal, Upstream, leaks, unique, upstream::UPSTREAMS};

const SDL: &str = "scalar Any type Query { hello(name: String, any: Any, count: Int): String }";
const DOCUMENT: &str =
    "query Ask($name: String, $any: Any, $count: Int) { hello(name: $name, any: $any, count: $count) }";

/// What an upstream's server could write into what is no answer.
const BROKEN: [&str; 6] = [
    "HTTP/1.1 500 WORD\r\n\r\n",
    "WORD\r\n\r\n",
    "HTTP/1.1 200 OK\r\nWORD\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: WORD\r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nWORD\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"data\":{\"hello\":\"WORD",
];

/// Long enough that nothing else is like it.
fn canary(what: &str) -> String {
    format!("{}-{}", unique("canary"), what.replace(' ', "-"))
}

#[track_caller]
fn untold(answer: &Answer, canaries: &Canaries, place: &str) {
    let canaries: Vec<_> = canaries.iter().map(|(what, value)| (*what, value.as_str())).collect();
    assert_eq!(leaks::find(format!("{answer:?}").as_bytes(), &canaries, place), Vec::<String>::new());
}

impl Caller {
    /// Calls upstreams over HTTP/1.1 and over HTTP/2 with TLS, in every way, and looks whether errors tell anything.
    pub async fn upstream_canaries(&self) -> Canaries {
        let mut all = Canaries::new();
        for is_encrypted in [false, true] {
            let word = canary("what an upstream says");
            let api = Api::start(&word, is_encrypted).await;
            let canaries = self.through(&api, word).await;
            for (what, value) in canaries.iter().skip(1) {
                assert!(api.heard(value) || !what.starts_with("sent"), "{what} wasn't sent over {}", api.origin);
            }
            all.extend(canaries);
        }
        all
    }

    async fn through(&self, api: &Api, word: String) -> Canaries {
        let names = ["sent: a header", "sent: a rotated header", "sent: a variable", "sent: a value in a variable"];
        let mut canaries: Canaries = vec![("what an upstream says", word)];
        canaries.extend(names.map(|what| (what, canary(&what[6..]))));
        canaries
            .extend(["a variable that isn't declared", "a value that doesn't fit"].map(|what| (what, canary(what))));
        let value = |number: usize| canaries[number].1.clone();
        let (slug, portal) = self.in_front_of(api, "good", &value(1)).await;
        let fits = json!({"name": value(3), "any": {"a": [value(4)]}, "odd": value(5)});
        let ran = self.call(&portal, fits.clone()).await;
        assert_eq!(ran.expect(200)["data"]["hello"], json!(value(0)));
        assert_eq!(ran.header("set-cookie"), None);
        let misfit = json!({"name": [value(6)], "any": value(6), "count": value(6)});
        let refused = self.call(&portal, misfit).await;
        refused.error(422);
        untold(&refused, &canaries, "a refusal");
        let rotated = json!({"headers": {"authorization": format!("Bearer {}", value(2))}});
        self.change(&slug, rotated, &canaries).await;
        self.call(&portal, fits.clone()).await.expect(200);
        for mood in BAD {
            let (slug, portal) = self.in_front_of(api, mood, &value(1)).await;
            let failed = self.call(&portal, fits.clone()).await;
            failed.error(502);
            untold(&failed, &canaries, mood);
            let asked = json!({"schema": {"source": "introspection"}});
            self.change(&slug, asked, &canaries).await;
            let refreshed = self.rest(Method::POST, &format!("{UPSTREAMS}/{slug}/refresh"), None).await;
            untold(&refreshed, &canaries, "a refresh");
            // Another origin: where nobody is.
            let elsewhere = json!({"url": "https://127.0.0.1:9/graphql", "headers": {"x-key": value(2)}});
            self.change(&slug, elsewhere, &canaries).await;
        }
        self.broken(&value(0), &canaries).await;
        canaries
    }

    /// An upstream and a portal in front of it that users may invoke.
    async fn in_front_of(&self, api: &Api, mood: &str, header: &str) -> (String, Portal) {
        let slug = unique("canary");
        let schema = json!({"source": "sdl", "sdl": SDL});
        let body = json!({"slug": slug, "url": format!("{}/{mood}", api.origin), "schema": schema,
            "headers": {"authorization": format!("Bearer {header}"), "x-key": header}});
        self.rest(Method::POST, UPSTREAMS, Some(body)).await.expect(201);
        let body = json!({"name": slug, "query": DOCUMENT, "upstream": slug, "user_invokable": true});
        (slug, self.portal(body).await)
    }

    async fn change(&self, slug: &str, body: Value, canaries: &Canaries) {
        let changed = self.rest(Method::PUT, &format!("{UPSTREAMS}/{slug}"), Some(body)).await;
        changed.expect(200);
        untold(&changed, canaries, "an upstream's answer");
    }

    /// Answers that are none.
    async fn broken(&self, word: &str, canaries: &Canaries) {
        for broken in BROKEN {
            let answer = broken.replace("WORD", word);
            let upstream = Upstream::start(move |connection| {
                connection.request();
                connection.send(&answer);
            });
            let portal = upstream.portal(self, json!({})).await;
            let failed = Answer::of(self.calling_named(&portal, "Ask")).await;
            failed.error(502);
            untold(&failed, canaries, broken);
        }
    }
}

impl Installation {
    /// What upstreams are told of a user who calls, and the token with which.
    pub(super) async fn assertion_canaries(&self) -> Canaries {
        let api = Api::start("hello", true).await;
        let (_, portal) = self.in_front_of(&api, "good", "header").await;
        let code = self.code(&portal).await;
        Browser::administrator(self, self.bootstrap()).await.approve(&code).await;
        let token = self.user_token(&portal, &code).await;
        self.call_with(&portal, &token).await.expect(200);
        let assertion = api.assertions().pop().expect("an assertion");
        let signature = assertion.rsplit('.').next().unwrap().to_owned();
        vec![
            ("a user token at an upstream", token),
            ("a user's assertion", assertion),
            ("an assertion's signature", signature),
        ]
    }
}
