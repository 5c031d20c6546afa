//! Portals that users invoke as themselves: codes, polling, the user's decision, the exchange.

use std::time::Duration;

use reqwest::{Method, header::USER_AGENT};
use serde_json::{Value, json};
use suite::{
    Answer, Browser, Fleet, Installation, PORTALS, Part, Portal, Split, browser::filled, device::Code, path, raw,
    unique,
};

const WHO: &str = "{ viewer { user { email } } }";

async fn administrator(house: &Installation) -> Browser<'_> {
    Browser::administrator(house, house.bootstrap()).await
}

#[tokio::test]
async fn the_whole_way_from_a_code_to_a_call_as_the_user() {
    let house = Installation::shared();
    let portal = house.invokable(WHO).await;
    let answer = house.ask(&portal).await;
    let code = Code::of(answer.expect(200));
    let members: Vec<_> = code.body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["authorization_url", "code", "expires_at", "interval", "secret"]);
    assert_eq!(code.body["interval"], 5);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(code.url.starts_with(&format!("{}/console/", house.gateway())), "{}", code.url);
    assert!(!code.url.contains(&code.secret), "the secret stands in a URL");
    let user = house.admin().user_as("member", "person");
    let browser = Browser::signed_in(&house, &user.email, &user.password).await;
    browser.approve(&code).await;
    let exchanged = house.poll(&portal, &code).await;
    let body = exchanged.expect(200);
    assert_eq!((&body["token"], &body["token_type"]), (&body["access_token"], &json!("Bearer")));
    assert!((12 * 3_600 - 1..=12 * 3_600).contains(&body["expires_in"].as_i64().unwrap()), "{body:#}");
    assert_eq!(exchanged.header("cache-control"), Some("no-store"));
    let called = house.call_with(&portal, body["token"].as_str().unwrap()).await.data();
    assert_eq!(called["viewer"]["user"]["email"], user.email, "it runs as the user");
    // Once only.
    house.poll(&portal, &code).await.error_code(400, "invalid_grant");
}

#[tokio::test]
async fn until_the_user_has_decided_it_is_pending_and_not_polled_too_often() {
    let house = Installation::shared();
    let portal = house.invokable(WHO).await;
    let code = house.code(&portal).await;
    let pending = house.poll(&portal, &code).await;
    assert_eq!(pending.error_code(400, "authorization_pending")["error"], "authorization_pending");
    house.poll(&portal, &code).await.error_code(400, "slow_down");
    let denied = house.code(&portal).await;
    let browser = administrator(&house).await;
    let answer = browser.decide(&denied, "deny").await;
    assert!([200, 302, 303].contains(&answer.status), "{answer:#?}");
    house.poll(&portal, &denied).await.error_code(400, "access_denied");
}

#[tokio::test]
async fn opening_the_page_approves_nothing() {
    let house = Installation::shared();
    let portal = house.invokable(WHO).await;
    let code = house.code(&portal).await;
    let browser = administrator(&house).await;
    for path in [
        browser.local(&code.url).to_owned(),
        format!("{}&decision=approve", browser.local(&code.url)),
        format!("/console/authorize?code={}&decision=approve", code.code),
    ] {
        let page = browser.open(&path).await;
        assert!(page.status < 500, "{page:#?}");
    }
    house.poll(&portal, &code).await.error_code(400, "authorization_pending");
}

#[tokio::test]
async fn a_decision_without_csrf_token_or_from_elsewhere_is_refused() {
    let house = Installation::shared();
    let portal = house.invokable(WHO).await;
    let code = house.code(&portal).await;
    let browser = administrator(&house).await;
    let page = browser.open(browser.local(&code.url)).await;
    let good = filled(&page.text, &[("code", &code.code), ("decision", "approve")]);
    assert!(good.iter().any(|(name, _)| name == "csrf"), "no CSRF token in {}", page.text);
    let csrf = |value: Option<&str>| {
        let others = good.iter().filter(|(name, _)| name != "csrf").cloned();
        others.chain(value.map(|value| ("csrf".to_owned(), value.to_owned()))).collect::<Vec<_>>()
    };
    for wrong in [None, Some(""), Some("nonsense")] {
        let answer = browser.submit("/console/authorize", &csrf(wrong)).await;
        assert!((400..500).contains(&answer.status), "{wrong:?}: {answer:#?}");
    }
    // Another session's token doesn't count for this one.
    let other = administrator(&house).await;
    let of_other = other.open(other.local(&code.url)).await;
    let foreign = filled(&of_other.text, &[("code", &code.code), ("decision", "approve")]);
    assert!((400..500).contains(&browser.submit("/console/authorize", &foreign).await.status));
    for headers in [
        &[][..],
        &[("Origin", "http://evil.example"), ("Sec-Fetch-Site", "cross-site")],
        &[("Origin", "null")],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Origin", "http://evil.example"), ("Sec-Fetch-Site", "same-origin")],
    ] {
        let answer = browser.submit_with("/console/authorize", &good, headers).await;
        assert!((400..500).contains(&answer.status), "{headers:?}: {answer:#?}");
    }
    let stranger = Browser::new(&house);
    let answer = stranger.submit("/console/authorize", &good).await;
    assert!(answer.status >= 300, "without a session: {answer:#?}");
    house.poll(&portal, &code).await.error_code(400, "authorization_pending");
    assert!(browser.submit("/console/authorize", &good).await.status < 400, "the good form counts");
    // The interval counts only until the decision.
    house.user_token(&portal, &code).await;
}

#[tokio::test]
async fn the_page_says_who_asks_for_what_and_escapes_it() {
    let house = Installation::shared();
    let name = format!("<script>alert(1)</script> {}", unique("portal"));
    let query = "query Who { viewer { user { email } } } mutation Go($id: ID!) { buildCreate(input: {pipelineID: $id, \
                 commit: \"HEAD\", branch: \"main\"}) { build { url } } }";
    let body = json!({"name": name, "slug": unique("escaped"), "query": query, "user_invokable": true});
    let portal = house.portal(body).await;
    let request = house.request(Method::POST, &format!("{}/codes", path(&portal.slug)));
    let request = request.header(USER_AGENT, "robot/1.0 <img src=x onerror=alert(1)>");
    let code = Code::of(Answer::of(request).await.expect(200));
    let browser = administrator(&house).await;
    let page = browser.open(browser.local(&code.url)).await;
    for shown in ["Who", "Go", "mutation", "127.0.0.1", "robot/1.0"] {
        assert!(page.text.contains(shown), "no {shown} in {}", page.text);
    }
    assert!(page.text.contains("&lt;script&gt;"), "{}", page.text);
    assert!(!page.text.contains("<script") && !page.text.contains("<img src=x"), "{}", page.text);
    assert!(!page.text.contains(&code.secret), "the secret is shown");
}

#[tokio::test]
async fn codes_at_unknown_and_other_portals_are_the_same_404() {
    let house = Installation::shared();
    let portal = house.portal_of(WHO).await;
    let paths =
        [path(&portal.slug), path("no-such-portal"), path("No%20Slug"), "/organizations/nobody/portals/x".to_owned()];
    let answers = paths.map(|path| {
        let request = raw::request(&format!("POST {path}/codes"), &["Content-Type: application/json"], "{}");
        raw::masked(&raw::exchange(house.bootstrap().address("gateway"), &request).unwrap())
    });
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
    assert_eq!(raw::status(&answers[0]), 404);
    house.code(&house.invokable(WHO).await).await;
}

#[tokio::test]
async fn a_code_counts_at_its_portal_with_its_secret_only() {
    let house = Installation::shared();
    let (portal, other) = (house.invokable(WHO).await, house.invokable(WHO).await);
    let (code, foreign) = (house.code(&portal).await, house.code(&portal).await);
    let browser = administrator(&house).await;
    browser.approve(&code).await;
    let unknown = Portal { slug: "no-such-portal".to_owned(), ..portal.clone() };
    let crossed = Code { secret: foreign.secret.clone(), ..code.clone() };
    let mistaken = Code { code: "nonsense".to_owned(), ..code.clone() };
    let mut bodies = Vec::new();
    for answer in [
        house.poll(&other, &code).await,
        house.poll(&unknown, &code).await,
        house.poll(&portal, &mistaken).await,
        house.poll(&portal, &crossed).await,
    ] {
        let mut body = answer.error_code(400, "invalid_grant");
        body["request_id"] = Value::Null;
        bodies.push(body);
    }
    assert!(bodies.iter().all(|body| body == &bodies[0]), "{bodies:#?}");
    house.user_token(&portal, &code).await;
}

#[tokio::test]
async fn five_wrong_secrets_burn_a_code() {
    let house = Installation::shared();
    let portal = house.invokable(WHO).await;
    let (code, other) = (house.code(&portal).await, house.code(&portal).await);
    administrator(&house).await.approve(&code).await;
    let wrong = Code { secret: other.secret, ..code.clone() };
    for _ in 0..5 {
        house.poll(&portal, &wrong).await.error_code(400, "invalid_grant");
    }
    house.poll(&portal, &code).await.error_code(400, "invalid_grant");
}

#[tokio::test]
async fn a_life_of_one_to_seven_hundred_and_twenty_minutes_may_be_asked_for() {
    let house = Installation::shared();
    let portal = house.invokable(WHO).await;
    let browser = administrator(&house).await;
    let code = house.code(&portal).await;
    browser.approve(&code).await;
    let with = |minutes: Value| {
        let mut body = code.grant();
        body["expires_in"] = minutes;
        body
    };
    for wrong in [json!(0), json!(721), json!(1.5), json!("15"), json!(true)] {
        let answer = house.exchange(&portal, with(wrong.clone())).await;
        assert_eq!(answer.status, 400, "{wrong}");
        answer.error_code(400, "invalid_request");
    }
    let mut body = with(json!(720));
    body["grant_type"] = json!("urn:ietf:params:oauth:grant-type:device_code");
    let seconds = house.exchange(&portal, body).await.expect(200)["expires_in"].as_i64().unwrap();
    assert!((720 * 60 - 1..=720 * 60).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn a_code_ends_after_five_minutes() {
    let fleet = Fleet::start(Split::fake_clocks);
    let portal = fleet.invokable(WHO).await;
    let code = fleet.code(&portal).await;
    for part in [Part::Token, Part::Portal, Part::Gateway] {
        fleet.split.step(part, "+301");
    }
    fleet.poll(&portal, &code).await.error_code(400, "expired_token");
}

#[tokio::test]
async fn somebody_of_another_organization_sees_no_code() {
    let house = Installation::shared();
    let portal = house.invokable(WHO).await;
    let code = house.code(&portal).await;
    let admin = house.admin();
    let (user, organization) = (admin.user(&unique("stranger")), unique("elsewhere"));
    admin.organization(&organization);
    admin.member(&user, &organization, "admin");
    let browser = Browser::signed_in(&house, &user.email, &user.password).await;
    let page = browser.open(browser.local(&code.url)).await;
    assert!(page.status == 404 && !page.text.contains(&portal.slug), "{page:#?}");
    let unknown = browser.open("/console/authorize?code=nonsense").await;
    assert_eq!((page.status, page.text.len()), (unknown.status, unknown.text.len()), "they can be told apart");
}

/// Whoever approves, approves what they saw.
#[tokio::test]
async fn a_portal_that_changed_since_the_page_was_shown_is_shown_again() {
    let house = Installation::shared();
    let portal = house.invokable(WHO).await;
    let code = house.code(&portal).await;
    let browser = administrator(&house).await;
    let seen = browser.open(browser.local(&code.url)).await;
    let edit = json!({"query": "mutation Other { pipelineDelete(input: {id: \"x\"}) { clientMutationId } }"});
    house.rest(Method::PUT, &format!("{PORTALS}/{}", portal.slug), Some(edit)).await.expect(200);
    let approval = |page: &Answer| filled(&page.text, &[("code", &code.code), ("decision", "approve")]);
    let led = browser.submit("/console/authorize", &approval(&seen)).await;
    assert_eq!(led.status, 303, "{led:#?}");
    let again = browser.open(led.header("location").unwrap()).await;
    assert!(again.text.contains("Nothing is decided") && again.text.contains("Other"), "{}", again.text);
    let done = browser.submit("/console/authorize", &approval(&again)).await;
    assert_eq!(done.status, 200, "nothing had been decided: {done:#?}");
    house.poll(&portal, &code).await.expect(200);
}

#[tokio::test]
async fn turning_it_off_kills_codes_and_tokens() {
    let house = Installation::shared();
    let portal = house.invokable(WHO).await;
    let browser = administrator(&house).await;
    let (used, approved, pending) = (house.code(&portal).await, house.code(&portal).await, house.code(&portal).await);
    for code in [&used, &approved] {
        browser.approve(code).await;
    }
    let token = house.user_token(&portal, &used).await;
    house.call_with(&portal, &token).await.data();
    let one = format!("{PORTALS}/{}", portal.slug);
    house.rest(Method::PUT, &one, Some(json!({"user_invokable": false}))).await.expect(200);
    suite::wait::need_async("the token to be refused", Duration::from_secs(5), async || {
        (house.call_with(&portal, &token).await.status == 401).then_some(())
    })
    .await;
    for code in [&approved, &pending] {
        house.poll(&portal, code).await.error_code(400, "invalid_grant");
    }
    house.ask(&portal).await.error(404);
    house.call(&portal, json!({})).await.data();
    // Turned on again, nothing of before comes back.
    house.rest(Method::PUT, &one, Some(json!({"user_invokable": true}))).await.expect(200);
    house.call_with(&portal, &token).await.error(401);
    house.poll(&portal, &approved).await.error_code(400, "invalid_grant");
}

#[tokio::test]
async fn with_the_user_end_their_tokens() {
    let house = Installation::shared();
    let admin = house.admin();
    let user = admin.user_as("member", "leaver");
    let portal = house.invokable(WHO).await;
    let (exchanged, approved) = (house.code(&portal).await, house.code(&portal).await);
    let browser = Browser::signed_in(&house, &user.email, &user.password).await;
    for code in [&exchanged, &approved] {
        browser.approve(code).await;
    }
    let token = house.user_token(&portal, &exchanged).await;
    house.call_with(&portal, &token).await.data();
    admin.ok(&["delete-user", "--email", &user.email], "");
    suite::wait::need_async("the token to be refused", Duration::from_secs(5), async || {
        (house.call_with(&portal, &token).await.status == 401).then_some(())
    })
    .await;
    house.poll(&portal, &approved).await.error_code(400, "invalid_grant");
    assert!([302, 303].contains(&browser.get("/console/").await.status), "the session ended, too");
}
