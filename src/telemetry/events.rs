//! The events. Each carries what its metrics and its log line need, borrowed from whoever saw it happen.

use std::{sync::Arc, time::Duration};

use crate::gate::{
    credential::Location,
    denial::Denial,
    keys::{KeyRecord, KeySet},
    peer::PeerAddress,
    request::Transport,
};

/// The gate decided about a request.
pub struct Decided<'a> {
    /// The route, where one matched.
    pub route: Option<&'a Arc<str>>,
    /// How the answer would flow.
    pub transport: Transport,
    /// What was decided.
    pub outcome: Outcome,
    /// Where the credential stood, of a permit.
    pub location: Option<Location>,
    /// How long it took.
    pub took: Duration,
}

/// What was decided about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It passes.
    Allow,
    /// It is refused.
    Deny(Denial),
    /// It passes where it would have been refused, had the mode not been to report that only.
    Report(Denial),
}

impl Outcome {
    /// The metric label and the word in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny(_) => "deny",
            Self::Report(_) => "report",
        }
    }
}

/// An exchange is over: one request and its answer, whoever gave it.
pub struct Exchange<'a> {
    /// Also in the answer and at the backend.
    pub request_id: &'a str,
    /// The client.
    pub peer: PeerAddress,
    /// As sent.
    pub method: &'a str,
    /// As sent, without the query, which may hold a credential.
    pub path: &'a str,
    /// Why it was refused; `None` for what the backend answered.
    pub denial: Option<Denial>,
    /// Why it would have been refused, had the mode not been to report that only.
    pub reported: Option<Denial>,
    /// The rule that a head broke.
    pub detail: Option<&'a str>,
    /// The `Origin` header of a refusal, which tells whose page it was.
    pub origin: Option<&'a str>,
    /// The key, where the credential was one's.
    pub key: Option<&'a KeyRecord>,
    /// The route, where one matched.
    pub route: Option<&'a str>,
    /// How the answer flowed.
    pub transport: Transport,
    /// The status of the answer; 0 if none was sent.
    pub status: u16,
    /// From the end of the head to the end of the answer.
    pub took: Duration,
    /// A browser presented a secret key and was let through.
    pub browser_report: bool,
}

/// A stream was opened.
pub struct Opened {
    /// What kind.
    pub transport: Transport,
}

/// A stream ended.
pub struct Ended {
    /// What kind.
    pub transport: Transport,
    /// Who ended it.
    pub initiator: Initiator,
    /// Why: one of a closed list of names.
    pub reason: &'static str,
    /// How long it lived.
    pub lived: Duration,
    /// Bytes from the client.
    pub received: u64,
    /// Bytes to the client.
    pub sent: u64,
    /// Messages from the client and to it, of a WebSocket.
    pub messages: [u64; 2],
}

/// Who ended a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initiator {
    Client,
    Upstream,
    Gate,
}

impl Initiator {
    /// The metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Upstream => "upstream",
            Self::Gate => "gate",
        }
    }
}

/// Which limit was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitScope {
    Key,
    Ip,
    Gate,
}

impl LimitScope {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Key, Self::Ip, Self::Gate];

    /// The metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Ip => "ip",
            Self::Gate => "gate",
        }
    }
}

/// The backend failed the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamError {
    Connect,
    ConnectTimeout,
    HeadTimeout,
    Closed,
    Protocol,
}

impl UpstreamError {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Connect, Self::ConnectTimeout, Self::HeadTimeout, Self::Closed, Self::Protocol];

    /// The metric label.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::ConnectTimeout => "connect_timeout",
            Self::HeadTimeout => "head_timeout",
            Self::Closed => "closed",
            Self::Protocol => "protocol",
        }
    }

    /// What the client is told.
    #[must_use]
    pub const fn denial(self) -> Denial {
        match self {
            Self::Connect | Self::Closed => Denial::UpstreamUnreachable,
            Self::ConnectTimeout | Self::HeadTimeout => Denial::UpstreamTimeout,
            Self::Protocol => Denial::UpstreamProtocol,
        }
    }
}

/// Somebody who is no trusted proxy sent `X-Forwarded-For` or `Forwarded`.
pub struct Unheard {
    /// The address of the socket.
    pub socket: PeerAddress,
}

/// Why a connection that should begin with a header of the PROXY protocol was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyHeaderError {
    /// It comes from an address whose header would not be believed.
    Untrusted,
    /// No whole header came before the end or the deadline.
    Missing,
    /// What came is no header.
    Malformed,
}

impl ProxyHeaderError {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Untrusted, Self::Missing, Self::Malformed];

    /// The metric label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Untrusted => "untrusted",
            Self::Missing => "missing",
            Self::Malformed => "malformed",
        }
    }
}

/// The configuration was read again.
pub struct Reload {
    /// Whether it took effect.
    pub successful: bool,
    /// Whether its keys are then those of their source: those of a gate that follows come from its copy.
    pub from_source: bool,
}

/// A key set took effect.
pub struct KeySetLoaded<'a> {
    /// Of the snapshot.
    pub generation: u64,
    /// The set.
    pub keys: &'a KeySet,
}
