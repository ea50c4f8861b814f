//! The keys of a store, in force: whoever changes them, this process or another one, one change after the other.
//!
//! There is one way into force for all of them: whatever the store has that is later than what is in force. So a change that this
//! process has made and one that it has only noticed cannot overtake each other.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::{Mutex, MutexGuard, watch};
use tracing::{error, info};

use super::load::{self, LoadError, Stored, Strange};
use crate::{
    config::KeyCompiler,
    edge::{Edge, LiveStream},
    gate::keys::Key,
    keystore::{ChangedKeys, KeyStore, StoreError, Version},
    telemetry::KeySetLoaded,
};

/// Keys of which it is noted how many streams they cost, before those are forgotten that nobody asked for.
const MAX_NOTED: usize = 100_000;
/// Keys that are made records of at once; what changed at once by more goes on in the next turn.
const BATCH: usize = 10_000;

/// The keys of a store, and how far they are in force.
pub struct StoredKeys {
    store: Arc<dyn KeyStore>,
    /// Whose keys they are; `None` where a command works on the store by itself.
    edge: Option<Arc<Edge>>,
    in_force: Mutex<InForce>,
    /// The version in force, for whoever waits for a later one.
    versions: watch::Sender<Version>,
    /// Streams that were told to end, by the id of their key, until somebody asks, whoever brought that into force.
    cut: parking_lot::Mutex<BTreeMap<Box<str>, usize>>,
}

/// How far the keys of a store are in force. Whoever holds this is the only one who brings some into force.
pub struct InForce {
    /// Of the keys that are.
    pub version: Version,
    /// What makes records of them.
    pub compiler: KeyCompiler,
}

/// Why what the store has is not in force.
#[derive(Debug)]
pub enum NotInForce {
    /// The store cannot be read.
    Store(StoreError),
    /// It is another one than that of the keys in force: all of it must be read.
    AnotherEpoch,
    /// What changed since the keys in force is not known any more: all of it must be read.
    TooFarBack,
    /// Nothing of it can be made a set with the keys that are in force: all of it must be read.
    Clash,
}

impl StoredKeys {
    /// The keys that were read from a store and are those of the gate of `edge`, if there is one.
    #[must_use]
    pub fn new(Stored { store, version, compiler }: Stored, edge: Option<Arc<Edge>>) -> Self {
        Self {
            store,
            edge,
            in_force: Mutex::new(InForce { version, compiler }),
            versions: watch::Sender::new(version),
            cut: parking_lot::Mutex::default(),
        }
    }

    /// The version in force, now and as it changes.
    #[must_use]
    pub fn versions(&self) -> watch::Receiver<Version> {
        self.versions.subscribe()
    }

    /// The store.
    #[must_use]
    pub const fn store(&self) -> &Arc<dyn KeyStore> {
        &self.store
    }

    /// What the store says to `work`, on a thread that may wait.
    ///
    /// # Errors
    /// The store's.
    pub async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn KeyStore) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = Arc::clone(&self.store);
        let broken = |error| Err(StoreError::Io(format!("it broke off: {error}")));
        tokio::task::spawn_blocking(move || work(&*store)).await.unwrap_or_else(broken)
    }

    /// Nobody else brings keys into force until this is dropped.
    pub async fn hold(&self) -> MutexGuard<'_, InForce> {
        self.in_force.lock().await
    }

    /// How many streams of the key with this id were told to end since this was asked last.
    pub fn take_cut_of(&self, id: &str) -> usize {
        self.cut.lock().remove(id).unwrap_or_default()
    }

    /// The same of all keys, up to the version that is in force, with that.
    pub async fn take_cut(&self) -> (BTreeMap<Box<str>, usize>, Version) {
        let in_force = self.in_force.lock().await;
        (std::mem::take(&mut self.cut.lock()), in_force.version)
    }

    /// Whoever holds it has brought all keys into force as they were read, by which the streams of `cut` fell.
    pub fn put(&self, hold: &mut InForce, now: InForce, cut: &[Arc<LiveStream>]) {
        // Of what fell without a change of keys, no change of a key is told.
        if hold.version != now.version {
            self.note(cut);
        }
        *hold = now;
        self.versions.send_replace(hold.version);
    }

    /// Reads all keys of the store, and brings them into force in the place of those that were.
    ///
    /// # Errors
    /// If they cannot be read, or make no set; then those go on that were.
    pub async fn begin_anew(&self) -> Result<(), LoadError> {
        let mut in_force = self.in_force.lock().await;
        let (store, compiler) = (Arc::clone(&self.store), in_force.compiler.anew());
        let before = self.edge.as_ref().map(|edge| edge.gate().snapshot().keys.clone());
        let read = move || load::of_store(store, compiler, before.flatten().as_deref(), Strange::IsRefused);
        let (keys, Stored { version, compiler, .. }) = tokio::task::spawn_blocking(read)
            .await
            .unwrap_or_else(|error| Err(LoadError::Store(format!("it broke off: {error}"))))?;
        let (keys, mut fell) = (Arc::new(keys), Vec::new());
        if let Some(edge) = &self.edge {
            let (generation, cut) = edge.change(|gate| gate.publish_keys(&keys));
            edge.telemetry().key_set_loaded(&KeySetLoaded { generation, keys: &keys });
            info!(generation, keys = keys.len(), cut = cut.len(), "all keys were read anew");
            fell = cut;
        }
        self.put(&mut in_force, InForce { version, compiler }, &fell);
        Ok(())
    }

    /// Brings into force what the store has.
    ///
    /// # Errors
    /// Why not, or not all of it.
    pub async fn catch_up(&self) -> Result<(), NotInForce> {
        let mut in_force = self.in_force.lock().await;
        loop {
            let before = in_force.version;
            let ChangedKeys { keys, version, more } = self.ask(move |store| store.changed_after(before.sequence, BATCH)).await?;
            if version.epoch != before.epoch || version < before {
                return Err(NotInForce::AnotherEpoch);
            }
            if let Some(edge) = self.edge.as_deref().filter(|_| !keys.is_empty()) {
                self.note(&publish(edge, &mut in_force, &keys)?);
            }
            if in_force.version != version {
                in_force.version = version;
                self.versions.send_replace(version);
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// Brings keys into force that the store could not take: as they are, they are the latest that is known. The version in force stays.
    pub async fn obey(&self, keys: &[Key]) {
        let mut in_force = self.in_force.lock().await;
        if let Some(edge) = self.edge.as_deref() {
            match publish(edge, &mut in_force, keys) {
                Ok(cut) => self.note(&cut),
                Err(error) => error!(%error, "what changed is not in force, and cannot be kept"),
            }
        }
    }

    fn note(&self, cut: &[Arc<LiveStream>]) {
        let mut noted = self.cut.lock();
        if noted.len() > MAX_NOTED {
            // Nobody asked for long: of these, nobody will.
            noted.clear();
        }
        for id in cut.iter().filter_map(|stream| stream.standing.as_ref().map(|standing| &*standing.key.id)) {
            *noted.entry(id.into()).or_default() += 1;
        }
    }
}

/// A key of which this version can make no record is none of the set: whoever has it is refused, and what else changed with it is in
/// force. The streams that end by these keys.
fn publish(edge: &Edge, in_force: &mut InForce, keys: &[Key]) -> Result<Vec<Arc<LiveStream>>, NotInForce> {
    let snapshot = edge.gate().snapshot();
    let Some(before) = snapshot.keys.as_deref() else { return Err(NotInForce::AnotherEpoch) };
    let (mut changed, mut removed) = (Vec::with_capacity(keys.len()), Vec::new());
    for key in keys {
        match in_force.compiler.record(key, before.by_id(&key.id).map(AsRef::as_ref)) {
            Ok(record) => changed.push(record),
            Err(problem) => {
                error!("{problem}; until that is mended, the key is refused");
                removed.push(&*key.id);
            }
        }
    }
    let set = Arc::new(before.with(changed, &removed).map_err(|_| NotInForce::Clash)?);
    let ids: Vec<_> = keys.iter().map(|key| &*key.id).collect();
    let (generation, cut) = edge.change_keys(&ids, |gate| gate.publish_keys(&set));
    edge.telemetry().key_set_loaded(&KeySetLoaded { generation, keys: &set });
    Ok(cut)
}

impl From<StoreError> for NotInForce {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::TooFarBack) { Self::TooFarBack } else { Self::Store(error) }
    }
}

impl std::fmt::Display for NotInForce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Store(error) => write!(f, "{error}"),
            Self::AnotherEpoch => f.write_str("the key store was replaced"),
            Self::TooFarBack => f.write_str("the changes since the keys in force are not known any more"),
            Self::Clash => f.write_str("the changes do not go with the keys in force"),
        }
    }
}
