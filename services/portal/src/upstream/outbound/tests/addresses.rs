//! S18: who is never dialed.

use std::net::{IpAddr, Ipv4Addr};

use super::{
    super::{Failure, policy::Policy},
    server::{Answers, LOOPBACK, Server, destination, outbound_with, query, settings, well},
};

/// Spellings of addresses that aren't public.
const FORBIDDEN: [&str; 80] = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "0177.0.0.1",
    "0x7f.0.0.1",
    "0x7f000001",
    "2130706433",
    "017700000001",
    "0x7F.1",
    "127.0.0.1.",
    "127.255.255.254",
    "127%2e0%2e0%2e1",
    "127。0。0。1",
    "１２７.0.0.1",
    "①②⑦.⓪.⓪.①",
    "0",
    "0.0.0.0",
    "0.1.2.3",
    "00",
    "0x0",
    "10.0.0.1",
    "10.255.255.255",
    "012.0.0.1",
    "167772161",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "169.254.169.254",
    "169.254.0.1",
    "0xa9fea9fe",
    "2852039166",
    "0251.0376.0251.0376",
    "169.254.43518",
    "168.63.129.16",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.1",
    "0xc0a80001",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "4294967295",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::127.0.0.1]",
    "[::8.8.8.8]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:169.254.169.254]",
    "[::FFFF:10.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::10.0.0.1]",
    "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::1]",
    "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
    "[2001:10::1]",
    "[2001:2::1]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[100::1]",
    "[5f00::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fe90::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[ff0e::1]",
];

fn strict() -> Policy {
    Policy::new(kit::address::Networks::default())
}

#[test]
fn forbidden_addresses_are_refused_in_every_spelling() {
    for host in FORBIDDEN {
        for url in [format!("http://{host}/graphql"), format!("https://{host}:8443/graphql")] {
            let refused = strict().check(&url).unwrap_err();
            assert!(refused.starts_with("has an address that isn't public"), "{url}: {refused}");
        }
    }
}

#[test]
fn urls_that_are_none_of_ours_are_refused() {
    let long = format!("https://example.com/{}", "a".repeat(2048));
    let cases = [
        ("", "is no URL"),
        ("example.com", "is no URL"),
        ("ftp://example.com", "must be an http or https URL"),
        ("file:///etc/passwd", "must be an http or https URL"),
        ("gopher://example.com", "must be an http or https URL"),
        ("javascript:alert(1)", "must be an http or https URL"),
        ("data:,x", "must be an http or https URL"),
        ("https://", "is no URL"),
        ("https://user@example.com", "must not carry a user"),
        ("https://user:pass@example.com", "must not carry a user"),
        ("https://:pass@example.com", "must not carry a user"),
        ("https://example.com/#x", "must not have a fragment"),
        ("https://example.com/#", "must not have a fragment"),
        ("https://example.com:0/", "has port 0"),
        ("https://example.com:65536/", "is no URL"),
        ("https://exa mple.com/", "has blanks"),
        (" https://example.com/", "has blanks"),
        ("https://example.com/\r\nx: y", "has blanks"),
        ("http://[fe80::1%25eth0]/", "is no URL"),
        ("http://[fe80::1%eth0]/", "is no URL"),
        ("http://[::1", "is no URL"),
        ("http://256.256.256.256/", "is no URL"),
        ("http://1.2.3.4.5/", "is no URL"),
        (&long, "is longer than 2048"),
    ];
    for (url, why) in cases {
        let refused = strict().check(url).unwrap_err();
        assert!(refused.starts_with(why), "{url:?}: {refused}");
    }
    // What parsers disagree about is judged, kept and dialed in one form.
    for odd in [
        "http:/\\127.1\\graphql",
        "http:127.0.0.1",
        "http://example.com@127.0.0.1/",
        "http://127.0.0.1:80\\@example.com/",
    ] {
        assert!(strict().check(odd).is_err(), "{odd}");
    }
}

#[test]
fn public_urls_are_taken() {
    let urls = [
        "https://api.example.com/graphql",
        "http://example.com:8080/a?b=c",
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]/",
        "https://[64:ff9b::808:808]/",
        "https://172.32.0.1/",
        "https://100.128.0.1/",
        "https://xn--bcher-kva.example/",
        "http://localhost/",
    ];
    for url in urls {
        assert_eq!(strict().check(url).unwrap().as_str(), url);
    }
}

#[test]
fn allowed_networks_are_let_through_and_no_others() {
    let policy = Policy::new("127.0.0.0/8,fd12::/16,10.1.0.0/16".parse().unwrap());
    let permits = |address: &str| policy.permits(address.parse().unwrap());
    for allowed in ["127.0.0.1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1", "fd12::1", "10.1.2.3", "1.1.1.1"] {
        assert!(permits(allowed), "{allowed}");
    }
    for forbidden in ["10.2.0.1", "169.254.169.254", "fd13::1", "::1", "::127.0.0.1", "2002:7f00:1::", "192.168.0.1"] {
        assert!(!permits(forbidden), "{forbidden}");
    }
}

#[tokio::test]
async fn forbidden_answers_of_name_servers_are_never_dialed() {
    for host in FORBIDDEN {
        let address: IpAddr = match url::Url::parse(&format!("http://{host}/")).unwrap().host().unwrap() {
            url::Host::Ipv4(address) => address.into(),
            url::Host::Ipv6(address) => address.into(),
            url::Host::Domain(name) => panic!("{name}"),
        };
        let mut settings = settings();
        settings.allowed_networks = kit::address::Networks::default();
        let names = Answers::new(&[&[address]]);
        let (_, outbound) = outbound_with(&settings, &names);
        // A port that answers, wherever the address leads on this machine.
        let server = Server::start_at((IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0), async |_| {}).await;
        let outcome = query(&outbound, &destination(&format!("http://upstream.test:{}/", server.port))).await;
        let refused = Failure::Unavailable(
            "The GraphQL API has no address that may be called from here. Nothing was sent to it".to_owned(),
        );
        assert_eq!(outcome, Err(refused.clone()), "{host}");
        assert_eq!(names.asked(), 1, "a refusal isn't tried twice");
        // Written out, as in a row of the database that somebody changed.
        let outcome = query(&outbound, &destination(&format!("http://{host}:{}/", server.port))).await;
        assert_eq!(outcome, Err(refused), "{host}");
        assert_eq!((names.asked(), server.seen.accepted()), (1, 0), "{host}");
    }
}

#[tokio::test]
async fn an_alternating_name_server_never_leads_to_a_forbidden_address() {
    let allowed: IpAddr = "127.0.0.2".parse().unwrap();
    let closing = reply_and_close;
    let inside = Server::start(closing).await;
    let outside = Server::start_at((allowed, inside.port), closing).await;
    let mut settings = settings();
    settings.allowed_networks = "127.0.0.2".parse().unwrap();
    let answers: [&[IpAddr]; 4] = [&[allowed], &[LOOPBACK], &[LOOPBACK, allowed], &[allowed, LOOPBACK]];
    let names = Answers::new(&answers);
    let (_, outbound) = outbound_with(&settings, &names);
    let to = destination(&format!("http://upstream.test:{}/", inside.port));
    let mut answered = 0;
    for _ in 0..40 {
        answered += usize::from(query(&outbound, &to).await.is_ok());
    }
    assert_eq!((inside.seen.accepted(), outside.seen.accepted(), answered), (0, 30, 30));
    assert_eq!(names.asked(), 40, "each dial asks anew");
}

async fn reply_and_close(mut connection: super::server::Connection) {
    connection.request().await;
    connection.send(well().replacen("\r\n", "\r\nconnection: close\r\n", 1)).await;
}

#[tokio::test]
async fn names_of_this_machine_go_through_the_resolver() {
    let server = Server::answering(well()).await;
    let mut strict = settings();
    strict.allowed_networks = kit::address::Networks::default();
    let (_, ambient) = crate::tests::held();
    let outbound_of = |settings| super::super::Outbound::new(settings, ambient.clone()).unwrap();
    let to = destination(&format!("http://localhost:{}/", server.port));
    assert!(query(&outbound_of(&strict), &to).await.is_err());
    assert_eq!(server.seen.accepted(), 0);
    assert!(query(&outbound_of(&settings()), &to).await.is_ok());
}
