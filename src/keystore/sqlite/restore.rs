//! A copy of a store put in its place, while nobody uses it. What has ended since the copy was made stays ended.
//!
//! The new store is made whole beside the old one, and takes its name in one step: whenever the machine stops, the one or the other is
//! there.

mod replaced;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use chrono::DateTime;
use rusqlite::{Connection, TransactionBehavior};

use self::replaced::Old;
pub use self::replaced::WentOn;
use super::{
    backup, connection, deeds,
    head::{Head, HeadFile},
    meta::Meta,
    place::{self, Place, beside},
    schema,
};
use crate::keystore::{StoreError, Version};

/// A store that is what its copy was, but for what has ended since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Of its keys; later than that of the copy and of the store that was there.
    pub version: Version,
    /// Where the store is that was there; `None` where there was none.
    pub replaced: Option<PathBuf>,
    /// What is as it was in that one.
    pub went_on: WentOn,
}

/// As [`super::SqliteStore::restore`].
pub(super) fn restore(path: &Path, from: &Path, actor: &str, now_ms: i64) -> Result<Restored, StoreError> {
    let wrong = |error: io::Error| StoreError::Io(format!("{}: {error}", path.display()));
    let whole = path.canonicalize().or_else(|_| Ok(place::folder(path)?.join(path.file_name().unwrap_or_default())));
    let store = whole.map_err(wrong)?;
    let from = Place::find(from)?;
    if *from.path() == store {
        return Err(StoreError::Io(format!("{}: is the store itself, and no copy of it", store.display())));
    }
    let told = |error| place::told_of(&store, error);
    let in_use = || told(StoreError::Io("it is in use: stop the gate, and try again".into()));
    let mut head = HeadFile::alone(&store).map_err(told)?.ok_or_else(in_use)?;
    let moment = DateTime::from_timestamp_millis(now_ms).unwrap_or_default().format("%Y%m%dT%H%M%S%3fZ");
    let new = beside(&store, &format!(".restoring-{moment}"));
    let (meta, went_on, old) = place::make(&new, |new| {
        let new = from.told(copy(from.path(), new))?;
        let old = Old::open(&store).map_err(told)?;
        let (meta, went_on) = go_on(new, &store, old.as_ref(), actor, now_ms)?;
        Ok((meta, went_on, old))
    })?;
    let replaced = old.as_ref().map(|_| beside(&store, &format!(".before-restore-{moment}")));
    let put = replaced.as_deref().map_or(Ok(()), |kept| make_way(&store, kept)).and_then(|()| fs::rename(&new, &store));
    put.inspect_err(|_| _ = fs::remove_file(&new)).map_err(wrong)?;
    head.keep((&meta).into());
    head.sync();
    place::folder(&store).and_then(|folder| place::sync(&folder)).map_err(wrong)?;
    Ok(Restored { version: meta.version, replaced, went_on })
}

/// Copies the store at `from`, of one moment, to the empty file at `to`, brings that up to date, and reads all of it.
fn copy(from: &Path, to: &Path) -> Result<Connection, StoreError> {
    let conn = connection::open(from)?;
    schema::recognise(&conn)?;
    conn.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
    let mut copy = connection::open(to)?;
    schema::migrate(&mut copy)?;
    backup::verify(&copy)?;
    Ok(copy)
}

/// Has the copy `new` go on where `old` was, which is at `store`.
fn go_on(mut new: Connection, store: &Path, old: Option<&Old>, actor: &str, now_ms: i64) -> Result<(Meta, WentOn), StoreError> {
    let change = new.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let went_on = old.map_or_else(|| Ok(WentOn::default()), |old| old.went_on(&change, now_ms))?;
    let known = Head::read(store).map_or(0, |head| head.epoch);
    let own = old.and_then(Old::epoch).unwrap_or_default();
    let meta = deeds::restore(&change, known.max(own), &went_on, actor, now_ms)?;
    change.commit()?;
    Ok((meta, went_on))
}

/// Gives the store at `store` the name `kept` as well, and moves what is beside it: a log that stayed would be taken for that of the next
/// store.
fn make_way(store: &Path, kept: &Path) -> io::Result<()> {
    fs::hard_link(store, kept)?;
    for ending in ["-wal", "-shm"] {
        match fs::rename(beside(store, ending), beside(kept, ending)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Err(_) | Ok(()) => {}
        }
    }
    Ok(())
}
