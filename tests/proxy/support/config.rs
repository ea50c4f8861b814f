//! Configurations and key files as text.

use ring::digest;

/// The page that the publishable key is for.
pub const ORIGIN: &str = "https://app.example.com";
/// The publishable key of [`Setup::default`], `web`.
pub const WEB_KEY: &str = "pk_live_web";

/// A configuration, part by part; every part is YAML.
#[derive(Clone)]
pub struct Setup {
    pub listeners: String,
    /// The value of `upstream`; where it is empty, `more` says where requests go.
    pub upstream: String,
    pub environments: String,
    pub credentials: String,
    pub routes: String,
    pub limits: String,
    pub timeouts: String,
    pub log: String,
    /// Where the keys are.
    pub place: String,
    /// More fields, a line each.
    pub more: String,
    /// Entries of the key file.
    pub keys: Vec<String>,
    /// More of the program's environment.
    pub environment: Vec<(String, String)>,
}

impl Setup {
    /// A gate before `upstream` with a publishable key `web` and a secret key `server`, whose text is `sk_live_server`.
    pub fn before(upstream: impl std::fmt::Display) -> Self {
        Self {
            listeners: "[{ address: '127.0.0.1:0' }]".to_owned(),
            upstream: upstream.to_string(),
            environments: "[live]".to_owned(),
            credentials: "{ header: x-api-key, bearer: true, query: [key, api_key], websocket_protocol: true }".to_owned(),
            routes: "
  - { name: publish, match: { path: /realtime, methods: [POST] }, operation: publish }
  - { name: socket, match: { path: /connection/** }, operation: subscribe, enforce_inside: backend }
  - { name: events, match: { path: /events/**, methods: [GET] }, operation: subscribe }
  - { name: admin, match: { path: /api/** }, operation: admin }
  - { name: open, match: { path: /any/** }, operation: any, enforce_inside: backend }"
                .to_owned(),
            limits: "{}".to_owned(),
            timeouts: "{ head: 10s, connect: 5s, upstream_head: 10s, drain: 15s }".to_owned(),
            log: "{ access: all, format: json }".to_owned(),
            place: "{ file: keys.yaml }".to_owned(),
            more: String::new(),
            keys: vec![publishable_key("web", WEB_KEY, ""), secret_key("server", "sk_live_server", "")],
            environment: Vec::new(),
        }
    }

    /// The configuration file.
    pub fn text(&self) -> String {
        let Self { listeners, upstream, environments, credentials, routes, limits, timeouts, log, place, more, .. } = self;
        let upstream = match upstream.as_str() {
            "" => String::new(),
            map if map.starts_with('{') => format!("upstream: {map}\n"),
            // In quotes: an IPv6 address would be a list.
            text => format!("upstream: '{text}'\n"),
        };
        format!(
            "listeners: {listeners}
{upstream}environments: {environments}
keys: {place}
credentials: {credentials}
routes: {routes}
limits: {limits}
timeouts: {timeouts}
log: {log}
status: {{ address: '127.0.0.1:0' }}
control: {{ socket: control.sock }}
{more}
"
        )
    }

    /// The key file.
    pub fn keys_text(&self) -> String {
        keys_text(&self.keys)
    }
}

/// A key file with these entries.
pub fn keys_text(keys: &[String]) -> String {
    if keys.is_empty() { "keys: []\n".to_owned() } else { format!("keys:\n{}", keys.concat()) }
}

/// `sha256$…` of a key's text.
pub fn digest_of(text: &str) -> String {
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256${hex}")
}

/// An entry: a secret key that may do everything, with `more` fields (`state: revoked, …`).
pub fn secret_key(id: &str, text: &str, more: &str) -> String {
    let digest = digest_of(text);
    format!("  - {{ id: {id}, app: demo, kind: secret, environment: live, digest: '{digest}', {more} }}\n")
}

/// An entry: a publishable key that may subscribe from [`ORIGIN`].
pub fn publishable_key(id: &str, text: &str, more: &str) -> String {
    format!(
        "  - {{ id: {id}, app: demo, kind: publishable, environment: live, key: {text}, origins: ['{ORIGIN}', 'https://*.example.org'], {more} }}\n"
    )
}
