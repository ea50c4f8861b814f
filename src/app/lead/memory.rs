//! The gates that follow, remembered over a restart of their manager: one that is cut off then may still decide by what it had, and a receipt
//! that knew nothing of it would be complete without it.

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tracing::warn;

use super::{Gates, Lead};
use crate::{
    admin::{Joining, Trouble},
    app::stored::StoredKeys,
    keystore::StoreError,
};

/// What a gate is kept under, with its instance behind.
const PREFIX: &str = "gate:";
/// How often it is looked for gates that decide nothing any more.
const LOOK: Duration = Duration::from_secs(10);

/// What is kept of a gate.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    pub name: Box<str>,
    pub actor: Box<str>,
    pub max_stale_ms: u64,
}

/// The gates that were known when a process led last.
///
/// # Errors
/// If the store cannot be read.
pub async fn recalled(stored: &StoredKeys) -> Result<Gates, StoreError> {
    Ok(Gates::of(kept(stored).await?))
}

async fn kept(stored: &StoredKeys) -> Result<Vec<(Box<str>, Kept)>, StoreError> {
    let kept = stored.ask(|store| store.keepsakes(PREFIX)).await?;
    // What a later version says of one cannot be read, and is no reason not to begin.
    let read = |(instance, text): (Box<str>, Vec<u8>)| Some((instance, serde_json::from_slice(&text).ok()?));
    Ok(kept.into_iter().filter_map(read).collect())
}

impl Lead {
    /// A gate follows from now on, and is remembered.
    ///
    /// # Errors
    /// Why it cannot follow.
    pub(super) async fn admit(&self, joining: &Joining, actor: &str) -> Result<super::gates::Present, Trouble> {
        let _turn = self.keeping.lock().await;
        let present = self.gates.join(joining, actor)?;
        self.keep_all().await;
        Ok(present)
    }

    /// A gate has ended, and said so.
    pub(super) async fn has_left(&self, instance: &str) {
        let _turn = self.keeping.lock().await;
        self.keep(instance, None).await;
    }

    /// Forgets gates that decide nothing any more, until the process ends or another one leads.
    ///
    /// # Errors
    /// None: an end that others of the gate's parts report as well.
    pub async fn forget_gates(self: Arc<Self>) -> io::Result<()> {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                // Those that went over to the other one are known there.
                _ = self.ended.wait() => return std::future::pending().await,
            }
            let _turn = self.keeping.lock().await;
            // Those that followed another process of this manager while this one took its place.
            if let Ok(kept) = kept(&self.stored).await {
                self.gates.recall(kept);
            }
            for instance in self.gates.forget() {
                self.keep(&instance, None).await;
            }
            self.keep_all().await;
        }
    }

    /// Keeps those that are not yet: where there was no room for one, there may be now.
    async fn keep_all(&self) {
        for (instance, kept) in self.gates.unkept() {
            self.keep(&instance, serde_json::to_vec(&kept).ok()).await;
        }
    }

    async fn keep(&self, instance: &str, value: Option<Vec<u8>>) {
        let (is_kept, change) = (value.is_some(), BTreeMap::from([(format!("{PREFIX}{instance}").into(), value)]));
        match self.stored.ask(move |store| store.put_keepsakes(change)).await {
            Ok(()) => self.gates.is_kept(instance, is_kept),
            Err(error) => {
                warn!(%error, instance, "a gate that follows, or has ended, could not be noted: after a restart, receipts would not know it");
            }
        }
    }
}
