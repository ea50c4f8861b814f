//! Leading the gates that follow this one: what changes is given to them as it comes into force here, signed, and what they tell is kept.
//!
//! Nothing here waits for a gate: who does not keep up reads a snapshot, and who is gone is remembered for as long as it may still decide by
//! what it had.

mod gates;

use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use ring::rand::SystemRandom;
use serde_json::json;
use tokio::sync::{SetOnce, mpsc};
use tracing::warn;

pub use self::gates::Gates;
use super::stored::StoredKeys;
use crate::{
    admin::{Caller, Followed, GateView, Joining, Leading, Report, ToldMisuse, ToldUsage, Trouble},
    edge::Edge,
    gate::{credential::VerifyKey, denial::Denial},
    keystore::{
        Change, ChangedKeys, Deed, Heading, KeyStore, MAX_CHANGES_BYTES, Signer, StoreError, Usage, Version, seal_parcel,
    },
};

/// What the signing key is kept under.
const SIGNING_KEY: &str = "snapshot_signing_key";
/// Keys in one parcel of changes, unless more changed at once.
const BATCH: usize = 2000;
/// Parcels that wait for a gate.
const WAITING: usize = 4;
/// What is written of a snapshot at once, in bytes, and how much of that waits.
const PIECE: usize = 64 * 1024;
const PIECES: usize = 8;
/// Misuses that are taken from one gate at once.
const MAX_MISUSES: usize = 100;

/// Leads gates.
pub struct Lead {
    stored: Arc<StoredKeys>,
    edge: Arc<Edge>,
    signer: Signer,
    gates: Arc<Gates>,
    /// Whether another process leads from now on.
    ended: SetOnce<()>,
}

/// How often a gate with this `max_stale` is told that nothing changed: often enough that one lost sign costs it nothing.
pub fn beat(max_stale: Duration) -> Duration {
    (max_stale / 8).clamp(Duration::from_millis(100), Duration::from_secs(5))
}

impl Lead {
    /// Leads by the keys that are `stored` and in force in the gate of `edge`, with the signing key that the store keeps.
    ///
    /// # Errors
    /// If the store has none and none can be kept.
    pub async fn new(stored: Arc<StoredKeys>, edge: Arc<Edge>) -> Result<Arc<Self>, StoreError> {
        let signer = stored.ask(signer).await?;
        Ok(Arc::new(Self { stored, edge, signer, gates: Arc::default(), ended: SetOnce::new() }))
    }

    /// The gates that follow.
    pub const fn gates(&self) -> &Arc<Gates> {
        &self.gates
    }

    /// Ends the streams of all gates that follow, and of those that come.
    pub fn end(&self) {
        let _ = self.ended.set(());
    }

    /// Tells a gate what changes, until it is gone.
    async fn feed(self: Arc<Self>, joining: Joining, actor: Box<str>, sender: mpsc::Sender<Followed>) {
        let present = self.gates.join(&joining, actor);
        let (mut versions, mut at) = (self.stored.versions(), joining.version);
        let beat = beat(joining.max_stale);
        loop {
            versions.mark_unchanged();
            let (said, more) = match self.changes(&joining.nonce, at).await {
                Ok(said) => said,
                Err(error) => {
                    warn!(gate = %joining.name, %error, "keys could not be given to a gate that follows");
                    return;
                }
            };
            let is_behind = matches!(said, Followed::Behind);
            if let Followed::Changes(version, _) = &said {
                at = *version;
            }
            if sender.send(said).await.is_err() || is_behind {
                return;
            }
            present.was_fed();
            if more {
                continue;
            }
            tokio::select! {
                changed = versions.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(beat) => {}
                () = sender.closed() => return,
                _ = self.ended.wait() => return,
            }
        }
    }

    /// What changed after `at`, and whether there is more.
    async fn changes(self: &Arc<Self>, nonce: &str, at: Version) -> Result<(Followed, bool), StoreError> {
        let (lead, nonce) = (Arc::clone(self), nonce.to_owned());
        let made = move |store: &dyn KeyStore| {
            let ChangedKeys { keys, version, more } = store.changed_after(at.sequence, BATCH)?;
            if version.epoch != at.epoch || version < at {
                return Ok((Followed::Behind, false));
            }
            let (heading, mut text) = (lead.heading(Some(at.sequence), &nonce), Vec::new());
            seal_parcel(&lead.signer, &heading, &mut text, |put| {
                keys.iter().for_each(put);
                Ok::<_, io::Error>(version)
            })
            .map_err(|error| StoreError::Io(error.to_string()))?;
            let text = String::from_utf8(text).map_err(|error| StoreError::Io(error.to_string()))?;
            let fits = text.len() <= MAX_CHANGES_BYTES;
            Ok(if fits { (Followed::Changes(version, text), more) } else { (Followed::Behind, false) })
        };
        self.stored.ask(made).await
    }

    fn heading(&self, after: Option<u64>, nonce: &str) -> Heading {
        Heading::new(after, self.edge.clock().ticks_ns() / 1_000_000, nonce)
    }

    async fn note_misuse(&self, gate: &str, misuse: ToldMisuse, by: &Caller) -> Result<(), Trouble> {
        let ToldMisuse { key, reason, count, peer, origin } = misuse;
        let deed = Deed::Note {
            action: "key.misuse".into(),
            target: format!("key:{key}").into(),
            detail: json!({ "reason": reason, "count": count, "peer": peer, "origin": origin, "gate": gate }).to_string().into(),
        };
        let change = Change { deed, actor: by.actor.clone(), at_ms: self.edge.clock().now().unix_ms, once: None };
        Ok(self.stored.ask(move |store| store.commit(change)).await.map(drop)?)
    }
}

#[async_trait]
impl Leading for Arc<Lead> {
    fn verify_key(&self) -> VerifyKey {
        self.signer.verify_key()
    }

    async fn version(&self) -> Result<Version, Trouble> {
        Ok(self.stored.ask(|store| store.version()).await?)
    }

    async fn snapshot(&self, nonce: &str) -> Result<mpsc::Receiver<io::Result<Bytes>>, Trouble> {
        let (sender, pieces) = mpsc::channel(PIECES);
        let (lead, store, heading) = (Self::clone(self), Arc::clone(self.stored.store()), self.heading(None, nonce));
        tokio::task::spawn_blocking(move || {
            let mut into = io::BufWriter::with_capacity(PIECE, Sending(sender.clone()));
            let sealed = seal_parcel(&lead.signer, &heading, &mut into, |put| {
                store.read_all(&mut |key| put(&key)).map_err(io::Error::other)
            });
            if let Err(error) = sealed.and_then(|_| into.flush()) {
                // Whoever reads it is gone, or learns that it is not whole.
                let _ = sender.blocking_send(Err(error));
            }
        });
        Ok(pieces)
    }

    async fn follow(&self, joining: Joining, by: &Caller) -> Result<mpsc::Receiver<Followed>, Trouble> {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(Self::clone(self).feed(joining, by.actor.clone(), sender));
        Ok(receiver)
    }

    async fn report(&self, report: Report, by: &Caller) -> Result<(), Trouble> {
        self.gates.report(report, &by.actor);
        Ok(())
    }

    async fn take_usage(&self, told: ToldUsage, by: &Caller) -> Result<(), Trouble> {
        let ToldUsage { instance, batch, keys, misuses } = told;
        if !self.gates.knows(&instance, &by.actor) {
            return Err(StoreError::NotFound(format!("gate:{instance}").into()).into());
        }
        let Some(gate) = self.gates.takes(&instance, batch, &by.actor) else { return Ok(()) };
        let snapshot = self.edge.gate().snapshot();
        let is_key = |id: &str| snapshot.keys.as_deref().is_some_and(|set| set.by_id(id).is_some());
        let is_reason = |reason: &str| Denial::ALL.iter().any(|denial| denial.reason() == reason);
        // What names no key or no reason of ours would stand in the store for ever.
        let known = keys.into_iter().filter(|(id, _)| is_key(id)).map(|(id, told)| {
            let mut usage = Usage::from(told);
            usage.refusals.retain(|reason, _| is_reason(reason));
            (id, usage)
        });
        let batch = known.collect();
        let misuses: Vec<_> =
            misuses.into_iter().take(MAX_MISUSES).filter(|one| is_key(&one.key) && is_reason(&one.reason)).collect();
        drop(snapshot);
        self.stored.ask(move |store| store.add_usage(batch)).await?;
        for misuse in misuses {
            self.note_misuse(&gate, misuse, by).await?;
        }
        Ok(())
    }

    fn gates(&self) -> Vec<GateView> {
        self.gates.views()
    }
}

/// The signer with the key that the store keeps.
fn signer(store: &dyn KeyStore) -> Result<Signer, StoreError> {
    let made = || Signer::generate(&SystemRandom::new()).unwrap_or_default();
    let kept = store.keepsake(SIGNING_KEY, &made)?;
    Signer::new(&kept).ok_or_else(|| StoreError::Corrupt("the key that signs snapshots is none".to_owned()))
}

/// What is written goes to whoever reads the other end.
struct Sending(mpsc::Sender<io::Result<Bytes>>);

impl Write for Sending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map(|()| bytes.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
