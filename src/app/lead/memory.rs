//! The gates that follow, remembered over a restart of their manager: one that is cut off then may still decide by what it had, and a receipt
//! that knew nothing of it would be complete without it.

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::warn;

use super::{Gates, Lead};
use crate::{
    admin::{Caller, GateView, Joining, Trouble},
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

fn kept_under(instance: &str) -> Box<str> {
    format!("{PREFIX}{instance}").into()
}

impl Lead {
    /// A gate follows from now on, and is remembered.
    ///
    /// # Errors
    /// Why it cannot follow.
    pub(super) async fn admit(&self, joining: &Joining, actor: &str) -> Result<super::gates::Present, Trouble> {
        let _turn = self.keeping.lock().await;
        let present = self.gates.join(joining, actor)?;
        // Not all that the store does not know yet: where writing fails, each of many that come at once would wait for all before it.
        self.keep(self.gates.unkept(Some(&joining.instance))).await;
        Ok(present)
    }

    /// A gate has ended, and said so.
    pub(super) async fn has_left(&self, instance: &str) {
        let _turn = self.keeping.lock().await;
        self.let_go(vec![instance.into()]).await;
    }

    /// Forgets a gate of which somebody says that it runs no more.
    ///
    /// # Errors
    /// If it follows, there is none, or it cannot be written down.
    pub(super) async fn forget_one(&self, instance: &str, by: &Caller) -> Result<(), Trouble> {
        let _turn = self.keeping.lock().await;
        let GateView { name, actor, heard_ms_ago, max_stale_ms, .. } = self.gates.away(instance)?;
        let detail = json!({ "name": name, "actor": actor, "heard_ms_ago": heard_ms_ago, "max_stale_ms": max_stale_ms });
        self.note("gate.forget", format!("gate:{instance}"), detail, by).await?;
        let change = BTreeMap::from([(kept_under(instance), None)]);
        self.stored.ask(move |store| store.put_keepsakes(change)).await?;
        self.gates.remove(instance);
        Ok(())
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
            self.let_go(self.gates.forget()).await;
            // Where there was no room for one, there may be now.
            self.keep(self.gates.unkept(None)).await;
        }
    }

    async fn keep(&self, gates: Vec<(Box<str>, Kept)>) {
        self.put(gates.into_iter().filter_map(|(instance, kept)| Some((instance, Some(serde_json::to_vec(&kept).ok()?))))).await;
    }

    async fn let_go(&self, gates: Vec<Box<str>>) {
        self.put(gates.into_iter().map(|instance| (instance, None))).await;
    }

    /// Writes what is kept of gates, at once for all: where it fails, that is one failure.
    async fn put(&self, gates: impl Iterator<Item = (Box<str>, Option<Vec<u8>>)>) {
        let gates = BTreeMap::from_iter(gates);
        if gates.is_empty() {
            return;
        }
        let changes = gates.iter().map(|(instance, value)| (kept_under(instance), value.clone())).collect();
        match self.stored.ask(move |store| store.put_keepsakes(changes)).await {
            Ok(()) => gates.iter().for_each(|(instance, value)| self.gates.is_kept(instance, value.is_some())),
            Err(error) => {
                let gates = gates.len();
                warn!(%error, gates, "gates that follow, or have ended, could not be noted: after a restart, receipts would not know it");
            }
        }
    }
}
