//! What is kept for the manager or a copy itself, by its name: beside the keys, and no change of them.

use std::collections::BTreeMap;

use rusqlite::{Connection, params_from_iter, types::Value};

use super::checksum::{checked, sealed};
use crate::keystore::StoreError;

/// Gives all that is kept for the manager itself to `take`, by its name.
pub(super) fn all(conn: &Connection, take: &mut dyn FnMut(String, Vec<u8>)) -> Result<(), StoreError> {
    let mut asked = conn.prepare("SELECT name, value, checksum FROM keepsakes")?;
    let mut rows = asked.query([])?;
    while let Some(row) = rows.next()? {
        checked("keepsakes", row, 2)?;
        take(row.get(0)?, row.get(1)?);
    }
    Ok(())
}

/// What is kept under names that begin with `prefix`, by the rest of the name.
pub(super) fn beginning_with(conn: &Connection, prefix: &str) -> Result<BTreeMap<Box<str>, Vec<u8>>, StoreError> {
    let mut asked =
        conn.prepare_cached("SELECT name, value, checksum FROM keepsakes WHERE SUBSTR(name, 1, LENGTH(?1)) = ?1 ORDER BY name")?;
    let (mut rows, mut found) = (asked.query([prefix])?, BTreeMap::new());
    while let Some(row) = rows.next()? {
        checked("keepsakes", row, 2)?;
        let name: String = row.get(0)?;
        found.insert(name.strip_prefix(prefix).unwrap_or_default().into(), row.get(1)?);
    }
    Ok(found)
}

/// Forgets what is kept under `name`.
pub(super) fn forget(conn: &Connection, name: &str) -> Result<(), StoreError> {
    conn.prepare_cached("DELETE FROM keepsakes WHERE name = ?1")?.execute([name])?;
    Ok(())
}

/// What is kept under `name`.
pub(super) fn find(conn: &Connection, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let mut asked = conn.prepare_cached("SELECT name, value, checksum FROM keepsakes WHERE name = ?1")?;
    let mut rows = asked.query([name])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    checked("keepsakes", row, 2)?;
    Ok(Some(row.get(1)?))
}

/// Keeps `value` under `name`, where nothing is kept yet, and gives what is.
pub(super) fn keep(conn: &Connection, name: &str, value: &[u8]) -> Result<Vec<u8>, StoreError> {
    if let Some(kept) = find(conn, name)? {
        return Ok(kept);
    }
    keep_anew(conn, name, value)?;
    Ok(value.into())
}

/// Keeps `value` under `name`, in the place of what was kept.
pub(super) fn keep_anew(conn: &Connection, name: &str, value: &[u8]) -> Result<(), StoreError> {
    let values = [Value::Text(name.to_owned()), Value::Blob(value.into())];
    conn.execute(
        "INSERT OR REPLACE INTO keepsakes (name, value, checksum) VALUES (?1, ?2, ?3)",
        params_from_iter(sealed("keepsakes", values).0),
    )?;
    Ok(())
}
