//! The key set: complete, immutable, swapped as a whole. Keys are found by the digest of their text.

use std::{hint::black_box, sync::Arc};

use super::{KeyRecord, KeyUse, OriginIndex, table::RecordTable};
use crate::gate::{
    credential::{Digester, Environment, KeyDigest, Pepper, Spelled, is_mistyped},
    denial::Denial,
    origin::Claimed,
};

/// All keys there are: none by default, others by [`KeySetBuilder`].
#[derive(Debug, Default)]
pub struct KeySet {
    records: RecordTable,
    origins: OriginIndex,
    pepper: Option<Arc<Pepper>>,
    plain_digests: bool,
    peppered_digests: bool,
    /// Whether the text of some imported key looks like a mistyped generated one, so that a checksum tells nothing.
    ill_checked: bool,
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

    /// Adds a key. `text`, where it is known, tells whether the set holds imported keys that look like mistyped generated ones.
    pub fn add(&mut self, mut record: KeyRecord, text: Option<&str>) {
        // Made here, so that no decision has to.
        if record.limits.quotas.any() {
            let _ = record.usage.meters();
        }
        if record.limits.stream.any() && record.rare.stream().is_none() {
            record.rare = record.rare.with_stream(Arc::default());
        }
        let set = &mut self.set;
        set.ill_checked |= text.is_some_and(is_mistyped);
        for stored in record.digests() {
            match stored.pepper {
                None => set.plain_digests = true,
                Some(_) => set.peppered_digests = true,
            }
        }
        for pattern in record.origins.iter() {
            set.origins.insert(record.environment, pattern);
        }
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
    /// Finds the key with this text, or with this text in Ably's spelling, and checks that the text is good at `now_ms` (Unix milliseconds). Returns the key with the
    /// digest it was found by and the end of its validity.
    ///
    /// # Errors
    /// Why not, with the key where there is one.
    pub fn authenticate(&self, text: &str, now_ms: i64) -> Result<Authenticated<'_>, (Denial, Option<&Arc<KeyRecord>>)> {
        if !self.ill_checked && is_mistyped(text) {
            return Err((Denial::MalformedKey, None));
        }
        for digester in self.digesters() {
            let digest = digester.digest(text);
            if let Some(record) = self.records.by_digest(&digest) {
                return good_until(record.standing(&digest, now_ms))
                    .map(|until_ms| (record, digest, until_ms))
                    .map_err(|denial| (denial, Some(record)));
            }
        }
        // As it is first: an imported key may be of that very form.
        match Spelled::parse(text) {
            Some(spelled) => self.authenticate_spelled(&spelled, now_ms),
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
        let plain = self.plain_digests.then_some(Digester::Sha256);
        let peppered = self.pepper.as_deref().filter(|_| self.peppered_digests).map(Digester::Hmac);
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
    #[must_use]
    pub fn records(&self) -> &[Arc<KeyRecord>] {
        self.records.all()
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
