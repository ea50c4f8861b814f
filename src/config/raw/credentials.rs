//! Which keys are let in, where they are, and where a request may present one, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{List, SecretSource, Span, Text};

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::config) enum Environment {
    Live,
    Test,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map with `file`, `sqlite` or `url`")]
#[schemars(inline, extend("oneOf" = [
    { "required": ["file"] },
    { "required": ["sqlite"] },
    { "required": ["url", "token", "verify", "cache"] },
]))]
pub(in crate::config) struct Keys {
    /// The key file, relative to this one, for keys that are managed elsewhere, such as in git. Read again when it changes; a bad one
    /// leaves the last good set in force. *Live.*
    pub file: Option<Text>,
    /// The store of the keys that this gate manages, relative to this file: an SQLite database, for its owner only, in a folder that the
    /// gate may write to. `keygate admin-token create` makes it. *Restart.*
    pub sqlite: Option<Text>,
    /// Where another gate, which manages the keys, gives them to this one: `https://keys.example.com:9181/v1/snapshot`. *Restart*, with all
    /// that goes with it.
    pub url: Option<Text>,
    /// For `url`: where the token stands that this gate shows to the manager. `keygate admin-token create --role gate` makes it.
    pub token: Option<SecretSource>,
    /// For `url`: the public key of the manager, `ed25519:…`; what it has not signed is not believed. `keygate gates verify-key` prints it.
    pub verify: Option<Text>,
    /// For `url`: a PEM file with certificates to trust, relative to this one, besides those of this machine.
    pub ca: Option<Text>,
    /// For `url`: the file, relative to this one, in which the gate keeps the last good keys and what was revoked, so that it can start while
    /// the manager is away; in a folder that the gate may write to, and no other gate's.
    pub cache: Option<Text>,
    /// For `url`: what the manager calls this gate in receipts and in its metrics. Default: the name of the machine or pod.
    pub name: Option<Text>,
    /// For `url`: how long the last good keys are good after the manager was heard last; then every request is 503, and what is open stays.
    /// Default: `1h`.
    pub max_stale: Option<Span>,
    /// A secret that is mixed into the digests of keys. Default: none.
    pub pepper: Option<Pepper>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map with `file`; the pepper itself must not stand here")]
#[schemars(inline)]
pub(in crate::config) struct Pepper {
    /// The file that holds it, relative to this one: at least 16 bytes, better 32 random ones. A newline at its end is no part of it.
    #[schemars(required)]
    pub file: Option<Text>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map")]
#[schemars(inline)]
pub(in crate::config) struct Credentials {
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
pub(in crate::config) enum Permission {
    Refuse,
    Allow,
}
