//! Reading configuration and keys from their files, both or neither.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use ring::digest;

use crate::{
    config::{self, Config, MAX_CONFIG_BYTES, MAX_KEYS_BYTES, Problems},
    edge::{ConnectionCaps, LimitHeaders, Settings, StreamSpans, Streams, Timeouts},
    gate::{keys::KeySet, policy::Policy},
    keystore::read_text,
};

/// Configuration and keys of one moment.
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The keys.
    pub keys: KeySet,
    /// Of both texts: equal fingerprints mean that nothing changed.
    pub fingerprint: Fingerprint,
}

/// A digest of everything that was read.
pub type Fingerprint = [u8; 32];

/// Why nothing was loaded.
#[derive(Debug)]
pub enum LoadError {
    /// A file cannot be read.
    Unreadable(std::io::Error),
    /// What the files say is wrong.
    Wrong(Problems),
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "{error}"),
            Self::Wrong(problems) => write!(f, "{problems}"),
        }
    }
}

impl From<std::io::Error> for LoadError {
    fn from(error: std::io::Error) -> Self {
        Self::Unreadable(error)
    }
}

impl From<Problems> for LoadError {
    fn from(problems: Problems) -> Self {
        Self::Wrong(problems)
    }
}

/// Loads the configuration at `path` and the keys that it names. The limits of keys that are in `previous` go on as they are.
///
/// # Errors
/// Why nothing was loaded.
pub fn load(path: &Path, previous: Option<&KeySet>) -> Result<Loaded, LoadError> {
    let text = read_text(path, MAX_CONFIG_BYTES)?;
    let config = config::parse_config(path, &text)?;
    let file = &config.keys.file;
    let keys_text = read_text(file, MAX_KEYS_BYTES)?;
    let keys = config::parse_keys(file, &keys_text, &config.key_limits, config.keys.pepper.as_ref(), previous)?;
    Ok(Loaded { fingerprint: fingerprint(&text, &keys_text), config, keys })
}

/// The fingerprint of what would be loaded now.
///
/// # Errors
/// If a file cannot be read.
pub fn look(path: &Path, keys: &Path) -> std::io::Result<Fingerprint> {
    Ok(fingerprint(&read_text(path, MAX_CONFIG_BYTES)?, &read_text(keys, MAX_KEYS_BYTES)?))
}

fn fingerprint(config: &str, keys: &str) -> Fingerprint {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(&(config.len() as u64).to_le_bytes());
    hash.update(config.as_bytes());
    hash.update(keys.as_bytes());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hash.finish().as_ref());
    bytes
}

/// The edge's settings for `policy`, by `config`, whose policy it is; `connections` is what this process can hold where the
/// configuration sets no limit. What has not changed since the settings `before` goes on as it is.
///
/// # Errors
/// If TLS to a backend cannot be set up.
pub fn settings(config: &Config, policy: Arc<Policy>, connections: u32, before: Option<&Settings>) -> Result<Settings, String> {
    let timeouts = Timeouts { head: config.timeouts.head, idle: config.timeouts.idle, body: config.timeouts.body };
    let caps = ConnectionCaps { total: config.limits.connections.unwrap_or(connections), per_peer: config.limits.per_peer };
    let limit_headers =
        LimitHeaders { on_permitted: config.limit_headers.on_permitted, x_ratelimit: config.limit_headers.x_ratelimit };
    let mut settings = Settings::new(policy, &config.forwards, timeouts, caps, before)?;
    settings.limit_headers = limit_headers;
    settings.streams = Streams { websocket: spans(config.streams.websocket), event_stream: spans(config.streams.event_stream) };
    Ok(settings)
}

const fn spans(said: config::StreamSpans) -> StreamSpans {
    StreamSpans { idle: said.idle, max_age: said.max_age, ping: said.ping }
}

/// The folders whose changes matter.
#[must_use]
pub fn folders(path: &Path, config: &Config) -> Vec<PathBuf> {
    let folder = |file: &Path| match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        Some(_) | None => PathBuf::from("."),
    };
    let mut folders = vec![folder(path), folder(&config.keys.file)];
    folders.dedup();
    folders
}
