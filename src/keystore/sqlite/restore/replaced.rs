//! The store that a copy takes the place of, and what in it has gone on since the copy was made: read as far as it can be, for a damaged
//! store is what copies are put back for.

use std::{path::Path, time::Duration};

use rusqlite::Connection;

use super::super::{
    apps,
    checksum::Total,
    connection,
    head::Head,
    keepsakes, keys,
    meta::Meta,
    place::Place,
    rows::{COLUMNS, Reader},
    usage,
};
use crate::{gate::keys::Key, keystore::StoreError};

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

/// The store that is replaced.
pub(super) struct Old {
    /// Which nobody else has open; `None` of a file that cannot be read.
    conn: Option<Connection>,
    unread: Option<String>,
}

impl Old {
    /// That at `store`; `None` where there is none.
    pub fn open(store: &Path) -> Result<Option<Self>, StoreError> {
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
    pub fn went_on(&self, new: &Connection, now_ms: i64) -> Result<WentOn, StoreError> {
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
        counted_on(old, new)?.unwrap_or_else(unread);
        Ok(went_on)
    }

    /// Its epoch, if that can be read.
    pub fn epoch(&self) -> Option<u64> {
        Some(Meta::load(self.conn.as_ref()?).ok()?.version.epoch)
    }
}

/// Has `new` go on with what `old` has counted, so that no quota begins anew, and with what the manager kept for itself where there is nothing of
/// that, such as what it signs with. An error of `new` is one; one of `old` is told, and what could be read of it counts.
fn counted_on(old: &Connection, new: &Connection) -> Result<Result<(), StoreError>, StoreError> {
    let (mut counted, mut kept) = (Ok(()), Ok(()));
    let usage_read = usage::read_all(old, &mut |id, usage| {
        if counted.is_ok() {
            counted = usage::catch_up(new, &id, &usage);
        }
    });
    let keepsakes_read = keepsakes::all(old, &mut |name, value| {
        if kept.is_ok() {
            kept = keepsakes::keep(new, &name, &value).map(drop);
        }
    });
    counted.and(kept)?;
    Ok(usage_read.and(keepsakes_read))
}
