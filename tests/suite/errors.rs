//! Every error is JSON, the router's own included; a credential in a URL is refused and not written down.

use std::time::Duration;

use kit::credential::{Kind, Plain};
use reqwest::{Method, header::CONTENT_TYPE};
use serde_json::json;
use suite::{Answer, Installation, PORTALS, Portal, path, raw, wait};

#[tokio::test]
async fn a_path_that_does_not_exist_is_404_in_json() {
    let house = Installation::shared();
    for path in
        ["/nonsense", "/v2", "/v2/nonsense", "/organizations", "/organizations/a/portals", "/v2/user/x", "//", "/%ff"]
    {
        for method in [Method::GET, Method::POST] {
            let answer = Answer::of(house.request(method, path)).await;
            answer.error(404);
            assert_eq!(answer.header("portal-error-source"), Some("gateway"), "{path}");
        }
    }
}

#[tokio::test]
async fn a_method_that_a_path_does_not_take_is_405_in_json_with_allow() {
    let house = Installation::shared();
    for (path, method, allowed) in [
        ("/v2/user", Method::POST, &["GET"][..]),
        ("/v2/organizations", Method::DELETE, &["GET"]),
        (PORTALS, Method::PUT, &["GET", "POST"]),
        (&format!("{PORTALS}/x"), Method::POST, &["GET", "PUT", "DELETE"]),
        ("/graphql", Method::DELETE, &["POST"]),
        (&path("x"), Method::OPTIONS, &["POST"]),
    ] {
        let answer = Answer::of(house.request(method, path)).await;
        answer.error(405);
        let allow = answer.header("allow").unwrap_or_else(|| panic!("no Allow: {answer:#?}"));
        for method in allowed {
            assert!(allow.split(',').any(|allowed| allowed.trim() == *method), "{path}: {allow}");
        }
    }
}

#[tokio::test]
async fn the_root_answers_json() {
    let house = Installation::shared();
    let answer = Answer::of(house.request(Method::GET, "/")).await;
    assert!(answer.expect(200).is_object(), "{answer:#?}");
}

#[tokio::test]
async fn each_error_has_a_request_id_of_its_own() {
    let house = Installation::shared();
    let one = house.get("/nonsense").await.error(404)["request_id"].clone();
    let other = house.get("/nonsense").await.error(404)["request_id"].clone();
    assert_ne!(one, other);
}

#[tokio::test]
async fn a_credential_in_the_url_is_400_and_not_written_down() {
    let house = Installation::start_with(&[("RUST_LOG", "trace")]);
    let portal = house.portal_of("{ viewer { id } }").await;
    let secret = Plain::secret("bk", [4; 6], &[4; 32]);
    let canary = Plain::token("bk", Kind::Portal, &[4; 32]);
    for (method, path) in [
        (Method::POST, format!("{}?access_token={}", path(&portal.slug), portal.token)),
        (Method::POST, format!("{}?operation_name=A&access_token={}", path(&portal.slug), canary.expose())),
        (Method::POST, format!("{}?token={}", path(&portal.slug), canary.expose())),
        (Method::POST, format!("{}?x={}", path(&portal.slug), secret.expose())),
        (Method::GET, format!("/v2/user?access_token={}", house.api_token())),
        (Method::GET, format!("{PORTALS}?api_token={}", house.api_token())),
    ] {
        let request = house.request(method, &path).bearer_auth(&portal.token).json(&json!({}));
        let answer = Answer::of(request).await;
        answer.error(400);
        assert_eq!(answer.header("portal-error-source"), Some("gateway"));
        for credential in [&portal.token, canary.expose(), secret.expose(), house.api_token()] {
            assert!(!answer.text.contains(credential), "{answer:#?}");
        }
    }
    let log = house.process().stderr();
    assert!(!log.is_empty(), "nothing is logged at trace level");
    for credential in [&portal.token, canary.expose(), secret.expose(), house.api_token()] {
        assert!(!log.contains(credential), "a credential of a URL is in the log");
    }
}

#[tokio::test]
async fn what_is_no_http_is_refused_and_the_connection_closed() {
    let house = Installation::shared();
    let gateway = house.bootstrap().address("gateway");
    let portal = house.portal_of("{ viewer { id } }").await;
    let head = format!("POST {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n", path(&portal.slug), portal.token);
    for (what, request) in [
        ("nonsense", "nonsense\r\n\r\n".to_owned()),
        ("two lengths", format!("{head}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}")),
        ("a folded header", format!("{head}X-A: a\r\n b\r\nContent-Length: 2\r\n\r\n{{}}")),
    ] {
        let answer = raw::exchange(gateway, request.as_bytes()).unwrap();
        assert_eq!(raw::status(&answer), 400, "{what}: {answer}");
    }
}

#[tokio::test]
async fn headers_over_16_kib_are_refused() {
    let house = Installation::shared();
    let answer = |bytes: usize| {
        let header = format!("X-Padding: {}", "a".repeat(bytes));
        let request = raw::request("GET /v2/user", &[&header], "");
        raw::exchange(house.bootstrap().address("gateway"), &request).unwrap()
    };
    assert_eq!(raw::status(&answer(8 * 1024)), 401);
    assert_eq!(raw::status(&answer(17 * 1024)), 431);
}

#[tokio::test]
async fn a_client_that_goes_away_in_the_middle_of_a_body_harms_nobody() {
    let house = Installation::start();
    let portal = house.portal_of("{ viewer { id } }").await;
    for _ in 0..50 {
        let head = format!("POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{", path(&portal.slug));
        let mut stream = std::net::TcpStream::connect(house.bootstrap().address("gateway")).unwrap();
        std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
    }
    house.call(&portal, json!({})).await.data();
    let descriptors = || std::fs::read_dir(format!("/proc/{}/fd", house.process().id())).unwrap().count();
    wait::need("the connections to be closed", Duration::from_secs(10), || (descriptors() < 60).then_some(()));
    assert!(!house.process().stderr().contains("panicked"));
}

#[tokio::test]
async fn a_management_body_of_another_type_is_415() {
    let house = Installation::shared();
    let request = house.request(Method::POST, PORTALS).bearer_auth(house.api_token());
    let answer = Answer::of(request.header(CONTENT_TYPE, "text/plain").body("{}")).await;
    answer.error(415);
    assert_eq!(answer.header("portal-error-source"), Some("gateway"));
}

#[tokio::test]
async fn a_404_names_no_methods() {
    let answer = Installation::shared().get("/nonsense").await;
    assert_eq!(answer.header("allow"), None);
}

/// On every database alike: PostgreSQL can't even be asked for a NUL.
#[tokio::test]
async fn names_that_nothing_can_have_are_names_that_nothing_has() {
    let house = Installation::shared();
    house.get("/v2/organizations/%00").await.error(404);
    house.get("/v2/organizations/my-organization/portals/a%00b").await.error(404);
    let faults = house.create(json!({"name": "a\0b", "query": "{ viewer { id } }"})).await.error(422);
    assert_eq!(faults["errors"][0]["field"], "name");
    let portal = house.portal_of("{ viewer { id } }").await;
    let elsewhere = Portal { slug: "p%00".to_owned(), ..portal.clone() };
    house.call(&elsewhere, json!({})).await.error(401);
}

#[tokio::test]
async fn a_credential_in_the_path_is_refused_like_one_in_the_query() {
    let house = Installation::shared();
    let portal = house.portal_of("{ viewer { id } }").await;
    let elsewhere = Portal { slug: portal.token.clone(), ..portal.clone() };
    assert_eq!(house.call(&elsewhere, json!({})).await.error(400)["code"], "credential_in_url");
}
