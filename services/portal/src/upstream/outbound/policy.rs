//! Which addresses may be dialed, and which URLs may be an upstream's (S18).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use kit::address::Networks;
use url::{Host, Url};

/// The longest URL of an upstream, in bytes.
const MOST_URL: usize = 2048;

/// IPv4 networks that aren't the public Internet: IANA's special-purpose registry (RFC 6890 and its updates), multicast, what
/// is reserved, the relays of 6to4 – and the address at which Azure's machines find their host, which is public by its form.
const SPECIAL_V4: [([u8; 4], u8); 17] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([168, 63, 129, 16], 32),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 31, 196, 0], 24),
    ([192, 52, 193, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([192, 175, 48, 0], 24),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
];
/// Multicast and reserved addresses begin here, and reach to the end.
const FIRST_MULTICAST: u8 = 224;

/// What isn't public inside `2000::/3`, which is all that is handed out (RFC 4291): protocol assignments with Teredo and ORCHID,
/// documentation, 6to4.
const SPECIAL_V6: [([u16; 2], u8); 4] =
    [([0x2001, 0], 23), ([0x2001, 0x0db8], 32), ([0x2002, 0], 16), ([0x3fff, 0], 20)];
/// `64:ff9b::/96` stands for the whole of IPv4 (NAT64, RFC 6052), which is how a network without IPv4 reaches it.
const NAT64: [u8; 12] = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0];

/// Who may be dialed: public addresses, and the networks that the operator allowed.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    allowed: Networks,
}

impl Policy {
    pub(super) fn new(allowed: Networks) -> Self {
        Self { allowed }
    }

    /// Whether an address may be dialed.
    pub(super) fn permits(&self, address: IpAddr) -> bool {
        self.allowed.contains(address)
            || match address.to_canonical() {
                IpAddr::V4(address) => is_public_v4(address),
                IpAddr::V6(address) => match embedded(address) {
                    Some(embedded) => self.permits(embedded.into()),
                    None => is_public_v6(address),
                },
            }
    }

    /// Whether `text` may be an upstream's URL. The error is a sentence without its subject.
    pub(super) fn check(&self, text: &str) -> Result<Url, String> {
        let refused = |why: &str| Err(why.to_owned());
        if text.len() > MOST_URL {
            return Err(format!("is longer than {MOST_URL} bytes"));
        }
        if text.chars().any(|character| character.is_whitespace() || character.is_control()) {
            return refused("has blanks or control characters in it");
        }
        let url = Url::parse(text).map_err(|error| format!("is no URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return refused("must be an http or https URL");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refused("must not carry a user or password");
        }
        if url.fragment().is_some() {
            return refused("must not have a fragment");
        }
        if url.port() == Some(0) {
            return refused("has port 0");
        }
        if url.as_str().len() > MOST_URL {
            return Err(format!("is longer than {MOST_URL} bytes"));
        }
        match url.host() {
            Some(Host::Ipv4(address)) if !self.permits(address.into()) => refused(FORBIDDEN),
            Some(Host::Ipv6(address)) if !self.permits(address.into()) => refused(FORBIDDEN),
            Some(_) => Ok(url),
            None => refused("names no host"),
        }
    }
}

const FORBIDDEN: &str = "has an address that isn't public, in no network that this installation allows";

fn is_public_v4(address: Ipv4Addr) -> bool {
    let within = |(network, bits): &([u8; 4], u8)| {
        let differing = address.to_bits() ^ Ipv4Addr::from(*network).to_bits();
        differing.checked_shr(32 - u32::from(*bits)) == Some(0)
    };
    let [first, ..] = address.octets();
    first < FIRST_MULTICAST && !SPECIAL_V4.iter().any(within)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let bits = |[high, low]: [u16; 2]| u32::from(high) << 16 | u32::from(low);
    let within = |(network, length): &([u16; 2], u8)| {
        let differing = bits([first, second]) ^ bits(*network);
        differing.checked_shr(32 - u32::from(*length)) == Some(0)
    };
    first & 0xe000 == 0x2000 && !SPECIAL_V6.iter().any(within)
}

/// The IPv4 address that is dialed in the end.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = address.octets().strip_prefix(&NAT64)?.try_into().ok()?;
    Some(octets.into())
}
