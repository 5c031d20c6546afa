use chrono::DateTime;

use super::*;

fn at(second: i64) -> Instant {
    DateTime::from_timestamp(second, 0).unwrap()
}

fn wishes() -> Wishes {
    Wishes { scopes: vec!["read_portals".into()], description: "CI".into(), ..Wishes::default() }
}

fn faults(wishes: Wishes) -> Vec<(String, String)> {
    wishes.check(at(100)).unwrap_err().into_iter().map(|fault| (fault.field, fault.message)).collect()
}

#[test]
fn a_token_lives_seven_days_unless_said_otherwise() {
    let expiry = |wishes: Wishes| wishes.check(at(100)).unwrap().expires_at;
    assert_eq!(expiry(wishes()), Some(at(100 + 7 * 86_400)));
    assert_eq!(expiry(Wishes { expires_at: Some(at(101)), ..wishes() }), Some(at(101)));
    assert_eq!(expiry(Wishes { never_expires: true, ..wishes() }), None);
}

#[test]
fn scopes_are_sorted_and_named_once() {
    let names = ["write_portals", "graphql", "write_portals"].map(str::to_owned).to_vec();
    let terms = Wishes { scopes: names, ..wishes() }.check(at(0)).unwrap();
    assert_eq!(terms.scopes, [Scope::Graphql, Scope::WritePortals]);
}

#[test]
fn every_fault_is_reported_with_its_field() {
    let bad = Wishes {
        scopes: vec!["graphql".into(), "write_everything".into()],
        description: "\0".repeat(256),
        expires_at: Some(at(100)),
        never_expires: false,
        allowed_ip_addresses: Some("10.0.0.1/8".into()),
    };
    let fields: Vec<_> = faults(bad).into_iter().map(|fault| fault.0).collect();
    assert_eq!(fields, ["scopes", "description", "description", "expires_at", "allowed_ip_addresses"]);
    let never = Wishes { expires_at: Some(at(101)), never_expires: true, ..wishes() };
    assert_eq!(faults(never)[0].0, "never_expires");
    assert_eq!(faults(Wishes { scopes: vec![], ..wishes() }), [("scopes".into(), "must not be empty".into())]);
}

#[test]
fn a_list_of_addresses_is_kept_as_sent_and_a_blank_one_is_none() {
    let kept = |list: &str| {
        Wishes { allowed_ip_addresses: Some(list.into()), ..wishes() }.check(at(0)).unwrap().allowed_ip_addresses
    };
    assert_eq!(kept("10.0.0.0/8  ::1").as_deref(), Some("10.0.0.0/8  ::1"));
    assert_eq!(kept(" \t"), None);
    let many = Wishes { allowed_ip_addresses: Some("10.0.0.1 ".repeat(25)), ..wishes() };
    assert_eq!(faults(many)[0].1, "can't be used: there are 25 entries; at most 24 are allowed");
}

#[test]
fn only_known_addresses_of_the_list_are_admitted() {
    let ip = |text: &str| Some(text.parse().unwrap());
    assert!(admits(None, None) && admits(Some(" "), None));
    let list = Some("192.0.2.0/24 2001:db8::/32");
    assert!(admits(list, ip("192.0.2.9")) && admits(list, ip("::ffff:192.0.2.9")) && admits(list, ip("2001:db8::1")));
    assert!(!admits(list, ip("198.51.100.1")) && !admits(list, None));
    assert!(!admits(Some("nonsense"), ip("192.0.2.9")), "a list that can't be read admits nobody");
}

#[test]
fn a_token_is_past_the_limit_once_the_days_are_over() {
    assert_eq!(inactive_since(30, at(30 * 86_400)), at(0));
}
