//! What a gate that follows is told: every change behind the version that it has, or that none leads on from there.

use std::{io, sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::timeout};
use tracing::{info, warn};

use super::{Lead, gates::Present};
use crate::{
    admin::{Followed, Joining},
    keystore::{Checkpoint, KeyStore, MAX_CHANGES_BYTES, StoreError, Way, seal_parcel},
};

/// Keys in one parcel of changes, unless more changed at once.
const BATCH: usize = 2000;
/// How long a gate may take to read what it is told.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a gate with this `max_stale` is told that nothing changed: often enough that one lost sign costs it nothing.
pub fn beat(max_stale: Duration) -> Duration {
    (max_stale / 8).clamp(Duration::from_millis(100), Duration::from_secs(5))
}

/// What there is to say to a gate.
struct Said {
    said: Followed,
    /// How far it has come by that; `None` ends its following.
    at: Option<Checkpoint>,
    /// Whether there is more.
    more: bool,
}

impl Lead {
    /// Tells a gate what changes, until it is gone, another process leads, or the token of `actor` is good no more.
    pub(super) async fn feed(self: Arc<Self>, joining: Joining, actor: Box<str>, present: Present, to: mpsc::Sender<Followed>) {
        tokio::select! {
            () = self.tell(&joining, &present, &to) => {}
            () = to.closed() => {}
            _ = self.ended.wait() => {}
            () = self.operators.ended(&actor, self.edge.clock()) => {
                info!(gate = %joining.name, %actor, "a gate follows no more: its token was revoked, or has expired");
            }
        }
    }

    async fn tell(self: &Arc<Self>, joining: &Joining, present: &Present, to: &mpsc::Sender<Followed>) {
        let (mut versions, mut at) = (self.stored.versions(), joining.at);
        let beat = beat(joining.max_stale);
        loop {
            versions.mark_unchanged();
            let Said { said, at: next, more } = match self.what_changed(&joining.nonce, at).await {
                Ok(said) => said,
                Err(error) => {
                    warn!(gate = %joining.name, %error, "keys could not be given to a gate that follows");
                    return;
                }
            };
            if let Followed::Diverged(version) = &said {
                present.has_diverged();
                let (epoch, sequence) = (version.epoch, version.sequence);
                warn!(gate = %joining.name, theirs = ?at.version, epoch, sequence, "a gate has keys that this store never had: it was put back by hand");
            }
            if !matches!(timeout(PATIENCE, to.send(said)).await, Ok(Ok(()))) {
                return;
            }
            let Some(next) = next else { return };
            at = next;
            present.was_fed();
            if more {
                continue;
            }
            tokio::select! {
                changed = versions.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(beat) => {}
            }
        }
    }

    async fn what_changed(self: &Arc<Self>, nonce: &str, at: Checkpoint) -> Result<Said, StoreError> {
        let (lead, nonce) = (Arc::clone(self), nonce.to_owned());
        self.stored.ask(move |store| lead.changes(store, &nonce, at)).await
    }

    fn changes(&self, store: &dyn KeyStore, nonce: &str, at: Checkpoint) -> Result<Said, StoreError> {
        let last = |said| Ok(Said { said, at: None, more: false });
        let (now, from) = (store.version()?, store.record_hash(at.version.sequence)?);
        let another_way = now.epoch == at.version.epoch && from.is_some_and(|hash| hash != at.hash);
        if now < at.version || another_way {
            return last(Followed::Diverged(now));
        }
        if now.epoch != at.version.epoch || from.is_none() {
            return last(Followed::Behind);
        }
        // Before the keys are read: what changes while they are is not in them, and must not seem to be.
        let heading = self.heading(Some(at.version.sequence), nonce);
        let changed = store.changed_after(at.version.sequence, BATCH)?;
        let hash = store.record_hash(changed.version.sequence)?;
        // Pruned meanwhile.
        let Some(hash) = hash else { return last(Followed::Behind) };
        let to = Checkpoint { version: changed.version, hash };
        let mut text = Vec::new();
        let sealed = seal_parcel(&self.signer, &heading, &mut text, |put| {
            changed.keys.iter().for_each(put);
            Ok::<_, io::Error>(Way { from, to })
        });
        sealed.map_err(|error| StoreError::Io(error.to_string()))?;
        if text.len() > MAX_CHANGES_BYTES {
            return last(Followed::Behind);
        }
        let text = String::from_utf8(text).map_err(|error| StoreError::Io(error.to_string()))?;
        Ok(Said { said: Followed::Changes(to.version, text), at: Some(to), more: changed.more })
    }
}
