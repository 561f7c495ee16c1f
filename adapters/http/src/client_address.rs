//! The address of a client, as far as it can be trusted: the peer of the connection, or whom a trusted proxy speaks
//! for.
//!
//! A proxy adds, at the right, the address that it was called from. So the list is read from the right: trusted
//! proxies are passed over, and the first address that is not one of them is the client; everything left of it is
//! what the client claims, and is never looked at. Where an entry cannot be read, the proxy that sent it is the client.
//!
//! Of the two headers one is believed: `X-Forwarded-For`, which nearly every proxy writes, and only when there is none
//! `Forwarded` (RFC 7239). A proxy that writes `Forwarded` must therefore remove `X-Forwarded-For`.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use ipnet::{IpNet, Ipv4Net};
use poem::http::{HeaderMap, HeaderName, header};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies in front of the service.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// The proxies in these networks; an IPv6 network of mapped IPv4 addresses is the IPv4 network it stands for.
    pub fn new(networks: &[IpNet]) -> Self {
        Self(networks.iter().copied().map(canonical).collect())
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is the address of one of them.
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// The network that one client is at home in, for counting: an IPv4 address alone, an IPv6 address with its 64 bits
/// of network, for whoever has one such address has 2^64. A mapped IPv4 address is an IPv4 address.
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        IpAddr::V4(address) => IpAddr::V4(address),
    }
}

/// Finds the addresses of clients.
pub(crate) struct ClientAddresses {
    proxies: TrustedProxies,
    warned: AtomicBool,
}

impl ClientAddresses {
    pub(crate) const fn new(proxies: TrustedProxies) -> Self {
        Self { proxies, warned: AtomicBool::new(false) }
    }

    /// The address of whoever sent a request that came from `peer`; `None` when it came from no socket.
    pub(crate) fn of(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        let peer = peer?.to_canonical();
        if !self.proxies.contain(peer) {
            self.warn(peer, headers);
            return Some(peer);
        }
        let mut client = peer;
        for hop in hops(headers) {
            let Some(address) = hop else { break };
            client = address;
            if !self.proxies.contain(client) {
                break;
            }
        }
        Some(client)
    }

    /// Says once that a proxy seems to stand in front and is not trusted: then everybody has its address.
    fn warn(&self, peer: IpAddr, headers: &HeaderMap) {
        let forwarded = || headers.contains_key(X_FORWARDED_FOR) || headers.contains_key(header::FORWARDED);
        if self.proxies.is_empty() && is_near(peer) && forwarded() && !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                %peer,
                "a request from a private address names another client, but no proxy is trusted: everybody behind \
                 that address shares one limit; name it in server.trusted_proxies if it is a proxy of yours"
            );
        }
    }
}

/// Whether it is an address that does not come from the internet.
const fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    }
}

/// What proxies say about where requests came from, the nearest first; `None` for what cannot be read.
fn hops(headers: &HeaderMap) -> Box<dyn Iterator<Item = Option<IpAddr>> + '_> {
    if headers.contains_key(X_FORWARDED_FOR) {
        Box::new(entries(headers, X_FORWARDED_FOR).map(node))
    } else {
        Box::new(entries(headers, header::FORWARDED).map(forwarded_for))
    }
}

/// The entries of all lines of a header from the last to the first, without the empty ones (RFC 9110 §5.6.1).
///
/// A comma in a quoted string divides too: a quote that a client never closes must not swallow what a proxy added.
fn entries(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    let lines = headers.get_all(name).into_iter().rev();
    let entries = lines.flat_map(|line| line.as_bytes().rsplit(|b| *b == b','));
    entries.map(<[u8]>::trim_ascii).filter(|entry| !entry.is_empty())
}

/// The one `for` of an element of `Forwarded` (RFC 7239 §4).
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    let pairs = std::str::from_utf8(element).ok()?.split(';').filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for")).map(|(_, value)| value.trim());
    let value = values.next().filter(|_| values.next().is_none())?;
    let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    node(unquoted.unwrap_or(value).as_bytes())
}

/// An address, with or without brackets and port; `unknown` and made-up names (RFC 7239 §6.3) are none.
fn node(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    text.parse().ok().or_else(with_port).or_else(bracketed).map(|address| address.to_canonical())
}

pub(crate) fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(six) = network else { return network };
    let four = six.addr().to_ipv4_mapped().zip(six.prefix_len().checked_sub(96));
    let four = four.and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok());
    four.map_or(network, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn client(trusted: &[&str], peer: &str, lines: &[(&'static str, &str)]) -> String {
        let networks: Vec<IpNet> = trusted.iter().map(|text| text.parse().expect("a network")).collect();
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, poem::http::HeaderValue::from_bytes(value.as_bytes()).expect("a header value"));
        }
        let addresses = ClientAddresses::new(TrustedProxies::new(&networks));
        addresses.of(Some(ip(peer)), &headers).expect("a client").to_string()
    }

    fn behind(value: &str) -> String {
        client(&["10.0.0.0/8", "2001:db8:1::/48"], "10.0.0.1", &[("x-forwarded-for", value)])
    }

    fn forwarded(value: &str) -> String {
        client(&["10.0.0.0/8", "2001:db8:1::/48"], "10.0.0.1", &[("forwarded", value)])
    }

    #[test]
    fn a110_b26_an_untrusted_peer_is_the_client_whatever_it_claims() {
        let lines = [
            ("x-forwarded-for", "198.51.100.1"),
            ("forwarded", "for=198.51.100.2"),
            ("x-real-ip", "198.51.100.3"),
            ("true-client-ip", "198.51.100.4"),
            ("cf-connecting-ip", "198.51.100.5"),
        ];
        assert_eq!(client(&[], "203.0.113.7", &lines), "203.0.113.7");
        assert_eq!(client(&["10.0.0.0/8"], "203.0.113.7", &lines), "203.0.113.7");
        assert_eq!(client(&["10.0.0.0/8"], "::ffff:203.0.113.7", &lines), "203.0.113.7");
    }

    #[test]
    fn b26_the_right_most_untrusted_hop_counts_and_what_stands_left_of_it_never() {
        assert_eq!(behind("203.0.113.7"), "203.0.113.7");
        assert_eq!(behind("198.51.100.1, 203.0.113.7"), "203.0.113.7");
        assert_eq!(behind("198.51.100.1, 203.0.113.7, 10.0.0.2, 2001:db8:1::9"), "203.0.113.7");
        assert_eq!(behind("10.0.0.9, 203.0.113.7"), "203.0.113.7");
        let many = format!("{}203.0.113.7", "198.51.100.1, ".repeat(500));
        assert_eq!(behind(&many), "203.0.113.7");
        assert_eq!(behind("10.0.0.9, 10.0.0.8"), "10.0.0.9", "a caller of our own network");
    }

    #[test]
    fn b26_what_cannot_be_read_ends_the_search_at_the_last_hop_that_could() {
        for garbage in ["unknown", "_hidden", "203.0.113", "203.0.113.7.1", "999.1.1.1", "evil.example", "0x7f.1", "*"]
        {
            assert_eq!(behind(garbage), "10.0.0.1", "{garbage}");
            assert_eq!(behind(&format!("198.51.100.1, {garbage}")), "10.0.0.1", "{garbage}");
            assert_eq!(behind(&format!("198.51.100.1, {garbage}, 10.0.0.2")), "10.0.0.2", "{garbage}");
            assert_eq!(behind(&format!("{garbage}, 203.0.113.7")), "203.0.113.7", "{garbage}");
        }
        for empty in ["", " ", ",", " , ,"] {
            assert_eq!(behind(empty), "10.0.0.1", "{empty:?}");
            assert_eq!(behind(&format!("203.0.113.7,{empty}")), "203.0.113.7", "{empty:?}");
        }
        let name = [("x-forwarded-for", "\u{fc}")];
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &name), "10.0.0.1");
    }

    #[test]
    fn b26_ports_brackets_and_mapped_addresses_are_read() {
        for (text, expected) in [
            ("203.0.113.7:4711", "203.0.113.7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            ("2001:DB8:0:0::7", "2001:db8::7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("[::FFFF:203.0.113.7]:1", "203.0.113.7"),
            ("::ffff:cb00:7107", "203.0.113.7"),
        ] {
            assert_eq!(behind(text), expected, "{text}");
        }
        for broken in
            ["203.0.113.7:", "203.0.113.7:x", "203.0.113.7:65536", "[2001:db8::7", "[203.0.113.7]", "fe80::1%eth0"]
        {
            assert_eq!(behind(broken), "10.0.0.1", "{broken}");
        }
    }

    #[test]
    fn b26_many_lines_are_one_list() {
        let lines = [("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "203.0.113.7, 10.0.0.2")];
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &lines), "203.0.113.7");
        let lines = [("x-forwarded-for", "198.51.100.1, 203.0.113.7"), ("x-forwarded-for", "10.0.0.2")];
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &lines), "203.0.113.7");
    }

    #[test]
    fn forwarded_is_read_when_there_is_no_x_forwarded_for() {
        for (text, expected) in [
            ("for=203.0.113.7", "203.0.113.7"),
            ("For=\"203.0.113.7:4711\";proto=https;by=10.0.0.1", "203.0.113.7"),
            ("proto=https; for=\"[2001:db8::7]:1\"", "2001:db8::7"),
            ("for=198.51.100.1, for=203.0.113.7, for=10.0.0.2", "203.0.113.7"),
            ("for=198.51.100.1;for=203.0.113.7", "10.0.0.1"),
            ("for=unknown", "10.0.0.1"),
            ("for=\"_gazonk\"", "10.0.0.1"),
            ("by=203.0.113.7", "10.0.0.1"),
            ("203.0.113.7", "10.0.0.1"),
            ("for=\"198.51.100.1, for=203.0.113.7", "203.0.113.7"),
            ("for=198.51.100.1;x=\"a, for=203.0.113.7", "203.0.113.7"),
        ] {
            assert_eq!(forwarded(text), expected, "{text}");
        }
        let both = [("forwarded", "for=198.51.100.1"), ("x-forwarded-for", "203.0.113.7")];
        assert_eq!(client(&["10.0.0.0/8"], "10.0.0.1", &both), "203.0.113.7");
    }

    #[test]
    fn a_trusted_network_is_recognised_in_every_spelling() {
        let line = [("x-forwarded-for", "203.0.113.7")];
        for (network, peer) in [
            ("10.0.0.0/8", "::ffff:10.1.2.3"),
            ("::ffff:10.0.0.0/104", "10.1.2.3"),
            ("2001:db8::/32", "2001:DB8::1"),
            ("127.0.0.1/32", "127.0.0.1"),
        ] {
            assert_eq!(client(&[network], peer, &line), "203.0.113.7", "{network} {peer}");
        }
        assert_eq!(client(&["::/0"], "10.0.0.1", &line), "10.0.0.1", "IPv6 networks hold no IPv4 address");
        assert_eq!(client(&["10.0.0.1/32"], "10.0.0.2", &line), "10.0.0.2");
    }

    #[test]
    fn b25_a_network_is_counted_as_one() {
        let network = |text| network_of(ip(text)).to_string();
        assert_eq!(network("203.0.113.7"), "203.0.113.7");
        assert_eq!(network("::ffff:203.0.113.7"), "203.0.113.7");
        assert_eq!(network("2001:db8:0:1:a:b:c:d"), "2001:db8:0:1::");
        assert_eq!(network("2001:DB8:0:1::"), "2001:db8:0:1::");
        assert_ne!(network("2001:db8:0:2::1"), network("2001:db8:0:1::1"));
    }
}
