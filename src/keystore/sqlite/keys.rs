//! Keys in their tables: read as a set, by what changed, page by page and one by one; written with the texts that they are found by.

use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter, types::Value};

use super::{
    checksum::Total,
    fault::corrupt,
    meta::Meta,
    rows::{self, COLUMNS, Kept, NAME, Reader},
    terms,
};
use crate::{
    gate::keys::Key,
    keystore::{ChangedKeys, KeyFilter, StoreError, Version},
};

/// Gives every key to `take`, in the order of their ids. What was given is a set only if this is no error.
pub(super) fn read_all(conn: &Connection, take: &mut dyn FnMut(Key)) -> Result<Version, StoreError> {
    let meta = Meta::load(conn)?;
    let mut asked = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM keys ORDER BY key_id"))?;
    let (mut rows, mut reader, mut read) = (asked.query([])?, Reader::new(conn), Total::default());
    while let Some(row) = rows.next()? {
        let kept = reader.read(row)?;
        read.add(kept.checksum);
        take(kept.key);
    }
    meta.keys.expect(read, "keys")?;
    Ok(meta.version)
}

/// The keys that changed after `sequence`: whole changes, until they are `limit` or all.
pub(super) fn changed_after(conn: &Connection, sequence: u64, limit: usize) -> Result<ChangedKeys, StoreError> {
    let version = Meta::load(conn)?.version;
    let mut asked = conn.prepare_cached("SELECT sequence, key_id FROM keys WHERE sequence > ?1 ORDER BY sequence, key_id")?;
    let mut rows = asked.query([i64::try_from(sequence).unwrap_or(i64::MAX)])?;
    let (mut reader, mut keys, mut reached) = (Reader::new(conn), Vec::new(), sequence);
    while let Some(row) = rows.next()? {
        let (changed, id): (u64, &str) = (row.get(0)?, row.get_ref(1)?.as_str()?);
        if changed != reached && keys.len() >= limit.max(1) {
            return Ok(ChangedKeys { keys, version: Version { sequence: reached, ..version }, more: true });
        }
        let kept = read_one(conn, &mut reader, id)?.filter(|kept| kept.sequence == changed);
        keys.push(kept.ok_or_else(|| corrupt("the list of changes names a change that no key has"))?.key);
        reached = changed;
    }
    // The latest change of keys is that of some key.
    if sequence < version.sequence && reached != version.sequence {
        return Err(corrupt("the list of changes ends before the latest one"));
    }
    Ok(ChangedKeys { keys, version, more: false })
}

/// The key with this id.
pub(super) fn find(conn: &Connection, id: &str) -> Result<Option<Kept>, StoreError> {
    read_one(conn, &mut Reader::new(conn), id)
}

/// The same, by a reader that has met the terms of others.
pub(super) fn read_one(conn: &Connection, reader: &mut Reader<'_>, id: &str) -> Result<Option<Kept>, StoreError> {
    let mut asked = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM keys WHERE key_id = ?1"))?;
    let mut rows = asked.query([id])?;
    rows.next()?.map(|row| reader.read(row)).transpose()
}

/// The keys that `wanted` describes, from behind `after`, at most `limit`.
pub(super) fn list(conn: &Connection, wanted: &KeyFilter, after: Option<&str>, limit: usize) -> Result<Vec<Key>, StoreError> {
    let mut statement = format!("SELECT {COLUMNS} FROM keys WHERE key_id > ?1");
    // No id is empty.
    let mut values = vec![after.unwrap_or_default()];
    for (column, value) in [
        ("app", wanted.app.as_deref()),
        ("kind", wanted.kind.map(|kind| kind.name())),
        ("environment", wanted.environment.map(|environment| environment.name())),
        ("state", wanted.state.map(|state| state.name())),
    ] {
        if let Some(value) = value {
            values.push(value);
            statement.push_str(&format!(" AND {column} = ?{}", values.len()));
        }
    }
    statement.push_str(" ORDER BY key_id");
    let text = wanted.text.as_deref().map(str::to_lowercase);
    let mut asked = conn.prepare_cached(&statement)?;
    let (mut rows, mut reader, mut keys) = (asked.query(params_from_iter(values))?, Reader::new(conn), Vec::new());
    while keys.len() < limit {
        let Some(row) = rows.next()? else { break };
        // In either case, of every script: SQLite's `LIKE` knows ASCII alone.
        let has = |column: usize, text: &str| Ok::<_, StoreError>(row.get_ref(column)?.as_str()?.to_lowercase().contains(text));
        if let Some(text) = &text
            && !has(0, text)?
            && !has(NAME, text)?
        {
            continue;
        }
        keys.push(reader.read(row)?.key);
    }
    Ok(keys)
}

/// Writes a key that there is not yet.
pub(super) fn insert(conn: &Connection, total: &mut Total, key: &Key, sequence: u64) -> Result<(), StoreError> {
    let known: Option<i64> =
        conn.prepare_cached("SELECT 1 FROM keys WHERE key_id = ?1")?.query_row([&key.id], |row| row.get(0)).optional()?;
    if known.is_some() {
        return Err(StoreError::Exists(format!("key:{}", key.id).into()));
    }
    let (row, checksum) = rows::write(key, sequence, terms::number(conn, &key.about.terms)?)?;
    conn.prepare_cached(&format!("INSERT INTO keys ({COLUMNS}) VALUES ({})", places()))?.execute(params_from_iter(row))?;
    total.add(checksum);
    take_texts(conn, key)
}

/// Writes `key` over what it `was`.
pub(super) fn replace(conn: &Connection, total: &mut Total, was: &Kept, key: &Key, sequence: u64) -> Result<(), StoreError> {
    let (mut row, checksum) = rows::write(key, sequence, terms::number(conn, &key.about.terms)?)?;
    let columns: Vec<_> = COLUMNS.split(", ").enumerate().map(|(n, column)| format!("{} = ?{}", column.trim(), n + 1)).collect();
    row.push(Value::Text(key.id.to_string()));
    let changed = conn
        .prepare_cached(&format!("UPDATE keys SET {} WHERE key_id = ?{}", columns.join(", "), columns.len() + 1))?
        .execute(params_from_iter(row))?;
    if changed != 1 {
        return Err(corrupt("a key was read that cannot be found to be written"));
    }
    total.remove(was.checksum);
    total.add(checksum);
    if was.key.life == key.life {
        return Ok(());
    }
    release_texts(conn, &was.key)?;
    take_texts(conn, key)
}

/// Has no text be that of `key`, as it is in the store: for it is to be written anew.
pub(super) fn release_texts(conn: &Connection, key: &Key) -> Result<(), StoreError> {
    for digest in digests(key) {
        conn.prepare_cached("DELETE FROM texts WHERE digest = ?1 AND key_id = ?2")?.execute(params![digest, key.id])?;
    }
    Ok(())
}

/// Has every text of `key` be its own, if no other key has it, or lists it as an earlier one: of such two no set can be made, whether or not
/// the earlier one is still good.
fn take_texts(conn: &Connection, key: &Key) -> Result<(), StoreError> {
    for digest in digests(key) {
        let other: Option<String> = conn
            .prepare_cached("SELECT key_id FROM texts WHERE digest = ?1")?
            .query_row([digest], |row| row.get(0))
            .optional()?;
        if let Some(other) = other {
            return Err(StoreError::SameText(format!("key:{other}").into()));
        }
        conn.prepare_cached("INSERT INTO texts (digest, key_id) VALUES (?1, ?2)")?.execute(params![digest, key.id])?;
    }
    Ok(())
}

/// What a key is found by.
fn digests(key: &Key) -> impl Iterator<Item = &[u8; 32]> {
    let earlier = key.life.previous.iter().map(|earlier| &earlier.digest);
    std::iter::once(&key.life.digest).chain(earlier).map(|stored| stored.digest.as_bytes())
}

fn places() -> String {
    let places: Vec<_> = (1..=COLUMNS.split(',').count()).map(|n| format!("?{n}")).collect();
    places.join(", ")
}
