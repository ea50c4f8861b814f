//! The key set: complete and immutable. Keys are found by the digest of their text.
//!
//! A set is made whole by [`KeySetBuilder`], or of the one before it by [`KeySet::with`], which costs as much as there is changed.

use std::{collections::BTreeSet, hint::black_box, sync::Arc};

use super::{Counts, KeyRecord, KeyUse, OriginIndex, table::RecordTable};
use crate::gate::{
    credential::{Digester, Environment, KeyDigest, Pepper, Spelled, is_mistyped},
    denial::Denial,
    origin::Claimed,
};

/// All keys there are: none by default.
#[derive(Debug, Default)]
pub struct KeySet {
    records: RecordTable,
    counts: Counts,
    origins: OriginIndex,
    pepper: Option<Arc<Pepper>>,
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
    /// All of the set but its records.
    set: KeySet,
}

impl KeySetBuilder {
    /// A set whose peppered digests were made with `pepper`.
    #[must_use]
    pub fn new(pepper: Option<Arc<Pepper>>) -> Self {
        Self { set: KeySet { pepper, ..KeySet::default() }, ..Self::default() }
    }

    /// Adds a key.
    pub fn add(&mut self, record: KeyRecord) {
        let record = record.made_ready();
        self.set.tell_of(&record);
        self.records.push(Arc::new(record));
    }

    /// Makes the set.
    ///
    /// # Errors
    /// Every pair of keys that share an id or a text.
    pub fn build(self) -> Result<KeySet, Vec<KeySetError>> {
        Ok(KeySet { records: RecordTable::new(self.records)?, ..self.set })
    }
}

impl KeySet {
    /// This set with some keys changed: a key that has the id of one in this set replaces it, and its limits go on counting; others are new. Of the ids in `removed`, no key is left that is
    /// not among `changed`; one that no key has is passed over. Peppered digests are of the same pepper as before.
    ///
    /// What does not change is shared with this set, so that a change costs little more beside a million keys than beside a thousand.
    ///
    /// # Errors
    /// Every two of `changed` that share an id, and every key that would have the text of another. Then there is no new set.
    pub fn with(&self, changed: Vec<KeyRecord>, removed: &[&str]) -> Result<Self, Vec<KeySetError>> {
        let changed: Vec<_> = changed.into_iter().map(|record| Arc::new(self.continued(record))).collect();
        let (counts, origins, pepper) = (self.counts.clone(), self.origins.clone(), self.pepper.clone());
        let mut next = Self { records: self.records.with(changed.clone(), removed)?, counts, origins, pepper };
        let replaced = changed.iter().map(|record| &*record.id);
        let gone: BTreeSet<_> = removed.iter().copied().chain(replaced).collect();
        // In this order, so that an origin which stays is only counted, not taken out and put in again.
        changed.iter().for_each(|record| next.tell_of(record));
        gone.iter().filter_map(|id| self.by_id(id)).for_each(|record| next.tell_no_more_of(record));
        Ok(next)
    }

    /// A key as it is in the set after this one.
    fn continued(&self, record: KeyRecord) -> KeyRecord {
        let before = self.by_id(&record.id);
        let record = match before {
            Some(before) => record.going_on_from(before),
            None => record,
        };
        record.made_ready()
    }

    /// Counts a key of the set, and lists its origins.
    fn tell_of(&mut self, record: &KeyRecord) {
        self.counts.add(record);
        record.origins.iter().for_each(|pattern| self.origins.insert(record.environment, pattern));
    }

    /// The reverse.
    fn tell_no_more_of(&mut self, record: &KeyRecord) {
        self.counts.take_off(record);
        record.origins.iter().for_each(|pattern| self.origins.remove(record.environment, pattern));
    }

    /// Finds the key with this text, or with this text in Ably's spelling, and checks that the text is good at `now_ms` (Unix milliseconds). Returns the key with the
    /// digest it was found by and the end of its validity.
    ///
    /// # Errors
    /// Why not, with the key where there is one.
    pub fn authenticate(&self, text: &str, now_ms: i64) -> Result<Authenticated<'_>, (Denial, Option<&Arc<KeyRecord>>)> {
        for digester in self.digesters() {
            let digest = digester.digest(text);
            let mut standings = self.records.by_digest(&digest).map(|record| (record, record.standing(&digest, now_ms)));
            if let Some((record, standing)) = standings.find(|(_, standing)| *standing != KeyUse::Unknown) {
                let good = good_until(standing).map(|until_ms| (record, digest, until_ms));
                return good.map_err(|denial| (denial, Some(record)));
            }
        }
        // As it is first: an imported key may be of either form.
        match Spelled::parse(text) {
            Some(spelled) => self.authenticate_spelled(&spelled, now_ms),
            None if is_mistyped(text) => Err((Denial::MalformedKey, None)),
            None => Err((Denial::UnknownKey, None)),
        }
    }

    /// Who asks for an id that there is not costs what a wrong secret costs, and is told the same: time tells nobody which ids there
    /// are. So all is done with another record, and comes to nothing; some nanoseconds are left (`benches/timing`).
    #[cold]
    fn authenticate_spelled(
        &self,
        spelled: &Spelled<'_>,
        now_ms: i64,
    ) -> Result<Authenticated<'_>, (Denial, Option<&Arc<KeyRecord>>)> {
        let unknown = Err((Denial::UnknownKey, None));
        let Some((record, is_it)) = self.records.near_id(spelled.id) else { return unknown };
        let is_it = is_it & (*record.app == *spelled.app);
        let Some(text) = spelled.key_text(record.prefix(), record.kind, record.environment) else { return unknown };
        for digester in self.digesters() {
            let digest = digester.digest(text.as_str());
            let standing = black_box(record.standing(&digest, now_ms));
            if is_it & (standing != KeyUse::Unknown) {
                let good = good_until(standing).map(|until_ms| (record, digest, until_ms));
                return good.map_err(|denial| (denial, Some(record)));
            }
        }
        unknown
    }

    /// The ways in which digests of this set were made.
    fn digesters(&self) -> impl Iterator<Item = Digester<'_>> {
        let plain = self.counts.any_plain().then_some(Digester::Sha256);
        let peppered = self.pepper.as_deref().filter(|_| self.counts.any_peppered()).map(Digester::Hmac);
        plain.into_iter().chain(peppered)
    }

    /// Whether the key `id` may still be used by whoever presented the text with this digest; the key as it is in this set, and
    /// the end of the text's validity.
    ///
    /// # Errors
    /// Why not.
    pub fn still(&self, id: &str, digest: &KeyDigest, now_ms: i64) -> Result<(&Arc<KeyRecord>, i64), Denial> {
        let record = self.records.by_id(id).ok_or(Denial::UnknownKey)?;
        good_until(record.standing(digest, now_ms)).map(|until_ms| (record, until_ms))
    }

    /// The key with this id.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&Arc<KeyRecord>> {
        self.records.by_id(id)
    }

    /// All keys, in the order of their ids.
    pub fn records(&self) -> impl Iterator<Item = &Arc<KeyRecord>> {
        self.records.behind("")
    }

    /// The keys whose ids come behind this one, in the order of their ids: where a page ends, the next one begins.
    pub fn records_behind(&self, id: &str) -> impl Iterator<Item = &Arc<KeyRecord>> {
        self.records.behind(id)
    }

    /// How many keys there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are no keys.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many keys there are of each sort.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Whether some key of `environment` lists `origin`.
    #[must_use]
    pub fn lists_origin(&self, environment: Environment, origin: &Claimed<'_>) -> bool {
        self.origins.lists(environment, origin)
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
