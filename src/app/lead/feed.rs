//! What a gate that follows is told: every change behind the version that it has, or that none leads on from there.

use std::{io, sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::timeout};
use tracing::{info, warn};

use super::{Lead, gates::Present};
use crate::{
    admin::{Followed, Joining},
    gate::keys::Key,
    keystore::{Checkpoint, Heading, KeyStore, MAX_CHANGES_BYTES, RecordHash, Says, StoreError, Version, Way, seal_parcel},
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
    says: Says,
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
            let Said { says, said, at: next, more } = match self.what_changed(&joining.nonce, at).await {
                Ok(said) => said,
                Err(error) => {
                    warn!(gate = %joining.name, %error, "keys could not be given to a gate that follows");
                    return;
                }
            };
            if says == Says::Diverged {
                present.has_diverged();
                let Version { epoch, sequence } = at.version;
                warn!(gate = %joining.name, epoch, sequence, "a gate has keys that this store never had: it was put back by hand");
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
        // Whoever waits here holds nothing yet. It is never closed.
        let _turn = self.made.acquire().await;
        self.stored.ask(move |store| lead.changes(store, &nonce, at)).await
    }

    fn changes(&self, store: &dyn KeyStore, nonce: &str, at: Checkpoint) -> Result<Said, StoreError> {
        let (now, from) = (store.version()?, store.record_hash(at.version.sequence)?);
        let another_way = now.epoch == at.version.epoch && from.is_some_and(|hash| hash != at.hash);
        if now < at.version || another_way {
            return self.no_more(Says::Diverged, now, nonce, at);
        }
        if now.epoch != at.version.epoch || from.is_none() {
            return self.no_more(Says::Behind, now, nonce, at);
        }
        // Before the keys are read: what changes while they are is not in them, and must not seem to be.
        let heading = self.heading(Says::Changes, Some(at.version.sequence), nonce);
        let changed = store.changed_after(at.version.sequence, BATCH)?;
        let Some(hash) = store.record_hash(changed.version.sequence)? else {
            // Pruned meanwhile.
            return self.no_more(Says::Behind, now, nonce, at);
        };
        let to = Checkpoint { version: changed.version, hash };
        let text = self.sealed(&heading, &changed.keys, Way { from, to })?;
        if text.len() > MAX_CHANGES_BYTES {
            return self.no_more(Says::Behind, now, nonce, at);
        }
        let said = Followed::Changes(to.version, text);
        Ok(Said { says: Says::Changes, said, at: Some(to), more: changed.more })
    }

    /// That no changes lead on from `at`, where `now` is what there is.
    fn no_more(&self, says: Says, now: Version, nonce: &str, at: Checkpoint) -> Result<Said, StoreError> {
        let to = Checkpoint { version: now, hash: RecordHash::default() };
        let text = self.sealed(&self.heading(says, Some(at.version.sequence), nonce), &[], Way { from: None, to })?;
        Ok(Said { says, said: Followed::End(now, text), at: None, more: false })
    }

    fn sealed(&self, heading: &Heading, keys: &[Key], way: Way) -> Result<String, StoreError> {
        let mut text = Vec::new();
        let sealed = seal_parcel(&self.signer, heading, &mut text, |put| {
            keys.iter().for_each(put);
            Ok::<_, io::Error>(way)
        });
        sealed.map_err(|error| StoreError::Io(error.to_string()))?;
        String::from_utf8(text).map_err(|error| StoreError::Io(error.to_string()))
    }
}
