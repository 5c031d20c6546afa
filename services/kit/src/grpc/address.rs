//! Where another part is: `http://token:50051`, `https://…`, or several hosts, `http://a:1,b:1`.

use std::{fmt, str::FromStr};

use http::uri::{Authority, Scheme};

/// Where another part is. A name may stand for several processes, and several may be listed: calls are spread over all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Whether TLS is spoken.
    pub is_tls: bool,
    pub(super) hosts: Vec<Authority>,
}

/// What is no address.
#[derive(Debug, thiserror::Error)]
#[error("is no http or https URL of a host, or of several with commas between them, without a path")]
pub struct NoAddress;

impl Address {
    pub(super) fn scheme(&self) -> Scheme {
        if self.is_tls { Scheme::HTTPS } else { Scheme::HTTP }
    }

    /// The port of a host: its own, or that of the scheme.
    pub(super) fn port(&self, host: &Authority) -> u16 {
        host.port_u16().unwrap_or(if self.is_tls { 443 } else { 80 })
    }
}

/// A host without its port, and without the brackets of an IPv6 address.
pub(super) fn bare(host: &Authority) -> &str {
    let host = host.host();
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

impl FromStr for Address {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Self, NoAddress> {
        let (scheme, hosts) = text.split_once("://").ok_or(NoAddress)?;
        let is_tls = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(NoAddress),
        };
        let hosts = hosts.strip_suffix('/').unwrap_or(hosts).split(',').map(host);
        Ok(Self { is_tls, hosts: hosts.collect::<Option<_>>().ok_or(NoAddress)? })
    }
}

fn host(text: &str) -> Option<Authority> {
    let host: Authority = text.trim().parse().ok()?;
    let is_host = !host.host().is_empty() && !host.as_str().contains('@') && host.port_u16() != Some(0);
    // A port that is none is still read as a part of an authority.
    let has_odd_port = host.port_u16().is_none() && host.as_str() != host.host();
    (is_host && !has_odd_port).then_some(host)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<&str> = self.hosts.iter().map(Authority::as_str).collect();
        write!(f, "{}://{}", self.scheme(), hosts.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_or_several_are_an_address() {
        for (text, said) in [
            ("http://token:50051", "http://token:50051"),
            ("HTTPS://token/", "https://token"),
            ("http://[::1]:80,127.0.0.1:81, b", "http://[::1]:80,127.0.0.1:81,b"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), said);
        }
        let ports = |text: &str| -> Vec<u16> {
            let address: Address = text.parse().unwrap();
            address.hosts.iter().map(|host| address.port(host)).collect()
        };
        assert_eq!((ports("http://a,b:7"), ports("https://a")), (vec![80, 7], vec![443]));
    }

    #[test]
    fn anything_else_is_none() {
        for text in [
            "",
            "token:1",
            "/a",
            "ftp://a",
            "http://",
            "http:///a",
            "http://:80",
            "http://a?b",
            "http://a/#b",
            "http://a b",
            "http://a/b",
            "http://a,",
            "http://a,,b",
            "http://u@a",
            "http://a:x",
            "http://a:0",
            "http://a:70000",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
