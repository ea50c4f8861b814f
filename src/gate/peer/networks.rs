//! A set of networks, as the configuration names proxies, and whether what connects through a Unix socket is among them.

use std::{fmt, net::IpAddr, sync::Arc};

use ipnet::{IpNet, Ipv4Net};

use super::{PeerAddress, UNIX};

/// Networks, sorted and merged. An IPv4 address and the same address mapped into IPv6 are one address here (RFC 4291 section 2.5.5.2).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Networks {
    networks: Arc<[IpNet]>,
    unix: bool,
}

/// Why a text is no network that may be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkError {
    /// It is no address and no network.
    Unreadable,
    /// It has bits behind its prefix: either the prefix or the address is not what was meant.
    HostBits(IpNet),
    /// It is every address of its family.
    Everything,
}

impl Networks {
    /// Reads one network: `10.0.0.0/8`, `2001:db8::/32`, or an address alone.
    ///
    /// # Errors
    /// Why it is none that may be trusted.
    pub fn parse(text: &str) -> Result<IpNet, NetworkError> {
        let network = canonical(read(text).ok_or(NetworkError::Unreadable)?);
        if network.prefix_len() == 0 {
            return Err(NetworkError::Everything);
        }
        if network != network.trunc() {
            return Err(NetworkError::HostBits(network.trunc()));
        }
        Ok(network)
    }

    /// The set of these networks.
    ///
    /// # Errors
    /// [`NetworkError::Everything`] if together they are every address of a family.
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Result<Self, NetworkError> {
        let networks: Vec<_> = networks.into_iter().map(|network| canonical(network).trunc()).collect();
        let mut merged = IpNet::aggregate(&networks);
        if merged.iter().any(|network| network.prefix_len() == 0) {
            return Err(NetworkError::Everything);
        }
        merged.sort_unstable_by_key(IpNet::network);
        Ok(Self { networks: merged.into(), unix: false })
    }

    /// The same, and whoever connects through a Unix socket.
    #[must_use]
    pub fn and_unix(self) -> Self {
        Self { unix: true, ..self }
    }

    /// Whether `address` is in one of them.
    #[must_use]
    pub fn contains(&self, address: impl Into<PeerAddress>) -> bool {
        let PeerAddress::Ip(address) = address.into().to_canonical() else { return self.unix };
        // Merged networks do not overlap, so only the last that begins at or before the address can hold it.
        let after = self.networks.partition_point(|network| network.network() <= address);
        after.checked_sub(1).is_some_and(|at| self.networks[at].contains(&address))
    }
}

impl fmt::Debug for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unix = self.unix.then(|| UNIX.to_owned());
        f.debug_list().entries(self.networks.iter().map(ToString::to_string).chain(unix)).finish()
    }
}

/// The address is read by the standard library: ipnet takes `010.0.0.0` for `10.0.0.0`, where others read it as octal.
fn read(text: &str) -> Option<IpNet> {
    let Some((address, length)) = text.split_once('/') else { return Some(IpNet::from(text.parse::<IpAddr>().ok()?)) };
    let is_number = !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit());
    IpNet::new(address.parse().ok()?, length.parse().ok().filter(|_| is_number)?).ok()
}

/// A network of addresses that are IPv4 mapped into IPv6 as the IPv4 network that it is.
fn canonical(network: IpNet) -> IpNet {
    const MAPPED: u8 = 96;
    let IpNet::V6(v6) = network else { return network };
    let Some(v4) = v6.addr().to_ipv4_mapped() else { return network };
    match v6.prefix_len().checked_sub(MAPPED).map(|length| Ipv4Net::new(v4, length)) {
        Some(Ok(v4)) => IpNet::V4(v4),
        Some(Err(_)) | None => network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(texts: &[&str]) -> Networks {
        Networks::new(texts.iter().map(|text| Networks::parse(text).unwrap())).unwrap()
    }

    #[track_caller]
    fn check(texts: &[&str], inside: &[&str], outside: &[&str]) {
        let networks = set(texts);
        for (addresses, expected) in [(inside, true), (outside, false)] {
            for address in addresses {
                assert_eq!(networks.contains(address.parse::<IpAddr>().unwrap()), expected, "{address} in {texts:?}");
            }
        }
    }

    #[test]
    fn an_address_is_in_a_network_however_it_is_spelt() {
        check(&[], &[], &["127.0.0.1", "::1", "0.0.0.0", "::"]);
        check(&["10.0.0.0/8"], &["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"], &["9.255.255.255", "11.0.0.0", "::10.1.2.3"]);
        check(&["::ffff:10.0.0.0/104"], &["10.1.2.3", "::ffff:10.1.2.3"], &["11.0.0.0"]);
        check(&["192.0.2.7", "::1"], &["192.0.2.7", "::1"], &["192.0.2.6", "192.0.2.8", "::2", "127.0.0.1"]);
        check(&["2001:db8::/32"], &["2001:db8::", "2001:db8:ffff::1"], &["2001:db7::", "2001:db9::"]);
        // A network of IPv6 holds no IPv4 address, although all of those are mapped into it.
        check(&["::/64"], &["::1"], &["10.0.0.1", "::ffff:10.0.0.1"]);
    }

    #[test]
    fn networks_are_merged() {
        assert_eq!(set(&["10.0.0.0/9", "10.128.0.0/9", "10.3.0.0/16", "10.0.0.1"]), set(&["10.0.0.0/8"]));
        check(&["10.0.0.0/8", "10.1.0.0/16", "12.0.0.0/8"], &["10.1.0.0", "10.200.0.0", "12.0.0.1"], &["11.0.0.0", "13.0.0.0"]);
    }

    #[test]
    fn nobody_trusts_everybody() {
        for text in ["0.0.0.0/0", "::/0", "10.0.0.0/0", "::ffff:0:0/96", "::1/0"] {
            assert_eq!(Networks::parse(text), Err(NetworkError::Everything), "{text}");
        }
        let halves = ["0.0.0.0/1", "128.0.0.0/1"].map(|text| Networks::parse(text).unwrap());
        assert_eq!(Networks::new(halves), Err(NetworkError::Everything));
    }

    #[test]
    fn what_is_no_network() {
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0/8",
            "10.0.0.0/",
            "/8",
            "10.0.0.0/+8",
            "::1/129",
            "a",
            "10.0.0.0/8 ",
            "010.0.0.0/8",
            "fe80::1%1",
        ] {
            assert_eq!(Networks::parse(text), Err(NetworkError::Unreadable), "{text}");
        }
        let meant = "10.0.0.0/8".parse().unwrap();
        assert_eq!(Networks::parse("10.0.0.1/8"), Err(NetworkError::HostBits(meant)));
        assert_eq!(Networks::parse("::ffff:10.0.0.1/104"), Err(NetworkError::HostBits(meant)));
    }

    proptest! {
        /// Merged and searched, or asked one by one: the same.
        #[test]
        fn a_set_holds_what_one_of_its_networks_holds(
            networks in prop::collection::vec((any::<u32>(), 1u8..=32), 0..8),
            // Near to the networks, where the edges are.
            near in prop::collection::vec((any::<prop::sample::Index>(), -2i64..=2), 0..16),
        ) {
            let networks: Vec<IpNet> =
                networks.into_iter().map(|(bits, length)| Ipv4Net::new(bits.into(), length).unwrap().trunc().into()).collect();
            let Ok(set) = Networks::new(networks.iter().copied()) else { return Ok(()) };
            for (which, offset) in near {
                let Some(network) = networks.get(which.index(networks.len().max(1))) else { continue };
                for edge in [network.network(), network.broadcast()] {
                    let IpAddr::V4(edge) = edge else { continue };
                    let address = u32::try_from(i64::from(edge.to_bits()) + offset).unwrap_or(edge.to_bits());
                    let address = IpAddr::from(address.to_be_bytes());
                    let expected = networks.iter().any(|network| network.contains(&address));
                    prop_assert_eq!(set.contains(address), expected, "{} in {:?}", address, &set);
                }
            }
        }
    }
}
