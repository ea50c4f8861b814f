//! What somebody should see to, of one key and of how many.

use std::{
    collections::HashSet,
    hash::{BuildHasher as _, RandomState},
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use tracing::warn;

use super::Manage;
use crate::{
    gate::keys::{Key, Warning},
    keystore::{KeyStore, StoreError},
};

/// How often they are counted.
const EVERY: Duration = Duration::from_secs(60);
/// To count takes at most so small a part of the time: a million keys are read in a second or two, and are counted every few minutes.
const PART: u32 = 100;

impl Manage {
    /// What of `key` somebody should see to.
    pub(super) async fn warnings_of(&self, key: &Key) -> Vec<Warning> {
        let (key, now_ms) = (key.clone(), self.now_ms());
        let told = self.stored.ask(move |store| Ok(of(store, &key, now_ms))).await;
        told.unwrap_or_default()
    }

    /// Counts those of all keys, and tells the metrics, until the process ends.
    ///
    /// # Errors
    /// None: an end that others of the gate's parts report as well.
    pub async fn count_warnings(self: Arc<Self>) -> io::Result<()> {
        let Some(edge) = self.edge.clone() else { return Ok(()) };
        loop {
            let (begun, now_ms) = (Instant::now(), self.now_ms());
            match self.stored.ask(move |store| counts(store, now_ms)).await {
                Ok(counts) => edge.telemetry().key_warnings(counts),
                Err(error) => warn!(%error, "warnings of keys could not be counted; it is tried again"),
            }
            tokio::time::sleep(EVERY.max(begun.elapsed() * PART)).await;
        }
    }
}

/// What of `key` somebody should see to. Of one whose usage cannot be read, it is not said that it has none.
pub(super) fn of(store: &dyn KeyStore, key: &Key, now_ms: i64) -> Vec<Warning> {
    let was_used = || store.usage(&key.id).map_or(true, |usage| usage.is_some_and(|usage| usage.last_used_ms > 0));
    Warning::of(key, now_ms, was_used)
}

/// How many keys have each of [`Warning::ALL`].
fn counts(store: &dyn KeyStore, now_ms: i64) -> Result<[u64; Warning::ALL.len()], StoreError> {
    // Of a million ids, eight bytes each are enough: one in millions of millions is taken for another.
    let (hasher, mut used) = (RandomState::new(), HashSet::new());
    store.read_usage(&mut |id, usage| {
        if usage.last_used_ms > 0 {
            used.insert(hasher.hash_one(&*id));
        }
    })?;
    let mut counts = [0; Warning::ALL.len()];
    store.read_all(&mut |key| {
        for warning in Warning::of(&key, now_ms, || used.contains(&hasher.hash_one(&*key.id))) {
            counts[warning as usize] += 1;
        }
    })?;
    Ok(counts)
}
