//! What a store of managed keys does, whatever it is made of.
//!
//! Every call may wait for a disk or a network: it is for a thread that may wait. A change is in force for whoever reads next when
//! [`KeyStore::commit`] returns, is then on the disk, and stands in the audit trail; or it has not happened, and neither has its record.

use std::{collections::BTreeMap, fmt, path::Path};

use crate::gate::{
    credential::{Environment, Kind},
    keys::{Key, KeyChange, Refused, State},
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

/// A version of the keys: higher is later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// Of the store: another one was made, or restored from a copy, later.
    pub epoch: u64,
    /// Counts in one epoch: the number of the latest change in the audit trail.
    pub sequence: u64,
}

/// SHA-256 of a record of the audit trail, and so of all before it.
pub type RecordHash = [u8; 32];

/// A version, and the hash of the record that made it: stores that went different ways from one copy may have the same version, and
/// never the same hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The version.
    pub version: Version,
    /// Of the record with the number [`Version::sequence`].
    pub hash: RecordHash,
}

/// Keys that changed.
#[derive(Debug)]
pub struct ChangedKeys {
    /// As they are now.
    pub keys: Vec<Key>,
    /// What they bring whoever asked to.
    pub version: Version,
    /// Whether there are more.
    pub more: bool,
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

/// An application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Unique.
    pub id: Box<str>,
    /// For people.
    pub name: Box<str>,
    /// When it was made, in Unix milliseconds.
    pub created_at_ms: i64,
}

/// What an operator may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Follows the manager: gets the keys with their digests, and tells what becomes of them. Sees nothing else.
    Gate,
    /// Sees everything but secrets, which nobody sees.
    Viewer,
    /// Manages keys.
    Operator,
    /// Manages operators too.
    Owner,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Gate, Self::Viewer, Self::Operator, Self::Owner];

    /// The role of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// `gate`, `viewer`, `operator` or `owner`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Owner => "owner",
        }
    }
}

/// Somebody who manages keys, by the token that proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Unique; stands in the token.
    pub id: Box<str>,
    /// For people.
    pub name: Box<str>,
    /// What they may do.
    pub role: Role,
    /// SHA-256 of the token.
    pub digest: [u8; 32],
    /// When the token was made, in Unix milliseconds.
    pub created_at_ms: i64,
    /// When it ends; `i64::MAX` is never.
    pub expires_at_ms: i64,
    /// Whether it was revoked, which is for good.
    pub revoked: bool,
}

/// A change, by whom and when.
#[derive(Clone, Debug)]
pub struct Change {
    /// What happens.
    pub deed: Deed,
    /// By whom: `operator:<id>`, `key:<id>`, `local:<uid>`, `gate`.
    pub actor: Box<str>,
    /// When, in Unix milliseconds.
    pub at_ms: i64,
    /// For a change that must not happen twice, however often it is asked for.
    pub once: Option<Once>,
}

/// What tells a request that is repeated from another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// What its sender calls it (`Idempotency-Key`); unique for the actor, for a day.
    pub key: Box<str>,
    /// SHA-256 of all that was asked for.
    pub request: [u8; 32],
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Deed {
    /// An application is made, with its first keys.
    CreateApp(App, Vec<Key>),
    /// Keys are made, all or none; their applications are there.
    Create(Vec<Key>),
    /// Keys are taken over from elsewhere, all or none, and the applications that there are not yet are made.
    Import(Vec<Key>),
    /// A key is changed; where a version is said, only if it has it.
    Change {
        /// Of the key.
        id: Box<str>,
        /// [`Key::version`].
        if_version: Option<u64>,
        /// How.
        change: Box<KeyChange>,
    },
    /// An operator gets a token.
    CreateOperator(Operator),
    /// A token ends.
    RevokeOperator(Box<str>),
    /// Nothing changes, but it is to be remembered: a management call that was refused, a misuse of a key.
    Note {
        /// What was tried: `key.create`, `key.misuse`.
        action: Box<str>,
        /// On what: `key:<id>`, `app:<id>`.
        target: Box<str>,
        /// As one line of JSON, without secrets.
        detail: Box<str>,
    },
}

/// A change that has happened.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The version that the keys have now.
    pub version: Version,
    /// The keys that it was about, as they are now.
    pub keys: Vec<Key>,
    /// The operator who was made, as they are now.
    pub operator: Option<Operator>,
    /// Whether all was so already, and nothing was recorded.
    pub unchanged: bool,
    /// Whether it had happened before, by the same request ([`Once`]).
    pub repeated: bool,
}

/// A record of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// From 1, without gaps.
    pub sequence: u64,
    /// When, in Unix milliseconds.
    pub at_ms: i64,
    /// By whom.
    pub actor: Box<str>,
    /// What: `key.create`, `key.rotate`, …
    pub action: Box<str>,
    /// On what: `key:<id>`, `app:<id>`, `operator:<id>`.
    pub target: Box<str>,
    /// As one line of JSON, without secrets.
    pub detail: Box<str>,
    /// SHA-256 over the hash before and all of the above.
    pub hash: RecordHash,
}

/// Which records are meant: those that are all of what is said here.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// By this one.
    pub actor: Option<Box<str>>,
    /// This, or all that begin so: `key.` is everything done to keys.
    pub action: Option<Box<str>>,
    /// On this.
    pub target: Option<Box<str>>,
}

/// Where a page of the audit trail begins, and which way it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditFrom {
    /// Behind the record of this number; 0 is the beginning.
    After(u64),
    /// Before the record of this number, backwards; `u64::MAX` is the end.
    Before(u64),
}

/// The end of an audit trail: with it, kept elsewhere, a trail that was cut short is told from a whole one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditHead {
    /// Of the first record that is there.
    pub first: u64,
    /// Of the last one; 0 where there is none.
    pub sequence: u64,
    /// Of the last one.
    pub hash: [u8; 32],
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

/// Why a store does not do as it was asked. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// There is none: `key:<id>`, `app:<id>`, `operator:<id>`.
    NotFound(Box<str>),
    /// There is one already.
    Exists(Box<str>),
    /// This other key has the text, or lists it as an earlier one, whether or not that is still good.
    SameText(Box<str>),
    /// The key has another version by now.
    Changed(u64),
    /// The key's life does not allow it.
    Refused(Refused),
    /// The same `Idempotency-Key` came with another request.
    Reused,
    /// The disk, or a quota on it, is full.
    Full,
    /// What changed so long ago is not known any more: all keys are to be read.
    TooFarBack,
    /// It is damaged, or not a store; what was found, and the way out.
    Corrupt(String),
    /// It is of a later version of this program.
    TooNew {
        /// `user_version` of the store.
        found: i64,
        /// The latest one that is known here.
        known: i64,
    },
    /// The system's error, with the path.
    Io(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(what) => write!(f, "there is no {what}"),
            Self::Exists(what) => write!(f, "there is {what} already"),
            Self::SameText(other) => write!(f, "{other} has the same text: two keys cannot share one"),
            Self::Changed(version) => write!(f, "it was changed meanwhile and has version {version} now"),
            Self::Refused(why) => write!(f, "{why}"),
            Self::Reused => f.write_str("this Idempotency-Key was used for another request; use a new one"),
            Self::Full => f.write_str("the disk is full: nothing was changed; make room and ask again"),
            Self::TooFarBack => f.write_str("what changed since then is not known any more: all keys are to be read"),
            Self::Corrupt(what) => write!(f, "the key store is damaged: {what}"),
            Self::TooNew { found, known } => write!(
                f,
                "the key store is of a later version of keygate (schema {found}, known here up to {known}): run that version, or restore a copy \
                 from before it"
            ),
            Self::Io(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for StoreError {}
