//! A copy of another store's keys, kept by a gate that follows its manager: replaced whole, or changed as the manager says, and never
//! changed by anybody else. It has no audit trail of its own: that is the manager's.

use std::time::Duration;

use rusqlite::Connection;

use super::{
    apps,
    fault::corrupt,
    head::Head,
    keepsakes, keys,
    meta::{Ends, Meta},
};
use crate::{
    gate::keys::Key,
    keystore::{App, Checkpoint, StoreError, Version},
};

/// Until when it was known to be what the manager has, in Unix milliseconds.
pub(super) const FRESH_AT: &str = "fresh_at";
/// How long it was good for after that, in milliseconds.
const GOOD_FOR: &str = "good_for";
/// The hash at which the manager went another way.
const DIVERGED: &str = "diverged";
/// The sequence number at which it was replaced whole.
pub(super) const WHOLE_AT: &str = "whole_at";
/// How far the damaged copy had come in whose place this one was begun; kept until there are keys.
pub(super) const FLOOR: &str = "floor";

/// Gives keys one by one.
pub(super) type Source<'s> = dyn Fn(&mut dyn FnMut(&Key) -> Result<(), StoreError>) -> Result<(), StoreError> + Send + 's;

/// How far it has come. The end of the manager's trail stands for one here, so that a copy that lost its latest changes is told from a whole
/// one.
pub(super) const fn checkpoint(meta: &Meta) -> Checkpoint {
    Checkpoint { version: meta.version, hash: meta.audit.hash }
}

/// How far the damaged copy had come in whose place this one was begun, if it has no keys yet.
pub(super) fn floor(conn: &Connection) -> Result<Option<Head>, StoreError> {
    let kept = keepsakes::find(conn, FLOOR)?;
    let unread = || corrupt("how far the copy before it had come cannot be read");
    kept.map(|kept| Head::parse(&kept).ok_or_else(unread)).transpose()
}

/// What keys must lead on from to be taken.
pub(super) fn least(conn: &Connection) -> Result<Checkpoint, StoreError> {
    let Head { epoch, sequence, hash } = Head::of(conn)?;
    Ok(Checkpoint { version: Version { epoch, sequence }, hash })
}

/// Replaces all keys of a copy at `from` by those of `source`, which are those of `to`. Whether it was at `from`.
pub(super) fn replace_all(conn: &Connection, from: Checkpoint, to: Checkpoint, source: &Source<'_>) -> Result<bool, StoreError> {
    if to.version < from.version {
        return Err(older(to.version, from.version));
    }
    if checkpoint(&Meta::load(conn)?) != from {
        return Ok(false);
    }
    let least = least(conn)?.version;
    if to.version < least {
        return Err(older(to.version, least));
    }
    clear(conn)?;
    keepsakes::forget(conn, FLOOR)?;
    let mut meta = Meta::new(0);
    // No change of theirs is known: only that they are so now.
    source(&mut |key| put(conn, &mut meta, key, 0))?;
    keepsakes::keep_anew(conn, WHOLE_AT, &to.version.sequence.to_be_bytes())?;
    at(&mut meta, to);
    meta.save(conn)?;
    Ok(true)
}

/// Writes the keys that changed between `from` and `to`. Whether the copy was at `from`, or is at `to` already: another process of the same
/// gate may have been faster.
pub(super) fn apply(conn: &Connection, from: Checkpoint, to: Checkpoint, keys: &[Key]) -> Result<bool, StoreError> {
    if to.version < from.version || to.version.epoch != from.version.epoch {
        return Err(older(to.version, from.version));
    }
    let mut meta = Meta::load(conn)?;
    let is = checkpoint(&meta);
    if is != from {
        return Ok(is == to);
    }
    // All of them before any is taken: the text of one may have been another's.
    for key in keys {
        if let Some(was) = keys::find(conn, &key.id)?.filter(|was| was.key.life != key.life) {
            keys::release_texts(conn, &was.key)?;
        }
    }
    for key in keys {
        put(conn, &mut meta, key, to.version.sequence)?;
    }
    at(&mut meta, to);
    meta.save(conn)?;
    Ok(true)
}

/// That the copy, if it is one, knows each change after `sequence`: of those before it was replaced whole it does not.
pub(super) fn knows_changes_after(conn: &Connection, sequence: u64) -> Result<(), StoreError> {
    match kept_number(conn, WHOLE_AT)? {
        Some(whole) if sequence < whole => Err(StoreError::TooFarBack),
        Some(_) | None => Ok(()),
    }
}

/// The manager says that it never came to `at`.
pub(super) fn note_diverged(conn: &Connection, at: Checkpoint) -> Result<(), StoreError> {
    keepsakes::keep_anew(conn, DIVERGED, &at.hash)
}

/// Whether it has said so of what keys must lead on from.
pub(super) fn has_diverged(conn: &Connection) -> Result<bool, StoreError> {
    let least = least(conn)?;
    Ok(keepsakes::find(conn, DIVERGED)?.is_some_and(|hash| hash == least.hash))
}

/// Until when it was known to be what the manager has, in Unix milliseconds, and how long it was good for after that.
pub(super) fn fresh(conn: &Connection) -> Result<(i64, Duration), StoreError> {
    let (at_ms, span_ms) = (kept_number(conn, FRESH_AT)?, kept_number(conn, GOOD_FOR)?);
    Ok((at_ms.map_or(0, u64::cast_signed), Duration::from_millis(span_ms.unwrap_or_default())))
}

/// It was so until `at_ms`, and is good for `span` after that.
pub(super) fn note_fresh(conn: &Connection, at_ms: i64, span: Duration) -> Result<(), StoreError> {
    let span_ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    keepsakes::keep_anew(conn, FRESH_AT, &at_ms.to_be_bytes())?;
    keepsakes::keep_anew(conn, GOOD_FOR, &span_ms.to_be_bytes())
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

fn at(meta: &mut Meta, Checkpoint { version, hash }: Checkpoint) {
    meta.version = version;
    // A number that no store can hold is refused where it is written.
    meta.audit = Ends { first: version.sequence.saturating_add(1), before: hash, last: version.sequence, hash };
}

fn older(to: Version, from: Version) -> StoreError {
    StoreError::Io(format!(
        "keys of version {}.{} came after those of version {}.{}: older keys are not taken back",
        to.epoch, to.sequence, from.epoch, from.sequence
    ))
}

fn kept_number(conn: &Connection, name: &str) -> Result<Option<u64>, StoreError> {
    let kept = keepsakes::find(conn, name)?.and_then(|bytes| bytes.try_into().ok());
    Ok(kept.map(u64::from_be_bytes))
}

/// Takes out all keys.
pub(super) fn clear(conn: &Connection) -> Result<(), StoreError> {
    conn.execute_batch("DELETE FROM keys; DELETE FROM texts; DELETE FROM terms; DELETE FROM apps;")?;
    Ok(())
}
