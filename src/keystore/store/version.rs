//! How far the keys of a store have come.

use crate::gate::keys::Key;

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
