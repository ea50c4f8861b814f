//! Reading configuration and keys from where they are, both or neither.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use ring::digest;
use tracing::error;

use super::usage;
use crate::{
    config::{self, Config, KeyCompiler, KeyPlace, MAX_CONFIG_BYTES, MAX_KEYS_BYTES, Problems},
    edge::{ConnectionCaps, Settings, Timeouts},
    gate::{
        keys::{KeySet, KeySetBuilder},
        policy::Policy,
    },
    keystore::{KeyStore, SqliteStore, StoreError, Version, read_text},
};

/// Configuration and keys of one moment.
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What it was read from; `None` where it is an earlier one that goes on.
    pub text: Option<String>,
    /// The keys.
    pub keys: KeySet,
    /// Of both files: equal fingerprints mean that nothing changed in them.
    pub fingerprint: Fingerprint,
    /// The store that the keys are in, and what makes records of them; `None` where they are in a file, or come from a manager and no copy
    /// of them is open.
    pub stored: Option<Stored>,
}

/// A store of keys, and how far it was read.
pub struct Stored {
    /// The store.
    pub store: Arc<dyn KeyStore>,
    /// Of the keys that were read.
    pub version: Version,
    /// What made the records of them.
    pub compiler: KeyCompiler,
}

/// A digest of all files that were read.
pub type Fingerprint = [u8; 32];

/// Why nothing was loaded.
#[derive(Debug)]
pub enum LoadError {
    /// A file cannot be read.
    Unreadable(std::io::Error),
    /// What the files say is wrong.
    Wrong(Problems),
    /// The store of the keys cannot be read, or holds what this gate cannot use.
    Store(String),
    /// The store of the keys is damaged.
    Damaged(String),
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "{error}"),
            Self::Wrong(problems) => write!(f, "{problems}"),
            Self::Store(error) | Self::Damaged(error) => f.write_str(error),
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

impl From<StoreError> for LoadError {
    fn from(error: StoreError) -> Self {
        let told = error.to_string();
        if matches!(error, StoreError::Corrupt(_)) { Self::Damaged(told) } else { Self::Store(told) }
    }
}

/// Loads the configuration at `path` and the keys that it names, from `store` where that is open already. The limits of keys that are in
/// `previous` go on as they are.
///
/// # Errors
/// Why nothing was loaded.
pub fn load(path: &Path, previous: Option<&KeySet>, store: Option<Arc<dyn KeyStore>>) -> Result<Loaded, LoadError> {
    let Read { config, text, keys_text } = read_both(path, read_text)?;
    let loaded = loaded(config, &text, keys_text.as_deref(), previous, store)?;
    Ok(Loaded { text: Some(text), ..loaded })
}

/// Loads the keys that `config` names, and nothing else of what stands at `path`.
///
/// # Errors
/// Why nothing was loaded.
pub fn load_keys(
    path: &Path,
    config: Config,
    previous: Option<&KeySet>,
    store: Option<Arc<dyn KeyStore>>,
) -> Result<Loaded, LoadError> {
    let text = read_text(path, MAX_CONFIG_BYTES)?;
    let keys_text = match &config.keys.place {
        KeyPlace::File(file) => Some(read_text(file, MAX_KEYS_BYTES)?),
        KeyPlace::Sqlite(_) | KeyPlace::Manager(_) => None,
    };
    loaded(config, &text, keys_text.as_deref(), previous, store)
}

fn loaded(
    config: Config,
    text: &str,
    keys_text: Option<&str>,
    previous: Option<&KeySet>,
    store: Option<Arc<dyn KeyStore>>,
) -> Result<Loaded, LoadError> {
    match (&config.keys.place, keys_text) {
        (KeyPlace::File(file), keys_text) => {
            let keys_text = keys_text.unwrap_or_default();
            let keys = config::parse_keys(file, keys_text, &config.key_limits, config.keys.pepper.as_ref(), previous)?;
            Ok(Loaded { fingerprint: fingerprint(text, keys_text.as_bytes()), config, text: None, keys, stored: None })
        }
        (KeyPlace::Sqlite(file), _) => {
            let store = match store {
                Some(store) => store,
                None => Arc::new(SqliteStore::open(file)?),
            };
            let (keys, stored) = of_store(store, compiler_of(&config), previous, Strange::Fails)?;
            Ok(Loaded { fingerprint: fingerprint(text, &[]), config, text: None, keys, stored: Some(stored) })
        }
        (KeyPlace::Manager(_), _) => {
            let fingerprint = fingerprint(text, &[]);
            // Only a gate that follows has a copy open; whoever only looks at the configuration makes none.
            let (keys, stored) = match store {
                Some(store) => {
                    let (keys, stored) = of_store(store, compiler_of(&config), previous, Strange::IsRefused)?;
                    (keys, Some(stored))
                }
                None => (KeySet::default(), None),
            };
            Ok(Loaded { fingerprint, config, text: None, keys, stored })
        }
    }
}

/// What makes records of keys, by `config`.
pub fn compiler_of(config: &Config) -> KeyCompiler {
    KeyCompiler::new(&config.key_limits, config.keys.pepper.as_ref())
}

/// Problems of a store that are told: a pepper that is not the right one is one of every key.
const MAX_TOLD: usize = 10;

/// What becomes of keys of which no record can be made: they need another pepper, or say what this version does not know.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Strange {
    /// Nothing is loaded: here is where that can be mended.
    Fails,
    /// They are none of the set, and whoever has one is refused; but if there are no others, it fails. So at a gate that follows, one strange
    /// key does not keep the revocation of another one from coming into force.
    IsRefused,
}

/// The set of all keys of a store, with what their quotas have counted. Where there was one before, the live state of its limits goes on.
///
/// # Errors
/// If the store cannot be read, or what is in it makes no set.
pub fn of_store(
    store: Arc<dyn KeyStore>,
    mut compiler: KeyCompiler,
    previous: Option<&KeySet>,
    strange: Strange,
) -> Result<(KeySet, Stored), LoadError> {
    let mut set = KeySetBuilder::new(compiler.pepper().cloned());
    let (mut wrong, mut good) = (Vec::new(), 0);
    let version = store.read_all(&mut |key| {
        let before = previous.and_then(|set| set.by_id(&key.id)).map(AsRef::as_ref);
        match compiler.record(&key, before) {
            Ok(record) => {
                good += 1;
                set.add(record);
            }
            Err(problem) => wrong.push(problem),
        }
    })?;
    if !wrong.is_empty() {
        let more = wrong.len().saturating_sub(MAX_TOLD);
        let told = wrong[..wrong.len().min(MAX_TOLD)].join("\n");
        let told = if more == 0 { told } else { format!("{told}\nand {more} more") };
        if strange == Strange::Fails || good == 0 {
            return Err(LoadError::Store(told));
        }
        error!("until that is mended, these keys are refused:\n{told}");
    }
    let keys = set.build().map_err(|clashes| {
        let told = format!("{} pairs of keys share an id or a text: restore a copy of the store", clashes.len());
        LoadError::from(StoreError::Corrupt(told))
    })?;
    usage::restore_quotas(&*store, &keys)?;
    Ok((keys, Stored { store, version, compiler }))
}

/// How often it is tried to read both files between two changes of them.
const ATTEMPTS: usize = 20;

struct Read {
    config: Config,
    text: String,
    /// `None` where the keys are in a store.
    keys_text: Option<String>,
}

/// Reads the configuration and the key file that it names, as they stood beside each other. Both may be replaced at once, as a Kubernetes
/// volume replaces them, between reading one and reading the other: so the configuration is read again, and what it says now is gone by
/// if that is something else.
fn read_both(path: &Path, mut read: impl FnMut(&Path, u64) -> std::io::Result<String>) -> Result<Read, LoadError> {
    let mut text = read(path, MAX_CONFIG_BYTES)?;
    for _ in 0..ATTEMPTS {
        let config = config::parse_config(path, &text)?;
        let KeyPlace::File(file) = &config.keys.place else { return Ok(Read { config, text, keys_text: None }) };
        let keys_text = read(file, MAX_KEYS_BYTES);
        let again = read(path, MAX_CONFIG_BYTES)?;
        if again == text {
            return Ok(Read { config, text, keys_text: Some(keys_text?) });
        }
        text = again;
    }
    let busy = format!("{}: changes faster than it can be read together with its keys", path.display());
    Err(std::io::Error::new(std::io::ErrorKind::ResourceBusy, busy).into())
}

/// The fingerprint of what would be loaded now. A store tells by itself what is new in it.
///
/// # Errors
/// If a file cannot be read.
pub fn look(path: &Path, keys: &KeyPlace) -> std::io::Result<Fingerprint> {
    let text = read_text(path, MAX_CONFIG_BYTES)?;
    Ok(match keys {
        KeyPlace::File(file) => fingerprint(&text, read_text(file, MAX_KEYS_BYTES)?.as_bytes()),
        KeyPlace::Sqlite(_) | KeyPlace::Manager(_) => fingerprint(&text, &[]),
    })
}

fn fingerprint(config: &str, keys: &[u8]) -> Fingerprint {
    let mut hash = digest::Context::new(&digest::SHA256);
    hash.update(&(config.len() as u64).to_le_bytes());
    hash.update(config.as_bytes());
    hash.update(keys);
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
    let mut settings = Settings::new(policy, &config.forwards, timeouts, caps, before)?;
    (settings.limit_headers, settings.streams) = (config.limit_headers, config.streams);
    settings.handshake_refusal = config.handshake_refusal;
    Ok(settings)
}

/// The folders whose changes matter; that of the state file where another process writes it.
#[must_use]
pub fn folders(path: &Path, config: &Config, replaced: bool) -> Vec<PathBuf> {
    let folder = |file: &Path| match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        Some(_) | None => PathBuf::from("."),
    };
    let mut folders = vec![folder(path)];
    match &config.keys.place {
        KeyPlace::File(keys) | KeyPlace::Sqlite(keys) => folders.push(folder(keys)),
        // Nobody else writes the copy.
        KeyPlace::Manager(_) => {}
    }
    folders.extend(config.state.as_deref().filter(|_| replaced).map(folder));
    folders.sort_unstable();
    folders.dedup();
    folders
}

#[cfg(test)]
mod tests;
