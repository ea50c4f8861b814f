//! The part of the configuration that is about the process itself: where it is watched and steered, and what it remembers.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{List, OrOff, Span, Text, listener::Tls};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map with `address`")]
#[schemars(inline)]
pub(in crate::config) struct Status {
    /// An IP address and a port. Not for the public: metrics tell of your traffic.
    #[schemars(required)]
    pub address: Option<Text>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map with `address`")]
#[schemars(inline)]
pub(in crate::config) struct Admin {
    /// An IP address and a port. Other addresses than this machine's own (`127.0.0.1`, `::1`) need `tls`: who listens in on a token has
    /// all keys.
    #[schemars(required)]
    pub address: Option<Text>,
    /// Serves TLS. Default: plain HTTP, on this machine only.
    pub tls: Option<Tls>,
    /// Names by which browsers and programs may ask, besides the address itself and `localhost`: a page of another name that leads here
    /// gets no answer. Default: none.
    pub hosts: Option<List<Text>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map with `keep`")]
#[schemars(inline)]
pub(in crate::config) struct Audit {
    /// How long records are kept, at least `1d`: older ones are forgotten when the gate starts and once an hour, which has a record of its
    /// own. What is left can be verified all the same. `off`: for ever. Default: `off`.
    pub keep: Option<OrOff<Span>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map with `socket`")]
#[schemars(inline)]
pub(in crate::config) struct Control {
    /// The path of a Unix socket, relative to this file; only for the user that the gate runs as.
    #[schemars(required)]
    pub socket: Option<Text>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map with `file`")]
#[schemars(inline)]
pub(in crate::config) struct State {
    /// The file that the gate writes, relative to this one; its folder must be one that the gate may write to, and the file is no other
    /// gate's. A gate whose file cannot be read does not start.
    #[schemars(required)]
    pub file: Option<Text>,
}
