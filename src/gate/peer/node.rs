//! One hop as a proxy writes it: an address, perhaps with a port.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An item of `X-Forwarded-For`: an address, or one with a port as [`node`] has it. An IPv6 address may stand without brackets.
pub(super) fn hop(item: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(item).ok()?;
    match text.parse::<Ipv6Addr>() {
        Ok(v6) => Some(IpAddr::V6(v6).to_canonical()),
        Err(_) => node(text),
    }
}

/// A node of RFC 7239 section 6 that is an address: `192.0.2.1`, `[2001:db8::1]`, either with `:port`. `unknown` and the names that
/// begin with `_` are none.
pub(super) fn node(text: &str) -> Option<IpAddr> {
    let (address, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (v6, port) = rest.split_once(']')?;
            (IpAddr::V6(v6.parse().ok()?), port)
        }
        None => {
            let end = text.find(':').unwrap_or(text.len());
            (IpAddr::V4(text[..end].parse::<Ipv4Addr>().ok()?), &text[end..])
        }
    };
    (port.is_empty() || port.strip_prefix(':').is_some_and(is_port)).then_some(address.to_canonical())
}

/// `1*5DIGIT` below 65536, or a name in its place: `_` and then letters, digits, `.`, `_` or `-`.
fn is_port(text: &str) -> bool {
    match text.strip_prefix('_') {
        Some(name) => !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')),
        None => (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hop_is_an_address_with_or_without_a_port() {
        for (text, address) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:0", "192.0.2.1"),
            ("192.0.2.1:65535", "192.0.2.1"),
            ("192.0.2.1:_web", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:DB8::1]:4711", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
            ("::1", "::1"),
        ] {
            assert_eq!(hop(text.as_bytes()), Some(address.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn everything_else_is_none() {
        for text in [
            "",
            "unknown",
            "_hidden",
            "192.0.2",
            "192.0.2.256",
            "192.0.2.01",
            "192.0.2.1:",
            "192.0.2.1:65536",
            "192.0.2.1:123456",
            "192.0.2.1:+80",
            "192.0.2.1:8 0",
            "192.0.2.1:_",
            "192.0.2.1:_a b",
            "192.0.2.1/24",
            " 192.0.2.1",
            "192.0.2.1 ",
            "[192.0.2.1]",
            "[2001:db8::1",
            "2001:db8::1]",
            "[2001:db8::1]4711",
            "[2001:db8::1]:",
            "[fe80::1%1]",
            "fe80::1%eth0",
            "\"192.0.2.1\"",
            "::ffff:192.0.2.1:80",
            "localhost",
            "3221225985",
            "0xc0000201",
            "192.0.2.1\u{0}",
        ] {
            assert_eq!(hop(text.as_bytes()), None, "{text}");
        }
        assert_eq!(hop(b"192.0.2.1\xff"), None);
        assert_eq!(node("2001:db8::1"), None, "RFC 7239 wants brackets");
    }
}
