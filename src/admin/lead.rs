//! What gates that follow a manager ask of it, as the management API has it, and what they tell it. The composition root implements it.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{Caller, Trouble};
use crate::{
    gate::credential::{VerifyKey, hex},
    keystore::{Checkpoint, RecordHash, Usage, Version},
};

/// What gates ask of their manager.
#[async_trait::async_trait]
pub trait Leading: Send + Sync + 'static {
    /// What its signatures are checked with.
    fn verify_key(&self) -> VerifyKey;

    /// The version that the keys have now.
    async fn version(&self) -> Result<Version, Trouble>;

    /// All keys as a parcel ([`crate::keystore::seal_parcel`]) for whoever said `nonce` and has come to the sequence number `after`, piece by
    /// piece, as fast as it is taken. A piece that is an error breaks it off.
    async fn snapshot(&self, nonce: &str, after: u64, by: &Caller) -> Result<mpsc::Receiver<std::io::Result<Bytes>>, Trouble>;

    /// Changes for a gate that follows from now on, and is known by then, until the receiver is dropped, which ends its following.
    async fn follow(&self, joining: Joining, by: &Caller) -> Result<mpsc::Receiver<Followed>, Trouble>;

    /// How far a gate has come.
    async fn report(&self, report: Report, by: &Caller) -> Result<(), Trouble>;

    /// What keys have done at a gate; once, however often the same batch is told.
    async fn take_usage(&self, told: ToldUsage, by: &Caller) -> Result<(), Trouble>;

    /// The gates that follow, or may still decide by the keys that they had.
    fn gates(&self) -> Vec<GateView>;

    /// Forgets a gate that is not connected, of which somebody knows that it runs no more; noted in the audit trail.
    async fn forget(&self, instance: &str, by: &Caller) -> Result<(), Trouble>;
}

/// A gate that begins to follow.
#[derive(Clone, Debug)]
pub struct Joining {
    /// Its process.
    pub instance: Box<str>,
    /// What it is called.
    pub name: Box<str>,
    /// What it had never said before.
    pub nonce: Box<str>,
    /// What it has.
    pub at: Checkpoint,
    /// How long it decides by that after it has heard the manager last.
    pub max_stale: Duration,
}

/// What is said to a gate that follows.
#[derive(Clone, Debug)]
pub enum Followed {
    /// A parcel with what changed, perhaps nothing, up to this version.
    Changes(Version, String),
    /// A parcel that says that no changes lead on from what it has, or that it has diverged. The last that is said to it.
    End(Version, String),
}

/// How far a gate has come.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Its process.
    pub instance: Box<str>,
    /// What it decides by.
    pub version: Version,
    /// Of the record that made it ([`Checkpoint::hash`]), in hexadecimal digits.
    #[serde(with = "digits")]
    pub hash: RecordHash,
    /// Counts what it reports, from 1; one that comes late, or again, says nothing.
    pub number: u64,
    /// Whether another report follows with more streams that ended by it; with the last, all of them are known.
    #[serde(default)]
    pub more: bool,
    /// Streams of keys that changed: at most 200 keys in one report.
    #[serde(default)]
    pub ended: BTreeMap<Box<str>, Ended>,
    /// It ends, and decides nothing from now on.
    #[serde(default)]
    pub leaving: bool,
}

impl Report {
    /// What it decides by.
    #[must_use]
    pub const fn checkpoint(&self) -> Checkpoint {
        Checkpoint { version: self.version, hash: self.hash }
    }
}

/// A hash, as digits.
mod digits {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use super::{RecordHash, hex};

    pub fn serialize<S: Serializer>(hash: &RecordHash, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&hex::text(hash))
    }

    pub fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<RecordHash, D::Error> {
        let text = String::deserialize(from)?;
        hex::parse(&text).ok_or_else(|| D::Error::custom("a hash is 64 hexadecimal digits"))
    }
}

/// Streams of a key that changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// That were told to end.
    pub cut: usize,
    /// Of those, the ones that are left.
    pub remaining: usize,
}

/// What keys have done at a gate.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToldUsage {
    /// Its process.
    pub instance: Box<str>,
    /// Counts what it tells, from 1.
    pub batch: u64,
    /// By key.
    #[serde(default)]
    pub keys: BTreeMap<Box<str>, ToldCounts>,
    /// Misuses of keys, for the audit trail.
    #[serde(default)]
    pub misuses: Vec<ToldMisuse>,
}

/// What one key has done.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToldCounts {
    /// When it was used last, in Unix milliseconds; 0 is never.
    pub last_used_ms: i64,
    /// Let in.
    pub requests: u64,
    /// Refused, by reason.
    #[serde(default)]
    pub refusals: BTreeMap<Box<str>, u64>,
}

/// How a key was misused.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToldMisuse {
    /// Which.
    pub key: Box<str>,
    /// The reason of its refusals.
    pub reason: Box<str>,
    /// How often.
    pub count: u64,
    /// The last who did.
    pub peer: Box<str>,
    /// The last page, if it was one.
    #[serde(default)]
    pub origin: Option<Box<str>>,
}

/// A gate that follows, as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct GateView {
    /// What it is called.
    pub name: String,
    /// Its process.
    pub instance: String,
    /// Who it is, by its token.
    pub actor: String,
    /// Whether it is connected now. One that is not may go on by what it has, for as long as it says below.
    pub connected: bool,
    /// What it decides by, where that is known: what it has reported, and this store once had.
    pub version: Version,
    /// Whether it has keys that this store never had: one of both was put back by hand.
    pub diverged: bool,
    /// Since it was heard last, in milliseconds.
    pub heard_ms_ago: u64,
    /// How long after that it decides by what it has, in milliseconds.
    pub max_stale_ms: u64,
}

impl From<ToldCounts> for Usage {
    fn from(ToldCounts { last_used_ms, requests, refusals }: ToldCounts) -> Self {
        Self { last_used_ms, requests, refusals, tallies: None }
    }
}
