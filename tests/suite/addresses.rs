//! Portals that may be called from some addresses only.

use std::{net::IpAddr, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use suite::{Answer, Installation, PORTALS, Portal, path, python, unique, wait};

async fn portal(house: &Installation, list: &str) -> Portal {
    let body = json!({"name": unique("from"), "query": "{ viewer { id } }", "allowed_ip_addresses": list});
    house.portal(body).await
}

/// The status of a call from `127.0.0.<last>`.
async fn from(house: &Installation, portal: &Portal, last: u8) -> u16 {
    let request = house.request_from(IpAddr::from([127, 0, 0, last]), Method::POST, &path(&portal.slug));
    Answer::of(request.bearer_auth(&portal.token).json(&json!({}))).await.status
}

#[tokio::test]
async fn a_caller_outside_the_list_is_403() {
    let house = Installation::shared();
    let portal = portal(&house, "192.0.2.0/24 2001:db8::/32").await;
    let answer = house.call(&portal, json!({})).await;
    let body = answer.error_code(403, "ip_not_allowed");
    assert_eq!(body["message"], "Request IP is not allowed for this portal");
    assert_eq!(answer.header("portal-error-source"), Some("portal"));
}

#[tokio::test]
async fn only_callers_in_the_list_are_let_in() {
    let house = Installation::shared();
    for (list, one, two) in [
        ("127.0.0.1", 200, 403),
        ("127.0.0.2/32", 403, 200),
        ("127.0.0.0/8", 200, 200),
        ("10.0.0.0/8 127.0.0.2 ::1", 403, 200),
        ("127.0.0.0/31", 200, 403),
        ("::/0", 403, 403),
    ] {
        let portal = portal(&house, list).await;
        assert_eq!((from(&house, &portal, 1).await, from(&house, &portal, 2).await), (one, two), "{list}");
    }
}

#[tokio::test]
async fn a_changed_list_counts_from_the_next_call() {
    let house = Installation::shared();
    let portal = portal(&house, "192.0.2.1").await;
    assert_eq!(from(&house, &portal, 1).await, 403);
    let path = format!("{PORTALS}/{}", portal.slug);
    for (list, status) in [(json!("127.0.0.1"), 200), (json!("192.0.2.1"), 403), (Value::Null, 200)] {
        house.rest(Method::PUT, &path, Some(json!({"allowed_ip_addresses": list}))).await.expect(200);
        assert_eq!(from(&house, &portal, 1).await, status, "{list}");
    }
}

#[tokio::test]
async fn headers_of_a_stranger_do_not_change_where_a_call_comes_from() {
    let house = Installation::shared();
    let portal = portal(&house, "192.0.2.1").await;
    for header in
        ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Portals-Client-IP", "CF-Connecting-IP", "True-Client-IP"]
    {
        let value = if header == "Forwarded" { "for=192.0.2.1" } else { "192.0.2.1" };
        Answer::of(house.calling(&portal).header(header, value)).await.error_code(403, "ip_not_allowed");
    }
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_rightmost_untrusted_address_counts() {
    let house = Installation::start_with(&[("GATEWAY_HTTP__TRUSTED_PROXIES", "127.0.0.1,10.0.0.0/8")]);
    let portal = portal(&house, "192.0.2.1").await;
    for (forwarded, status) in [
        (&["192.0.2.1"][..], 200),
        (&["198.51.100.7, 192.0.2.1"], 200),
        (&["192.0.2.1, 198.51.100.7"], 403),
        (&["192.0.2.1, 10.1.2.3, 127.0.0.1"], 200),
        (&["198.51.100.7", "192.0.2.1"], 200),
        (&["192.0.2.1", "198.51.100.7"], 403),
        (&["::ffff:192.0.2.1"], 200),
        (&["nonsense"], 403),
        (&["192.0.2.1, nonsense"], 403),
        (&[""], 403),
        (&[], 403),
    ] {
        let request =
            forwarded.iter().fold(house.calling(&portal), |request, value| request.header("X-Forwarded-For", *value));
        assert_eq!(Answer::of(request).await.status, status, "{forwarded:?}");
    }
    let stranger = house.request_from(IpAddr::from([127, 0, 0, 2]), Method::POST, &path(&portal.slug));
    let stranger = stranger.bearer_auth(&portal.token).header("X-Forwarded-For", "192.0.2.1");
    Answer::of(stranger).await.error_code(403, "ip_not_allowed");
}

#[tokio::test]
async fn a_refused_address_is_audited() {
    let house = Installation::start();
    let portal = portal(&house, "192.0.2.1").await;
    house.call(&portal, json!({})).await.error(403);
    let uuid = portal.uuid().replace('-', "");
    wait::need("the audit event", Duration::from_secs(10), || {
        let rows = python::sql(&house.file("portal.db"), "SELECT * FROM audit_events");
        let denied = rows.iter().map(Value::to_string).find(|row| row.contains("PORTAL_ACCESS_DENIED"))?;
        let about = denied.replace('-', "");
        assert!(
            about.contains(&uuid) && denied.contains("127.0.0.1"),
            "it doesn't say which portal and where: {denied}"
        );
        assert!(!denied.contains(&portal.token), "a credential in an audit event");
        Some(())
    });
}
