//! Connections to a store: one that writes, and a few that read.

use std::{
    path::Path,
    sync::{Arc, mpsc},
    time::Duration,
};

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{fault::corrupt, place::Place, schema};
use crate::keystore::StoreError;

/// How long a change waits for one of another process.
const BUSY: Duration = Duration::from_secs(5);

/// A store up to this size is looked through when it is opened, which takes some 0.15 s for that many bytes. Of a larger one, damage shows in
/// the checksums when it is read, and all of it in a copy.
const CHECKED_BYTES: u64 = 64 * 1024 * 1024;

/// What [`Readers::read_ahead`] hands over at once, and how many of those wait at most.
const BATCH: usize = 256;
const BATCHES: usize = 16;

/// Connections that read which are kept for the next reader; more are made when more read at once.
const KEPT: usize = 4;

/// A connection that can write, to a store that was recognised and brought up to date.
pub(super) fn writing(place: &Place) -> Result<Connection, StoreError> {
    let mut conn = open(place.path())?;
    // Before anything is changed in what may be no store, or one of a later version.
    schema::recognise(&conn)?;
    let journal: String = conn.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if journal != "wal" {
        return Err(StoreError::Io("its file system cannot have a write-ahead log: put the store on a local disk".into()));
    }
    if place.path().metadata().is_ok_and(|file| file.len() <= CHECKED_BYTES) {
        check(&conn)?;
    }
    // 64 MiB: a large import touches pages all over the file. The writer lets go of them afterwards.
    conn.execute_batch("PRAGMA cache_size = -65536")?;
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

    /// What `work` reads and gives, handed to `take`: by a thread of its own, for to read a key takes about as long as to make use of it.
    pub fn read_ahead<K: Send, T: Send>(
        &self,
        work: impl FnOnce(&Connection, &mut dyn FnMut(K)) -> Result<T, StoreError> + Send,
        take: &mut dyn FnMut(K),
    ) -> Result<T, StoreError> {
        let (sender, batches) = mpsc::sync_channel(BATCHES);
        let ahead = move || {
            self.read(|conn| {
                let mut batch = Vec::with_capacity(BATCH);
                // Whoever takes them may have panicked; then nobody waits for the rest.
                let read = work(conn, &mut |item| {
                    batch.push(item);
                    if batch.len() == BATCH {
                        let _ = sender.send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH)));
                    }
                })?;
                let _ = sender.send(batch);
                Ok(read)
            })
        };
        std::thread::scope(|scope| {
            let reader = std::thread::Builder::new().name("keystore-reader".into()).spawn_scoped(scope, ahead);
            let reader = reader.map_err(|error| StoreError::Io(format!("no thread to read it: {error}")))?;
            batches.into_iter().flatten().for_each(take);
            reader.join().map_err(|_| StoreError::Io("the thread that read it has ended".into()))?
        })
    }

    fn connect(&self) -> Result<Connection, StoreError> {
        let conn = open(self.place.path())?;
        conn.execute_batch("PRAGMA query_only = ON")?;
        Ok(conn)
    }
}
