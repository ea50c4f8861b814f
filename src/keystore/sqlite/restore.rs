//! A copy of a store put in its place, while nobody uses it. What has ended since the copy was made stays ended.
//!
//! The new store is made whole beside the old one, and takes its name in one step: whenever the machine stops, the one or the other is
//! there.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::DateTime;
use rusqlite::{Connection, TransactionBehavior};

use super::{
    apps, backup,
    checksum::Total,
    connection, deeds,
    head::{Head, HeadFile},
    keys,
    meta::Meta,
    place::{self, Place, beside},
    rows::{COLUMNS, Reader},
    schema,
};
use crate::{
    gate::keys::Key,
    keystore::{StoreError, Version},
};

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

/// What had gone on since a copy was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WentOn {
    /// Keys that had ended, had other texts, or were disabled or enabled: as they are from now on.
    pub keys: Vec<Key>,
    /// Operators whose tokens had ended.
    pub operators: Vec<Box<str>>,
    /// Keys that were made since, and are gone.
    pub lost: u64,
    /// Why not all of it could be read; `None` where all was.
    pub unread: Option<String>,
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
    let mut head = HeadFile::alone(&store).map_err(told)?;
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

/// The store that is replaced.
struct Old {
    /// Which nobody else has open; `None` of a file that cannot be read.
    conn: Option<Connection>,
    unread: Option<String>,
}

impl Old {
    /// That at `store`; `None` where there is none.
    fn open(store: &Path) -> Result<Option<Self>, StoreError> {
        if !store.try_exists().map_err(|error| StoreError::Io(error.to_string()))? {
            return Ok(None);
        }
        match Place::find(store).and_then(|place| connection::writing(&place)) {
            Ok(conn) => {
                let reached = Head::read(store).map_or(Ok(()), |head| head.is_reached(&conn));
                // Its log becomes part of it, so that it is one file; which nobody does who is not its only user.
                conn.busy_timeout(Duration::ZERO)?;
                conn.execute_batch("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE; COMMIT")?;
                Ok(Some(Self { conn: Some(conn), unread: reached.err().map(|error| error.to_string()) }))
            }
            Err(error @ (StoreError::Corrupt(_) | StoreError::TooNew { .. })) => {
                Ok(Some(Self { conn: None, unread: Some(error.to_string()) }))
            }
            Err(error) => Err(error),
        }
    }

    /// What has gone on in it since the copy `new` was made. What of it cannot be read takes nothing else with it.
    fn went_on(&self, new: &Connection, now_ms: i64) -> Result<WentOn, StoreError> {
        let mut went_on = WentOn { unread: self.unread.clone(), ..WentOn::default() };
        let Some(old) = &self.conn else { return Ok(went_on) };
        let mut unread = |error: StoreError| _ = went_on.unread.get_or_insert_with(|| error.to_string());
        let mut asked = old.prepare(&format!("SELECT {COLUMNS} FROM keys ORDER BY key_id"))?;
        let (mut rows, mut reader, mut read) = (asked.query([])?, Reader::new(old), Total::default());
        let mut copies = Reader::new(new);
        while let Some(row) = rows.next().unwrap_or_else(|error| {
            unread(error.into());
            None
        }) {
            match reader.read(row) {
                Err(error) => unread(error),
                Ok(kept) => {
                    read.add(kept.checksum);
                    match keys::read_one(new, &mut copies, &kept.key.id)? {
                        None => went_on.lost += 1,
                        Some(copy) => went_on.keys.extend(copy.key.put_back(&kept.key, now_ms)),
                    }
                }
            }
        }
        Meta::load(old).and_then(|meta| meta.keys.expect(read, "keys")).unwrap_or_else(&mut unread);
        match apps::operators(old) {
            Err(error) => unread(error),
            Ok(operators) => {
                let known: Vec<_> =
                    apps::operators(new)?.into_iter().filter(|known| !known.revoked).map(|known| known.id).collect();
                let ended = operators.into_iter().filter(|operator| operator.revoked && known.contains(&operator.id));
                went_on.operators = ended.map(|operator| operator.id).collect();
            }
        }
        Ok(went_on)
    }
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
    let own = old.and_then(|old| Meta::load(old.conn.as_ref()?).ok()).map_or(0, |meta| meta.version.epoch);
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
