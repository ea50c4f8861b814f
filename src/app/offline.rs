//! Managing a store that no gate of this machine serves: the same as in a gate, and in force nowhere until one reads it.

use std::{path::Path, sync::Arc};

use axum::Router;
use serde_json::Value;

use super::{
    load::{Stored, compiler_of},
    manage::Manage,
    stored::StoredKeys,
};
use crate::{
    admin,
    config::{self, Config, KeyPlace, entry},
    keystore::{Change, Deed, KeyStore, Restored, SqliteStore, StoreError},
};

/// The management API of the store that `config` names, for whoever may open its file. `makes` one where there is none.
///
/// # Errors
/// Why it cannot be used.
pub async fn manage_offline(config: &Config, makes: bool) -> Result<Router, String> {
    let store = Arc::new(opened(config, makes)?);
    let stored = Stored { version: store.version().map_err(told)?, store, compiler: compiler_of(config) };
    let manage = Manage::new(Arc::new(StoredKeys::new(stored, None)), None).await.map_err(told)?;
    Ok(admin::offline_routes(Arc::new(manage)))
}

/// Takes over the keys of a key file, all or none, and says how many. Makes a store where there is none. `file` is shown in problems.
///
/// # Errors
/// Why nothing was taken over.
pub fn import_keys(config: &Config, file: &Path, text: &str) -> Result<usize, String> {
    let now_ms = now_ms();
    let keys = config::managed_keys(file, text, &config.key_limits, config.keys.pepper.as_ref(), now_ms);
    let keys = keys.map_err(|problems| problems.to_string())?;
    let (count, store) = (keys.len(), opened(config, true)?);
    store.commit(Change { deed: Deed::Import(keys), actor: actor().into(), at_ms: now_ms, once: None }).map_err(told)?;
    Ok(count)
}

/// All keys as the entries of a key file.
///
/// # Errors
/// If the store cannot be read.
pub fn export_keys(config: &Config) -> Result<Vec<Value>, String> {
    let mut entries = Vec::new();
    opened(config, false)?.read_all(&mut |key| entries.push(Value::Object(entry(&key, true)))).map_err(told)?;
    Ok(entries)
}

/// Copies the store at `from`, of one moment and whole, to a new file at `to`; gates may go on using it meanwhile.
///
/// # Errors
/// Why nothing was copied.
pub fn backup(from: &Path, to: &Path) -> Result<(), String> {
    SqliteStore::open(from).and_then(|store| store.backup(to)).map_err(told)
}

/// Puts the copy at `from` in the place of the store at `store`, which no gate may use; what has ended since stays ended.
///
/// # Errors
/// Why the store is as it was.
pub fn restore(store: &Path, from: &Path) -> Result<Restored, String> {
    SqliteStore::restore(store, from, &actor(), now_ms()).map_err(told)
}

/// Who works on a store itself: the user of this process.
fn actor() -> String {
    format!("local:{}", rustix::process::geteuid().as_raw())
}

fn opened(config: &Config, makes: bool) -> Result<SqliteStore, String> {
    let KeyPlace::Sqlite(path) = &config.keys.place else { return Err("the keys are in no store".to_owned()) };
    if makes && !path.exists() {
        SqliteStore::create(path, now_ms()).map_err(told)?;
    }
    SqliteStore::open(path).map_err(told)
}

fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

fn told(error: StoreError) -> String {
    error.to_string()
}
