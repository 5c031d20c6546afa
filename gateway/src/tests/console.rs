//! `/console/` and `/`: pages for people.

use contracts::{
    directory::v1::{DecideCodeRequest, GetCodeRequest, GetSessionRequest},
    registry::v1::DescribePortalRequest,
};
use kit::error::Code;
use reqwest::Response;

use super::{
    TOKEN, World, header,
    script::{Plan, Refuse},
};

pub(super) const OURS: &str = "https://portals.example";
pub(super) const COOKIE: &str = "theme=dark; __Host-portals=Session1";
/// What the page says of the portal that it shows.
const STATE: &str = "1767225600.999000000";
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// What every answer below `/console` must have (S24 of the threats).
fn dressed(response: &Response) {
    for (name, value) in [
        (
            "content-security-policy",
            "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(header(response, name), Some(value), "{name}");
    }
}

/// The page, having checked its headers and status.
pub(super) async fn page(response: Response, status: u16) -> String {
    dressed(&response);
    assert_eq!(response.status(), status);
    assert_eq!(header(&response, "content-type"), Some("text/html; charset=utf-8"));
    let text = response.text().await.unwrap();
    assert!(text.starts_with("<!DOCTYPE html>") && !text.contains("<script"), "{text}");
    text
}

/// Where a redirect leads, having checked its headers.
pub(super) fn led(response: &Response) -> &str {
    dressed(response);
    assert_eq!(response.status(), 303);
    header(response, "location").unwrap()
}

pub(super) async fn get(world: &World, path: &str) -> Response {
    world.request("GET", path).header("cookie", COOKIE).send().await.unwrap()
}

pub(super) async fn submit(world: &World, path: &str, body: &str) -> Response {
    let request = world.request("POST", path).header("cookie", COOKIE).header("origin", OURS);
    request.header("content-type", FORM).body(body.to_owned()).send().await.unwrap()
}

#[tokio::test]
async fn people_are_led_to_the_console() {
    let world = World::new().await;
    for (accept, status) in [("text/html,*/*;q=0.8", 303), ("application/json", 200), ("*/*", 200)] {
        let response = world.request("GET", "/").header("accept", accept).send().await.unwrap();
        assert_eq!((response.status().as_u16(), header(&response, "vary")), (status, Some("Accept")));
        assert_eq!(header(&response, "location"), (status == 303).then_some("/console/"));
    }
}

#[tokio::test]
async fn the_console_says_who_is_signed_in() {
    let world = World::new().await;
    for path in ["/console", "/console/"] {
        let text = page(get(&world, path).await, 200).await;
        assert!(text.contains("ada@example.com") && text.contains("name=\"csrf\" value=\"csrf1\""), "{text}");
    }
    let (caller, _) = world.script.last::<GetSessionRequest>();
    assert_eq!((caller.bearer(), caller.is_service), (Some("Session1"), true));
}

#[tokio::test]
async fn a_user_sees_what_is_asked_for_and_by_whom() {
    let world = World::new().await;
    let text = page(get(&world, "/console/authorize?code=%22Ab1").await, 200).await;
    for expected in [
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "&quot;&gt;&lt;img src=x&gt;",
        "Acme",
        "ada@example.com",
        "192.0.2.9",
        "says it is <q dir=\"auto\">&lt;b&gt;curl&lt;/b&gt;</q>",
        "minutes ago",
        "<dt>Ends</dt><dd>in 0 seconds</dd>",
        "a mutation: changes data",
        "$b: Int",
        "name=\"csrf\" value=\"csrf1\"",
        "name=\"code\" value=\"&quot;Ab1\"",
        "name=\"decision\" value=\"approve\"",
        "name=\"decision\" value=\"deny\"",
        "<form method=\"post\"",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(text.find("value=\"deny\"") < text.find("value=\"approve\""), "{text}");
    assert_eq!(world.script.count::<GetCodeRequest>(), 1);
    let (caller, asked) = world.script.last::<DescribePortalRequest>();
    assert_eq!((asked.portal_uuid.as_str(), caller.is_service, caller.authorization.is_none()), ("p-1", true, true));
    // Looking decides nothing, however it is asked.
    get(&world, "/console/authorize?code=Ab1&decision=approve&csrf=csrf1").await;
    world
        .request("HEAD", "/console/authorize?code=Ab1&decision=approve")
        .header("cookie", COOKIE)
        .send()
        .await
        .unwrap();
    assert_eq!(world.script.count::<DecideCodeRequest>(), 0);
}

#[tokio::test]
async fn a_code_that_means_nothing_is_a_page_too() {
    let world = World::new().await;
    world.script.refuse(Refuse { message: "No request found", ..Refuse::new(Code::NotFound, "not_found") });
    for path in ["/console/authorize?code=Ab1", "/console/authorize"] {
        assert!(page(get(&world, path).await, 404).await.contains("No request found"));
    }
}

#[tokio::test]
async fn a_user_decides() {
    let world = World::new().await;
    for (decision, approve, title) in [("approve", true, "Approved"), ("deny", false, "Denied")] {
        let body = format!("code=Ab1&decision={decision}&csrf=csrf1&state={STATE}");
        let text = page(submit(&world, "/console/authorize", &body).await, 200).await;
        assert!(text.contains(&format!("<h1>{title}</h1>")), "{text}");
        let (caller, asked) = world.script.last::<DecideCodeRequest>();
        let expected = DecideCodeRequest { code: "Ab1".into(), approve, csrf_token: "csrf1".into() };
        assert_eq!((caller.bearer(), asked), (Some("Session1"), expected));
    }
    let asked = world.script.asked();
    for decision in ["", "APPROVE", "yes"] {
        page(submit(&world, "/console/authorize", &format!("code=Ab1&decision={decision}&csrf=csrf1")).await, 400)
            .await;
    }
    assert_eq!(world.script.asked(), asked);
    for (class, reason, status) in [
        (Code::Forbidden, "invalid_csrf_token", 403),
        (Code::NotFound, "not_found", 404),
        (Code::Conflict, "code_decided", 409),
    ] {
        world.script.refuse(Refuse::new(class, reason));
        let body = format!("code=Ab1&decision=approve&csrf=x&state={STATE}");
        page(submit(&world, "/console/authorize", &body).await, status).await;
    }
}

#[tokio::test]
async fn what_is_another_portal_than_was_shown_is_not_approved() {
    let world = World::new().await;
    for state in ["", "&state=", "&state=1767225600.998000000"] {
        let response =
            submit(&world, "/console/authorize", &format!("code=Ab1&decision=approve&csrf=csrf1{state}")).await;
        assert_eq!(response.status(), 303);
        assert_eq!(header(&response, "location"), Some("/console/authorize?code=Ab1&changed="));
    }
    assert_eq!(world.script.count::<DecideCodeRequest>(), 0);
    let text = page(get(&world, "/console/authorize?code=Ab1&changed=").await, 200).await;
    assert!(
        text.contains("Nothing is decided") && text.contains(&format!("name=\"state\" value=\"{STATE}\"")),
        "{text}"
    );
    // Denying needs no look.
    page(submit(&world, "/console/authorize", "code=Ab1&decision=deny&csrf=csrf1").await, 200).await;
}

#[tokio::test]
async fn forms_of_other_sites_are_refused() {
    let world = World::new().await;
    let body = "email=a&password=b&code=Ab1&decision=approve&csrf=csrf1";
    for path in ["/console/sign-in", "/console/sign-out", "/console/authorize"] {
        for (headers, refused) in [
            (vec![("origin", "https://evil.example")], true),
            (vec![("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")], true),
            (vec![("origin", "http://portals.example")], true),
            (vec![("origin", "null")], true),
            (vec![("origin", "null"), ("sec-fetch-site", "same-site")], true),
            (vec![("sec-fetch-site", "cross-site")], true),
            (vec![("referer", "https://portals.example/console/")], true),
            (vec![], true),
            (vec![("origin", "null"), ("sec-fetch-site", "same-origin")], false),
            (vec![("sec-fetch-site", "same-origin")], false),
        ] {
            let before = world.script.asked();
            let mut request = world.request("POST", path).header("cookie", COOKIE).header("content-type", FORM);
            for (name, value) in &headers {
                request = request.header(*name, *value);
            }
            let response = request.body(body).send().await.unwrap();
            assert_eq!(response.status() == 403, refused, "{path} {headers:?}");
            assert_eq!(world.script.asked() == before, refused);
            if refused {
                assert_eq!(header(&response, "set-cookie"), None);
                assert!(page(response, 403).await.contains("wasn't sent by a page of this site"));
            }
        }
    }
}

#[tokio::test]
async fn errors_below_the_console_are_pages() {
    let world = World::new().await;
    page(get(&world, "/console/nowhere").await, 404).await;
    page(get(&world, "/console/sign-out").await, 405).await;
    page(get(&world, &format!("/console/authorize?code={TOKEN}")).await, 400).await;
    page(submit(&world, "/console/sign-in", &"x".repeat(5_000)).await, 413).await;
    let json = world.request("POST", "/console/sign-in").header("origin", OURS);
    page(json.header("content-type", "application/json").body("{}").send().await.unwrap(), 415).await;
    world.script.plan(Plan { panics: true, ..Plan::default() });
    page(get(&world, "/console/authorize?code=Ab1").await, 500).await;
}

#[tokio::test]
async fn the_stylesheet_is_ours() {
    let world = World::new().await;
    let response = get(&world, "/console/style.css").await;
    assert_eq!(header(&response, "content-type"), Some("text/css; charset=utf-8"));
    assert_eq!(header(&response, "cache-control"), Some("public, max-age=300"));
    let text = response.text().await.unwrap();
    assert!(text.contains("body {") && !text.contains("url(") && !text.contains("@import"), "{text}");
}
