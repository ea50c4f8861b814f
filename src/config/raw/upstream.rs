//! Upstreams as typed, and what a route makes of a request on its way to one.

use std::{fmt, marker::PhantomData};

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer,
    de::{Error, IntoDeserializer, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::{Count, List, SecretSource, Span, Text};

/// Text, or a map for those who want more.
#[derive(JsonSchema)]
#[schemars(untagged, inline)]
pub(in crate::config) enum TextOr<T> {
    Text(Text),
    Map(T),
}

/// A map that text may stand for.
pub(in crate::config) trait Longhand {
    /// What may stand there, for messages.
    const EXPECTED: &'static str;
}

/// One backend, by its address or as a map.
pub(in crate::config) type Upstream = TextOr<Pool>;

/// One upstream for each environment that is let in.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map with `live` and `test`")]
#[schemars(inline)]
pub(in crate::config) struct Upstreams {
    /// Where requests with live keys go.
    pub live: Option<Upstream>,
    /// Where requests with test keys go.
    pub test: Option<Upstream>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct Pool {
    /// Servers that do the same work: each `host:port`, `http://host:port`, `https://host:port` or `unix:/path`. Where one cannot be
    /// connected to, the next is tried.
    #[schemars(required, length(min = 1, max = 64))]
    pub addresses: Option<List<Text>>,
    /// How one of the addresses is chosen. Default: `round_robin`.
    pub balance: Option<Balance>,
    /// Of `consistent_hash`: what requests that belong together have in common: `key`, the key's id, `ip`, the client's address,
    /// `{header: NAME}` or `{query: NAME}`. Requests without it are spread evenly. Default: `key`.
    pub hash_on: Option<TextOr<HashOn>>,
    /// Checks of the addresses; those that fail are passed over while another is left. Default: none.
    pub health: Option<Health>,
    /// How long the gate waits for these servers. Default: as in `timeouts`.
    pub timeouts: Option<UpstreamTimeouts>,
}

/// How one of several addresses is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::config) enum Balance {
    RoundRobin,
    LeastConnections,
    ConsistentHash,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct HashOn {
    /// The first value of this header.
    pub header: Option<Text>,
    /// The first value of this parameter of the query, as sent.
    pub query: Option<Text>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map; `{}` checks by connecting")]
#[schemars(inline)]
pub(in crate::config) struct Health {
    /// What is asked for by `GET`; the answer must be a 2xx. Default: it is enough that a connection can be made, with TLS where the
    /// address has it.
    pub path: Option<Text>,
    /// From the end of one round of checks to the next. Default: `5s`.
    pub interval: Option<Span>,
    /// How long one check may take. Default: `1s`.
    pub timeout: Option<Span>,
    /// So many checks in a row must pass before an address that failed is used again. Default: 2.
    pub healthy: Option<Count>,
    /// So many checks in a row must fail before an address is passed over. Default: 3.
    pub unhealthy: Option<Count>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map")]
#[schemars(inline)]
pub(in crate::config) struct UpstreamTimeouts {
    /// To connect, to each address. Default: `timeouts.connect`.
    pub connect: Option<Span>,
    /// For the head of the response. Default: `timeouts.upstream_head`.
    pub head: Option<Span>,
    /// Between bytes of a response's body or a request's. Not shorter than `head`. Default: `timeouts.upstream_idle`.
    pub idle: Option<Span>,
}

/// The value of a header: text, or where it stands.
pub(in crate::config) type HeaderValue = TextOr<SecretSource>;

impl Longhand for Pool {
    const EXPECTED: &'static str = "text or a map with `addresses`";
}

impl Longhand for HashOn {
    const EXPECTED: &'static str = "`key`, `ip`, `{header: NAME}` or `{query: NAME}`";
}

impl Longhand for SecretSource {
    const EXPECTED: &'static str = "text, `{env: NAME}` or `{file: path}`";
}

impl<'de, T: Deserialize<'de> + Longhand> Deserialize<'de> for TextOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrVisitor(PhantomData))
    }
}

struct TextOrVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Longhand> Visitor<'de> for TextOrVisitor<T> {
    type Value = TextOr<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<TextOr<T>, E> {
        Text::deserialize(text.into_deserializer()).map(TextOr::Text)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TextOr<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(TextOr::Map)
    }
}
