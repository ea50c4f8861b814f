//! Why a store does not do as it was asked.

use std::fmt;

use crate::gate::keys::Refused;

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
