//! What the composition root says of an upstream. Two that are equal are one over a reload.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

/// An upstream as it is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamSpec {
    /// What metrics and logs call it.
    pub name: Arc<str>,
    /// One to [`MAX_ADDRESSES`](super::MAX_ADDRESSES), no two of them equal.
    pub addresses: Vec<Backend>,
    /// How one of them is chosen.
    pub balance: Balance,
    /// How they are checked; `None` is not at all.
    pub health: Option<HealthChecks>,
    /// How long things may take.
    pub timeouts: UpstreamTimeouts,
}

/// The address of a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// TCP, with TLS where `tls` says so; the certificate must be good for `host`.
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

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpstreamTimeouts {
    /// To connect, to each address.
    pub connect: Duration,
    /// From the end of a request to the end of the answer's head.
    pub head: Duration,
    /// Between bytes of a body, either way; not shorter than `head`.
    pub idle: Duration,
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
