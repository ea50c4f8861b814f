//! The configuration as typed. Every field may be absent here: what must be there is asked for by the second stage, so that one
//! run reports what is wrong and what is missing. The comments of the fields are their reference, and what `schema` prints.
//!
//! *Live*: a reload brings a change into force. *Restart*: a reload that changes it is refused; a restart brings it into
//! force, or an upgrade (`keygate serve --upgrade`), but for `control`, by which the running gate is found.

mod collection;
mod credentials;
mod describe;
mod keys;
mod limits;
mod listener;
mod observability;
mod process;
mod route;
mod scalar;
mod streams;
mod timeouts;
mod upstream;

use schemars::JsonSchema;
use serde::Deserialize;

pub(super) use collection::{List, Map};
pub(super) use credentials::{Credentials, Environment, Keys, Permission};
pub(super) use keys::{Browser, Key, KeyFile, Kind, Previous, SecretSource, State as KeyState};
pub(super) use limits::{ConnectionLimit, KeyLimit, LimitHeaders, Limits, OverConnections, OverRate, Quota};
pub(super) use listener::{Listener, ProxyProtocol, Tls};
pub(super) use observability::{AccessLog, Log, LogFormat, Metrics, PerKey};
pub(super) use process::{Admin, Audit, Control, State, Status};
pub(super) use route::{Access, Channel, ClientMessages, Enforcer, Route};
pub use scalar::duration;
pub(super) use scalar::{ByteRate, ByteSize, Count, OrOff, Rate, Span, Text};
pub(super) use streams::{EventStream, HandshakeRefusal, WebSocket};
pub(super) use timeouts::Timeouts;
pub(super) use upstream::{Balance, HashOn, HeaderValue, Health, Pool, TextOr, Upstream, UpstreamTimeouts, Upstreams};

/// Keygate's configuration.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map")]
#[schemars(title = "Keygate configuration", inline, extend("oneOf" = [{ "required": ["upstream"] }, { "required": ["upstreams"] }]))]
pub(super) struct Config {
    /// Where clients connect. Several listeners share everything else. *Restart.*
    #[schemars(required, length(min = 1))]
    pub listeners: Option<List<Listener>>,
    /// What is behind the gate: `host:port`, `http://host:port`, `https://host:port` or `unix:/path`, or a map with several
    /// `addresses`. Required, unless there are `upstreams`. *Live.*
    pub upstream: Option<Upstream>,
    /// What is behind the gate, one for each environment that is let in; in place of `upstream`. Requests without a key, on public
    /// routes and where refusals are only reported, go where live keys go, if those are let in. *Live.*
    pub upstreams: Option<Upstreams>,
    /// Says that live and test keys reach the same backend. Must be `true` where `environments` names both and one `upstream`
    /// serves them. Default: `false`. *Live.*
    pub shared: Option<bool>,
    /// Which keys are let in. *Live.*
    #[schemars(required, length(min = 1))]
    pub environments: Option<List<Environment>>,
    /// Where the keys are. *Live.*
    #[schemars(required)]
    pub keys: Option<Keys>,
    /// Where a key may stand in a request. A place that is named belongs to Keygate: it is read, must be the only one used, and is
    /// never passed on. A place that is not named is left alone. *Live.*
    pub credentials: Option<Credentials>,
    /// What requests must be allowed to do. The first match decides; no match is 404. *Live.*
    #[schemars(required, length(min = 1))]
    pub routes: Option<List<Route>>,
    /// How much is let through. *Live.*
    pub limits: Option<Limits>,
    /// `report`: what would be refused is counted and logged, and passes. Routes and keys can say otherwise. Broken heads and blocked
    /// addresses are refused all the same. Default: `enforce`. *Live.*
    pub mode: Option<Mode>,
    /// Addresses and networks of the proxies in front, whose `X-Forwarded-For`, `Forwarded` and `X-Forwarded-Proto` are believed;
    /// `unix` is whoever connects through a Unix socket.
    /// Default: nobody's. *Live.*
    pub trusted_proxies: Option<List<Text>>,
    /// How long the gate waits for others. *Live.*
    pub timeouts: Option<Timeouts>,
    /// WebSockets. *Live*, also for those that are open.
    pub websocket: Option<WebSocket>,
    /// Event streams (`text/event-stream`). *Live*, also for those that are open.
    pub sse: Option<EventStream>,
    /// What metrics tell. *Live.*
    pub metrics: Option<Metrics>,
    /// What is logged of requests. *Live.*
    pub log: Option<Log>,
    /// Where health and metrics are served, read-only. Default: nowhere. *Restart.*
    pub status: Option<Status>,
    /// Where keys are managed, by programs and in a browser; for keys in a store (`keys.sqlite`). Default: nowhere but over the control
    /// socket. *Restart.*
    pub admin: Option<Admin>,
    /// The audit trail of what is done to keys in a store (`keys.sqlite`). *Live.*
    pub audit: Option<Audit>,
    /// The control socket. *Restart.*
    pub control: Option<Control>,
    /// What outlives the process: blocks (`keygate block`). Default: nothing does. *Restart.*
    pub state: Option<State>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum Mode {
    Enforce,
    Report,
}
