//! Routes, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{HeaderValue, List, Map, Mode, Text, Upstream, Upstreams};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map with `name`, `match` and `operation`")]
#[schemars(inline)]
pub(in crate::config) struct Route {
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
pub(in crate::config) struct Match {
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
pub(in crate::config) struct Channel {
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
pub(in crate::config) enum ClientMessages {
    Deny,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::config) enum Access {
    Public,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::config) enum Enforcer {
    Backend,
}
