//! The console's pages: signing in and out, cookies, and the headers that keep other sites away (S24).

use reqwest::header::SET_COOKIE;
use suite::{Answer, Browser, Installation, browser::filled, unique};

/// What every page says to the browser.
const HEADERS: [(&str, &str); 6] = [
    ("cache-control", "no-store"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    // Not `no-referrer`, with which a browser sends no `Origin` from our own forms.
    ("referrer-policy", "same-origin"),
    ("content-type", "text/html; charset=utf-8"),
];

/// What the content security policy must hold.
const POLICY: [&str; 4] = ["default-src 'none'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"];

#[track_caller]
fn is_guarded(answer: &Answer) {
    for (name, value) in HEADERS {
        assert_eq!(answer.header(name).map(str::to_lowercase), Some(value.to_lowercase()), "{name}: {answer:#?}");
    }
    let policy = answer.header("content-security-policy").unwrap_or_default();
    for directive in POLICY {
        assert!(policy.contains(directive), "no {directive} in {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
    assert!(!answer.text.contains("<script") && !answer.text.contains(" style=\""), "{}", answer.text);
}

#[tokio::test]
async fn every_page_is_guarded() {
    let house = Installation::shared();
    let portal = house.invokable("{ viewer { id } }").await;
    let code = house.code(&portal).await;
    let (stranger, browser) = (Browser::new(&house), Browser::administrator(&house, house.bootstrap()).await);
    for page in [
        stranger.get("/console/sign-in").await,
        stranger.sign_in("nobody@example.com", "wrong password", "/console/").await,
        browser.open("/console/").await,
        browser.open(browser.local(&code.url)).await,
        browser.open("/console/authorize?code=nonsense").await,
        browser.open("/console/no-such-page").await,
        browser.decide(&code, "approve").await,
    ] {
        if !(300..400).contains(&page.status) {
            is_guarded(&page);
        }
    }
    let style = stranger.get("/console/style.css").await;
    assert!(style.status == 200 && style.header("content-type").unwrap().starts_with("text/css"), "{style:#?}");
}

#[tokio::test]
async fn a_page_that_needs_a_session_leads_to_the_sign_in_and_back() {
    let house = Installation::shared();
    let portal = house.invokable("{ viewer { id } }").await;
    let code = house.code(&portal).await;
    let browser = Browser::new(&house);
    let wanted = browser.local(&code.url).to_owned();
    let sent = browser.get(&wanted).await;
    assert!([302, 303].contains(&sent.status), "{sent:#?}");
    let to = browser.local(sent.header("location").unwrap()).to_owned();
    assert!(to.starts_with("/console/sign-in?next="), "{to}");
    let page = browser.get(&to).await;
    let (email, password) = (house.bootstrap().text("email"), house.bootstrap().text("password"));
    let fields = filled(&page.text, &[("email", email), ("password", password)]);
    let signed_in = browser.submit("/console/sign-in", &fields).await;
    assert!([302, 303].contains(&signed_in.status), "{signed_in:#?}");
    assert_eq!(browser.local(signed_in.header("location").unwrap()), wanted);
    assert_eq!(browser.get(&wanted).await.status, 200);
}

#[tokio::test]
async fn signing_in_leads_nowhere_else() {
    let house = Installation::shared();
    let (email, password) = (house.bootstrap().text("email"), house.bootstrap().text("password"));
    for next in [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "/console/../../evil",
        "/v2/user",
        "javascript:alert(1)",
        "/console/\r\nSet-Cookie: a=b",
        "",
    ] {
        let answer = Browser::new(&house).sign_in(email, password, next).await;
        assert!([302, 303].contains(&answer.status), "{next:?}: {answer:#?}");
        let to = answer.header("location").unwrap().to_owned();
        let to = to.strip_prefix(house.gateway()).unwrap_or(&to);
        assert!(to.starts_with("/console/") && !to.contains(".."), "{next:?} leads to {to:?}");
        assert!(answer.headers.get_all(SET_COOKIE).iter().all(|cookie| !cookie.to_str().unwrap().starts_with("a=")));
    }
}

#[tokio::test]
async fn the_cookie_is_out_of_reach_of_scripts_and_other_sites() {
    let house = Installation::shared();
    let (email, password) = (house.bootstrap().text("email"), house.bootstrap().text("password"));
    let answer = Browser::new(&house).sign_in(email, password, "/console/").await;
    let cookie = answer.header("set-cookie").unwrap().to_lowercase();
    assert!(cookie.starts_with("portals="), "over plain HTTP on loopback: {cookie}");
    assert!(cookie.contains("httponly") && cookie.contains("path=/") && !cookie.contains("domain"), "{cookie}");
    assert!(cookie.contains("samesite=lax") || cookie.contains("samesite=strict"), "{cookie}");
    let behind = Installation::start_with(&[("GATEWAY_PUBLIC__URL", "https://portals.example")]);
    let fields = [
        ("email".to_owned(), behind.bootstrap().text("email").to_owned()),
        ("password".to_owned(), behind.bootstrap().text("password").to_owned()),
        ("next".to_owned(), "/console/".to_owned()),
    ];
    let from = [("Origin", "https://portals.example"), ("Sec-Fetch-Site", "same-origin")];
    let answer = Browser::new(&behind).submit_with("/console/sign-in", &fields.to_vec(), &from).await;
    let cookie = answer.header("set-cookie").unwrap_or_else(|| panic!("{answer:#?}"));
    assert!(cookie.starts_with("__Host-portals=") && cookie.to_lowercase().contains("secure"), "{cookie}");
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_password_look_alike() {
    let house = Installation::shared();
    let browser = Browser::new(&house);
    let wrong = browser.sign_in(house.bootstrap().text("email"), "not the password", "/console/").await;
    let unknown = browser.sign_in("nobody@example.com", "not the password", "/console/").await;
    // The page may show the address again.
    let email = house.bootstrap().text("email");
    assert_eq!(wrong.text.replace(email, "#"), unknown.text.replace("nobody@example.com", "#"));
    assert_eq!(wrong.status, unknown.status);
    assert!((400..500).contains(&wrong.status), "{wrong:#?}");
    assert_eq!(browser.cookies(), []);
}

#[tokio::test]
async fn a_sign_in_from_another_site_is_refused() {
    let house = Installation::shared();
    let fields = vec![
        ("email".to_owned(), house.bootstrap().text("email").to_owned()),
        ("password".to_owned(), house.bootstrap().text("password").to_owned()),
    ];
    for headers in [&[][..], &[("Origin", "http://evil.example")], &[("Sec-Fetch-Site", "cross-site")]] {
        let browser = Browser::new(&house);
        let answer = browser.submit_with("/console/sign-in", &fields, headers).await;
        assert!((400..500).contains(&answer.status) && browser.cookies().is_empty(), "{headers:?}: {answer:#?}");
    }
}

#[tokio::test]
async fn after_signing_out_the_session_counts_no_more() {
    let house = Installation::shared();
    let browser = Browser::administrator(&house, house.bootstrap()).await;
    let page = browser.open("/console/").await;
    assert!(page.text.contains(house.bootstrap().text("email")), "{}", page.text);
    let stolen = browser.cookies();
    let without = browser.submit("/console/sign-out", &Vec::new()).await;
    assert!((400..500).contains(&without.status), "without a CSRF token: {without:#?}");
    let answer = browser.submit("/console/sign-out", &filled(&page.text, &[])).await;
    assert!(answer.status < 400, "{answer:#?}");
    let (name, value) = &stolen[0];
    let request = house.request(reqwest::Method::GET, "/console/").header("Cookie", format!("{name}={value}"));
    let later = Answer::of(request).await;
    assert!([302, 303].contains(&later.status), "{later:#?}");
}

#[tokio::test]
async fn a_new_password_ends_the_sessions() {
    let house = Installation::shared();
    let user = house.admin().user(&unique("forgetful"));
    let browser = Browser::signed_in(&house, &user.email, &user.password).await;
    assert_eq!(browser.get("/console/").await.status, 200);
    house.admin().ok(&["reset-password", "--email", &user.email, "--password-stdin"], "another good password\n");
    assert!([302, 303].contains(&browser.get("/console/").await.status));
    Browser::signed_in(&house, &user.email, "another good password").await;
}

#[tokio::test]
async fn a_reader_of_html_is_led_to_the_console() {
    let house = Installation::shared();
    let request = |accept: &str| house.request(reqwest::Method::GET, "/").header("Accept", accept);
    let html = Answer::of(request("text/html,application/xhtml+xml,*/*;q=0.8")).await;
    assert!((300..400).contains(&html.status) && html.header("location").unwrap().ends_with("/console/"), "{html:#?}");
    Answer::of(request("application/json")).await.expect(200);
    Answer::of(request("*/*")).await.expect(200);
}
