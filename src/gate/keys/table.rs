//! The records of a set, found by id and by digest.

use std::sync::Arc;

use hashbrown::{HashTable, hash_table::Entry};

use super::{KeyRecord, KeySetError};
use crate::gate::credential::{KeyDigest, StoredDigest};

/// Records in the order of their ids, and where each of their digests is found.
#[derive(Debug, Default)]
pub(super) struct RecordTable {
    records: Box<[Arc<KeyRecord>]>,
    earlier: Vec<Earlier>,
    /// Numbers of digests, four bytes each, for there may be millions: `n` is the own digest of `records[n]`, or where there are
    /// only so many records, the earlier digest `earlier[n - records.len()]`.
    by_digest: HashTable<u32>,
}

/// An earlier digest: the place of its record, and its own among the record's earlier ones.
#[derive(Clone, Copy, Debug)]
struct Earlier {
    record: u32,
    nth: u32,
}

impl RecordTable {
    /// Makes the table.
    ///
    /// # Errors
    /// Every pair of records that share an id or a digest.
    pub(super) fn new(mut records: Vec<Arc<KeyRecord>>) -> Result<Self, Vec<KeySetError>> {
        records.sort_by(|one, other| one.id.cmp(&other.id));
        let same_id = records.windows(2).filter(|pair| pair[0].id == pair[1].id);
        let mut errors: Vec<_> = same_id.map(|pair| KeySetError::DuplicateId(pair[0].id.clone())).collect();
        let by_digest = HashTable::with_capacity(records.len());
        let mut table = Self { by_digest, records: records.into(), ..Self::default() };
        for at in 0..table.records.len() {
            if let Err(other) = table.add(at) {
                let id = |at: usize| table.records[at].id.clone();
                errors.push(KeySetError::DuplicateKey(id(at), id(other)));
            }
        }
        if errors.is_empty() { Ok(table) } else { Err(errors) }
    }

    /// All records, in the order of their ids.
    pub(super) fn all(&self) -> &[Arc<KeyRecord>] {
        &self.records
    }

    /// The record with this id.
    pub(super) fn by_id(&self, id: &str) -> Option<&Arc<KeyRecord>> {
        let at = self.records.binary_search_by(|record| (*record.id).cmp(id)).ok()?;
        Some(&self.records[at])
    }

    /// The record with this id, which has at most [`NUMBERED`] bytes, and `true`, or one beside its place, which is as much work to find,
    /// and `false`. `None` where there are none.
    pub(super) fn near_id(&self, id: &str) -> Option<(&Arc<KeyRecord>, bool)> {
        let wanted = number(id);
        let at = self.records.partition_point(|record| number(&record.id) < wanted).min(self.records.len().saturating_sub(1));
        self.records.get(at).map(|record| (record, (number(&record.id) == wanted) & (record.id.len() == id.len())))
    }

    /// The record with this digest, its own or an earlier one.
    pub(super) fn by_digest(&self, digest: &KeyDigest) -> Option<&Arc<KeyRecord>> {
        let is_it = |&number: &u32| numbered(&self.records, &self.earlier, number).digest == *digest;
        let &number = self.by_digest.find(digest.table_hash(), is_it)?;
        Some(&self.records[self.place(number)])
    }

    /// Adds the digests of the record at `at`, or says which record has one of them already.
    fn add(&mut self, at: usize) -> Result<(), usize> {
        self.add_digest(at)?;
        for nth in 0..self.records[at].previous().len() {
            let number = self.records.len() + self.earlier.len();
            self.earlier.push(Earlier { record: narrow(at), nth: narrow(nth) });
            self.add_digest(number)?;
        }
        Ok(())
    }

    fn add_digest(&mut self, number: usize) -> Result<(), usize> {
        let Self { records, earlier, by_digest } = self;
        let stored = |&number: &u32| &numbered(records, earlier, number).digest;
        let number = narrow(number);
        let digest = stored(&number);
        match by_digest.entry(digest.table_hash(), |other| stored(other) == digest, |other| stored(other).table_hash()) {
            Entry::Vacant(place) => {
                place.insert(number);
                Ok(())
            }
            Entry::Occupied(other) => {
                let other = *other.get();
                Err(self.place(other))
            }
        }
    }

    /// The place of the record that has this digest.
    fn place(&self, number: u32) -> usize {
        let number = number as usize;
        number.checked_sub(self.records.len()).map_or(number, |nth| self.earlier[nth].record as usize)
    }
}

/// The bytes of an id that its [`number`] is of.
const NUMBERED: usize = 16;

/// The start of an id as a number, in the order of the texts. Numbers are compared without a branch: of one that asks how far two texts
/// are equal, the processor remembers how it went, and an id that there is takes longer than one that there is not.
fn number(id: &str) -> u128 {
    let (mut bytes, len) = ([0; NUMBERED], id.len().min(NUMBERED));
    bytes[..len].copy_from_slice(&id.as_bytes()[..len]);
    u128::from_be_bytes(bytes)
}

fn numbered<'r>(records: &'r [Arc<KeyRecord>], earlier: &[Earlier], number: u32) -> &'r StoredDigest {
    let number = number as usize;
    match number.checked_sub(records.len()) {
        None => &records[number].digest,
        Some(nth) => {
            let Earlier { record, nth } = earlier[nth];
            &records[record as usize].previous()[nth as usize].digest
        }
    }
}

/// Digests are counted in 32 bits: so many of them would fill a terabyte.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
