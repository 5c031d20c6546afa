//! IP addresses and lists of networks.

use std::{net::IpAddr, str::FromStr};

use ipnet::{IpNet, Ipv4Net};

/// The most entries of a list.
pub const MOST_NETWORKS: usize = 24;

/// Networks, as written: separated by white space, a bare address counting as a network of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

/// Why a text is no list of networks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadNetworks {
    /// An entry is neither an address nor a network.
    #[error("{0:?} is neither an IP address nor a network in CIDR notation")]
    Entry(String),
    /// An entry has bits set behind its prefix.
    #[error("{0:?} has host bits set: did you mean {1}?")]
    HostBits(String, IpNet),
    /// Too many entries.
    #[error("there are {0} entries; at most {MOST_NETWORKS} are allowed")]
    TooMany(usize),
}

impl Networks {
    /// Reads a list whose entries are separated by white space.
    pub fn parse(text: &str) -> Result<Self, BadNetworks> {
        let entries: Vec<&str> = text.split_whitespace().collect();
        if entries.len() > MOST_NETWORKS {
            return Err(BadNetworks::TooMany(entries.len()));
        }
        entries.into_iter().map(network).collect::<Result<_, _>>().map(Self)
    }

    /// Whether `address` is in one of the networks. An IPv4-mapped IPv6 address counts as the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The comma-separated form of settings.
impl FromStr for Networks {
    type Err = BadNetworks;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .map(network)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn network(entry: &str) -> Result<IpNet, BadNetworks> {
    let network = canonical(read(entry).ok_or_else(|| BadNetworks::Entry(entry.to_owned()))?);
    if network.addr() != network.network() {
        return Err(BadNetworks::HostBits(entry.to_owned(), network.trunc()));
    }
    Ok(network)
}

/// An address, or an address with the length of its prefix in decimal digits. The standard library reads addresses, the same
/// that reads them everywhere else.
fn read(entry: &str) -> Option<IpNet> {
    let Some((address, prefix)) = entry.split_once('/') else { return entry.parse::<IpAddr>().ok().map(IpNet::from) };
    let is_number = (1..=3).contains(&prefix.len()) && prefix.bytes().all(|byte| byte.is_ascii_digit());
    let prefix = prefix.parse().ok().filter(|_| is_number)?;
    IpNet::new(address.parse().ok()?, prefix).ok()
}

/// A network of IPv4-mapped addresses as the IPv4 network that it stands for, since addresses are compared as such.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(mapped) = network else { return network };
    let address = mapped.addr().to_ipv4_mapped();
    let prefix = mapped.prefix_len().checked_sub(96);
    let ipv4 = address.zip(prefix).and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok());
    ipv4.map_or(network, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(list: &str, address: &str) -> bool {
        Networks::parse(list).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_bare_address_admits_itself_only() {
        assert!(admits("192.0.2.7", "192.0.2.7"));
        assert!(!admits("192.0.2.7", "192.0.2.8"));
        assert!(admits("2001:db8::1", "2001:db8::1"));
    }

    #[test]
    fn a_mapped_address_counts_as_ipv4() {
        assert!(admits("192.0.2.0/24", "::ffff:192.0.2.9"));
        assert!(!admits("0.0.0.0/0", "2001:db8::1"));
        assert!(admits("::ffff:192.0.2.9", "192.0.2.9"));
        assert!(admits("::ffff:192.0.2.0/120", "::ffff:192.0.2.9"));
        assert!(!admits("::/0", "192.0.2.9"));
    }

    #[test]
    fn mistakes_are_named() {
        assert!(
            matches!(Networks::parse("10.0.0.1/8"), Err(BadNetworks::HostBits(_, net)) if net.to_string() == "10.0.0.0/8")
        );
        assert!(matches!(Networks::parse("10.0.0.0/33"), Err(BadNetworks::Entry(_))));
        for wrong in
            ["10.0.0.0/+8", "10.0.0.0/", "/8", "10.0.0.0/0008", "10/8", "1:2:3:4:5:6::7:8", "fe80::1%1", "::/129"]
        {
            assert_eq!(Networks::parse(wrong), Err(BadNetworks::Entry(wrong.to_owned())));
        }
        assert_eq!(Networks::parse(&"10.0.0.1 ".repeat(25)), Err(BadNetworks::TooMany(25)));
        assert!(Networks::parse(&"10.0.0.1 ".repeat(24)).is_ok());
    }
}
