//! The configuration as typed. Every field may be absent here: what must be there is asked for by the second stage, so that one
//! run reports what is wrong and what is missing. The comments of the fields are their reference, and what `schema` prints.
//!
//! *Live*: a reload brings a change into force. *Restart*: a reload that changes it is refused.

mod collection;
mod describe;
mod keys;
mod process;
mod scalar;
mod upstream;

use schemars::JsonSchema;
use serde::Deserialize;

pub(super) use collection::{List, Map};
pub(super) use keys::{Browser, Key, KeyFile, Kind, Previous, SecretSource, State as KeyState};
pub(super) use process::{Control, State, Status};
pub use scalar::duration;
pub(super) use scalar::{Count, OrOff, Rate, Span, Text};
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
    /// Addresses and networks of the proxies in front, whose `X-Forwarded-For`, `Forwarded` and `X-Forwarded-Proto` are believed.
    /// Default: nobody's. *Live.*
    pub trusted_proxies: Option<List<Text>>,
    /// How long the gate waits for others. *Live.*
    pub timeouts: Option<Timeouts>,
    /// What metrics tell. *Live.*
    pub metrics: Option<Metrics>,
    /// What is logged of requests. *Live.*
    pub log: Option<Log>,
    /// Where health and metrics are served, read-only. Default: nowhere. *Restart.*
    pub status: Option<Status>,
    /// The control socket. *Restart.*
    pub control: Option<Control>,
    /// What outlives the process: blocks (`keygate block`). Default: nothing does. *Restart.*
    pub state: Option<State>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map")]
#[schemars(inline)]
pub(super) struct Listener {
    /// An IP address and a port; port 0 takes any free one.
    #[schemars(required)]
    pub address: Option<Text>,
    /// Serves TLS. Default: plain TCP.
    pub tls: Option<Tls>,
    /// Every connection begins with a header of the PROXY protocol, version 1 or 2, which names the client. Default: none does.
    pub proxy_protocol: Option<ProxyProtocol>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map with `trusted`")]
#[schemars(inline)]
pub(super) struct ProxyProtocol {
    /// Addresses and networks of the proxies that connect here. Connections from elsewhere are closed.
    #[schemars(required, length(min = 1))]
    pub trusted: Option<List<Text>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map with `certificate` and `key`")]
#[schemars(inline)]
pub(super) struct Tls {
    /// A PEM file with the chain, the leaf first; relative to this file.
    #[schemars(required)]
    pub certificate: Option<Text>,
    /// A PEM file with the private key; relative to this file.
    #[schemars(required)]
    pub key: Option<Text>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum Environment {
    Live,
    Test,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map with `file`")]
#[schemars(inline)]
pub(super) struct Keys {
    /// The key file, relative to this one. Read again when it changes; a bad one leaves the last good set in force.
    #[schemars(required)]
    pub file: Option<Text>,
    /// A secret that is mixed into the digests of the key file. Default: none.
    pub pepper: Option<Pepper>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map with `file`; the pepper itself must not stand here")]
#[schemars(inline)]
pub(super) struct Pepper {
    /// The file that holds it, relative to this one: at least 16 bytes, better 32 random ones. A newline at its end is no part of it.
    #[schemars(required)]
    pub file: Option<Text>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map")]
#[schemars(inline)]
pub(super) struct Credentials {
    /// A header whose whole value is the key, or `off`. Default: `x-api-key`.
    pub header: Option<Text>,
    /// `Authorization: Bearer KEY`. Default: `false`.
    pub bearer: Option<bool>,
    /// `Authorization: Basic`, for a key in Ably's spelling (`app.id` as the user, the secret as the password), or a whole key as the user
    /// and no password. Only over TLS, from this machine, or from a trusted proxy that says https. Default: `false`.
    pub basic: Option<bool>,
    /// The name of a cookie that carries a token. A key there is refused: a browser sends cookies for any page. This version verifies no
    /// tokens yet, so that all it does is to keep that cookie from the backend. Default: none.
    pub cookie: Option<Text>,
    /// Query parameters, for clients that can set no header, such as a browser's EventSource. Default: none.
    pub query: Option<List<Text>>,
    /// Whether a secret key may stand in a query, where it ends up in other people's logs. Default: `refuse`.
    pub query_secrets: Option<Permission>,
    /// `Sec-WebSocket-Protocol: keygate, keygate.key.<base64url of KEY>`. Default: `true`.
    pub websocket_protocol: Option<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum Permission {
    Refuse,
    Allow,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map with `name`, `match` and `operation`")]
#[schemars(inline)]
pub(super) struct Route {
    /// Unique; the label in metrics and logs.
    #[schemars(required, regex(pattern = "^[a-z0-9_-]{1,64}$"))]
    pub name: Option<Text>,
    /// Which requests.
    #[schemars(required)]
    pub r#match: Option<Match>,
    /// What the key must be allowed to do: an operation, which it must hold on every channel; `admin`, or a part of it such as
    /// `admin:clients`; or `any` where a valid key is enough. Required, unless `access` is `public`.
    pub operation: Option<Text>,
    /// `backend`: the backend reads `X-Keygate-Capability` and holds keys to it, by the channel that a request names and inside a
    /// WebSocket, so a key passes that holds the operation on any channel. Default: nobody does. Then a key passes only with the
    /// operation on every channel, and opens a WebSocket only with every operation on every channel.
    pub enforce_inside: Option<Enforcer>,
    /// `deny`: no message of the client passes inside a WebSocket, so that keys that hold `operation` on the route's channel can open
    /// one. Default: messages pass.
    pub client_messages: Option<ClientMessages>,
    /// Where a request names its channel, on which the key must hold `operation`. `{channel}` in the path is another way to say it.
    /// Default: nowhere, and the key must hold `operation` on every channel.
    pub channel: Option<Channel>,
    /// `report` or `enforce`, for this route. Default: as `mode` of the configuration.
    pub mode: Option<Mode>,
    /// `public`: no key is asked for. Only on a path without wildcards, and without `operation`.
    pub access: Option<Access>,
    /// Where these requests go. Serves both environments only where `shared: true` stands at the top. Default: as at the top.
    pub upstream: Option<Upstream>,
    /// Where these requests go, one for each environment that is let in; in place of `upstream`.
    pub upstreams: Option<Upstreams>,
    /// The path that the backend sees. Its nth `*` is what the nth `*` of `match.path` matched, `{channel}` what `{channel}`
    /// matched, `**` at its end what `**` matched.
    /// Default: the path as it came.
    pub rewrite: Option<Text>,
    /// Headers of the request to the backend, by name: text, `{env: NAME}` or `{file: path}`. Each takes the place of whatever the
    /// client sent under a name that differs only in case, `-`, `_` and `.`. A file is read with the configuration, its last newline
    /// left out; after a change of only the file, `keygate reload`.
    pub set_headers: Option<Map<HeaderValue>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map with `path`")]
#[schemars(inline)]
pub(super) struct Match {
    /// A host, without its port, or `*.` before one. Default: every host.
    pub host: Option<Text>,
    /// A path; `*` is one segment, `{channel}` one that names the channel, and `**` at the end any number of them.
    #[schemars(required)]
    pub path: Option<Text>,
    /// Methods. Default: every method.
    #[schemars(length(min = 1))]
    pub methods: Option<List<Text>>,
}

/// One of the first four.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map with `json`, `query`, `header` or `fixed`")]
#[schemars(inline)]
pub(super) struct Channel {
    /// A JSON Pointer into the body, such as `/channel`: to a text or a list of texts. Where it meets a list, it goes on in every item.
    pub json: Option<Text>,
    /// A query parameter.
    pub query: Option<Text>,
    /// A header.
    pub header: Option<Text>,
    /// This channel, whatever the request says.
    pub fixed: Option<Text>,
    /// `,` or `|` between several channels in a query or header, all of which must be held. Default: there is one channel.
    pub separator: Option<Text>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum ClientMessages {
    Deny,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum Access {
    Public,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum Enforcer {
    Backend,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map")]
#[schemars(inline)]
pub(super) struct Limits {
    /// Connections of all clients together. Default: what the limit of file descriptors has room for.
    pub connections: Option<Count>,
    /// For each key that has no limits of its own. Default: 1000/s, 2000 at once, 10000 connections, no quota.
    pub key: Option<KeyLimit>,
    /// For each client address (IPv6 by /64). Its rate is charged by refusals only: it bounds guessing, and never slows down who
    /// has a key. Default: without limit.
    pub ip: Option<Limit>,
    /// Which answers tell of limits (`RateLimit-Policy` and `RateLimit`, draft-ietf-httpapi-ratelimit-headers-11): those that a
    /// limit `refused`, or `all` to requests with a key, in place of the backend's own. Default: `refused`.
    pub headers: Option<LimitHeaders>,
    /// Adds `X-RateLimit-Limit`, `-Remaining` and `-Reset`, of the most restrictive limit; `-Reset` is in seconds from now.
    /// Default: `false`.
    pub x_ratelimit: Option<bool>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum LimitHeaders {
    Refused,
    All,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map")]
#[schemars(inline)]
pub(super) struct KeyLimit {
    /// Requests and handshakes: `100/s`, `/m`, `/h` or `/d`, or `off`.
    pub rate: Option<OrOff<Rate>>,
    /// How many may come at once. Default: as many as the rate lets through in a second, at least 1.
    pub burst: Option<Count>,
    /// Streams open at a time, or `off`.
    pub connections: Option<OrOff<Count>>,
    /// Requests and handshakes by the calendar, or `off`.
    pub quota: Option<OrOff<Quota>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map with `day` or `month`, or `off`")]
#[schemars(inline)]
pub(super) struct Quota {
    /// In a day of UTC, or `off`.
    pub day: Option<OrOff<Count>>,
    /// In a calendar month of UTC, or `off`.
    pub month: Option<OrOff<Count>>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map")]
#[schemars(inline)]
pub(super) struct Limit {
    /// Requests and handshakes: `100/s`, `/m`, `/h` or `/d`, or `off`.
    pub rate: Option<OrOff<Rate>>,
    /// How many may come at once. Default: as many as the rate lets through in a second, at least 1.
    pub burst: Option<Count>,
    /// Connections open at a time, or `off`.
    pub connections: Option<OrOff<Count>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum Mode {
    Enforce,
    Report,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map")]
#[schemars(inline)]
pub(super) struct Timeouts {
    /// For a client to send a whole request head. Default: `10s`.
    pub head: Option<Span>,
    /// For the next request on a kept connection. Default: `60s`.
    pub idle: Option<Span>,
    /// For the next 16 KiB of a body, or its end: for the client to send them, and to take them in. Only waiting for the client
    /// counts. `off` is for clients whose requests stream for long. Default: `60s`.
    pub body: Option<OrOff<Span>>,
    /// To connect to the backend. Default: `5s`.
    pub connect: Option<Span>,
    /// For the head of the backend's response. Default: `60s`.
    pub upstream_head: Option<Span>,
    /// Between bytes of a body, from or to the backend. Not shorter than `upstream_head`. WebSockets and event streams may be silent
    /// as long as they like. Default: `60s`, or `upstream_head` where that is longer.
    pub upstream_idle: Option<Span>,
    /// To finish what is open on shutdown. Default: `25s`.
    pub drain: Option<Span>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map")]
#[schemars(inline)]
pub(super) struct Metrics {
    /// `off`, the default, is the only choice so far: no key id is a label.
    pub per_key: Option<PerKey>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum PerKey {
    Off,
    #[schemars(skip)]
    Top,
    #[schemars(skip)]
    All,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map")]
#[schemars(inline)]
pub(super) struct Log {
    /// Which requests have a line. Default: `refused`.
    pub access: Option<AccessLog>,
    /// Default: `json`.
    pub format: Option<LogFormat>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum AccessLog {
    Refused,
    All,
    Off,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum LogFormat {
    Json,
    Text,
}
