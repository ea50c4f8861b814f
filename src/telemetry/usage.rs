//! What keys have done, for whoever keeps it: which of them have something new to tell. The counts themselves are with the keys.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use parking_lot::Mutex;

use super::Telemetry;
use crate::gate::{denial::Denial, keys::KeyRecord, peer::PeerAddress};

/// Misuses that are told apart at once; what is beyond is in the access log and the metrics.
const MAX_MISUSES: usize = 1000;

/// Keys with something to tell.
#[derive(Default)]
pub(super) struct UsedKeys {
    is_kept: AtomicBool,
    used: Mutex<Vec<Arc<KeyRecord>>>,
    misuses: Mutex<Misuses>,
}

/// Misuses of keys, by the id of the key and what was done with it.
pub type Misuses = BTreeMap<(Box<str>, Denial), Misuse>;

/// What somebody did with a key that is theirs and should not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misuse {
    /// How often.
    pub count: u64,
    /// From where, the last time.
    pub peer: PeerAddress,
    /// From which page, the last time.
    pub origin: Option<Box<str>>,
}

impl Telemetry {
    /// From now on somebody keeps what keys do, and comes for it ([`Telemetry::take_used`]). Before that nothing is counted.
    pub fn keep_usage(&self) {
        self.used.is_kept.store(true, Relaxed);
    }

    /// A key was used at `now_ms` (Unix milliseconds), or was not to be, and why.
    pub fn key_used(&self, key: &Arc<KeyRecord>, denial: Option<Denial>, now_ms: i64) {
        if self.used.is_kept.load(Relaxed) && key.usage.uses().count(denial, now_ms) {
            self.used.used.lock().push(Arc::clone(key));
        }
    }

    /// A key was used as it must not be: a secret one in a browser, one by a page that it does not list. `origin` is at most so long as a
    /// header may be.
    pub fn key_misused(&self, key: &KeyRecord, denial: Denial, peer: PeerAddress, origin: Option<&str>) {
        if !self.used.is_kept.load(Relaxed) {
            return;
        }
        let (mut misuses, what) = (self.used.misuses.lock(), (Box::from(&key.id), denial));
        if misuses.len() >= MAX_MISUSES && !misuses.contains_key(&what) {
            return;
        }
        let misuse = misuses.entry(what).or_insert(Misuse { count: 0, peer, origin: None });
        (misuse.count, misuse.peer, misuse.origin) = (misuse.count + 1, peer, origin.map(Into::into));
    }

    /// Misuses since the last time.
    pub fn take_misuses(&self) -> Misuses {
        std::mem::take(&mut self.used.misuses.lock())
    }

    /// The keys that did something since the last time, each at least once.
    pub fn take_used(&self) -> Vec<Arc<KeyRecord>> {
        std::mem::take(&mut self.used.used.lock())
    }
}
