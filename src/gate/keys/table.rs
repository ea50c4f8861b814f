//! The records of a set, found by id and by digest. A table and the one that comes after it share what did not change.

use std::sync::Arc;

use super::{
    KeyRecord, KeySetError,
    in_order::InOrder,
    shared::{Hashed, SharedTable},
};
use crate::gate::credential::{KeyDigest, StoredDigest};

/// The table.
#[derive(Clone, Debug, Default)]
pub(super) struct RecordTable {
    by_id: InOrder,
    /// Each record under each of its digests.
    by_digest: SharedTable<Arc<KeyRecord>>,
}

impl Hashed for Arc<KeyRecord> {
    fn hashes(&self) -> impl Iterator<Item = u64> {
        self.digests().map(|stored| stored.digest.table_hash())
    }

    fn is(&self, other: &Self) -> bool {
        Self::ptr_eq(self, other)
    }
}

impl RecordTable {
    /// Makes the table.
    ///
    /// # Errors
    /// Every pair of records that share an id or a digest.
    pub(super) fn new(mut records: Vec<Arc<KeyRecord>>) -> Result<Self, Vec<KeySetError>> {
        let mut errors = sorted(&mut records);
        let digests = records.iter().map(|record| record.digests().count()).sum();
        let mut table = Self { by_digest: SharedTable::for_entries(digests), ..Self::default() };
        errors.extend(records.iter().filter_map(|record| table.add_digests(record).err()));
        table.by_digest.fit();
        if errors.is_empty() { Ok(Self { by_id: InOrder::new(records), ..table }) } else { Err(errors) }
    }

    /// The table in which each of `changed` is new or stands for the record that had its id, and none of the ids of `removed` are any
    /// more but where `changed` has them.
    ///
    /// # Errors
    /// Every pair of records that would share a digest, and every two of `changed` that share an id.
    pub(super) fn with(&self, mut changed: Vec<Arc<KeyRecord>>, removed: &[&str]) -> Result<Self, Vec<KeySetError>> {
        let mut errors = sorted(&mut changed);
        let mut next = self.clone();
        for id in removed {
            next.forget_digests(id);
            next.by_id.remove(id);
        }
        // All of them before any is added, for what was the text of one may be another's from now on.
        changed.iter().for_each(|record| next.forget_digests(&record.id));
        for record in changed {
            errors.extend(next.add_digests(&record).err());
            next.by_id.put(record);
        }
        if errors.is_empty() { Ok(next) } else { Err(errors) }
    }

    /// All records behind this id, in the order of their ids; the empty one comes before all.
    pub(super) fn behind(&self, id: &str) -> impl Iterator<Item = &Arc<KeyRecord>> {
        self.by_id.behind(id)
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The record with this id.
    pub(super) fn by_id(&self, id: &str) -> Option<&Arc<KeyRecord>> {
        self.by_id.get(id)
    }

    /// The record with this id, which has less than [`NUMBERED`] bytes, and `true`, or one beside its place, which is as much work to
    /// find, and `false`. `None` where there are none.
    pub(super) fn near_id(&self, id: &str) -> Option<(&Arc<KeyRecord>, bool)> {
        let wanted = number(id.as_bytes());
        let record = self.by_id.last_not(|record| number(record.id.as_bytes()) > wanted)?;
        Some((record, (number(record.id.as_bytes()) == wanted) & (record.id.as_bytes().len() == id.len())))
    }

    /// Records that may have this digest, their own or an earlier one; the one that has it is among them.
    pub(super) fn by_digest(&self, digest: &KeyDigest) -> impl Iterator<Item = &Arc<KeyRecord>> {
        self.by_digest.candidates(digest.table_hash())
    }

    /// Puts a record under each of its digests, or tells of the first that is taken.
    fn add_digests(&mut self, record: &Arc<KeyRecord>) -> Result<(), KeySetError> {
        let twice = |(nth, stored): (usize, &StoredDigest)| record.digests().take(nth).any(|own| own.digest == stored.digest);
        let itself = || record.digests().enumerate().any(twice).then_some(record);
        let taken_by = |stored: &StoredDigest| self.by_digest(&stored.digest).find(|other| other.has(&stored.digest));
        if let Some(other) = itself().or_else(|| record.digests().find_map(taken_by)) {
            return Err(KeySetError::DuplicateKey((&record.id).into(), (&other.id).into()));
        }
        self.by_digest.insert(record);
        Ok(())
    }

    /// Takes the record with this id, if there is one, from under its digests.
    fn forget_digests(&mut self, id: &str) {
        if let Some(record) = self.by_id.get(id) {
            self.by_digest.remove(record);
        }
    }
}

/// Puts records in order; tells of those that share an id.
fn sorted(records: &mut [Arc<KeyRecord>]) -> Vec<KeySetError> {
    records.sort_by(|one, other| one.id.as_bytes().cmp(other.id.as_bytes()));
    let same = records.windows(2).filter(|pair| pair[0].id == pair[1].id);
    same.map(|pair| KeySetError::DuplicateId((&pair[0].id).into())).collect()
}

/// Ids of as many bytes, or more, are not told apart by their [`number`].
const NUMBERED: usize = 16;

/// The start of an id as a number, in the order of the texts. Numbers are compared without a branch: of one that asks how far two texts
/// are equal, the processor remembers how it went, and an id that there is takes longer than one that there is not.
fn number(id: &[u8]) -> u128 {
    let (mut bytes, len) = ([0; NUMBERED], id.len().min(NUMBERED));
    bytes[..len].copy_from_slice(&id[..len]);
    u128::from_be_bytes(bytes)
}
