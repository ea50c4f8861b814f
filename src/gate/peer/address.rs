//! Where a connection comes from.

use std::{
    fmt,
    net::{AddrParseError, IpAddr, Ipv4Addr},
    str::FromStr,
};

/// Where a connection comes from: an IP address, or this machine through a Unix socket, where nobody has an address (unix(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PeerAddress {
    /// From this address.
    Ip(IpAddr),
    /// Through a Unix socket: whoever the mode of its file lets connect.
    Unix,
}

/// How [`PeerAddress::Unix`] is written, in configurations and in logs.
pub const UNIX: &str = "unix";

impl PeerAddress {
    /// The address, if there is one.
    #[must_use]
    pub const fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) => Some(ip),
            Self::Unix => None,
        }
    }

    /// The same, without IPv4 mapped into IPv6 (RFC 4291 section 2.5.5.2).
    #[must_use]
    pub const fn to_canonical(self) -> Self {
        match self {
            Self::Ip(ip) => Self::Ip(ip.to_canonical()),
            Self::Unix => Self::Unix,
        }
    }

    /// Whether what is sent from there never leaves this machine.
    #[must_use]
    pub const fn is_local(self) -> bool {
        match self {
            Self::Ip(ip) => ip.is_loopback(),
            Self::Unix => true,
        }
    }
}

impl From<IpAddr> for PeerAddress {
    fn from(ip: IpAddr) -> Self {
        Self::Ip(ip)
    }
}

impl From<Ipv4Addr> for PeerAddress {
    fn from(ip: Ipv4Addr) -> Self {
        Self::Ip(ip.into())
    }
}

impl From<[u8; 4]> for PeerAddress {
    fn from(ip: [u8; 4]) -> Self {
        Self::Ip(ip.into())
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Unix => f.pad(UNIX),
        }
    }
}

impl FromStr for PeerAddress {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, AddrParseError> {
        if text == UNIX { Ok(Self::Unix) } else { text.parse().map(Self::Ip) }
    }
}
