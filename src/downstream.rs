//! How clients are served, as values: what the configuration says and others bring about.
//!
//! PURE. Knows nothing of how it was written, nor of sockets.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

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

/// How long streams may live and be silent, by their kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Streams {
    /// WebSockets.
    pub websocket: StreamSpans,
    /// Event streams.
    pub event_stream: StreamSpans,
}

/// How long a stream may live and be silent; `None` is without limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamSpans {
    /// Without a byte, either way.
    pub idle: Option<Duration>,
    /// In all.
    pub max_age: Option<Duration>,
    /// Without a byte of the client, until it is pinged, and then until it is given up.
    pub ping: Option<Duration>,
}

/// Which answers tell of limits, besides those that a limit refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitHeaders {
    /// Whether the answers to permitted requests do.
    pub on_permitted: bool,
    /// Whether they do in `X-RateLimit-*` too.
    pub x_ratelimit: bool,
}

/// How a WebSocket handshake is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HandshakeRefusal {
    /// By the status of an answer, of which a browser shows a page nothing.
    #[default]
    Http,
    /// The handshake is completed, and the WebSocket closed with a code that a page can read.
    Close,
}

/// Which requests have a line in the access log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Logged {
    /// Those that were refused, by the gate or by the lack of a backend.
    #[default]
    Refused,
    /// Every one.
    All,
    /// None.
    Off,
}
