//! How clients reach the gate, as values: what the configuration says and the edge brings about.
//!
//! PURE. Knows nothing of how it was written, nor of sockets.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr};

/// A place where clients connect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    /// Over TCP; port 0 is any free one.
    Tcp(SocketAddr),
    /// Through a Unix socket, by the path of its file.
    Unix(PathBuf),
}

/// What the text of an address begins with that is the path of a Unix socket.
pub const UNIX_SCHEME: &str = "unix:";

impl ListenAddress {
    /// The address of a TCP listener.
    #[must_use]
    pub const fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for ListenAddress {
    /// As it is written in a configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX_SCHEME}{}", path.display()),
        }
    }
}

impl FromStr for ListenAddress {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix(UNIX_SCHEME) {
            Some(path) => Ok(Self::Unix(path.into())),
            None => text.parse().map(Self::Tcp),
        }
    }
}
