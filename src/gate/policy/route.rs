//! A route: which requests it takes, and what they must be allowed to do.

use std::sync::Arc;

use super::{Mode, PathPattern};
use crate::gate::{
    capability::{AdminRight, Need, Operation, Operations, Place},
    channel::ChannelSource,
    origin::{HostPattern, Origin},
    request::Transport,
};

/// One entry of `routes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Unique; the metric label.
    pub name: Arc<str>,
    /// Hosts; `None` takes every one.
    pub host: Option<HostRule>,
    /// Paths.
    pub path: PathPattern,
    /// Methods; empty takes every one.
    pub methods: Box<[Box<str>]>,
    /// What a key must be allowed to do.
    pub demand: Demand,
    /// Whether the backend holds keys to their capabilities inside a stream (`enforce_inside: backend`).
    pub enforced_inside: bool,
    /// Whether a WebSocket's client may send no message (`client_messages: deny`).
    pub one_way: bool,
    /// Where requests name their channels.
    pub channel: ChannelSource,
    /// Whether refusals are, where that differs from the policy's.
    pub mode: Option<Mode>,
}

/// The host of a route, compared without its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRule(pub HostPattern);

/// What a route demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Nothing, not even a key.
    Public,
    /// What cannot be had: the end of the list in a policy that reports, where a request without a route still has a way to go.
    Unroutable,
    /// A valid key is enough.
    Any,
    /// The key must hold this operation.
    Operation(Operation),
    /// The key must hold this right to management.
    Admin(AdminRight),
}

/// The first thing in which a route and a request differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    Method,
    Path,
    Host,
}

impl Mismatch {
    /// The name that `explain` prints.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Path => "path",
            Self::Host => "host",
        }
    }
}

impl Route {
    /// Whether the route takes a request.
    #[must_use]
    pub fn matches(&self, host: Option<&str>, path: &str, method: &str) -> bool {
        self.mismatch(host, path, method).is_none()
    }

    /// Why the route does not take a request; `None` if it does.
    #[must_use]
    pub fn mismatch(&self, host: Option<&str>, path: &str, method: &str) -> Option<Mismatch> {
        if !self.methods.is_empty() && !self.methods.iter().any(|own| **own == *method) {
            return Some(Mismatch::Method);
        }
        if !self.path.matches(path) {
            return Some(Mismatch::Path);
        }
        let takes_host = self.host.as_ref().is_none_or(|rule| host.is_some_and(|host| rule.matches(host)));
        (!takes_host).then_some(Mismatch::Host)
    }

    /// Whether requests that flow like this name their channels where the gate looks. A stream's has no body.
    #[must_use]
    pub fn names_channel(&self, transport: Transport) -> bool {
        match self.channel {
            ChannelSource::Unnamed => false,
            ChannelSource::Json(_) => transport == Transport::Http,
            ChannelSource::Fixed(_) | ChannelSource::Path | ChannelSource::Query { .. } | ChannelSource::Header { .. } => true,
        }
    }

    /// What a key needs to hold here, whatever the channel: where a request names none, the operation must be held on every channel,
    /// unless the backend looks. Nobody reads the frames of a WebSocket, so nothing would hold a key to a part of the operations inside
    /// one: unless the backend does, or no message of the client passes, only a key that may do everything on every channel passes.
    #[must_use]
    pub fn needs(&self, transport: Transport) -> Need {
        let (demanded, admin) = match &self.demand {
            Demand::Public | Demand::Unroutable | Demand::Any => (Operations::NONE, None),
            Demand::Operation(operation) => (Operations::NONE.with(*operation), None),
            Demand::Admin(right) => (Operations::NONE, Some(right.clone())),
        };
        if transport == Transport::WebSocket && !self.enforced_inside && !self.one_way {
            return Need { operations: Operations::ALL, place: Place::Everywhere, admin };
        }
        let looked_at = self.enforced_inside || self.names_channel(transport);
        Need { operations: demanded, place: if looked_at { Place::Anywhere } else { Place::Everywhere }, admin }
    }
}

impl HostRule {
    fn matches(&self, host: &str) -> bool {
        Origin::of_host(host, false).is_some_and(|origin| self.0.matches(origin.host()))
    }
}
