//! Lists of addresses wherever there are any (S11, S12): on calls, on tokens, over REST, GraphQL, gRPC and gRPC-Web; and the
//! lists themselves, held against another implementation.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use contracts::token::v1::{GetAuthenticatedUserRequest, token_service_client::TokenServiceClient};
use kit::{address::Networks, grpc::Refusal};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use suite::{Answer, Browser, Installation, PORTALS, Portal, clients, count, grant, path, unique};
use tonic::{Request, transport::Channel};

const WEB: &str = "/portals.token.v1.TokenService/GetAuthenticatedUser";

/// From `127.0.0.<last>`.
fn from(house: &Installation, last: u8, method: Method, path: &str) -> RequestBuilder {
    house.request_from(IpAddr::from([127, 0, 0, last]), method, path)
}

/// What an API access token comes to in each language that the gateway speaks: the JSON codes, in lower case.
async fn managing(house: &Installation, token: &str, request: impl Fn(Method, &str) -> RequestBuilder) -> [String; 3] {
    let rest = Answer::of(request(Method::GET, "/v2/user").bearer_auth(token)).await;
    let query = json!({"query": "{ viewer { id } }"});
    let graphql = Answer::of(request(Method::POST, "/graphql").bearer_auth(token).json(&query)).await;
    let web = request(Method::POST, WEB).header("Content-Type", "application/grpc-web+proto");
    let web = Answer::of(web.bearer_auth(token).body(vec![0; 5])).await;
    assert_eq!(house.request(Method::GET, "/").send().await.unwrap().status().as_u16(), 200);
    let code = |answer: &Answer| if answer.status == 200 { "ok".to_owned() } else { answer.json()["code"].to_string() };
    let status = web.header("grpc-status").unwrap_or("0");
    let web = if status == "7" { "\"ip_not_allowed\"".to_owned() } else { status.replace('0', "ok") };
    [code(&rest), code(&graphql), web].map(|code| code.trim_matches('"').to_owned())
}

fn listed(house: &Installation, lists: &[&str]) -> String {
    let user = house.admin().user_as("admin", "listed");
    let lists: Vec<&str> = lists.iter().flat_map(|list| ["--allowed-ip", list]).collect();
    house.admin().api_token_with(&user, &["read_user", "graphql"], &lists)
}

#[tokio::test]
async fn the_list_of_an_api_token_counts_in_every_language() {
    let house = Installation::shared();
    let token = listed(&house, &["127.0.0.2", "2001:db8::/32"]);
    for (last, expected) in [(1, "ip_not_allowed"), (2, "ok"), (3, "ip_not_allowed")] {
        let codes = managing(&house, &token, |method, path| from(&house, last, method, path)).await;
        assert_eq!(codes, [expected; 3], "from 127.0.0.{last}");
    }
    let url = house.bootstrap().text("token_grpc").to_owned();
    let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
    for header in ["portals-client-ip", "x-forwarded-for"] {
        let mut request = Request::new(GetAuthenticatedUserRequest {});
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        request.metadata_mut().insert(header, "127.0.0.2".parse().unwrap());
        let refused = TokenServiceClient::new(channel.clone()).get_authenticated_user(request).await.unwrap_err();
        assert_eq!(Refusal::of(&refused).reason, "ip_not_allowed", "{header}");
    }
}

#[tokio::test]
async fn behind_a_proxy_the_list_of_an_api_token_is_about_the_client() {
    let house = Installation::start_with(&[("GATEWAY_HTTP__TRUSTED_PROXIES", "127.0.0.1,10.0.0.0/8,2001:db8::/64")]);
    let token = listed(&house, &["192.0.2.1", "2001:db8:1::/48"]);
    // The peer, its X-Forwarded-For headers, and what comes of them.
    for (last, forwarded, expected) in [
        (1, &["192.0.2.1"][..], "ok"),
        (1, &["::ffff:192.0.2.1"], "ok"),
        (1, &["::ffff:c000:201"], "ok"),
        (1, &["192.0.2.1:4711"], "ok"),
        (1, &["2001:db8:1::7"], "ok"),
        (1, &["[2001:db8:1::7]:443"], "ok"),
        (1, &["198.51.100.7, 192.0.2.1"], "ok"),
        (1, &["192.0.2.1, 10.1.2.3"], "ok"),
        (1, &["192.0.2.1", "10.1.2.3, 2001:db8::9"], "ok"),
        (1, &["192.0.2.1, ::ffff:10.1.2.3"], "ok"),
        (1, &["nonsense, 192.0.2.1"], "ok"),
        (1, &["192.0.2.1, 198.51.100.7"], "ip_not_allowed"),
        (1, &["192.0.2.1", "198.51.100.7"], "ip_not_allowed"),
        (1, &["192.0.2.1, nonsense"], "ip_not_allowed"),
        (1, &["192.0.2.1", ""], "ip_not_allowed"),
        (1, &["192.0.2.01"], "ip_not_allowed"),
        (1, &["unknown"], "ip_not_allowed"),
        (1, &["192.0.2.1/32"], "ip_not_allowed"),
        (1, &[], "ip_not_allowed"),
        (2, &["192.0.2.1"], "ip_not_allowed"),
    ] {
        let request = |method, path: &str| {
            let request = from(&house, last, method, path);
            forwarded.iter().fold(request, |request, value| request.header("X-Forwarded-For", *value))
        };
        assert_eq!(managing(&house, &token, request).await, [expected; 3], "127.0.0.{last} {forwarded:?}");
    }
    // Where there is no list, where a request comes from is no condition.
    let unlisted = house.api_token();
    let codes =
        managing(&house, unlisted, |method, path| house.request(method, path).header("X-Forwarded-For", "nonsense"))
            .await;
    assert_eq!(codes, ["ok"; 3]);
}

async fn service_token(house: &Installation, portal: &Portal, list: &str) -> String {
    let body = json!({"description": "of a test", "allowed_ip_addresses": list});
    let path = format!("{PORTALS}/{}/service_tokens", portal.slug);
    house.rest(Method::POST, &path, Some(body)).await.expect(201)["token"].as_str().unwrap().to_owned()
}

async fn called(house: &Installation, portal: &Portal, token: &str, last: u8) -> u16 {
    let request = from(house, last, Method::POST, &path(&portal.slug));
    Answer::of(request.bearer_auth(token).json(&json!({}))).await.status
}

#[tokio::test]
async fn a_call_must_be_in_the_portals_list_and_in_the_tokens() {
    let house = Installation::shared();
    let query = "{ viewer { id } }";
    for (of_portal, of_token, statuses) in [
        (Value::Null, "127.0.0.2", [403, 200, 403]),
        (json!("127.0.0.0/30"), "127.0.0.2/31", [403, 200, 200]),
        (json!("127.0.0.1"), "127.0.0.2", [403, 403, 403]),
        (json!("127.0.0.1 127.0.0.3"), "127.0.0.2/31", [403, 403, 200]),
        (json!("::ffff:127.0.0.1"), "::ffff:127.0.0.0/125", [200, 403, 403]),
    ] {
        let body = json!({"name": unique("from"), "query": query, "allowed_ip_addresses": of_portal});
        let portal = house.portal(body).await;
        let token = service_token(&house, &portal, of_token).await;
        for (last, status) in (1..).zip(statuses) {
            let seen = called(&house, &portal, &token, last).await;
            assert_eq!(seen, status, "127.0.0.{last}: portal {of_portal}, token {of_token}");
        }
    }
}

#[tokio::test]
async fn a_secret_is_exchanged_from_anywhere_and_its_token_calls_from_the_list() {
    let house = Installation::shared();
    let body = json!({"name": unique("far"), "query": "{ viewer { id } }", "allowed_ip_addresses": "127.0.0.2"});
    let portal = house.portal(body).await;
    let secret = house.secret(&portal).await;
    let exchange = format!("{}/tokens", path(&portal.slug));
    let request = from(&house, 1, Method::POST, &exchange).json(&grant(&portal, &secret.value));
    let token = Answer::of(request).await.expect(200)["token"].as_str().unwrap().to_owned();
    assert_eq!([called(&house, &portal, &token, 1).await, called(&house, &portal, &token, 2).await], [403, 200]);
}

#[tokio::test]
async fn a_user_token_calls_from_the_list_and_is_made_from_anywhere() {
    let house = Installation::shared();
    let body = json!({"name": unique("asks"), "query": "{ viewer { id } }", "user_invokable": true,
        "allowed_ip_addresses": "127.0.0.2"});
    let portal = house.portal(body).await;
    let code = house.code(&portal).await;
    Browser::administrator(&house, house.bootstrap()).await.approve(&code).await;
    let token = house.user_token(&portal, &code).await;
    assert_eq!([called(&house, &portal, &token, 1).await, called(&house, &portal, &token, 2).await], [403, 200]);
}

/// A list and an address that is likely to be near it.
fn cases() -> impl Strategy<Value = (String, String)> {
    let v4 = any::<[u8; 4]>().prop_map(|octets| IpAddr::from(Ipv4Addr::from(octets)));
    let v6 = any::<[u8; 16]>().prop_map(|octets| IpAddr::from(Ipv6Addr::from(octets)));
    let mapped = any::<[u8; 4]>().prop_map(|octets| IpAddr::from(Ipv4Addr::from(octets).to_ipv6_mapped()));
    let address = prop_oneof![4 => v4, 3 => v6, 2 => mapped];
    let entry = (address, 0..=129_u8, any::<bool>(), 0..24_u8);
    (entry, prop::collection::vec(0..26_u8, 0..2), 0..129_u8, any::<u8>()).prop_map(|(entry, more, flipped, odd)| {
        let (address, prefix, _, style) = entry;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = if style < 20 { prefix % (bits + 1) } else { prefix };
        let network = if style == 19 { address } else { flip(address, prefix, None) };
        let mut text = if style < 2 { address.to_string() } else { format!("{network}/{prefix}") };
        if style == 23 {
            text = spoiled(&text, odd);
        }
        let count = more.first().copied().unwrap_or_default();
        let fill: String = (0..count).map(|n| format!(" 203.0.113.{n}")).collect();
        (text + &fill, flip(address, 128, Some(flipped % bits)).to_string())
    })
}

/// The address with all bits behind `prefix` cleared and one bit turned.
fn flip(address: IpAddr, prefix: u8, turned: Option<u8>) -> IpAddr {
    let change = |value: u128, bits: u32| {
        let kept = u32::from(prefix).min(bits);
        let mask = if kept == 0 { 0 } else { u128::MAX << (bits - kept) };
        let turn = turned.map_or(0, |bit| 1 << (bits - 1 - u32::from(bit)));
        (value & mask) ^ turn
    };
    match address {
        IpAddr::V4(v4) => Ipv4Addr::from(u32::try_from(change(v4.to_bits().into(), 32) & 0xffff_ffff).unwrap()).into(),
        IpAddr::V6(v6) => Ipv6Addr::from(change(v6.to_bits(), 128)).into(),
    }
}

/// The text with a character taken out or put in.
fn spoiled(text: &str, odd: u8) -> String {
    let at = usize::from(odd) % text.len();
    let put = ["", "0", "/", ":", ".", "g", "-", "%", "/24", "١"][usize::from(odd) % 10];
    format!("{}{put}{}", &text[..at], &text[at + 1..])
}

#[test]
fn lists_admit_what_another_implementation_admits() {
    let mut runner = TestRunner::deterministic();
    let strategy = cases();
    let cases: Vec<_> = (0..count(4_000, 100_000)).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect();
    let input: Vec<Value> = cases.iter().map(|(list, address)| json!({"list": list, "address": address})).collect();
    let expected = clients::python("networks.py", &[], &json!(input).to_string());
    let mut seen = [0; 3];
    for ((list, address), expected) in cases.iter().zip(expected.as_array().unwrap()) {
        let admits = Networks::parse(list).ok().map(|networks| networks.contains(address.parse().unwrap()));
        assert_eq!(json!(admits), *expected, "{address} in {list:?}");
        seen[admits.map_or(2, usize::from)] += 1;
    }
    assert!(seen.iter().all(|times| *times > cases.len() / 20), "not every outcome is tried: {seen:?}");
}
