//! What a store of managed keys does, whatever it is made of.
//!
//! Every call may wait for a disk or a network: it is for a thread that may wait. A change is in force for whoever reads next when
//! [`KeyStore::commit`] returns, is then on the disk, and stands in the audit trail; or it has not happened, and neither has its record.

mod audit;
mod change;
mod failure;
mod owners;

mod version;

use std::{collections::BTreeMap, path::Path};

pub use self::{
    audit::{AuditFilter, AuditFrom, AuditHead, AuditRecord},
    change::{Change, Committed, Deed, Once},
    failure::StoreError,
    owners::{App, Operator, Role},
    version::{ChangedKeys, Checkpoint, RecordHash, Version},
};
use crate::gate::{
    credential::{Environment, Kind},
    keys::{Key, State},
    limit::Tallies,
};

/// A store of managed keys.
pub trait KeyStore: Send + Sync + 'static {
    /// The version of the keys now.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn version(&self) -> Result<Version, StoreError>;

    /// Gives every key to `take`, in the order of their ids, all of one version, and returns it.
    ///
    /// # Errors
    /// If the store cannot be read, or not all of it: what `take` was given is then no set.
    fn read_all(&self, take: &mut dyn FnMut(Key)) -> Result<Version, StoreError>;

    /// The keys that changed after `sequence`, at most `limit`, in the order of their changes; those that changed together all or none.
    ///
    /// # Errors
    /// [`StoreError::TooFarBack`], or if the store cannot be read.
    fn changed_after(&self, sequence: u64, limit: usize) -> Result<ChangedKeys, StoreError>;

    /// The key with this id.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn key(&self, id: &str) -> Result<Option<Key>, StoreError>;

    /// The keys that `wanted` describes, in the order of their ids, from behind `after`, at most `limit`.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn keys(&self, wanted: &KeyFilter, after: Option<&str>, limit: usize) -> Result<Vec<Key>, StoreError>;

    /// The applications, in the order of their ids.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn apps(&self) -> Result<Vec<App>, StoreError>;

    /// Tokens of operators, the revoked ones as well.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn operators(&self) -> Result<Vec<Operator>, StoreError>;

    /// Makes a change, and its record in the audit trail, or neither.
    ///
    /// # Errors
    /// Why it has not happened.
    fn commit(&self, change: Change) -> Result<Committed, StoreError>;

    /// Records of the audit trail, in the order that `from` says, at most `limit`.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn audit(&self, wanted: &AuditFilter, from: AuditFrom, limit: usize) -> Result<Vec<AuditRecord>, StoreError>;

    /// The hash of the record of the audit trail with this number, or of 0, before every record: 32 zero bytes. `None` where it is not
    /// known: it was pruned, or is still to come. That of the latest change of keys is known as long as the store is; a copy of another
    /// store's keys knows no other.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn record_hash(&self, sequence: u64) -> Result<Option<RecordHash>, StoreError>;

    /// Reads the whole audit trail, and says up to where it is whole.
    ///
    /// # Errors
    /// The first record that was edited, or is missing; or if the store cannot be read.
    fn verify_audit(&self) -> Result<AuditHead, StoreError>;

    /// Forgets the records of before `before_ms` up to the first that is not, and keeps what the rest hangs on. How many they were. If there
    /// were any, that is a change by `actor` at `at_ms` (both times in Unix milliseconds), with a record of its own (`audit.prune`).
    ///
    /// # Errors
    /// If nothing was forgotten.
    fn prune_audit(&self, before_ms: i64, actor: &str, at_ms: i64) -> Result<u64, StoreError>;

    /// Adds what keys have done, all of it or nothing. No record of the audit trail, and no version: it is counted, not changed.
    ///
    /// # Errors
    /// If nothing was kept.
    fn add_usage(&self, usage: BTreeMap<Box<str>, Usage>) -> Result<(), StoreError>;

    /// What the key with this id has done; `None` of one that did nothing.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn usage(&self, id: &str) -> Result<Option<Usage>, StoreError>;

    /// Gives what every key has done to `take`.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn read_usage(&self, take: &mut dyn FnMut(Box<str>, Usage)) -> Result<(), StoreError>;

    /// What is kept under `name` for the manager itself, such as the key that signs its snapshots; the first time, what `make` makes.
    ///
    /// # Errors
    /// If it can be neither read nor kept.
    fn keepsake(&self, name: &str, make: &dyn Fn() -> Vec<u8>) -> Result<Vec<u8>, StoreError>;

    /// All that is kept for the manager itself under names that begin with `prefix`, by the rest of the name.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn keepsakes(&self, prefix: &str) -> Result<BTreeMap<Box<str>, Vec<u8>>, StoreError>;

    /// Keeps each of these for the manager itself under its name, and forgets what is kept under that of a `None`; all of it or nothing.
    ///
    /// # Errors
    /// If it cannot be written.
    fn put_keepsakes(&self, changes: BTreeMap<Box<str>, Option<Vec<u8>>>) -> Result<(), StoreError>;

    /// Writes a copy, of one moment and whole, to a new file at `path`, for its owner only.
    ///
    /// # Errors
    /// If there is a file already, or it cannot be written; nothing is left there then.
    fn backup(&self, path: &Path) -> Result<(), StoreError>;
}

/// Which keys are meant: those that are all of what is said here.
#[derive(Clone, Debug, Default)]
pub struct KeyFilter {
    /// Of this application.
    pub app: Option<Box<str>>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// Of this environment.
    pub environment: Option<Environment>,
    /// In this state.
    pub state: Option<State>,
    /// With this in its id or name, in either case.
    pub text: Option<Box<str>>,
}

/// What a key has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// When it was used last, in Unix milliseconds; 0 is never.
    pub last_used_ms: i64,
    /// Requests and handshakes that were let in with it.
    pub requests: u64,
    /// Those that were refused, by the code of their refusal.
    pub refusals: BTreeMap<Box<str>, u64>,
    /// What its quotas have counted: of this, the latest counts and not the sum.
    pub tallies: Option<Tallies>,
}
