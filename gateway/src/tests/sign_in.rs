//! Signing in and out: the session is a cookie.

use contracts::directory::v1::{SignInRequest, SignOutRequest};
use kit::error::Code;

use super::{
    TOKEN, World, header,
    script::{Plan, Refuse},
};

use super::console::{FORM, OURS, get, led, page, submit};

#[tokio::test]
async fn who_is_not_signed_in_is_led_to_the_sign_in_and_back() {
    let world = World::new().await;
    // No cookie, another name, or nothing but an `Authorization` header: nobody is asked about it.
    for (name, value) in [("x-none", ""), ("cookie", "portals=Session1"), ("authorization", &format!("Bearer {TOKEN}"))]
    {
        let request = world.request("GET", "/console/authorize?code=Ab1").header(name, value);
        let response = request.send().await.unwrap();
        assert_eq!(led(&response), "/console/sign-in?next=%2Fconsole%2Fauthorize%3Fcode%3DAb1");
    }
    assert_eq!(world.script.asked(), 0);
    world.script.plan(Plan { signed_out: true, ..Plan::default() });
    assert_eq!(led(&get(&world, "/console/").await), "/console/sign-in?next=%2Fconsole%2F");
    let response = get(&world, "/console/authorize?code=Ab1").await;
    assert_eq!(led(&response), "/console/sign-in?next=%2Fconsole%2Fauthorize%3Fcode%3DAb1");
    let text = page(get(&world, led(&response)).await, 200).await;
    assert!(text.contains("name=\"next\" value=\"/console/authorize?code=Ab1\""), "{text}");
    world.script.refuse(Refuse::new(Code::Unauthenticated, "authentication_required"));
    let response = submit(&world, "/console/authorize", "code=Ab1&decision=approve&csrf=x").await;
    assert_eq!(led(&response), "/console/sign-in?next=%2Fconsole%2Fauthorize%3Fcode%3DAb1");
}

#[tokio::test]
async fn a_session_is_kept_in_a_cookie_of_this_host() {
    let world = World::new().await;
    let body = "email=ada%40example.com&password=correct+horse&next=%2Fconsole%2Fauthorize%3Fcode%3DAb1";
    let response = submit(&world, "/console/sign-in", body).await;
    assert_eq!(led(&response), "/console/authorize?code=Ab1");
    let cookie = "__Host-portals=Session1; Path=/; HttpOnly; SameSite=Lax; Secure";
    assert_eq!(header(&response, "set-cookie"), Some(cookie));
    let (caller, asked) = world.script.first::<SignInRequest>();
    assert_eq!((asked.email.as_str(), asked.password.as_str()), ("ada@example.com", "correct horse"));
    assert!(caller.authorization.is_none() && caller.is_service && caller.client_ip.is_some());
}

#[tokio::test]
async fn a_sign_in_ends_the_session_before_it() {
    let world = World::new().await;
    assert_eq!(led(&submit(&world, "/console/sign-in", "email=a&password=b").await), "/console/");
    let (caller, asked) = world.script.last::<SignOutRequest>();
    assert_eq!((caller.bearer(), asked.csrf_token.as_str()), (Some("Session1"), "csrf1"));
    // Where there is none, or one that has ended, there is nothing to end.
    let request = world.request("POST", "/console/sign-in").header("origin", OURS).header("content-type", FORM);
    request.body("email=a&password=b").send().await.unwrap();
    world.script.plan(Plan { signed_out: true, ..Plan::default() });
    let response = submit(&world, "/console/sign-in", "email=a&password=b").await;
    assert!(header(&response, "set-cookie").is_some());
    // A wrong password ends nothing.
    world.script.refuse(Refuse::new(Code::Unauthenticated, "invalid_credentials"));
    submit(&world, "/console/sign-in", "email=a&password=b").await;
    assert_eq!(world.script.count::<SignOutRequest>(), 1);
}

#[tokio::test]
async fn nobody_signs_in_over_plain_http_from_elsewhere() {
    let insecure = "http://portals.example";
    let world = World::with(|config| config.public_url = insecure.to_owned()).await;
    let cookie = "portals=Session1; __Host-portals=Session1";
    let send = async |method: &str, path: &str, body: &str| {
        let request = world.request(method, path).header("origin", insecure).header("cookie", cookie);
        let response = request.header("content-type", FORM).body(body.to_owned()).send().await.unwrap();
        assert_eq!(header(&response, "set-cookie"), None, "{method} {path}");
        response
    };
    for (method, body) in [("GET", ""), ("POST", "email=a&password=b")] {
        let text = page(send(method, "/console/sign-in", body).await, 403).await;
        assert!(text.contains("plain HTTP") && text.contains("https address") && !text.contains("<form"), "{text}");
    }
    // A session that there is all the same isn't passed on.
    for (method, path) in [("GET", "/console/"), ("GET", "/console/authorize?code=A"), ("POST", "/console/sign-out")] {
        assert!(led(&send(method, path, "csrf=x").await).starts_with("/console/sign-in"));
    }
    assert_eq!(world.script.asked(), 0);
}

#[tokio::test]
async fn plain_http_has_a_cookie_that_browsers_keep() {
    let world = World::with(|config| config.public_url = "http://127.0.0.1:8080".to_owned()).await;
    let request = world.request("POST", "/console/sign-in").header("origin", "http://127.0.0.1:8080");
    let response = request.header("content-type", FORM).body("email=a&password=b").send().await.unwrap();
    assert_eq!(header(&response, "set-cookie"), Some("portals=Session1; Path=/; HttpOnly; SameSite=Lax"));
    let request = world.request("GET", "/console/").header("cookie", "portals=Session1");
    page(request.send().await.unwrap(), 200).await;
}

#[tokio::test]
async fn the_sign_in_leads_nowhere_else() {
    let world = World::new().await;
    for next in ["https%3A%2F%2Fevil.example", "%2F%2Fevil.example", "%2Fconsole%2F..%2Fv2%2Fuser", "%2Fv2", "x", ""] {
        let response = submit(&world, "/console/sign-in", &format!("email=a&password=b&next={next}")).await;
        assert_eq!(led(&response), "/console/", "{next}");
        let text = page(get(&world, &format!("/console/sign-in?next={next}")).await, 200).await;
        assert!(text.contains("name=\"next\" value=\"/console/\""), "{text}");
    }
}

#[tokio::test]
async fn a_wrong_password_shows_the_form_again() {
    let world = World::new().await;
    world.script.refuse(Refuse::new(Code::Unauthenticated, "invalid_credentials"));
    let body = "email=%22%3E%3Cb%3E&password=hunter22&next=%2Fconsole%2F%3Fx";
    let response = submit(&world, "/console/sign-in", body).await;
    assert_eq!((header(&response, "set-cookie"), header(&response, "www-authenticate")), (None, None));
    let text = page(response, 401).await;
    assert!(text.contains("value=\"&quot;&gt;&lt;b&gt;\"") && text.contains("password is wrong"), "{text}");
    assert!(text.contains("value=\"/console/?x\"") && !text.contains("hunter22"), "{text}");
    let retry_after = Some(std::time::Duration::from_secs(9));
    world.script.refuse(Refuse { retry_after, ..Refuse::new(Code::Exhausted, "rate_limited") });
    let response = submit(&world, "/console/sign-in", body).await;
    assert_eq!(header(&response, "retry-after"), Some("9"));
    page(response, 429).await;
}

#[tokio::test]
async fn a_session_ends() {
    let world = World::new().await;
    let gone = "__Host-portals=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0";
    let response = submit(&world, "/console/sign-out", "csrf=csrf1").await;
    assert_eq!((led(&response), header(&response, "set-cookie")), ("/console/sign-in", Some(gone)));
    let (caller, asked) = world.script.last::<SignOutRequest>();
    assert_eq!((caller.bearer(), asked.csrf_token.as_str()), (Some("Session1"), "csrf1"));
    world.script.refuse(Refuse::new(Code::Forbidden, "invalid_csrf_token"));
    let response = submit(&world, "/console/sign-out", "csrf=x").await;
    assert_eq!(header(&response, "set-cookie"), None);
    page(response, 403).await;
    // One that has ended already is forgotten.
    world.script.refuse(Refuse::new(Code::Unauthenticated, "authentication_required"));
    let response = submit(&world, "/console/sign-out", "csrf=x").await;
    assert_eq!((led(&response), header(&response, "set-cookie")), ("/console/sign-in", Some(gone)));
}
