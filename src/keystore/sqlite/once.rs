//! Requests that must not be done twice, by what their senders call them.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{apps, deeds::About, fault::corrupt, keys, rows::json};
use crate::keystore::{Change, Once, StoreError};

/// How long a request is remembered, in milliseconds.
const REMEMBERED_MS: i64 = 24 * 60 * 60 * 1000;

/// Stands before the id of an operator among those of keys, in which there is no `:`.
const OPERATOR: &str = "operator:";

/// What `change` was about, if it has happened already, as it is now.
pub(super) fn before(conn: &Connection, change: &Change, once: &Once) -> Result<Option<About>, StoreError> {
    let found: Option<(Vec<u8>, String)> = conn
        .prepare_cached("SELECT request, keys FROM once WHERE actor = ?1 AND name = ?2 AND at_ms > ?3")?
        .query_row(params![change.actor, once.key, change.at_ms - REMEMBERED_MS], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((request, ids)) = found else { return Ok(None) };
    if request != once.request {
        return Err(StoreError::Reused);
    }
    let ids: Vec<String> = serde_json::from_str(&ids).map_err(|_| corrupt("a request that was remembered names no keys"))?;
    let missing = |what| corrupt(format_args!("a request that was remembered names {what} that is not there"));
    let mut about = About::default();
    for id in &ids {
        match id.strip_prefix(OPERATOR) {
            Some(id) => about.operator = Some(apps::find_operator(conn, id)?.ok_or_else(|| missing("an operator"))?),
            None => about.keys.push(keys::find(conn, id)?.ok_or_else(|| missing("a key"))?.key),
        }
    }
    Ok(Some(about))
}

/// Remembers that `change` has happened, and forgets those of more than a day ago.
pub(super) fn remember(conn: &Connection, change: &Change, once: &Once, about: &About) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM once WHERE at_ms <= ?1")?.execute([change.at_ms - REMEMBERED_MS])?;
    let operator = about.operator.iter().map(|operator| format!("{OPERATOR}{}", operator.id));
    let ids: Vec<String> = about.keys.iter().map(|key| key.id.to_string()).chain(operator).collect();
    conn.prepare_cached("INSERT INTO once (actor, name, request, at_ms, keys) VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
        change.actor,
        once.key,
        once.request,
        change.at_ms,
        json(&ids)?
    ])?;
    Ok(())
}
