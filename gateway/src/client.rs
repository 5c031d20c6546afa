//! Where a client is.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use kit::address::Networks;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address of the client: the peer, or, behind trusted proxies, the rightmost address of `X-Forwarded-For` that is no
/// trusted proxy. `None` if a trusted proxy's list can't be read that far: nothing is asserted then, and a service
/// that has a list of addresses refuses.
pub(crate) fn address(peer: IpAddr, headers: &HeaderMap, trusted: &Networks) -> Option<IpAddr> {
    let mut client = peer.to_canonical();
    if !trusted.contains(client) {
        return Some(client);
    }
    // Several headers are one list (RFC 9110 §5.3).
    for value in headers.get_all(FORWARDED_FOR).iter().rev() {
        for entry in value.to_str().ok()?.rsplit(',') {
            client = read(entry.trim())?;
            if !trusted.contains(client) {
                return Some(client);
            }
        }
    }
    Some(client)
}

/// An address, bare, in brackets, or with a port.
fn read(entry: &str) -> Option<IpAddr> {
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    let address = bare.parse::<IpAddr>().or_else(|_| entry.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(peer: &str, forwarded: &[&str], trusted: &str) -> Option<String> {
        let headers = forwarded.iter().map(|value| (FORWARDED_FOR.parse().unwrap(), value.parse().unwrap())).collect();
        address(peer.parse().unwrap(), &headers, &trusted.parse().unwrap()).map(|ip| ip.to_string())
    }

    #[test]
    fn header_and_trust_decide_together() {
        let proxies = "10.0.0.0/8,::1";
        for (peer, forwarded, trusted, expected) in [
            ("192.0.2.1", vec![], "", Some("192.0.2.1")),
            ("192.0.2.1", vec!["198.51.100.1"], "", Some("192.0.2.1")),
            ("192.0.2.1", vec!["198.51.100.1"], proxies, Some("192.0.2.1")),
            ("10.0.0.1", vec![], proxies, Some("10.0.0.1")),
            ("10.0.0.1", vec!["198.51.100.1"], proxies, Some("198.51.100.1")),
            ("10.0.0.1", vec!["203.0.113.9, 198.51.100.1"], proxies, Some("198.51.100.1")),
            ("10.0.0.1", vec!["203.0.113.9, 198.51.100.1, 10.0.0.2"], proxies, Some("198.51.100.1")),
            ("10.0.0.1", vec!["203.0.113.9", "198.51.100.1,10.0.0.2"], proxies, Some("198.51.100.1")),
            ("10.0.0.1", vec!["198.51.100.1", "10.0.0.2"], proxies, Some("198.51.100.1")),
            ("10.0.0.1", vec!["10.0.0.3,10.0.0.2"], proxies, Some("10.0.0.3")),
            ("10.0.0.1", vec!["nonsense"], proxies, None),
            ("10.0.0.1", vec!["198.51.100.1,"], proxies, None),
            ("10.0.0.1", vec!["nonsense, 198.51.100.1"], proxies, Some("198.51.100.1")),
            ("10.0.0.1", vec!["198.51.100.1, nonsense, 10.0.0.2"], proxies, None),
            ("::ffff:10.0.0.1", vec!["::ffff:198.51.100.1"], proxies, Some("198.51.100.1")),
            ("::1", vec!["2001:db8::5"], proxies, Some("2001:db8::5")),
            ("::1", vec!["[2001:db8::5]:443"], proxies, Some("2001:db8::5")),
            ("::1", vec!["[2001:db8::5]"], proxies, Some("2001:db8::5")),
            ("::1", vec!["198.51.100.1:5000"], proxies, Some("198.51.100.1")),
        ] {
            assert_eq!(found(peer, &forwarded, trusted).as_deref(), expected, "{peer} {forwarded:?} {trusted}");
        }
    }

    proptest! {
        #[test]
        fn what_the_client_writes_on_the_left_changes_nothing(forged in "[0-9a-f.:, x]{0,40}", octet in 1u8..255) {
            let real = format!("198.51.100.{octet}");
            let list = format!("{forged}, {real}, 10.0.0.2");
            prop_assert_eq!(found("10.0.0.1", &[&list], "10.0.0.0/8"), Some(real));
        }

        #[test]
        fn an_untrusted_peer_is_believed_nothing(forged in "[0-9a-f.:, ]{0,40}") {
            prop_assert_eq!(found("192.0.2.1", &[&forged], "10.0.0.0/8"), Some("192.0.2.1".to_owned()));
        }
    }
}
