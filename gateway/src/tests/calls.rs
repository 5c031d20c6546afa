//! `POST /organizations/{org}/portals/{portal}`: every row of spec §2 that is the gateway's.

use contracts::execution::v1::ExecutePortalRequest;
use kit::error::Code;

use super::{
    CALL, TOKEN, World, code, header, masked,
    script::{Plan, Refuse},
};

fn ran(result: &'static str) -> Plan {
    Plan { result, ..Plan::default() }
}

#[tokio::test]
async fn variables_go_in_and_the_result_comes_out_unchanged() {
    let world = World::new().await;
    world.script.plan(ran("{ \"data\": {\"n\": 1.50} }\n"));
    let response = world.send("POST", "/organizations/o/portals/p?operation_name=Two%20", "{\"n\":1.50}").await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "content-type"), Some("application/json"));
    assert_eq!(header(&response, "portal-ignored-variables"), None);
    let id = header(&response, "x-request-id").unwrap().to_owned();
    assert_eq!(response.text().await.unwrap(), "{ \"data\": {\"n\": 1.50} }\n");
    let (caller, message) = world.script.last::<ExecutePortalRequest>();
    let expected = ExecutePortalRequest {
        organization: "o".into(),
        portal: "p".into(),
        operation_name: Some("Two ".into()),
        variables_json: "{\"n\":1.50}".into(),
    };
    assert_eq!(message, expected);
    assert_eq!((caller.bearer(), caller.request_id()), (Some(TOKEN), id.as_str()));
    assert!(caller.is_service);
    assert_eq!(caller.client_ip, "127.0.0.1".parse().ok());
    assert_eq!(world.script.last_timeout(), "35000000u");
}

#[tokio::test]
async fn an_empty_body_needs_no_content_type() {
    let world = World::new().await;
    world.script.plan(ran("{}"));
    for body in ["", " \n"] {
        let path = format!("{CALL}/?operation_name=");
        assert_eq!(world.send("POST", &path, body).await.status(), 200);
        let (_, message) = world.script.last::<ExecutePortalRequest>();
        assert_eq!((message.variables_json.as_ref(), message.operation_name), (body.as_bytes(), None));
    }
    let chunked = format!(
        "POST {CALL} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer x\r\ntransfer-encoding: chunked\r\n\
         connection: close\r\n\r\n0\r\n\r\n"
    );
    assert!(world.raw(&chunked).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn any_parameters_of_the_content_type_are_fine() {
    let world = World::new().await;
    for (content_type, status) in [
        ("application/json; charset=latin-1", 200),
        ("Application/JSON ;x=y", 200),
        ("text/json", 415),
        ("application/jsonp", 415),
        ("", 415),
    ] {
        let request = world.request("POST", CALL).header("authorization", "x").header("content-type", content_type);
        assert_eq!(request.body("{}").send().await.unwrap().status(), status, "{content_type}");
    }
}

#[tokio::test]
async fn the_first_failing_check_decides() {
    let world = World::with(|config| config.limits.call_body_bytes = 1_000).await;
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(2_000));
    let (json, text) = (Some("application/json"), Some("text/plain"));
    let leak = format!("{CALL}?access_token=x");
    for (method, path, content_type, body, expected) in [
        ("GET", leak.as_str(), text, large.as_str(), (405, "method_not_allowed")),
        ("POST", &leak, text, &large, (400, "credential_in_url")),
        ("POST", &leak, json, "{}", (400, "credential_in_url")),
        ("POST", CALL, text, &large, (415, "unsupported_media_type")),
        ("POST", CALL, None, "[", (415, "unsupported_media_type")),
        ("POST", CALL, json, &large, (413, "body_too_large")),
        ("POST", CALL, json, &large[1..], (413, "body_too_large")),
        ("POST", CALL, json, "[", (400, "invalid_body")),
        ("POST", CALL, json, "[]", (400, "invalid_body")),
        ("POST", CALL, json, "null", (400, "invalid_body")),
        ("POST", CALL, json, "{}", (401, "authentication_required")),
    ] {
        let mut request = world.request(method, path);
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let (status, code) = code(request.body(body.to_owned()).send().await.unwrap()).await;
        assert_eq!((status, code.as_str()), expected, "{method} {path} {content_type:?}");
    }
    assert_eq!(world.script.asked(), 0);
}

#[tokio::test]
async fn a_body_of_unknown_length_is_bounded_too() {
    let world = World::with(|config| config.limits.call_body_bytes = 10).await;
    for (content_type, status) in [("application/json", "413"), ("text/plain", "415")] {
        let chunked = format!(
            "POST {CALL} HTTP/1.1\r\nhost: x\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\
             connection: close\r\n\r\n6\r\n      \r\n6\r\n      \r\n0\r\n\r\n"
        );
        assert_eq!(world.raw(&chunked).await.split(' ').nth(1), Some(status));
    }
}

#[tokio::test]
async fn a_refused_body_is_not_asked_for() {
    let world = World::new().await;
    let waiting = format!(
        "POST {CALL} HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n"
    );
    let answer = world.raw(&waiting).await;
    assert!(answer.starts_with("HTTP/1.1 415"), "{answer}");
}

#[tokio::test]
async fn nesting_is_bounded() {
    let world = World::new().await;
    let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    assert_eq!(world.send("POST", CALL, &nested(64)).await.status(), 200);
    assert_eq!(code(world.send("POST", CALL, &nested(65)).await).await, (400, "invalid_body".into()));
    assert_eq!(world.script.asked(), 1);
}

#[tokio::test]
async fn other_methods_are_told_the_right_one() {
    let world = World::new().await;
    for method in ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
        let response = world.request(method, CALL).send().await.unwrap();
        assert_eq!(header(&response, "allow"), Some("POST"));
        assert_eq!(code(response).await, (405, "method_not_allowed".into()), "{method}");
    }
}

#[tokio::test]
async fn every_401_of_a_form_is_the_same() {
    let world = World::new().await;
    let call = |path: &str, headers: &str| {
        let request = format!("POST {path} HTTP/1.1\r\nhost: x\r\n{headers}connection: close\r\n\r\n");
        let world = &world;
        async move { masked(&world.raw(&request).await) }
    };
    let without = call(CALL, "").await;
    assert_eq!(without, call("/organizations/%ff/portals/x", "").await);
    assert_eq!(world.script.asked(), 0);

    world.script.refuse(Refuse::new(Code::Unauthenticated, "authentication_required"));
    let with = call(CALL, "authorization: Bearer x\r\n").await;
    let long = format!("authorization: Bearer {}\r\n", "x".repeat(9_000));
    for headers in ["authorization: Basic eDp5\r\n", "authorization: Bearer x\r\nauthorization: Bearer y\r\n", &long] {
        assert_eq!(with, call("/organizations/%ff/portals/x", headers).await, "{headers}");
    }
    let figures = vec![("ratelimit-limit", "200")];
    let refuse = Refuse { message: "No such token", ..Refuse::new(Code::Unauthenticated, "expired") };
    world.script.plan(Plan { refuse: Some(refuse), figures, ..Plan::default() });
    assert_eq!(with, call(CALL, "authorization: Bearer x\r\n").await);

    let challenge = "www-authenticate: Bearer realm=\"portal\"";
    assert!(without.lines().any(|line| line == challenge), "{without}");
    assert_eq!(without, with.replace(", error=\"invalid_token\"", ""));
    assert!(without.ends_with(
        "{\"message\":\"Authentication required. Please supply a valid portal token\",\
         \"code\":\"authentication_required\",\"request_id\":\"(id)\"}"
    ));
    assert!(without.contains("portal-error-source: gateway") && !without.contains("ratelimit"));
}

#[tokio::test]
async fn a_credential_too_long_to_be_one_is_not_passed_on() {
    let world = World::new().await;
    let long =
        world.request("POST", CALL).header("authorization", "x".repeat(1_025)).header("user-agent", "u".repeat(999));
    long.send().await.unwrap();
    let (caller, _) = world.script.last::<ExecutePortalRequest>();
    assert_eq!((caller.authorization.is_none(), caller.agent().map(str::len)), (true, Some(256)));
}

#[tokio::test]
async fn ignored_variables_are_named() {
    let world = World::new().await;
    let names = |count: usize| (1..=count).map(|n| format!("v{n}")).collect::<Vec<_>>();
    for (ignored, expected) in [
        ((names(2), 0), Some("v1, v2".to_owned())),
        ((names(20), 3), Some(format!("{}, +3", names(20).join(", ")))),
        ((vec![], 1), Some("+1".to_owned())),
        ((vec![], 0), None),
    ] {
        world.script.plan(Plan { ignored, result: "{}", ..Plan::default() });
        let response = world.send("POST", CALL, "").await;
        assert_eq!(header(&response, "portal-ignored-variables"), expected.as_deref());
    }
}

#[tokio::test]
async fn rate_figures_become_headers_of_answers_and_errors() {
    let world = World::new().await;
    let figures = vec![("ratelimit-limit", "200"), ("ratelimit-scope", "portal"), ("other", "1")];
    let over = Refuse {
        facts: vec![("scope", "portal"), ("limit", "200"), ("current", "201"), ("reset", "42"), ("other", "x")],
        retry_after: Some(std::time::Duration::from_millis(41_001)),
        ..Refuse::new(Code::Exhausted, "rate_limited")
    };
    for (refuse, status) in [(None, 200), (Some(over), 429)] {
        world.script.plan(Plan { refuse, figures: figures.clone(), result: "{}", ..Plan::default() });
        let response = world.send("POST", CALL, "").await;
        assert_eq!(response.status(), status);
        assert_eq!(header(&response, "ratelimit-limit"), Some("200"));
        assert_eq!(header(&response, "ratelimit-scope"), Some("portal"));
        assert_eq!(header(&response, "other"), None);
        if status == 429 {
            assert_eq!(header(&response, "retry-after"), Some("42"));
            let mut body = super::json(response).await;
            body.as_object_mut().unwrap().remove("request_id");
            let expected = serde_json::json!({"message": "Because", "code": "rate_limited",
                "scope": "portal", "limit": 200, "current": 201, "reset": 42});
            assert_eq!(body, expected);
        }
    }
}

#[tokio::test]
async fn a_trusted_proxy_says_where_the_client_is() {
    let world = World::with(|config| config.trusted_proxies = "127.0.0.0/8".parse().unwrap()).await;
    for (forwarded, expected) in [("192.0.2.9, 198.51.100.7", Some("198.51.100.7")), ("nonsense", None)] {
        let request = world.request("POST", CALL).header("authorization", "x").header("x-forwarded-for", forwarded);
        request.send().await.unwrap();
        let (caller, _) = world.script.last::<ExecutePortalRequest>();
        assert_eq!(caller.client_ip.map(|ip| ip.to_string()).as_deref(), expected);
    }
}
