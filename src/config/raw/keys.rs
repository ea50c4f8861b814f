//! The key file as typed. All of it is live.
//!
//! Nothing here can be printed: the types have no `Debug`, for a field may hold a key.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Environment, KeyLimit, List, Map, Mode, Permission, Text};

/// Keygate's keys.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map with `keys`")]
#[schemars(title = "Keygate keys", inline)]
pub(in crate::config) struct KeyFile {
    /// All keys there are. Must be said: `[]` is the set without keys, and nothing else is.
    #[schemars(required)]
    pub keys: Option<List<Key>>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map with `id`, `app`, `kind`, `environment` and the key")]
#[schemars(inline)]
pub(in crate::config) struct Key {
    /// Unique; shown in logs.
    #[schemars(required, regex(pattern = "^[A-Za-z0-9_-]{1,64}$"))]
    pub id: Option<Text>,
    /// The application that the key belongs to.
    #[schemars(required, regex(pattern = "^[A-Za-z0-9_-]{1,64}$"))]
    pub app: Option<Text>,
    /// For people.
    #[schemars(length(max = 200))]
    pub name: Option<Text>,
    /// `publishable` keys live in browsers and apps, `secret` keys on servers.
    #[schemars(required)]
    pub kind: Option<Kind>,
    /// Which half of the world the key belongs to.
    #[schemars(required)]
    pub environment: Option<Environment>,
    /// The text of a publishable key.
    pub key: Option<Text>,
    /// The digest of the key's text: `sha256$<hex>` or `hmac-sha256$<pepper id>$<hex>`.
    pub digest: Option<Text>,
    /// Where the text of a secret key stands.
    pub secret: Option<SecretSource>,
    /// Pages that may use the key: `https://app.example.com`, `https://*.example.com`; a bare host means https, and `*` is one or
    /// more whole labels. A publishable key needs one, unless `missing_origin` is `allow`. A secret key that lists some is refused
    /// with any other.
    pub origins: Option<List<Text>>,
    /// Whether a publishable key works without an `Origin`, for native apps. Default: `refuse`.
    pub missing_origin: Option<Permission>,
    /// What happens when a browser presents a secret key, which has then leaked. Default: `refuse`.
    pub browser: Option<Browser>,
    /// What the key may do: operations by pattern of channels, `{ "chat:*": [subscribe, presence] }`. A name is its segments between
    /// colons. `*` is one whole segment, as the last one all that are left, and alone every channel; anywhere else it is a plain
    /// character. Queues and meta channels have names with a prefix, `"[queue]*"` and `"[meta]*"`; `"[*]*"` is all there is. The
    /// operation `"*"` is every operation on channels. `admin`, and parts of it such as `admin:clients`, stand under `"*"`, for secret
    /// keys. So does `keygate:keys`: managing Keygate's own keys of the key's app and environment, and granting no more than it has; it
    /// is implied by nothing else. At most 8000 bytes as JSON. Default: a publishable key may `subscribe` on every channel, a secret
    /// key may do everything but manage keys.
    pub capabilities: Option<Map<List<Text>>>,
    /// Addresses that may use the key: `192.0.2.7`, `10.0.0.0/8`, `2001:db8::/32`. Default: every one.
    pub ips: Option<List<Text>>,
    /// The key's own limits. What is absent is as in `limits.key` of the configuration; a `rate` brings its own `burst`.
    pub limits: Option<KeyLimit>,
    /// `enforce`, or `report`: what the key would be refused is counted and logged, and passes. Default: as its route and the
    /// configuration say.
    pub mode: Option<Mode>,
    /// What stands before `pk_` or `sk_` in the text of a generated key: `acme` in `acme_sk_live_…`. Where the text is known, it
    /// need not be said.
    #[schemars(regex(pattern = "^[A-Za-z0-9]{1,16}$"))]
    pub prefix: Option<Text>,
    /// When the key ends: `2027-01-01T00:00:00Z`. Default: never.
    pub expires_at: Option<Text>,
    /// Default: `active`. `revoked` is for good; such keys stay listed so that logs can say whose they were.
    pub state: Option<State>,
    /// Earlier secrets of the key, each until the end of its grace period.
    pub previous: Option<List<Previous>>,
    /// Whether tokens that the key signs can be revoked one by one. Kept for a store; this version signs none. Default: `false`.
    pub revocable_tokens: Option<bool>,
    /// What its owner wants to remember of it: at most 50 names of at most 40 characters, each with a text of at most 500.
    pub metadata: Option<Map<Text>>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::config) enum Kind {
    Publishable,
    Secret,
}

/// `{env: NAME}` or `{file: path}`.
#[derive(Deserialize, JsonSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "`{env: NAME}` or `{file: path}`; the secret itself never stands here. \
                 To keep the digest of a key instead, `printf %s \"$KEY\" | sha256sum` makes the hex of `digest: sha256$<hex>`"
)]
#[schemars(inline)]
pub(in crate::config) struct SecretSource {
    /// An environment variable.
    pub env: Option<Text>,
    /// A file, relative to this one. A newline at its end is no part of the key.
    pub file: Option<Text>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::config) enum Browser {
    Refuse,
    Report,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::config) enum State {
    Active,
    Disabled,
    Revoked,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map with `digest` and `until`")]
#[schemars(inline)]
pub(in crate::config) struct Previous {
    /// The digest of the earlier secret.
    #[schemars(required)]
    pub digest: Option<Text>,
    /// When it ends: `2027-01-01T00:00:00Z`.
    #[schemars(required)]
    pub until: Option<Text>,
}
