//! Keys on their way from a manager to the gates that follow it: all of them (a snapshot) or those that changed, signed.
//!
//! A parcel is lines of JSON: what it is ([`Heading`]), one key each ([`wire`]), what they come to, and a signature over all lines before it.
//! Whoever opens one believes nothing in it before the signature of the manager that it was told of was checked.
//!
//! Knows texts and keys; nothing of sockets, files or gates.

mod open;
mod seal;
mod sign;
mod wire;

use serde::{Deserialize, Serialize};

use super::{Checkpoint, RecordHash, Version};
use crate::gate::credential::hex;

pub use self::{
    open::{Opened, ParcelError, open, verify},
    seal::seal,
    sign::Signer,
};

/// The largest parcel of changes, in bytes: what is more is asked for as a snapshot.
pub const MAX_CHANGES_BYTES: usize = 4 * 1024 * 1024;
/// The largest snapshot, in bytes.
pub const MAX_SNAPSHOT_BYTES: u64 = 8 * 1024 * 1024 * 1024;
/// The longest line, in bytes: a key with the most that it may say of itself, and room.
const MAX_LINE_BYTES: u64 = 1024 * 1024;
/// What is read of the words below, and no other.
const FORMAT: u32 = 1;

/// What a parcel is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heading {
    /// The version of these words.
    format: u32,
    /// What is said by it.
    pub says: Says,
    /// The sequence number that whoever asked has come to; `None` where it holds all keys.
    pub after: Option<u64>,
    /// How long the manager had been running when it made the parcel, in milliseconds: between two parcels of one process, how much
    /// later the second was made, whatever clocks say.
    pub uptime_ms: u64,
    /// What whoever asked for it had never said before: a parcel with it was made after the asking, and is no recording of an old one.
    pub nonce: String,
}

impl Heading {
    /// Of a parcel for whoever asked with `nonce`.
    #[must_use]
    pub fn new(says: Says, after: Option<u64>, uptime_ms: u64, nonce: &str) -> Self {
        Self { format: FORMAT, says, after, uptime_ms, nonce: nonce.to_owned() }
    }
}

/// What a parcel says. That there are no changes to give is signed as well: whoever could say so alone could have a gate read what never ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Says {
    /// All keys.
    All,
    /// Those that changed after what whoever asked has come to, if there are any.
    Changes,
    /// No changes lead on from there, or too many: all keys must be read.
    Behind,
    /// What whoever asked has come to was never there, or is later than all there is.
    Diverged,
}

/// What a parcel leads from and to, by the manager's audit trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// The hash of the record that whoever asked has come to, as the manager has it: if it is another one than theirs, they went another
    /// way. `None` where the manager does not know it any more.
    pub from: Option<RecordHash>,
    /// What they have come to once this parcel is taken in.
    pub to: Checkpoint,
}

/// The line behind the keys. It is there, and not in the heading, for whoever gives them learns it last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Total {
    /// [`Way::from`], in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// [`Way::to`], its hash so too.
    #[serde(flatten)]
    version: Version,
    hash: String,
    /// How many they were.
    keys: u64,
}

impl Total {
    fn new(Way { from, to: Checkpoint { version, hash } }: Way, keys: u64) -> Self {
        Self { from: from.map(|from| hex::text(&from)), version, hash: hex::text(&hash), keys }
    }

    /// `None` where a hash is none.
    fn way(&self) -> Option<Way> {
        let from = self.from.as_deref().map(hex::parse).map(|from| from.ok_or(())).transpose().ok()?;
        Some(Way { from, to: Checkpoint { version: self.version, hash: hex::parse(&self.hash)? } })
    }
}

/// The last line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seal {
    signature: String,
}

#[cfg(test)]
mod tests;
