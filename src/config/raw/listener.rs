//! Where clients connect, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{List, Text};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map")]
#[schemars(inline)]
pub(in crate::config) struct Listener {
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
pub(in crate::config) struct ProxyProtocol {
    /// Addresses and networks of the proxies that connect here. Connections from elsewhere are closed.
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
