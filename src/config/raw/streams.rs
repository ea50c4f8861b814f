//! How long streams may live and be silent, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{OrOff, Span};

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map")]
#[schemars(inline)]
pub(in crate::config) struct WebSocket {
    /// How a handshake is refused: `http`, by the status of an answer, of which a browser tells a page nothing, or `close`: it is
    /// completed, and closed with 4000 and that status, such as 4401, and the code of the refusal as the reason. Default: `http`.
    pub refusal: Option<HandshakeRefusal>,
    /// How long nothing may flow in it, either way; then it is closed with 1001. What only answers a ping of the gate flows, too.
    /// Default: `off`.
    pub idle: Option<OrOff<Span>>,
    /// How long it may live; then it is closed with 1012, which tells the client to connect again. Of streams that began together, the
    /// first are closed a tenth earlier. Default: `off`.
    pub max_age: Option<OrOff<Span>>,
    /// After how long without a byte of the client it is pinged; it is closed if it is silent for as long again. Default: `off`.
    pub ping: Option<OrOff<Span>>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::config) enum HandshakeRefusal {
    Http,
    Close,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map")]
#[schemars(inline)]
pub(in crate::config) struct EventStream {
    /// How long the backend may send nothing; then the stream is ended. Default: `off`.
    pub idle: Option<OrOff<Span>>,
    /// How long it may live; then it is ended. Of streams that began together, the first are ended a tenth earlier. Default: `off`.
    pub max_age: Option<OrOff<Span>>,
}
