//! The store of managed keys in a file of SQLite, which a manager has for itself and the command line may write to as well.
//!
//! `schema/1.sql` says what is in it. It knows how keys are kept, not what their terms mean; it reads no clock.

mod apps;
mod aside;
mod audit;
mod backup;
mod checksum;
mod connection;
mod deeds;
mod details;
mod fault;
mod head;
mod keepsakes;
mod keys;
mod meta;
mod once;
mod owner;
mod place;
mod replica;
mod restore;
mod rows;
mod schema;
mod terms;
mod usage;
mod writer;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use rusqlite::Connection;

pub use self::restore::{Restored, WentOn};
use self::{
    connection::Readers,
    head::{Head, HeadFile},
    meta::Meta,
    place::Place,
    writer::Writer,
};
use super::{
    App, AuditFilter, AuditFrom, AuditHead, AuditRecord, Change, ChangedKeys, Checkpoint, Committed, KeyFilter, KeyStore,
    Operator, RecordHash, StoreError, Usage, Version,
};
use crate::gate::keys::Key;

/// A store of keys in a file. All that is in it stays in force for other processes that open it.
pub struct SqliteStore {
    place: Arc<Place>,
    readers: Readers,
    writer: Writer,
}

impl SqliteStore {
    /// Makes an empty store at `path`, where there is nothing yet, for its owner only. Its epoch is `now_ms` (Unix milliseconds).
    ///
    /// # Errors
    /// If there is something, or it cannot be written; then there is nothing afterwards.
    pub fn create(path: &Path, now_ms: i64) -> Result<(), StoreError> {
        place::make(path, |new| {
            let mut conn = connection::open(new)?;
            schema::migrate(&mut conn)?;
            Meta::new(u64::try_from(now_ms).unwrap_or_default()).save(&conn)
        })
    }

    /// Opens the store at `path`, and brings its schema up to date.
    ///
    /// # Errors
    /// If there is none, or it cannot be used: [`StoreError::Corrupt`], [`StoreError::TooNew`], [`StoreError::Io`]. Nothing has changed
    /// then.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let store = Self::opened(path)?;
        store.read(owner::is_none)?;
        Ok(store)
    }

    /// Opens the copy at `path` that a gate keeps of the keys of the manager with this public key, and makes an empty one, of version 0.0,
    /// where there is none. One of another manager is emptied, if nobody else has it open.
    ///
    /// # Errors
    /// As [`SqliteStore::open`], or if keys are managed in what is there, or it is another manager's and in use.
    pub fn open_replica(path: &Path, manager: &[u8; 32]) -> Result<Self, StoreError> {
        if !path.exists() {
            owner::make(path, manager)?;
        }
        let (store, claimed) = (Self::opened(path)?, *manager);
        if store.write(move |conn| owner::claim(conn, &claimed))? {
            return Ok(store);
        }
        // Closed first: whoever has it open keeps it from being taken over.
        let place = Arc::clone(&store.place);
        drop(store);
        place.told(owner::take_over(&place, manager))?;
        Self::open_replica(path, manager)
    }

    /// Moves the damaged copy at `path` out of the way, to the same name with `.damaged`, so that the next one can be made there. How far it
    /// had come is still known to that one ([`SqliteStore::floor`]), unless its head is damaged too.
    ///
    /// # Errors
    /// If it cannot be moved.
    pub fn put_aside(path: &Path) -> Result<(), StoreError> {
        aside::put_aside(path).map_err(|error| StoreError::Io(format!("{}: {error}", path.display())))
    }

    fn opened(path: &Path) -> Result<Self, StoreError> {
        let place = Arc::new(Place::find(path)?);
        let open = || {
            let head = HeadFile::find(place.path())?;
            let conn = connection::writing(&place)?;
            if let Some(head) = Head::read(place.path()) {
                head.is_reached(&conn)?;
            }
            let mut head = head.or_made(place.path())?;
            head.keep(Head::of(&conn)?);
            head.sync();
            Writer::start(conn, Arc::clone(&place), head)
        };
        let writer = place.told(open())?;
        Ok(Self { readers: Readers::new(Arc::clone(&place)), writer, place })
    }

    /// Puts the copy at `from` in the place of the store at `path`, which nobody may have open. What has ended since the copy was made stays
    /// ended, as far as the store that is replaced can be read: a key is as dead as in either, and of a key that was changed since, its state,
    /// its texts and its end stay. All else is as in the copy. The replaced store is kept beside it. The epoch is a later one, so that whoever
    /// follows the store knows that it is no longer what it was, and the audit trail says so (`store.restore`), by `actor` at `now_ms` (Unix
    /// milliseconds).
    ///
    /// # Errors
    /// If somebody has the store open, the copy is not whole, or one of both cannot be written. The store is then as it was.
    pub fn restore(path: &Path, from: &Path, actor: &str, now_ms: i64) -> Result<Restored, StoreError> {
        restore::restore(path, from, actor, now_ms)
    }

    /// How far a copy has come.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn checkpoint(&self) -> Result<Checkpoint, StoreError> {
        self.read(|conn| Ok(replica::checkpoint(&Meta::load(conn)?)))
    }

    /// What keys must lead on from to be taken into a copy: how far it has come, or, while it has none because it was begun in the place of a
    /// damaged one, how far that one had.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn floor(&self) -> Result<Checkpoint, StoreError> {
        self.read(replica::least)
    }

    /// Replaces all keys of a copy, which has come to `from` and no other, by those that `source` gives, and which are those of `to`. `source`
    /// may be asked more than once. Whether it was done: if not, another process has brought the copy elsewhere.
    ///
    /// # Errors
    /// Those of `source`; or if it cannot be written. Nothing has changed then.
    pub fn replace_all(
        &self,
        from: Checkpoint,
        to: Checkpoint,
        source: impl Fn(&mut dyn FnMut(&Key) -> Result<(), StoreError>) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<bool, StoreError> {
        self.write(move |conn| replica::replace_all(conn, from, to, &source))
    }

    /// Takes into a copy the keys that changed between `from` and `to`. Whether the copy has come to `to` by that, or had before: if not,
    /// another process has brought it elsewhere, and nothing has changed.
    ///
    /// # Errors
    /// If it cannot be written. Nothing has changed then.
    pub fn apply(&self, from: Checkpoint, to: Checkpoint, keys: impl Into<Arc<[Key]>>) -> Result<bool, StoreError> {
        let keys = keys.into();
        self.write(move |conn| replica::apply(conn, from, to, &keys))
    }

    /// The manager of a copy is known never to have come to `at`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn note_diverged(&self, at: Checkpoint) -> Result<(), StoreError> {
        self.write(move |conn| replica::note_diverged(conn, at))
    }

    /// Whether its manager is known never to have come to [`SqliteStore::floor`].
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn has_diverged(&self) -> Result<bool, StoreError> {
        self.read(replica::has_diverged)
    }

    /// Until when a copy was known to be what the manager has, in Unix milliseconds (0 is never), and how long it was good for after that, as
    /// its manager was told.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn fresh(&self) -> Result<(i64, Duration), StoreError> {
        self.read(replica::fresh)
    }

    /// A copy was known to be what the manager has until `at_ms` (Unix milliseconds), and is good for `span` after that.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn note_fresh(&self, at_ms: i64, span: Duration) -> Result<(), StoreError> {
        self.write(move |conn| replica::note_fresh(conn, at_ms, span))
    }

    /// Transactions written so far: fewer than changes, where many come at once.
    #[must_use]
    pub fn transactions(&self) -> u64 {
        self.writer.transactions()
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.place.told(self.readers.read(work))
    }

    fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.place.told(self.writer.write(work))
    }
}

impl KeyStore for SqliteStore {
    fn version(&self) -> Result<Version, StoreError> {
        self.read(|conn| Ok(Meta::load(conn)?.version))
    }

    fn read_all(&self, take: &mut dyn FnMut(Key)) -> Result<Version, StoreError> {
        self.place.told(self.readers.read_ahead(keys::read_all, take))
    }

    fn changed_after(&self, sequence: u64, limit: usize) -> Result<ChangedKeys, StoreError> {
        self.read(|conn| {
            replica::knows_changes_after(conn, sequence)?;
            keys::changed_after(conn, sequence, limit)
        })
    }

    fn key(&self, id: &str) -> Result<Option<Key>, StoreError> {
        self.read(|conn| Ok(keys::find(conn, id)?.map(|kept| kept.key)))
    }

    fn keys(&self, wanted: &KeyFilter, after: Option<&str>, limit: usize) -> Result<Vec<Key>, StoreError> {
        self.read(|conn| keys::list(conn, wanted, after, limit))
    }

    fn apps(&self) -> Result<Vec<App>, StoreError> {
        self.read(apps::list)
    }

    fn operators(&self) -> Result<Vec<Operator>, StoreError> {
        self.read(apps::operators)
    }

    fn commit(&self, change: Change) -> Result<Committed, StoreError> {
        self.write(move |conn| deeds::commit(conn, &change))
    }

    fn audit(&self, wanted: &AuditFilter, from: AuditFrom, limit: usize) -> Result<Vec<AuditRecord>, StoreError> {
        self.read(|conn| audit::list(conn, wanted, from, limit))
    }

    fn record_hash(&self, sequence: u64) -> Result<Option<RecordHash>, StoreError> {
        self.read(|conn| audit::hash_of(conn, &Meta::load(conn)?, sequence))
    }

    fn verify_audit(&self) -> Result<AuditHead, StoreError> {
        self.read(|conn| audit::verify(conn, &Meta::load(conn)?.audit))
    }

    fn prune_audit(&self, before_ms: i64, actor: &str, at_ms: i64) -> Result<u64, StoreError> {
        let actor: Box<str> = actor.into();
        self.write(move |conn| deeds::prune(conn, before_ms, &actor, at_ms))
    }

    fn add_usage(&self, usage: BTreeMap<Box<str>, Usage>) -> Result<(), StoreError> {
        self.write(move |conn| usage::add(conn, &usage))
    }

    fn usage(&self, id: &str) -> Result<Option<Usage>, StoreError> {
        self.read(|conn| usage::find(conn, id))
    }

    fn read_usage(&self, take: &mut dyn FnMut(Box<str>, Usage)) -> Result<(), StoreError> {
        self.read(|conn| usage::read_all(conn, take))
    }

    fn keepsake(&self, name: &str, make: &dyn Fn() -> Vec<u8>) -> Result<Vec<u8>, StoreError> {
        if let Some(kept) = self.read(|conn| keepsakes::find(conn, name))? {
            return Ok(kept);
        }
        let (name, value): (Box<str>, _) = (name.into(), make());
        self.write(move |conn| keepsakes::keep(conn, &name, &value))
    }

    fn keepsakes(&self, prefix: &str) -> Result<BTreeMap<Box<str>, Vec<u8>>, StoreError> {
        self.read(|conn| keepsakes::beginning_with(conn, prefix))
    }

    fn put_keepsakes(&self, changes: BTreeMap<Box<str>, Option<Vec<u8>>>) -> Result<(), StoreError> {
        self.write(move |conn| {
            changes.iter().try_for_each(|(name, value)| match value {
                Some(value) => keepsakes::keep_anew(conn, name, value),
                None => keepsakes::forget(conn, name),
            })
        })
    }

    fn backup(&self, path: &Path) -> Result<(), StoreError> {
        self.place.told(backup::write(&self.place, path))
    }
}
