//! How much is let through, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{ByteRate, ByteSize, Count, OrOff, Rate};

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map")]
#[schemars(inline)]
pub(in crate::config) struct Limits {
    /// Connections of all clients together. Default: what the limit of file descriptors has room for.
    pub connections: Option<Count>,
    /// For each key that has no limits of its own. Default: 1000/s, 2000 at once, 10000 connections, no quota.
    pub key: Option<KeyLimit>,
    /// For each WebSocket, by what its client sends; a reload that changes it is for those that open later. Default: without limit.
    pub connection: Option<ConnectionLimit>,
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
pub(in crate::config) enum LimitHeaders {
    Refused,
    All,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map")]
#[schemars(inline)]
pub(in crate::config) struct KeyLimit {
    /// Requests and handshakes: `100/s`, `/m`, `/h` or `/d`, or `off`.
    pub rate: Option<OrOff<Rate>>,
    /// How many may come at once. Default: as many as the rate lets through in a second, at least 1.
    pub burst: Option<Count>,
    /// Streams open at a time, or `off`.
    pub connections: Option<OrOff<Count>>,
    /// What happens to a stream for which there is no place. `reject`: it is refused. `evict_oldest`: it is let in, and the oldest
    /// open stream of the key is ended, for clients that come back before their old connection is known to be gone. Default:
    /// `reject`.
    pub over_connections: Option<OverConnections>,
    /// Requests and handshakes by the calendar, or `off`.
    pub quota: Option<OrOff<Quota>>,
    /// Messages that clients send in all WebSockets of the key together: `100/s` or `600/m`, of which all may come at once, or `off`.
    /// Control frames are none. A reload that changes it is for streams that open later. Default: `off`.
    pub messages: Option<OrOff<Rate>>,
    /// Bytes that clients send in all WebSockets of the key together, as sent: `64KiB/s`, `100MiB/m`, or `off`. Default: `off`.
    pub bytes: Option<OrOff<ByteRate>>,
    /// What happens beyond `messages` and `bytes`. `throttle`: nothing more is read from the client until the rate allows it.
    /// `close`: the stream is ended, by a Close with 1008. Default: `throttle`.
    pub over_rate: Option<OverRate>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map")]
#[schemars(inline)]
pub(in crate::config) struct ConnectionLimit {
    /// Messages: `100/s` or `600/m`, of which all may come at once, or `off`. Control frames are none. Default: `off`.
    pub messages: Option<OrOff<Rate>>,
    /// Bytes, as sent: `64KiB/s`, `100MiB/m`, or `off`. Default: `off`.
    pub bytes: Option<OrOff<ByteRate>>,
    /// The largest message, as sent (compressed, if it is), in all its fragments: `65536`, `64KiB`, `1MiB`, or `off`. A larger one
    /// ends the stream by a Close with 1009, before its payload goes on. Default: `off`.
    pub message_size: Option<OrOff<ByteSize>>,
    /// What happens beyond `messages` and `bytes`. `throttle`: nothing more is read from the client until the rate allows it.
    /// `close`: the stream is ended, by a Close with 1008. Default: `throttle`.
    pub over_rate: Option<OverRate>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::config) enum OverRate {
    Throttle,
    Close,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::config) enum OverConnections {
    Reject,
    EvictOldest,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map with `day` or `month`, or `off`")]
#[schemars(inline)]
pub(in crate::config) struct Quota {
    /// In a day of UTC, or `off`.
    pub day: Option<OrOff<Count>>,
    /// In a calendar month of UTC, or `off`.
    pub month: Option<OrOff<Count>>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map")]
#[schemars(inline)]
pub(in crate::config) struct Limit {
    /// Requests and handshakes: `100/s`, `/m`, `/h` or `/d`, or `off`.
    pub rate: Option<OrOff<Rate>>,
    /// How many may come at once. Default: as many as the rate lets through in a second, at least 1.
    pub burst: Option<Count>,
    /// Connections open at a time, or `off`.
    pub connections: Option<OrOff<Count>>,
}
