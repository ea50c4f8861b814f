//! The configuration as the rest of the program uses it: checked, complete, with every default filled in.

use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use crate::{
    downstream::{HandshakeRefusal, LimitHeaders, ListenAddress, Logged, Streams},
    gate::{
        credential::{Pepper, VerifyKey},
        keys::KeyLimits,
        peer::Networks,
        policy::Policy,
    },
    upstream::{ForwardSpec, UpstreamTimeouts},
};

/// All of a configuration file.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where clients connect; at least one.
    pub listeners: Vec<Listener>,
    /// What becomes of permitted requests, in the order of the policy's routes.
    pub forwards: Vec<ForwardSpec>,
    /// Where the keys are.
    pub keys: KeySource,
    /// The limits of keys that have none of their own.
    pub key_limits: Arc<KeyLimits>,
    /// What decisions are made by.
    pub policy: Policy,
    /// Which answers tell of limits.
    pub limit_headers: LimitHeaders,
    /// Caps on client connections.
    pub limits: ConnectionLimits,
    /// How long the gate waits for others.
    pub timeouts: Timeouts,
    /// How long streams may live and be silent.
    pub streams: Streams,
    /// How WebSocket handshakes are refused.
    pub handshake_refusal: HandshakeRefusal,
    /// What is logged of requests.
    pub log: Log,
    /// Where health and metrics are served; `None` is nowhere.
    pub status: Option<SocketAddr>,
    /// Where keys are managed; `None` is nowhere but over the control socket.
    pub admin: Option<Admin>,
    /// How long the audit trail of managed keys goes back; `None` is for ever.
    pub audit_keep: Option<Duration>,
    /// The control socket; `None` leaves the place to the program.
    pub control: Option<PathBuf>,
    /// Where blocks are kept over a restart; `None` is nowhere.
    pub state: Option<PathBuf>,
}

/// A place where clients connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Port 0 takes any free one.
    pub address: ListenAddress,
    /// Of the file, if it is a Unix socket.
    pub mode: u32,
    /// `None` is plain TCP.
    pub tls: Option<Tls>,
    /// Whose PROXY protocol is spoken here; `None` is nobody's.
    pub proxy_protocol: Option<Networks>,
}

/// The identity of a TLS listener, in PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The chain, the leaf first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Where the keys are.
#[derive(Clone, Debug)]
pub struct KeySource {
    /// In what.
    pub place: KeyPlace,
    /// What their digests are mixed with.
    pub pepper: Option<Arc<Pepper>>,
}

/// What keys are kept in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// A key file, which somebody else writes.
    File(PathBuf),
    /// A store, in which this gate manages them.
    Sqlite(PathBuf),
    /// Another gate, which manages them and which this one follows.
    Manager(Box<Manager>),
}

/// A gate that manages the keys of this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manager {
    /// Where it gives them.
    pub url: Box<str>,
    /// What this gate shows it.
    pub token: BearerToken,
    /// What its signatures are checked with.
    pub verify: VerifyKey,
    /// PEM certificates to trust, besides those of this machine.
    pub ca: Option<PathBuf>,
    /// Where the last good keys are kept.
    pub cache: PathBuf,
    /// What it calls this gate; `None` is by the name of this machine.
    pub name: Option<Box<str>>,
    /// How long keys are good after it was heard last.
    pub max_stale: Duration,
}

/// Where a manager gives its keys, as its management API has it; what else it has for gates stands below.
pub const SNAPSHOT_PATH: &str = "/v1/snapshot";

impl Manager {
    /// The address of its management API.
    #[must_use]
    pub fn address(&self) -> &str {
        self.url.strip_suffix(SNAPSHOT_PATH).unwrap_or(&self.url)
    }
}

/// A token that is shown to somebody. It cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct BearerToken(Box<str>);

impl BearerToken {
    /// The token with this text.
    #[must_use]
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// Its text, for whoever it is to be shown to.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(…)")
    }
}

/// Where keys are managed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Port 0 takes any free one.
    pub address: SocketAddr,
    /// `None` is plain HTTP.
    pub tls: Option<Tls>,
    /// Names by which it may be asked for, besides its address.
    pub hosts: Vec<Box<str>>,
}

/// Caps on client connections, taken at accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Of all clients together; `None` leaves it to the limit of file descriptors.
    pub connections: Option<u32>,
    /// Of one peer; `None` is without limit.
    pub per_peer: Option<u32>,
}

/// How long the gate waits for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a client to send a whole request head.
    pub head: Duration,
    /// For the next request on a kept connection.
    pub idle: Duration,
    /// For the next 16 KiB of a body, sent by the client or taken in by it; `None` is without limit.
    pub body: Option<Duration>,
    /// What holds for upstreams that say nothing of their own.
    pub upstream: UpstreamTimeouts,
    /// To finish what is open on shutdown.
    pub drain: Duration,
}

/// What is logged of requests, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// Which requests.
    pub access: Logged,
    /// In which form.
    pub format: LogFormat,
}

/// The form of a line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object.
    Json,
    /// For people.
    Text,
}

/// The fields that `new` changes and that only a restart can bring into force. All others are live.
#[must_use]
pub fn restart_only_changes(running: &Config, new: &Config) -> Vec<&'static str> {
    let mut changed = Vec::new();
    if running.listeners != new.listeners {
        changed.push("listeners");
    }
    if running.status != new.status {
        changed.push("status");
    }
    // A key file is followed wherever it is said to be; a store is opened once.
    let is_file = |config: &Config| matches!(config.keys.place, KeyPlace::File(_));
    if running.keys.place != new.keys.place && !(is_file(running) && is_file(new)) {
        changed.push("keys");
    }
    if running.admin != new.admin {
        changed.push("admin");
    }
    if running.control != new.control {
        changed.push("control");
    }
    if running.state != new.state {
        changed.push("state");
    }
    changed
}
