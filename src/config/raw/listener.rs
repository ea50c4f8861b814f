//! Where clients connect, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{List, Text};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map")]
#[schemars(inline)]
pub(in crate::config) struct Listener {
    /// An IP address and a port; port 0 takes any free one. Or a Unix socket, `unix:/path`; a relative path starts at this file.
    #[schemars(required)]
    pub address: Option<Text>,
    /// Of a Unix socket: the mode of its file, in octal digits and quotes. Whoever may write may connect. Default: `"0660"`.
    #[schemars(regex(pattern = "^[0-7]{3,4}$"))]
    pub mode: Option<Text>,
    /// Serves TLS; over TCP only. Default: none.
    pub tls: Option<Tls>,
    /// Every connection begins with a header of the PROXY protocol, version 1 or 2, which names the client. Default: none does.
    pub proxy_protocol: Option<ProxyProtocol>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map with `trusted`")]
#[schemars(inline)]
pub(in crate::config) struct ProxyProtocol {
    /// Addresses and networks of the proxies that connect here. Connections from elsewhere are closed. On a Unix socket, `unix`:
    /// whoever the mode of its file lets connect.
    #[schemars(required, length(min = 1))]
    pub trusted: Option<List<Text>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map with `certificate` and `key`")]
#[schemars(inline)]
pub(in crate::config) struct Tls {
    /// A PEM file with the chain, the leaf first; relative to this file.
    #[schemars(required)]
    pub certificate: Option<Text>,
    /// A PEM file with the private key; relative to this file.
    #[schemars(required)]
    pub key: Option<Text>,
}
