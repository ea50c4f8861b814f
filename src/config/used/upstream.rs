//! Where requests go: upstreams as the rest of the program uses them.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use crate::gate::{credential::Environment, policy::Rewrite};

/// What becomes of the requests of one route.
#[derive(Clone, Debug)]
pub struct Forward {
    /// Where requests with live keys go; `None` where no such key is let in.
    pub live: Option<Arc<Upstream>>,
    /// Where requests with test keys go; `None` where no such key is let in.
    pub test: Option<Arc<Upstream>>,
    /// The path that the backend sees; `None` leaves it as it came.
    pub rewrite: Option<Rewrite>,
    /// Headers of the request to the backend, no two of one name.
    pub headers: Vec<SetHeader>,
}

impl Forward {
    /// Where requests with keys of `environment` go.
    #[must_use]
    pub const fn upstream(&self, environment: Environment) -> Option<&Arc<Upstream>> {
        match environment {
            Environment::Live => self.live.as_ref(),
            Environment::Test => self.test.as_ref(),
        }
    }
}

/// Servers that do the same work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Where it stands in the configuration: `upstream`, `upstreams.live`, `routes.api.upstream`. The label in metrics.
    pub name: Arc<str>,
    /// At least one, no two of them equal.
    pub addresses: Vec<Address>,
    /// How one of them is chosen.
    pub balance: Balance,
    /// How they are checked; `None` is not at all.
    pub health: Option<Health>,
    /// How long the gate waits for them.
    pub timeouts: UpstreamTimeouts,
}

/// The address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A host by name or address (an IPv6 address without brackets).
    Tcp { host: String, port: u16, tls: bool },
    /// A Unix socket.
    Unix(PathBuf),
}

/// How one of several addresses is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Balance {
    /// One after the other.
    RoundRobin,
    /// The one with the fewest exchanges and streams of this gate.
    LeastConnections,
    /// Always the same one for what is equal.
    ConsistentHash(HashOn),
}

/// What requests that belong together have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashOn {
    /// The client's address.
    Ip,
    /// The id of the key.
    Key,
    /// The first value of a header.
    Header(Box<str>),
    /// The first value of a parameter of the query, as sent.
    Query(Box<str>),
}

/// How addresses are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// What is asked for by `GET`; `None` only connects.
    pub path: Option<Box<str>>,
    /// From the end of one round of checks to the next.
    pub interval: Duration,
    /// How long one check may take.
    pub timeout: Duration,
    /// How many must pass in a row before an address is used again.
    pub healthy: u32,
    /// How many must fail in a row before an address is passed over.
    pub unhealthy: u32,
}

/// How long the gate waits for an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpstreamTimeouts {
    /// To connect, to each address.
    pub connect: Duration,
    /// For the head of the response.
    pub head: Duration,
    /// Between bytes of a body; not shorter than `head`.
    pub idle: Duration,
}

/// A header of the request to the backend. Its value may be a secret, and is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SetHeader {
    /// As the backend sees it.
    pub name: Box<str>,
    /// Visible ASCII and spaces, at least one byte.
    pub value: Box<str>,
}

impl fmt::Debug for SetHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: …", self.name)
    }
}

impl fmt::Display for Address {
    /// As it is written in a configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp { host, port, tls } => {
                let scheme = if *tls { "https://" } else { "" };
                if host.contains(':') { write!(f, "{scheme}[{host}]:{port}") } else { write!(f, "{scheme}{host}:{port}") }
            }
        }
    }
}
