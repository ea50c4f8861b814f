//! Requests that must not be done twice, by what their senders call them.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{fault::corrupt, keys, rows::json};
use crate::{
    gate::keys::Key,
    keystore::{Change, Once, StoreError},
};

/// How long a request is remembered, in milliseconds.
const REMEMBERED_MS: i64 = 24 * 60 * 60 * 1000;

/// The keys that `change` was about, if it has happened already, as they are now.
pub(super) fn before(conn: &Connection, change: &Change, once: &Once) -> Result<Option<Vec<Key>>, StoreError> {
    let found: Option<(Vec<u8>, String)> = conn
        .prepare_cached("SELECT request, keys FROM once WHERE actor = ?1 AND name = ?2 AND at_ms > ?3")?
        .query_row(params![change.actor, once.key, change.at_ms - REMEMBERED_MS], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((request, ids)) = found else { return Ok(None) };
    if request != once.request {
        return Err(StoreError::Reused);
    }
    let ids: Vec<String> = serde_json::from_str(&ids).map_err(|_| corrupt("a request that was remembered names no keys"))?;
    let missing = || corrupt("a request that was remembered names a key that is not there");
    ids.iter().map(|id| keys::find(conn, id)?.map(|kept| kept.key).ok_or_else(missing)).collect::<Result<_, _>>().map(Some)
}

/// Remembers that `change` has happened, and forgets those of more than a day ago.
pub(super) fn remember(conn: &Connection, change: &Change, once: &Once, keys: &[Key]) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM once WHERE at_ms <= ?1")?.execute([change.at_ms - REMEMBERED_MS])?;
    let ids: Vec<&str> = keys.iter().map(|key| &*key.id).collect();
    conn.prepare_cached("INSERT INTO once (actor, name, request, at_ms, keys) VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
        change.actor,
        once.key,
        once.request,
        change.at_ms,
        json(&ids)?
    ])?;
    Ok(())
}
