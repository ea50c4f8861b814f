//! The key set: complete, immutable, swapped as a whole. Keys are found by the digest of their text.

use std::sync::Arc;

use hashbrown::HashTable;

use super::{KeyRecord, KeyUse, OriginIndex};
use crate::gate::{
    credential::{Digester, Environment, KeyDigest, Pepper, is_mistyped},
    denial::Denial,
    origin::Claimed,
};

/// All keys there are. Made only by [`KeySetBuilder::build`].
#[derive(Debug)]
pub struct KeySet {
    /// In the order of their ids.
    records: Box<[Arc<KeyRecord>]>,
    by_digest: HashTable<Entry>,
    origins: OriginIndex,
    pepper: Option<Arc<Pepper>>,
    plain_digests: bool,
    peppered_digests: bool,
    checksums_bind: bool,
}

/// A key, the digest that it was found by, and the end of that text's validity in Unix milliseconds.
pub type Authenticated<'s> = (&'s Arc<KeyRecord>, KeyDigest, i64);

/// Why a key cannot be part of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySetError {
    /// Two keys have this id.
    DuplicateId(Box<str>),
    /// The key with this id has the same text as another; the other's id follows.
    DuplicateKey(Box<str>, Box<str>),
}

/// A key set being made.
#[derive(Default)]
pub struct KeySetBuilder {
    records: Vec<Arc<KeyRecord>>,
    pepper: Option<Arc<Pepper>>,
    ill_checked: bool,
}

impl KeySetBuilder {
    /// A set whose peppered digests were made with `pepper`.
    #[must_use]
    pub fn new(pepper: Option<Arc<Pepper>>) -> Self {
        Self { pepper, ..Self::default() }
    }

    /// Adds a key. `text`, where it is known, tells whether the set holds imported keys that look like mistyped generated ones.
    pub fn add(&mut self, record: KeyRecord, text: Option<&str>) {
        self.ill_checked |= text.is_some_and(is_mistyped);
        self.records.push(Arc::new(record));
    }

    /// Makes the set.
    ///
    /// # Errors
    /// Every pair of keys that share an id or a text.
    pub fn build(self) -> Result<KeySet, Vec<KeySetError>> {
        let mut errors = Vec::new();
        let mut records = self.records;
        records.sort_by(|one, other| one.id.cmp(&other.id));
        for pair in records.windows(2) {
            if pair[0].id == pair[1].id {
                errors.push(KeySetError::DuplicateId(pair[0].id.clone()));
            }
        }
        let mut set = KeySet {
            by_digest: HashTable::with_capacity(records.len()),
            records: records.into(),
            origins: OriginIndex::default(),
            pepper: self.pepper,
            plain_digests: false,
            peppered_digests: false,
            checksums_bind: !self.ill_checked,
        };
        for at in 0..set.records.len() {
            if let Err(error) = set.index(at) {
                errors.push(error);
            }
        }
        if errors.is_empty() { Ok(set) } else { Err(errors) }
    }
}

impl KeySet {
    /// Finds the key with this text and checks that the text is good at `now_ms` (Unix milliseconds). Returns the key with the
    /// digest it was found by and the end of its validity.
    ///
    /// # Errors
    /// Why not, with the key where there is one.
    pub fn authenticate(&self, text: &str, now_ms: i64) -> Result<Authenticated<'_>, (Denial, Option<&Arc<KeyRecord>>)> {
        if self.checksums_bind && is_mistyped(text) {
            return Err((Denial::MalformedKey, None));
        }
        let plain = self.plain_digests.then_some(Digester::Sha256);
        let peppered = self.pepper.as_deref().filter(|_| self.peppered_digests).map(Digester::Hmac);
        for digester in plain.into_iter().chain(peppered) {
            let digest = digester.digest(text);
            if let Some(record) = self.find(&digest) {
                return good_until(record.standing(&digest, now_ms))
                    .map(|until_ms| (record, digest, until_ms))
                    .map_err(|denial| (denial, Some(record)));
            }
        }
        Err((Denial::UnknownKey, None))
    }

    /// Whether the key `id` may still be used by whoever presented the text with this digest; the key as it is in this set, and
    /// the end of the text's validity.
    ///
    /// # Errors
    /// Why not.
    pub fn still(&self, id: &str, digest: &KeyDigest, now_ms: i64) -> Result<(&Arc<KeyRecord>, i64), Denial> {
        let record = self.by_id(id).ok_or(Denial::UnknownKey)?;
        good_until(record.standing(digest, now_ms)).map(|until_ms| (record, until_ms))
    }

    /// The key with this id.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&Arc<KeyRecord>> {
        let at = self.records.binary_search_by(|record| (*record.id).cmp(id)).ok()?;
        Some(&self.records[at])
    }

    /// All keys, in the order of their ids.
    #[must_use]
    pub fn records(&self) -> &[Arc<KeyRecord>] {
        &self.records
    }

    /// Whether some key of `environment` lists `origin`.
    #[must_use]
    pub fn lists_origin(&self, environment: Environment, origin: &Claimed<'_>) -> bool {
        self.origins.lists(environment, origin)
    }

    fn find(&self, digest: &KeyDigest) -> Option<&Arc<KeyRecord>> {
        let entry = self.by_digest.find(digest.table_hash(), |entry| entry.digest(&self.records) == Some(digest))?;
        self.records.get(entry.record as usize)
    }

    fn index(&mut self, at: usize) -> Result<(), KeySetError> {
        let record = Arc::clone(&self.records[at]);
        for (nth, stored) in (0u32..).zip(record.digests()) {
            if let Some(other) = self.find(&stored.digest) {
                return Err(KeySetError::DuplicateKey(record.id.clone(), other.id.clone()));
            }
            let records = &self.records;
            let hash = |entry: &Entry| entry.digest(records).map_or(0, KeyDigest::table_hash);
            let entry = Entry { record: u32::try_from(at).unwrap_or(u32::MAX), nth };
            self.by_digest.insert_unique(stored.digest.table_hash(), entry, hash);
            match &stored.pepper {
                None => self.plain_digests = true,
                Some(_) => self.peppered_digests = true,
            }
        }
        for pattern in record.origins.iter() {
            self.origins.insert(record.environment, pattern);
        }
        Ok(())
    }
}

/// Points at one digest of one record.
#[derive(Clone, Copy, Debug)]
struct Entry {
    record: u32,
    nth: u32,
}

impl Entry {
    fn digest(self, records: &[Arc<KeyRecord>]) -> Option<&KeyDigest> {
        let record = records.get(self.record as usize)?;
        if self.nth == 0 {
            return Some(&record.digest.digest);
        }
        record.previous.get(self.nth as usize - 1).map(|previous| &previous.digest.digest)
    }
}

fn good_until(standing: KeyUse) -> Result<i64, Denial> {
    match standing {
        KeyUse::Good { until_ms } => Ok(until_ms),
        KeyUse::Unknown => Err(Denial::UnknownKey),
        KeyUse::Expired => Err(Denial::KeyExpired),
        KeyUse::Disabled => Err(Denial::KeyDisabled),
        KeyUse::Revoked => Err(Denial::KeyRevoked),
    }
}

#[cfg(test)]
mod tests;
