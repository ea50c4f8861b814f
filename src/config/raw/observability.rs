//! What the gate tells of itself and of requests, as typed: metrics and log.

use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map")]
#[schemars(inline)]
pub(in crate::config) struct Metrics {
    /// `off`, the default, is the only choice so far: no key id is a label.
    pub per_key: Option<PerKey>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::config) enum PerKey {
    Off,
    #[schemars(skip)]
    Top,
    #[schemars(skip)]
    All,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "a map")]
#[schemars(inline)]
pub(in crate::config) struct Log {
    /// Which requests have a line. Default: `refused`.
    pub access: Option<AccessLog>,
    /// Default: `json`.
    pub format: Option<LogFormat>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::config) enum AccessLog {
    Refused,
    All,
    Off,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(in crate::config) enum LogFormat {
    Json,
    Text,
}
