//! Which addresses may be connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(a: u16, b: u16, c: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), length)
}

/// IANA's IPv4 Special-Purpose Address Registry (RFC 6890), multicast (RFC 5771) and the reserved rest; and Azure's
/// host, which serves each machine its secrets and is public by its number only.
const SPECIAL_V4: [Ipv4Net; 16] = [
    v4(0, 0, 0, 0, 8),
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(168, 63, 129, 16, 32),
    v4(169, 254, 0, 0, 16),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];

/// The only part of IPv6 that is handed out as global unicast (RFC 4291 §2.4, IANA). What carries an IPv4 address
/// inside, link-local, unique local and multicast addresses all lie outside of it, or among the exceptions.
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 0, 3);

/// What is special inside of it: protocol assignments with Teredo and ORCHID, documentation (twice), 6to4.
const SPECIAL_V6: [Ipv6Net; 4] =
    [v6(0x2001, 0, 0, 23), v6(0x2001, 0xDB8, 0, 32), v6(0x2002, 0, 0, 16), v6(0x3FFF, 0, 0, 20)];

/// Public addresses, and those that the operator allows.
#[derive(Clone, Debug, Default)]
pub struct Networks {
    allowed: Vec<IpNet>,
}

impl Networks {
    /// Public addresses, and those in the `allowed` networks.
    pub const fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    /// Whether an address may be connected to. An IPv6 address that leads to an IPv4 address inside of it MUST find that
    /// one admitted, too.
    pub fn admit(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if is_public(address) {
            return true;
        }
        let allowed = self.allowed.iter().any(|network| network.contains(&address));
        allowed && embedded(address).is_none_or(|inner| self.admit(IpAddr::V4(inner)))
    }
}

/// Whether the Internet as a whole routes the address.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|network| network.contains(&address)),
        IpAddr::V6(address) => {
            GLOBAL_V6.contains(&address) && !SPECIAL_V6.iter().any(|network| network.contains(&address))
        }
    }
}

/// The IPv4 address that a packet to such an IPv6 address ends at: NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056),
/// IPv4-compatible (RFC 4291 §2.5.5.1).
fn embedded(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(address) = address else { return None };
    let inner = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0x64, 0xFF9B, 0, 0, 0, 0, high, low] | [0x64, 0xFF9B, 1, _, _, _, high, low] => inner(high, low),
        [0x2002, high, low, ..] => inner(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 || low > 1 => inner(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(allowed: &[&str], address: &str) -> bool {
        let allowed = allowed.iter().map(|network| network.parse().expect("a network")).collect();
        Networks::new(allowed).admit(address.parse().expect("an address"))
    }

    #[test]
    fn b45_the_first_and_the_last_address_of_every_special_network_is_refused() {
        for network in SPECIAL_V4 {
            for address in [network.network(), network.broadcast()] {
                assert!(!admits(&[], &address.to_string()), "{address} of {network}");
                assert!(!admits(&[], &format!("::ffff:{address}")), "{address} of {network}, mapped");
            }
        }
        for network in SPECIAL_V6 {
            for address in [network.network(), network.broadcast()] {
                assert!(!admits(&[], &address.to_string()), "{address} of {network}");
            }
        }
    }

    #[test]
    fn what_lies_beside_a_special_network_is_public() {
        for address in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "168.63.129.17",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "2001:200::",
            "2001:db7:ffff::",
            "2001:db9::",
            "2003::",
            "2606:4700:4700::1111",
            "2a00:1450:4001::1",
            "3fff:1000::",
        ] {
            assert!(admits(&[], address), "{address} is public");
        }
    }

    #[test]
    fn b45_whatever_is_not_global_unicast_is_refused() {
        for address in [
            "::",
            "::1",
            "::7f00:1",
            "::127.0.0.1",
            "::8.8.8.8",
            "::ffff:0:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::8.8.8.8",
            "64:ff9b:1::10.0.0.1",
            "100::",
            "1fff:ffff::",
            "4000::",
            "5f00::1",
            "fc00::",
            "fdff::",
            "fe80::1",
            "febf::",
            "fec0::",
            "ff02::1",
        ] {
            assert!(!admits(&[], address), "{address}");
        }
    }

    #[test]
    fn b45_the_metadata_services_of_the_clouds_are_refused() {
        for address in [
            "169.254.169.254",
            "169.254.170.2",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "::ffff:168.63.129.16",
            "::ffff:169.254.169.254",
        ] {
            assert!(!admits(&[], address), "{address}");
        }
        assert!(!admits(&["64:ff9b::/96"], "64:ff9b::168.63.129.16"), "nor by way of a translation");
    }

    #[test]
    fn what_the_operator_allows_is_admitted_and_nothing_beside_it() {
        let allowed = ["10.1.0.0/16", "fd12::/16", "::1/128"];
        for fine in ["10.1.0.1", "10.1.255.255", "::ffff:10.1.2.3", "fd12::1", "::1", "8.8.8.8"] {
            assert!(admits(&allowed, fine), "{fine}");
        }
        for wrong in ["10.0.255.255", "10.2.0.0", "127.0.0.1", "fd13::1", "::2", "::ffff:10.2.0.0"] {
            assert!(!admits(&allowed, wrong), "{wrong}");
        }
    }

    #[test]
    fn b45_an_allowed_translation_network_is_no_way_to_a_private_address() {
        let allowed = ["64:ff9b::/96", "2002::/16", "::/96"];
        for fine in ["64:ff9b::8.8.8.8", "2002:808:808::1", "::8.8.8.8"] {
            assert!(admits(&allowed, fine), "{fine}");
        }
        for wrong in ["64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1", "::10.0.0.1", "64:ff9b::127.0.0.1"] {
            assert!(!admits(&allowed, wrong), "{wrong}");
        }
        assert!(admits(&["64:ff9b::/96", "10.0.0.0/8"], "64:ff9b::10.0.0.1"), "unless both are allowed");
    }
}
