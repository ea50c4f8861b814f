//! Where permitted requests go, as values: what the configuration says and the edge brings about.
//!
//! PURE. Knows nothing of how it was written, nor of connections; of the gate only what a route is.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use crate::gate::{credential::Environment, policy::Rewrite};

/// The most addresses that an upstream may have: those that a request has tried are bits of a word, and more servers than this want
/// a balancer of their own.
pub const MAX_ADDRESSES: usize = 64;

/// What becomes of the requests of one route.
#[derive(Clone, Debug)]
pub struct ForwardSpec {
    /// Where requests with live keys go; `None` where no such key is let in.
    pub live: Option<Arc<UpstreamSpec>>,
    /// Where requests with test keys go; `None` where no such key is let in.
    pub test: Option<Arc<UpstreamSpec>>,
    /// The path that the backend sees; `None` leaves it as it came.
    pub rewrite: Option<Rewrite>,
    /// Headers of the request to the backend, no two of one name.
    pub headers: Vec<SetHeader>,
}

impl ForwardSpec {
    /// Where requests with keys of `environment` go.
    #[must_use]
    pub const fn upstream(&self, environment: Environment) -> Option<&Arc<UpstreamSpec>> {
        match environment {
            Environment::Live => self.live.as_ref(),
            Environment::Test => self.test.as_ref(),
        }
    }
}

/// Servers that do the same work. Two that are equal are one upstream, over a reload too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamSpec {
    /// Where it stands in the configuration: `upstream`, `upstreams.live`, `routes.api.upstream`. The label in metrics.
    pub name: Arc<str>,
    /// One to [`MAX_ADDRESSES`], no two of them equal.
    pub addresses: Vec<Backend>,
    /// How one of them is chosen.
    pub balance: Balance,
    /// How they are checked; `None` is not at all.
    pub health: Option<HealthChecks>,
    /// How long the gate waits for them.
    pub timeouts: UpstreamTimeouts,
}

/// The address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A host by name or address (an IPv6 address without brackets). With TLS where `tls` says so; the certificate must be good for
    /// `host`.
    Tcp { host: String, port: u16, tls: bool },
    /// A Unix socket.
    Unix(PathBuf),
}

impl Backend {
    /// What a request of the gate's own says in `Host`.
    #[must_use]
    pub fn authority(&self) -> String {
        match self {
            Self::Unix(_) => "localhost".to_owned(),
            Self::Tcp { host, port, .. } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Tcp { host, port, .. } => format!("{host}:{port}"),
        }
    }
}

impl fmt::Display for Backend {
    /// As it is written in a configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp { tls: true, .. } => write!(f, "https://{}", self.authority()),
            Self::Tcp { tls: false, .. } => f.write_str(&self.authority()),
        }
    }
}

/// How one of several addresses is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Balance {
    /// One after the other.
    RoundRobin,
    /// The one with the fewest exchanges and streams of this gate.
    LeastConnections,
    /// Always the same one for what is equal, and for most of it still when addresses come or go.
    ConsistentHash(HashOn),
}

/// What requests that belong together have in common. Those without it are spread evenly.
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
pub struct HealthChecks {
    /// What is asked for by `GET`, where a 2xx is health; `None` only connects.
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
    /// From the end of a request to the end of the answer's head.
    pub head: Duration,
    /// Between bytes of a body, either way; not shorter than `head`.
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
