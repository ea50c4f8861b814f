//! Leading the gates that follow this one: what changes is given to them as it comes into force here, signed, and what they tell is kept.
//!
//! Nothing here waits for a gate: who does not keep up reads a snapshot, and who is gone is remembered for as long as it may still decide by
//! what it had. Nor is a gate believed more than it must be: how far it has come counts only by the hash of the record that it names.

mod feed;
mod gates;
mod memory;
mod readers;
mod usage;
mod whole;

use std::{io, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use ring::rand::SystemRandom;
use serde_json::Value;
use tokio::sync::{Mutex, Semaphore, SetOnce, mpsc};

pub use self::{feed::beat, gates::Gates, memory::recalled, whole::span_of};
use self::{
    gates::{NoPlace, NoReport},
    readers::Readers,
    usage::Noted,
};
use super::{operators::Operators, stored::StoredKeys};
use crate::{
    admin::{Caller, Followed, GateView, Joining, Leading, Report, ToldUsage, Trouble},
    edge::Edge,
    gate::credential::VerifyKey,
    keystore::{Change, Deed, Heading, KeyStore, Says, Signer, StoreError, Version},
};

/// What the signing key is kept under.
const SIGNING_KEY: &str = "snapshot_signing_key";
/// Parcels that wait for a gate, and those that are made at once: each may hold [`crate::keystore::MAX_CHANGES_BYTES`].
const WAITING: usize = 1;
const MADE: usize = 4;

/// Leads gates.
pub struct Lead {
    stored: Arc<StoredKeys>,
    edge: Arc<Edge>,
    operators: Arc<Operators>,
    signer: Signer,
    gates: Arc<Gates>,
    /// Whoever changes which gates are remembered, in memory and in the store.
    keeping: Mutex<()>,
    noted: Noted,
    readers: Readers,
    made: Semaphore,
    /// Whether another process leads from now on.
    ended: SetOnce<()>,
}

impl Lead {
    /// Leads by the keys that are `stored` and in force in the gate of `edge`, with the signing key that the store keeps, the gates that
    /// have tokens among `operators`.
    ///
    /// # Errors
    /// If the store cannot be read, or has no signing key and none can be kept.
    pub async fn new(stored: Arc<StoredKeys>, edge: Arc<Edge>, operators: Arc<Operators>) -> Result<Arc<Self>, StoreError> {
        let signer = stored.ask(signer).await?;
        let gates = Arc::new(recalled(&stored).await?);
        let (keeping, noted, readers) = (Mutex::default(), Noted::default(), Readers::default());
        let (made, ended) = (Semaphore::new(MADE), SetOnce::new());
        Ok(Arc::new(Self { stored, edge, operators, signer, gates, keeping, noted, readers, made, ended }))
    }

    /// The gates that follow.
    #[must_use]
    pub const fn gates(&self) -> &Arc<Gates> {
        &self.gates
    }

    /// Ends the streams of all gates that follow, and of those that come.
    pub fn end(&self) {
        let _ = self.ended.set(());
    }

    fn heading(&self, says: Says, after: Option<u64>, nonce: &str) -> Heading {
        Heading::new(says, after, self.edge.clock().ticks_ns() / 1_000_000, nonce)
    }

    /// Puts a record into the audit trail.
    async fn note(&self, action: &str, target: String, detail: Value, by: &Caller) -> Result<(), Trouble> {
        let deed = Deed::Note { action: action.into(), target: target.into(), detail: detail.to_string().into() };
        let change = Change { deed, actor: by.actor.clone(), at_ms: self.edge.clock().now().unix_ms, once: None };
        Ok(self.stored.ask(move |store| store.commit(change)).await.map(drop)?)
    }

    /// Whether a key with this id is in force here. What names none would be kept for nothing.
    fn is_key(&self, id: &str) -> bool {
        self.edge.gate().snapshot().keys.as_deref().is_some_and(|set| set.by_id(id).is_some())
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

    async fn snapshot(&self, nonce: &str, after: u64, by: &Caller) -> Result<mpsc::Receiver<io::Result<Bytes>>, Trouble> {
        self.whole(nonce, after, &by.actor).await
    }

    async fn follow(&self, joining: Joining, by: &Caller) -> Result<mpsc::Receiver<Followed>, Trouble> {
        let present = self.admit(&joining, &by.actor).await?;
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(Self::clone(self).feed(joining, by.actor.clone(), present, sender));
        Ok(receiver)
    }

    async fn report(&self, mut report: Report, by: &Caller) -> Result<(), Trouble> {
        let checkpoint = report.checkpoint();
        let acknowledged = self.stored.ask(move |store| {
            let hash = store.record_hash(checkpoint.version.sequence)?;
            Ok(hash == Some(checkpoint.hash) && store.version()?.epoch == checkpoint.version.epoch)
        });
        let acknowledged = acknowledged.await?;
        report.ended.retain(|id, _| self.is_key(id));
        let (instance, leaving) = (report.instance.clone(), report.leaving);
        self.gates.report(report, &by.actor, acknowledged).map_err(|why| match why {
            // One that has not asked yet since this process began: it tells it again when it has.
            NoReport::Unknown => unknown(&instance),
            NoReport::TooMuch => {
                Trouble::Busy("more keys of gates with this token end at once than can be remembered".to_owned())
            }
        })?;
        if leaving {
            self.has_left(&instance).await;
        }
        Ok(())
    }

    async fn take_usage(&self, told: ToldUsage, by: &Caller) -> Result<(), Trouble> {
        self.take(told, by).await
    }

    fn gates(&self) -> Vec<GateView> {
        self.gates.views()
    }

    async fn forget(&self, instance: &str, by: &Caller) -> Result<(), Trouble> {
        self.forget_one(instance, by).await
    }
}

/// No gate with this instance is known of whoever says so.
fn unknown(instance: &str) -> Trouble {
    StoreError::NotFound(format!("gate:{instance}").into()).into()
}

/// The signer with the key that the store keeps.
fn signer(store: &dyn KeyStore) -> Result<Signer, StoreError> {
    let made = || Signer::generate(&SystemRandom::new()).unwrap_or_default();
    let kept = store.keepsake(SIGNING_KEY, &made)?;
    Signer::new(&kept).ok_or_else(|| StoreError::Corrupt("the key that signs snapshots is none".to_owned()))
}

impl From<NoPlace> for Trouble {
    fn from(why: NoPlace) -> Self {
        match why {
            NoPlace::TooMany => Self::Busy(
                "more gates have followed with this token than can be remembered; make one for each group of them".to_owned(),
            ),
            NoPlace::AnothersName => Self::Forbidden("this instance is that of a gate with another token".to_owned()),
        }
    }
}
