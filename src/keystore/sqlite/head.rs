//! The head of the audit trail, kept in a file of its own: what was acknowledged must still be there at the next start.
//!
//! Where a bit has turned in the write-ahead log, SQLite takes the log to end before it, as it has to for a write that the power cut short,
//! and the store is as it was a while ago: whole, but a key that was revoked meanwhile works again. The same is so where the log was
//! deleted, or an old copy put in place. So after each commit, and before it is acknowledged, the head is written to `<store>-head`; it is
//! never ahead of what is on the disk, and a store that is behind it is refused. It is not synced: after a loss of power it may be an older
//! one, which proves less and refuses nothing. One that is missing or damaged proves nothing, and is written anew.
//!
//! Whoever has a store open shares a lock on this file (`flock`), so that whoever would put another one in its place can tell. Not on the
//! store: SQLite's own locks on a file end when any of its descriptors in the process is closed.

use std::{
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
};

use ring::digest::{SHA256, digest};
use rusqlite::Connection;

use super::{audit, fault::corrupt, meta::Meta, place::beside, replica};
use crate::keystore::StoreError;

/// How far a store had come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub epoch: u64,
    pub sequence: u64,
    pub hash: [u8; 32],
}

impl From<&Meta> for Head {
    fn from(meta: &Meta) -> Self {
        Self { epoch: meta.version.epoch, sequence: meta.audit.last, hash: meta.audit.hash }
    }
}

impl Head {
    /// What was kept of `store`; `None` where nothing was, or it cannot be read.
    pub fn read(store: &Path) -> Option<Self> {
        Self::parse(&std::fs::read(beside(store, "-head")).ok()?)
    }

    /// What [`Head::bytes`] made.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (said, check) = bytes.split_last_chunk::<32>()?;
        let right = digest(&SHA256, said).as_ref() == check;
        let (epoch, rest) = said.split_first_chunk::<8>().filter(|_| right)?;
        let (sequence, hash) = rest.split_first_chunk::<8>()?;
        Some(Self { epoch: u64::from_be_bytes(*epoch), sequence: u64::from_be_bytes(*sequence), hash: hash.try_into().ok()? })
    }

    /// How far the store has come. A copy that was begun in the place of a damaged one, and has no keys yet, has come as far as that one had:
    /// it takes nothing that is older.
    pub fn of(conn: &Connection) -> Result<Self, StoreError> {
        match replica::floor(conn)? {
            Some(floor) => Ok(floor),
            None => Ok((&Meta::load(conn)?).into()),
        }
    }

    /// That the store has come at least as far as this, and by the same way.
    pub fn is_reached(&self, conn: &Connection) -> Result<(), StoreError> {
        let is = Self::of(conn)?;
        if is.epoch > self.epoch {
            return Ok(());
        }
        if is.epoch < self.epoch || is.sequence < self.sequence {
            return Err(corrupt(format_args!(
                "it is older than it was: change {} was acknowledged, and the latest in it is {}. Its log (`-wal`) is damaged or was deleted, or \
                 an old copy was put in its place: `keygate keys restore` does that so that all know of it",
                self.sequence, is.sequence
            )));
        }
        let hash = audit::hash_of(conn, &Meta::load(conn)?, self.sequence)?;
        if hash.is_some_and(|hash| hash != self.hash) {
            return Err(corrupt(format_args!("change {} of it is not the one that was acknowledged", self.sequence)));
        }
        Ok(())
    }

    /// It, and a digest of it.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = [&self.epoch.to_be_bytes()[..], &self.sequence.to_be_bytes(), &self.hash].concat();
        let check = digest(&SHA256, &bytes);
        bytes.extend_from_slice(check.as_ref());
        bytes
    }
}

/// Where the head is written.
pub(super) struct HeadFile {
    file: Option<File>,
    written: Option<Head>,
}

impl HeadFile {
    /// That of `store`, if there is one, shared with others who use the store.
    ///
    /// # Errors
    /// If somebody has it alone.
    pub fn find(store: &Path) -> Result<Self, StoreError> {
        let head = Self { file: OpenOptions::new().write(true).open(beside(store, "-head")).ok(), written: None };
        head.share()?;
        Ok(head)
    }

    /// The same, made where there was none. Where there is no room for it, none is kept: the store goes on without.
    ///
    /// # Errors
    /// If somebody has it alone.
    pub fn or_made(self, store: &Path) -> Result<Self, StoreError> {
        if self.file.is_some() {
            return Ok(self);
        }
        let path = beside(store, "-head");
        let file = make(&path);
        if let Err(error) = &file {
            tracing::warn!(%error, "cannot write {}: nothing will tell of changes that are lost", path.display());
        }
        let head = Self { file: file.ok(), written: None };
        head.share()?;
        Ok(head)
    }

    /// That of `store`, for nobody else: until it is dropped, nobody opens the store. `None` if somebody has it open.
    ///
    /// # Errors
    /// If nobody could be told that it is not to be opened.
    pub fn alone(store: &Path) -> Result<Option<Self>, StoreError> {
        let file = make(&beside(store, "-head")).map_err(|error| StoreError::Io(error.to_string()))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { file: Some(file), written: None })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(StoreError::Io(error.to_string())),
        }
    }

    /// A file system that has no locks, as SQLite asks for as well, is none that a store can be on.
    fn share(&self) -> Result<(), StoreError> {
        match self.file.as_ref().map(File::try_lock_shared) {
            Some(Err(TryLockError::WouldBlock)) => Err(StoreError::Io(
                "another process has it alone, to put a copy in its place or to empty it; ask again when that has ended".into(),
            )),
            Some(Err(TryLockError::Error(error))) => Err(StoreError::Io(error.to_string())),
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// Keeps `head`, if it is another. In place, as one write to one block, so that it needs no room. One that is behind what was kept is that
    /// of a copy that has no keys yet ([`Head::of`]), and is not kept.
    pub fn keep(&mut self, head: Head) {
        let far = |head: &Head| (head.epoch, head.sequence);
        if self.written.as_ref().is_some_and(|written| *written == head || far(&head) < far(written)) {
            return;
        }
        if let Some(file) = &self.file
            && let Err(error) = file.write_all_at(&head.bytes(), 0)
        {
            tracing::warn!(%error, "cannot write the head of the key store");
        }
        self.written = Some(head);
    }

    /// Has it on the disk.
    pub fn sync(&self) {
        if let Some(Err(error)) = self.file.as_ref().map(File::sync_all) {
            tracing::warn!(%error, "cannot sync the head of the key store");
        }
    }
}

fn make(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}
