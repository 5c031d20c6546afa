//! The console's pages in a real browser (S20, S24): what people see and press, and what other sites' pages get.

use reqwest::{Method, header::USER_AGENT};
use serde_json::{Value, json};
use suite::{
    Answer, Chromium, Fleet, Installation, Part, Portal, Split, admin::User, chromium::View, device::Code, path, unique,
};

const WHO: &str = "query Who { viewer { user { email } } }";
const ROBOT: &str = "robot/1.0";
/// What stands where somebody else may choose the words.
const SCRIPT: &str = "<script>window.ran = 1</script><img src=x onerror='window.ran = 2'>";

/// A browser at the first page, in which nobody has signed in.
fn stranger(house: &Installation) -> Chromium {
    let mut chromium = Chromium::start();
    chromium.open(&format!("{}/console/", house.gateway()));
    chromium
}

/// A browser in which a new member has signed in.
fn member(house: &Installation) -> (Chromium, User) {
    let user = house.admin().user_as("member", "person");
    let mut chromium = stranger(house);
    let view = chromium.sign_in(&user.email, &user.password);
    assert!(view.text.contains(&user.email), "{view:#?}");
    (chromium, user)
}

/// A code that a program of the name `agent` asked for.
async fn asked(house: &Installation, portal: &Portal, agent: &str) -> Code {
    let request = house.request(Method::POST, &format!("{}/codes", path(&portal.slug)));
    Code::of(Answer::of(request.header(USER_AGENT, agent)).await.expect(200))
}

#[track_caller]
fn shows(view: &View, words: &[&str]) {
    for word in words {
        assert!(view.text.contains(word), "no {word:?} in {view:#?}");
    }
}

#[track_caller]
fn is_sign_in(view: &View) {
    assert!(view.url.contains("/console/sign-in") && view.title.starts_with("Sign in"), "{view:#?}");
}

#[tokio::test]
async fn a_wrong_password_is_said_and_the_right_one_leads_on() {
    let house = Installation::shared();
    let user = house.admin().user_as("member", "person");
    let mut chromium = stranger(&house);
    is_sign_in(&chromium.step(json!(["look"])));
    let wrong = chromium.sign_in(&user.email, "not the password");
    assert_eq!(wrong.status, Some(401));
    is_sign_in(&wrong);
    shows(&wrong, &["The e-mail address or the password is wrong"]);
    assert_eq!(wrong.focus, "password", "what must be typed again");
    assert_eq!(chromium.evaluate("document.querySelector('#email').value"), user.email, "it needn't be typed again");
    assert_eq!(chromium.evaluate("document.querySelector('#password').value"), "");
    assert!(chromium.cookies().is_empty(), "{:?}", chromium.cookies());
    let home = chromium.sign_in(&user.email, &user.password);
    assert_eq!((home.status, home.url), (Some(200), format!("{}/console/", house.gateway())));
    assert!(home.text.contains(&user.email), "{}", home.text);
    let cookies = chromium.cookies();
    let [cookie] = &cookies[..] else { panic!("{cookies:?}") };
    assert_eq!((cookie.name.as_str(), cookie.domain.as_str()), ("portals", "127.0.0.1"));
    assert!(cookie.http_only && cookie.same_site == "Lax" && cookie.expires < 0.0, "{cookie:?}");
    assert_eq!(chromium.evaluate("document.cookie"), "");
}

#[tokio::test]
async fn another_name_of_the_machine_leads_to_the_site() {
    let house = Installation::shared();
    let user = house.admin().user_as("member", "person");
    let mut chromium = Chromium::start();
    let view = chromium.open(&house.gateway().replace("127.0.0.1", "localhost"));
    is_sign_in(&view);
    assert!(view.url.starts_with(house.gateway()), "{view:#?}");
    assert_eq!(chromium.sign_in(&user.email, &user.password).url, format!("{}/console/", house.gateway()));
}

#[tokio::test]
async fn who_approves_sees_what_and_the_token_acts_as_them() {
    let house = Installation::shared();
    let name = unique("Say who I am");
    let query =
        format!("{WHO} mutation Go($input: BuildCreateInput!) {{ buildCreate(input: $input) {{ build {{ id }} }} }}");
    let portal = house.portal(json!({"name": name, "query": query, "user_invokable": true})).await;
    let code = asked(&house, &portal, ROBOT).await;
    let (mut chromium, user) = member(&house);
    let page = chromium.open(&code.url);
    shows(&page, &[&name, "Who", "a query: reads data", "Go", "a mutation: changes data", "$input: BuildCreateInput!"]);
    shows(&page, &["127.0.0.1", ROBOT, "ago", "minutes", &user.email]);
    assert!(!page.text.contains(&code.secret), "{}", page.text);
    let approved = chromium.click("Approve");
    assert_eq!(approved.status, Some(200));
    shows(&approved, &["Approved"]);
    let token = house.user_token(&portal, &code).await;
    let request = house.request(Method::POST, &format!("{}?operation_name=Who", path(&portal.slug)));
    let called = Answer::of(request.bearer_auth(&token).json(&json!({}))).await.data();
    assert_eq!(called["viewer"]["user"]["email"], user.email);
    let again = chromium.open(&code.url);
    assert_eq!(again.status, Some(409));
    shows(&again, &["decided already"]);
}

#[tokio::test]
async fn who_denies_gives_nothing() {
    let house = Installation::shared();
    let portal = house.invokable(WHO).await;
    let code = house.code(&portal).await;
    let (mut chromium, _) = member(&house);
    chromium.open(&code.url);
    shows(&chromium.click("Deny"), &["Denied"]);
    house.poll(&portal, &code).await.error_code(400, "access_denied");
}

#[tokio::test]
async fn a_keyboard_is_enough() {
    let house = Installation::shared();
    let portal = house.invokable(WHO).await;
    let code = house.code(&portal).await;
    let user = house.admin().user_as("member", "person");
    let mut chromium = Chromium::start();
    let view = chromium.open(&code.url);
    is_sign_in(&view);
    assert_eq!(view.focus, "email");
    chromium.step::<()>(json!(["type", user.email]));
    assert_eq!(chromium.press("Tab"), "password");
    chromium.step::<()>(json!(["type", user.password]));
    let page = chromium.enter();
    assert_eq!(page.url, code.url, "back to what was asked");
    let order = [(); 3].map(|()| chromium.press("Tab"));
    assert_eq!(order, ["Portals", "Deny", "Approve"]);
    shows(&chromium.enter(), &["Approved"]);
    house.user_token(&portal, &code).await;
}

#[tokio::test]
async fn looking_in_any_way_decides_nothing() {
    let house = Installation::shared();
    let portal = house.invokable(WHO).await;
    let code = house.code(&portal).await;
    let (mut chromium, _) = member(&house);
    let tempting = format!("{}&decision=approve", code.url);
    for url in [&code.url, &tempting] {
        assert_eq!(chromium.open(url).status, Some(200));
        assert_eq!(chromium.step::<View>(json!(["reload"])).status, Some(200));
    }
    let rules = json!({"prefetch": [{"urls": [tempting], "eagerness": "immediate"}],
                       "prerender": [{"urls": [tempting], "eagerness": "immediate"}]});
    let port = chromium.serve(&format!(
        "<title>Ahead</title><link rel=prefetch href='{tempting}'><script type=speculationrules>{rules}</script>\
         <img src='{tempting}'><link rel=stylesheet href='{tempting}'>"
    ));
    chromium.open(&format!("http://127.0.0.1:{port}/"));
    let fetched =
        "new Promise(done => setInterval(() => performance.getEntriesByType('resource').length >= 3 && done(1)))";
    chromium.evaluate(fetched);
    house.poll(&portal, &code).await.error_code(400, "authorization_pending");
}

/// A page that sends `fields` to `action` as soon as it is open.
fn forger(action: &str, fields: &[(&str, &str)]) -> String {
    let fields = fields.iter().map(|(name, value)| format!("<input name={name} value='{value}'>")).collect::<String>();
    format!(
        "<title>Win</title><form method=post action='{action}'>{fields}</form>\
         <script>addEventListener('load', () => setTimeout(() => document.forms[0].submit()))</script>"
    )
}

#[tokio::test]
async fn forms_on_other_origins_decide_nothing() {
    let house = Installation::shared();
    let portal = house.invokable(WHO).await;
    let code = house.code(&portal).await;
    let (mut chromium, _) = member(&house);
    chromium.open(&code.url);
    let action = format!("{}/console/authorize", house.gateway());
    // Even one that has seen the CSRF token.
    let csrf = chromium.evaluate("document.forms[0].csrf.value").as_str().unwrap().to_owned();
    let fields = [("code", code.code.as_str()), ("decision", "approve"), ("csrf", &csrf)];
    let page = forger(&action, &fields);
    let opaque =
        format!("<iframe sandbox='allow-scripts allow-forms allow-top-navigation' srcdoc=\"{page}\"></iframe>");
    let top = opaque.replace("<form ", "<form target=_top ");
    // A cookie doesn't know ports: to 127.0.0.1 it comes along, and the `Origin` alone tells them apart.
    for (host, html) in [("127.0.0.1", &page), ("localhost", &page), ("127.0.0.1", &top), ("localhost", &top)] {
        let port = chromium.serve(html);
        chromium.step::<()>(json!(["forged", format!("http://{host}:{port}/")]));
        let view: View = chromium.step(json!(["look"]));
        assert_eq!((view.status, view.url.as_str()), (Some(403), action.as_str()), "{host} {view:#?}");
        shows(&view, &["wasn't sent by a page of this site"]);
    }
    house.poll(&portal, &code).await.error_code(400, "authorization_pending");
    // The same form counts from the page itself.
    chromium.open(&code.url);
    shows(&chromium.click("Approve"), &["Approved"]);
    house.user_token(&portal, &code).await;
}

#[tokio::test]
async fn nobody_is_signed_in_by_another_origin() {
    let house = Installation::shared();
    let user = house.admin().user_as("member", "attacker");
    let mut chromium = stranger(&house);
    let fields = [("email", user.email.as_str()), ("password", &user.password)];
    let page = forger(&format!("{}/console/sign-in", house.gateway()), &fields);
    for host in ["127.0.0.1", "localhost"] {
        let port = chromium.serve(&page);
        chromium.step::<()>(json!(["forged", format!("http://{host}:{port}/")]));
        assert_eq!(chromium.step::<View>(json!(["look"])).status, Some(403));
        assert!(chromium.cookies().is_empty(), "{:?}", chromium.cookies());
    }
}

#[tokio::test]
async fn no_page_can_be_framed_or_held_by_its_opener() {
    let house = Installation::shared();
    let portal = house.invokable(WHO).await;
    let code = house.code(&portal).await;
    let (mut chromium, _) = member(&house);
    assert!(chromium.open(&code.url).text.contains("Approve"), "it can be seen where it isn't framed");
    for host in ["127.0.0.1", "localhost"] {
        let port = chromium.serve(&format!("<title>Frame</title><iframe src='{}'></iframe>", code.url));
        chromium.open(&format!("http://{host}:{port}/"));
        let frames: Vec<String> = chromium.step(json!(["frames"]));
        let [frame] = &frames[..] else { panic!("{frames:?}") };
        assert!(!frame.contains(&portal.slug) && !frame.contains("Approve"), "{frame}");
    }
    let complaints: Vec<String> = chromium.step(json!(["complaints"]));
    assert!(complaints.iter().any(|text| text.contains("frame-ancestors")), "{complaints:?}");
    let port = chromium.serve("<title>Opener</title>");
    chromium.open(&format!("http://127.0.0.1:{port}/"));
    let held = format!(
        "new Promise(done => {{ const held = open('{}'); setInterval(() => held.closed && done('let go')); }})",
        code.url
    );
    assert_eq!(chromium.evaluate(&held), "let go");
    house.poll(&portal, &code).await.error_code(400, "authorization_pending");
}

#[tokio::test]
async fn what_others_wrote_is_text_and_never_runs() {
    let house = Installation::shared();
    let (email, password) = (format!("{}@example.com", unique("quoted")), "a long password");
    let person = format!("{SCRIPT} of a person");
    let words = ["create-user", "--email", &email, "--name", &person, "--password-stdin"];
    house.admin().ok(&words, &format!("{password}\n"));
    let user = User { email, password: password.to_owned() };
    house.admin().member(&user, "my-organization", "member");
    let (name, about) = (format!("{SCRIPT} {}", unique("of a portal")), format!("{SCRIPT} of a description"));
    let body =
        json!({"name": name, "slug": unique("quoted"), "description": about, "query": WHO, "user_invokable": true});
    let portal = house.portal(body).await;
    let agent = format!("{SCRIPT} of a program");
    let code = asked(&house, &portal, &agent).await;
    let mut chromium = stranger(&house);
    let home = chromium.sign_in(&user.email, &user.password);
    shows(&home, &[&person]);
    harmless(&mut chromium);
    let page = chromium.open(&code.url);
    shows(&page, &[&name, &about, &agent, &person]);
    harmless(&mut chromium);
    // And where an address is shown again.
    for address in
        ["sign-in?next=/console/\"><script>window.ran=3</script>", "authorize?code=\"><script>window.ran=4</script>"]
    {
        chromium.open(&format!("{}/console/{address}", house.gateway()));
        harmless(&mut chromium);
    }
}

/// Nothing of what stands in the page became more than text, and a script that did would not run.
#[track_caller]
fn harmless(chromium: &mut Chromium) {
    let count = |what: &str| format!("document.querySelectorAll('{what}').length");
    for what in ["script", "img", "iframe", "[onerror]", "[style]"] {
        assert_eq!(chromium.evaluate(&count(what)), 0, "{what}");
    }
    assert_eq!(chromium.step::<Vec<String>>(json!(["complaints"])), [""; 0]);
    let planted = "const planted = document.createElement('div'); planted.innerHTML = '<img src=x onerror=\"window.ran = 5\">'; \
                   const script = document.createElement('script'); script.textContent = 'window.ran = 6'; \
                   document.body.append(planted, script); window.ran ?? null";
    assert_eq!(
        chromium.evaluate(&format!("(() => {{ {} }})()", planted.replace("window.ran ??", "return window.ran ??"))),
        Value::Null
    );
    let complaints: Vec<String> = chromium.step(json!(["complaints"]));
    assert!(complaints.iter().any(|text| text.contains("Content Security Policy")), "{complaints:?}");
}

#[tokio::test]
async fn every_page_is_for_everybody_and_fits_a_telephone() {
    let house = Installation::shared();
    let body = json!({"name": "w".repeat(90), "slug": unique("wide"), "query": WHO, "user_invokable": true});
    let portal = house.portal(body).await;
    let (code, other) = (asked(&house, &portal, &"x".repeat(200)).await, house.code(&portal).await);
    let user = house.admin().user_as("member", "person");
    let mut chromium = stranger(&house);
    chromium.step::<()>(json!(["resize", 320, 640]));
    fine(&mut chromium, "signing in");
    chromium.sign_in(&user.email, "not the password");
    fine(&mut chromium, "a wrong password");
    chromium.sign_in(&user.email, &user.password);
    fine(&mut chromium, "home");
    for (code, button) in [(&code, "Approve"), (&other, "Deny")] {
        chromium.open(&code.url);
        fine(&mut chromium, "a request");
        chromium.click(button);
        fine(&mut chromium, button);
    }
    for (address, status) in [("authorize?code=nonsense", 404), ("nowhere", 404), ("sign-out", 405)] {
        let view = chromium.open(&format!("{}/console/{address}", house.gateway()));
        assert_eq!(view.status, Some(status));
        fine(&mut chromium, address);
    }
}

#[track_caller]
fn fine(chromium: &mut Chromium, page: &str) {
    assert_eq!(chromium.faults(), [""; 0], "{page}");
    assert_eq!(chromium.evaluate("document.documentElement.scrollWidth"), 320, "{page} is wider than the screen");
}

#[tokio::test]
async fn after_signing_out_going_back_shows_nothing() {
    let house = Installation::shared();
    let portal = house.invokable(WHO).await;
    let code = house.code(&portal).await;
    let (mut chromium, user) = member(&house);
    chromium.open(&code.url);
    chromium.open(&format!("{}/console/", house.gateway()));
    is_sign_in(&chromium.click("Sign out"));
    assert!(chromium.cookies().is_empty(), "{:?}", chromium.cookies());
    for _ in 0..2 {
        let view: View = chromium.step(json!(["back"]));
        assert!(!view.text.contains(&user.email) && !view.text.contains(&portal.slug), "{view:#?}");
        is_sign_in(&view);
    }
}

#[tokio::test]
async fn a_session_that_ended_meanwhile_leads_through_the_sign_in_and_decides_nothing() {
    let house = Installation::shared();
    let portal = house.invokable(WHO).await;
    let code = house.code(&portal).await;
    let (mut chromium, user) = member(&house);
    chromium.open(&code.url);
    house.admin().ok(&["reset-password", "--email", &user.email, "--password-stdin"], "another good password\n");
    is_sign_in(&chromium.click("Approve"));
    let page = chromium.sign_in(&user.email, "another good password");
    assert_eq!((page.status, page.url.as_str()), (Some(200), code.url.as_str()));
    house.poll(&portal, &code).await.error_code(400, "authorization_pending");
    shows(&chromium.click("Approve"), &["Approved"]);
}

#[tokio::test]
async fn a_code_that_has_ended_says_so() {
    let fleet = Fleet::start(Split::fake_clocks);
    let portal = fleet.invokable(WHO).await;
    let code = fleet.code(&portal).await;
    let mut chromium = Chromium::start();
    chromium.open(&code.url);
    let page = chromium.sign_in(fleet.bootstrap().text("email"), fleet.bootstrap().text("password"));
    shows(&page, &["Approve", &portal.slug]);
    for part in [Part::Token, Part::Portal, Part::Gateway] {
        fleet.split.step(part, "+301");
    }
    // Pressed too late, or opened too late.
    let (late, opened) = (chromium.click("Approve"), chromium.open(&code.url));
    for view in [&late, &opened] {
        assert_eq!(view.status, Some(404));
        shows(view, &["There is no such request, or it has ended", "five minutes", "ask again"]);
    }
    fleet.poll(&portal, &code).await.error_code(400, "expired_token");
}
