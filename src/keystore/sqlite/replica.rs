//! A copy of another store's keys, kept by a gate that follows its manager: replaced whole, or changed as the manager says, and never
//! changed by anybody else. It has no audit trail of its own: that is the manager's.

use rusqlite::Connection;

use super::{
    apps, keys,
    meta::{Ends, Meta},
    usage,
};
use crate::{
    gate::keys::Key,
    keystore::{App, StoreError, Version},
};

/// Whose copy it is: what the manager's signatures are checked with.
const MANAGER: &str = "manager";
/// Until when it was known to be what the manager has, in Unix milliseconds.
const FRESH_AT: &str = "fresh_at";

/// Gives keys one by one, until it says their version.
pub(super) type Source<'s> = dyn Fn(&mut dyn FnMut(&Key) -> Result<(), StoreError>) -> Result<Version, StoreError> + Send + 's;

/// Has the store be a copy of what `manager` has: an empty one, where it was of another.
pub(super) fn claim(conn: &Connection, manager: &[u8]) -> Result<(), StoreError> {
    let meta = Meta::load(conn)?;
    match usage::keepsake(conn, MANAGER)? {
        Some(kept) if kept == manager => return Ok(()),
        None if meta.version != Version::default() => {
            return Err(StoreError::Io(
                "this is a store that keys are managed in, and no copy of one: name another file as `cache`".to_owned(),
            ));
        }
        Some(_) | None => {}
    }
    clear(conn)?;
    Meta::new(0).save(conn)?;
    usage::keep_anew(conn, FRESH_AT, &0i64.to_be_bytes())?;
    usage::keep_anew(conn, MANAGER, manager)
}

/// That it is no copy.
pub(super) fn is_none(conn: &Connection) -> Result<(), StoreError> {
    match usage::keepsake(conn, MANAGER)? {
        None => Ok(()),
        Some(_) => Err(StoreError::Io(
            "this is the copy that a gate keeps of its manager's keys: nothing is managed in it; name another file".to_owned(),
        )),
    }
}

/// Replaces all keys by those of `source`, which are no older.
pub(super) fn replace_all(conn: &Connection, source: &Source<'_>) -> Result<Version, StoreError> {
    let before = Meta::load(conn)?.version;
    clear(conn)?;
    let mut meta = Meta::new(0);
    // What counts is said at the end of the source, and a row must name it: so far it is one that no change has.
    let mut put = |key: &Key| put(conn, &mut meta, key, 0);
    let version = source(&mut put)?;
    if version < before {
        return Err(older(version, before));
    }
    at(&mut meta, version);
    meta.save(conn)?;
    Ok(version)
}

/// Writes the keys that changed after the sequence number `after`, as they are in `version`. Another process of the same gate may have been
/// faster: what it has already is not written again, and what it lacks is.
pub(super) fn apply(conn: &Connection, after: u64, version: Version, keys: &[Key]) -> Result<(), StoreError> {
    let mut meta = Meta::load(conn)?;
    if version.epoch != meta.version.epoch || after > meta.version.sequence {
        return Err(older(version, meta.version));
    }
    if version <= meta.version {
        return Ok(());
    }
    for key in keys {
        put(conn, &mut meta, key, version.sequence)?;
    }
    at(&mut meta, version);
    meta.save(conn)
}

/// Until when it was known to be what the manager has.
pub(super) fn fresh_at(conn: &Connection) -> Result<i64, StoreError> {
    let kept = usage::keepsake(conn, FRESH_AT)?.and_then(|bytes| bytes.try_into().ok());
    Ok(kept.map_or(0, i64::from_be_bytes))
}

/// It was so until `at_ms`.
pub(super) fn note_fresh(conn: &Connection, at_ms: i64) -> Result<(), StoreError> {
    usage::keep_anew(conn, FRESH_AT, &at_ms.to_be_bytes())
}

fn put(conn: &Connection, meta: &mut Meta, key: &Key, sequence: u64) -> Result<(), StoreError> {
    if !apps::is_there(conn, &key.app)? {
        apps::insert(conn, &App { id: key.app.clone(), name: key.app.clone(), created_at_ms: 0 })?;
    }
    match keys::find(conn, &key.id)? {
        Some(was) => keys::replace(conn, &mut meta.keys, &was, key, sequence),
        None => keys::insert(conn, &mut meta.keys, key, sequence),
    }
}

/// The end of the manager's trail stands for one here, so that a copy that lost its latest changes is told from a whole one.
fn at(meta: &mut Meta, version: Version) {
    meta.version = version;
    meta.audit = Ends { first: version.sequence + 1, before: [0; 32], last: version.sequence, hash: [0; 32] };
}

fn clear(conn: &Connection) -> Result<(), StoreError> {
    conn.execute_batch("DELETE FROM keys; DELETE FROM texts; DELETE FROM terms; DELETE FROM apps;")?;
    Ok(())
}

fn older(came: Version, has: Version) -> StoreError {
    StoreError::Io(format!(
        "keys of version {}.{} came after those of version {}.{}: older keys are not taken back",
        came.epoch, came.sequence, has.epoch, has.sequence
    ))
}
