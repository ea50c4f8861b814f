//! How long the gate waits for others, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{OrOff, Span};

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map")]
#[schemars(inline)]
pub(in crate::config) struct Timeouts {
    /// For a client to send a whole request head. Default: `10s`.
    pub head: Option<Span>,
    /// For the next request on a kept connection. Default: `60s`.
    pub idle: Option<Span>,
    /// For the next 16 KiB of a body, or its end: for the client to send them, and to take them in; in a WebSocket or an event stream, to
    /// take in what it is sent. Only waiting for the client counts. `off` is for clients whose requests stream for long. Default: `60s`.
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
