//! Web origins: parsed and compared by part, never as text (RFC 6454; security catalogue row 11).
//!
//! An `Origin` header stops browsers only. Any other client can send whatever it likes.

use std::fmt;

/// A web origin: scheme, host and port, borrowed from the header that carried it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    scheme: &'a str,
    host: &'a str,
    port: u16,
}

impl<'a> Origin<'a> {
    /// Reads an `Origin` header's value: `scheme "://" host [ ":" port ]` and nothing else (RFC 6454 section 7).
    /// `None` for everything that is not that: `null`, user info, a path, a trailing dot, non-ASCII, several origins.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (scheme, rest) = split_at_colon(text)?;
        let rest = rest.strip_prefix("//")?;
        let first = scheme.bytes().next()?;
        let scheme_is_valid =
            first.is_ascii_alphabetic() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
        let (host, port) = split_port(rest)?;
        let port = match port {
            Some(port) => port,
            None => default_port(scheme)?,
        };
        (scheme_is_valid && host_is_valid(host)).then_some(Self { scheme, host, port })
    }

    /// The host, as sent.
    #[must_use]
    pub const fn host(&self) -> &'a str {
        self.host
    }

    /// The origin of a request itself, from its `Host` header and whether the connection was secure.
    #[must_use]
    pub fn of_host(host: &'a str, secure: bool) -> Option<Self> {
        let scheme = if secure { "https" } else { "http" };
        let (host, port) = split_port(host)?;
        host_is_valid(host).then_some(Self { scheme, host, port: port.or_else(|| default_port(scheme))? })
    }
}

/// One entry of a key's list of origins: an origin, a wildcard host, or the literal `null`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OriginPattern {
    /// The opaque origin of sandboxed frames and `file:` pages; any page can have it, so it must be asked for by name.
    Null,
    /// A scheme, a port, and a host that is either exact or `*.` before a suffix.
    Tuple { scheme: Box<str>, host: HostPattern, port: u16 },
}

/// The host of an [`OriginPattern`], in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// This host and no other.
    Exact(Box<str>),
    /// One or more whole labels before this suffix, never the suffix itself.
    Below(Box<str>),
}

impl OriginPattern {
    /// Reads a pattern as people write it: `https://app.example.com`, `https://*.example.com`, `app.example.com`
    /// (a bare host means https), `null`.
    ///
    /// # Errors
    /// Says what is wrong with the text, in words for whoever wrote it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text == "null" {
            return Ok(Self::Null);
        }
        if text == "*" {
            return Err("`*` would allow every origin; list the origins, or `https://*.example.com`");
        }
        let full = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let (scheme, rest) = full.split_once("://").ok_or("is not an origin")?;
        let (wildcard, rest) = rest.strip_prefix("*.").map_or((false, rest), |suffix| (true, suffix));
        if rest.contains('*') {
            return Err("`*` stands only for whole labels at the left: `https://*.example.com`");
        }
        if rest.contains('/') {
            return Err("an origin has no path: write scheme, host and port only, without a `/` at the end");
        }
        let concrete = format!("{scheme}://{rest}");
        let origin = Origin::parse(&concrete).ok_or("is not an origin: expected `https://host` or `https://host:port`")?;
        let host = origin.host.to_ascii_lowercase().into_boxed_str();
        if wildcard && (!host.contains('.') || host.parse::<std::net::Ipv4Addr>().is_ok()) {
            return Err("a wildcard below a top-level domain or an address would allow strangers; name at least `*.example.com`");
        }
        let host = if wildcard { HostPattern::Below(host) } else { HostPattern::Exact(host) };
        Ok(Self::Tuple { scheme: origin.scheme.to_ascii_lowercase().into(), host, port: origin.port })
    }

    /// Whether this pattern lists `origin`.
    #[must_use]
    pub fn matches(&self, origin: &Origin<'_>) -> bool {
        let Self::Tuple { scheme, host, port } = self else { return false };
        // Browsers send lower case.
        let same_scheme = **scheme == *origin.scheme || scheme.eq_ignore_ascii_case(origin.scheme);
        *port == origin.port && same_scheme && host.matches(origin.host)
    }
}

impl HostPattern {
    /// Whether this pattern lists `host`, which must be a valid host name; case does not matter (RFC 3986 section 3.2.2).
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        match self {
            // Browsers send lower case.
            Self::Exact(exact) => **exact == *host || exact.eq_ignore_ascii_case(host),
            Self::Below(suffix) => host
                .len()
                .checked_sub(suffix.len() + 1)
                .filter(|&labels| labels > 0 && host.is_char_boundary(labels))
                .is_some_and(|labels| host.as_bytes()[labels] == b'.' && host[labels + 1..].eq_ignore_ascii_case(suffix)),
        }
    }
}

/// What an `Origin` header said.
#[derive(Clone, Copy, Debug)]
pub enum Claimed<'a> {
    /// The literal `null`.
    Null,
    /// An origin.
    Origin(Origin<'a>),
    /// Something that is not an origin, two headers among it: matches nothing.
    Unreadable,
}

impl<'a> Claimed<'a> {
    /// Reads the header's value.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Self {
        match std::str::from_utf8(value) {
            Ok("null") => Self::Null,
            Ok(text) => Origin::parse(text).map_or(Self::Unreadable, Self::Origin),
            Err(_) => Self::Unreadable,
        }
    }

    /// Whether one of `patterns` lists it.
    pub fn is_listed<'p>(&self, patterns: impl IntoIterator<Item = &'p OriginPattern>) -> bool {
        let mut patterns = patterns.into_iter();
        match self {
            Self::Null => patterns.any(|pattern| *pattern == OriginPattern::Null),
            Self::Origin(origin) => patterns.any(|pattern| pattern.matches(origin)),
            Self::Unreadable => false,
        }
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Tuple { scheme, host, port } = self else { return f.write_str("null") };
        match host {
            HostPattern::Exact(host) => write!(f, "{scheme}://{host}")?,
            HostPattern::Below(suffix) => write!(f, "{scheme}://*.{suffix}")?,
        }
        if default_port(scheme) == Some(*port) { Ok(()) } else { write!(f, ":{port}") }
    }
}

/// Splits `host[:port]`. `None` where the port is not one.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let colon = match authority.strip_prefix('[') {
        Some(_) => authority.find(']').map(|end| end + 1).filter(|&at| at < authority.len()),
        None => authority.find(':'),
    };
    let Some(colon) = colon else { return Some((authority, None)) };
    let port = authority[colon..].strip_prefix(':')?;
    let is_number = !port.is_empty() && port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| port.parse().ok()).flatten().map(|port| (&authority[..colon], Some(port)))
}

fn split_at_colon(text: &str) -> Option<(&str, &str)> {
    let at = text.bytes().position(|byte| byte == b':')?;
    Some((&text[..at], &text[at + 1..]))
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        s if s.eq_ignore_ascii_case("https") => Some(443),
        s if s.eq_ignore_ascii_case("http") => Some(80),
        // Apps in a shell (capacitor://localhost, chrome-extension://id) have schemes without a port.
        _ => Some(0),
    }
}

/// A host name of whole, non-empty labels, an IPv4 address, or an IPv6 address in brackets. ASCII only: browsers send
/// international names in punycode (RFC 6454 section 4).
fn host_is_valid(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[') {
        return inner.strip_suffix(']').is_some_and(|v6| v6.parse::<std::net::Ipv6Addr>().is_ok());
    }
    !host.is_empty()
        && host.len() <= 253
        && host
            .split('.')
            .all(|label| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')))
}

#[cfg(test)]
mod tests;
