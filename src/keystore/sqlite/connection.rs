//! Connections to a store: one that writes, and a few that read.

use std::{path::Path, sync::Arc, time::Duration};

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{fault::corrupt, place::Place, schema};
use crate::keystore::StoreError;

/// How long a change waits for one of another process.
const BUSY: Duration = Duration::from_secs(5);

/// Connections that read which are kept for the next reader; more are made when more read at once.
const KEPT: usize = 4;

/// A connection that can write, to a store that was recognised and brought up to date.
pub(super) fn writing(place: &Place) -> Result<Connection, StoreError> {
    // Of a store that was closed, nothing is left beside it but the head.
    let left_open = place.beside("-wal").metadata().is_ok_and(|log| log.len() > 0);
    let mut conn = open(place.path())?;
    // Before anything is changed in what may be no store, or one of a later version.
    schema::recognise(&conn)?;
    let journal: String = conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if journal != "wal" {
        return Err(StoreError::Io("its file system cannot have a write-ahead log: put the store on a local disk".into()));
    }
    if left_open {
        check(&conn)?;
    }
    schema::migrate(&mut conn)?;
    Ok(conn)
}

/// A connection to the database at `path`, set so that what is acknowledged is synced (`synchronous = FULL`: with a write-ahead log,
/// `NORMAL` loses the latest changes with the power), and a schema that somebody planted runs nothing.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(BUSY)?;
    for (setting, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
    ] {
        conn.set_db_config(setting, on)?;
    }
    conn.set_prepared_statement_cache_capacity(64);
    // The log is cut back to 64 MiB after a large import.
    conn.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA cell_size_check = ON; PRAGMA journal_size_limit = 67108864;",
    )?;
    Ok(conn)
}

/// That the pages of the file hang together.
pub(super) fn check(conn: &Connection) -> Result<(), StoreError> {
    let said: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if said == "ok" { Ok(()) } else { Err(corrupt(said)) }
}

/// Connections that read.
pub(super) struct Readers {
    place: Arc<Place>,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub fn new(place: Arc<Place>) -> Self {
        Self { place, idle: Mutex::default() }
    }

    /// What `work` reads, all of one moment.
    pub fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.place.is_still_there()?;
        let idle = self.idle.lock().pop();
        let conn = idle.map_or_else(|| self.connect(), Ok)?;
        let whole = conn.unchecked_transaction()?;
        let read = work(&whole)?;
        whole.rollback()?;
        let mut idle = self.idle.lock();
        if idle.len() < KEPT {
            idle.push(conn);
        }
        Ok(read)
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        let conn = open(self.place.path())?;
        conn.execute_batch("PRAGMA query_only = ON")?;
        Ok(conn)
    }
}
