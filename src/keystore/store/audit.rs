//! The audit trail, as it is asked for and told.

use super::RecordHash;

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
