//! What keys do, kept in their store: in batches, so that no request waits for a disk. What a gate that is killed had not kept yet is lost: at
//! most that of the last [`EVERY`].

use std::{collections::BTreeMap, io, sync::Arc, time::Duration};

use serde_json::json;
use tracing::warn;

use super::{follow::Outbox, stored::StoredKeys};
use crate::{
    edge::Edge,
    gate::keys::{Counted, KeySet},
    keystore::{Change, Deed, KeyStore, StoreError, Usage},
    telemetry::Misuse,
};

/// How often it is kept.
const EVERY: Duration = Duration::from_secs(5);
/// Of so many of these times, one in which misuses of keys go into the audit trail: who floods the gate must not flood that.
const MISUSES_EVERY: u64 = 12;

/// Keeps what keys do until the process ends. A gate that follows another one keeps what its own quotas count, and has the rest told to its
/// manager by `outbox`.
///
/// # Errors
/// None: an end that others of the gate's parts report as well.
pub async fn keep_usage(edge: Arc<Edge>, stored: Arc<StoredKeys>, outbox: Option<Arc<Outbox>>) -> io::Result<()> {
    let mut unkept = BTreeMap::new();
    for turn in 1.. {
        tokio::time::sleep(EVERY).await;
        keep(&edge, &stored, outbox.as_deref(), &mut unkept).await;
        if turn % MISUSES_EVERY == 0 {
            note_misuses(&edge, &stored, outbox.as_deref()).await;
        }
    }
    Ok(())
}

/// Keeps what keys have done up to now. What cannot be kept is with what `unkept` had, and tried again.
pub async fn keep(edge: &Edge, stored: &StoredKeys, outbox: Option<&Outbox>, unkept: &mut BTreeMap<Box<str>, Usage>) {
    let mut told = BTreeMap::new();
    for key in edge.telemetry().take_used() {
        let Counted { last_ms, permitted, refused } = key.usage.uses().take();
        let tallies = key.limits.quotas.any().then(|| key.usage.tallies()).flatten();
        if outbox.is_some() && tallies.is_some() {
            unkept.entry((&key.id).into()).or_default().tallies = tallies;
        }
        let counts = if outbox.is_some() { &mut told } else { &mut *unkept };
        let usage: &mut Usage = counts.entry((&key.id).into()).or_default();
        usage.last_used_ms = usage.last_used_ms.max(last_ms);
        usage.requests += permitted;
        for (denial, count) in refused {
            *usage.refusals.entry(denial.reason().into()).or_default() += u64::from(count);
        }
        usage.tallies = tallies;
    }
    if let Some(outbox) = outbox {
        outbox.add_usage(told);
    }
    if unkept.is_empty() {
        return;
    }
    let batch = unkept.clone();
    match stored.ask(move |store| store.add_usage(batch)).await {
        Ok(()) => unkept.clear(),
        Err(error) => warn!(%error, keys = unkept.len(), "what keys have done could not be kept; it is tried again"),
    }
}

/// Has the audit trail remember how keys were misused.
async fn note_misuses(edge: &Edge, stored: &StoredKeys, outbox: Option<&Outbox>) {
    let misuses = edge.telemetry().take_misuses();
    if let Some(outbox) = outbox {
        return outbox.add_misuses(misuses);
    }
    for ((id, denial), Misuse { count, peer, origin }) in misuses {
        let deed = Deed::Note {
            action: "key.misuse".into(),
            target: format!("key:{id}").into(),
            detail: json!({ "reason": denial.reason(), "count": count, "peer": peer.to_string(), "origin": origin })
                .to_string()
                .into(),
        };
        let change = Change { deed, actor: "gate".into(), at_ms: edge.clock().now().unix_ms, once: None };
        if let Err(error) = stored.ask(move |store| store.commit(change)).await {
            warn!(%error, key = %id, reason = denial.reason(), count, "a misuse could not be noted in the audit trail");
        }
    }
}

/// Gives quotas back what they had counted before a restart.
///
/// # Errors
/// If the store cannot be read.
pub fn restore_quotas(store: &dyn KeyStore, keys: &KeySet) -> Result<(), StoreError> {
    store.read_usage(&mut |id, usage| {
        if let (Some(key), Some(tallies)) = (keys.by_id(&id), usage.tallies)
            && key.limits.quotas.any()
        {
            key.usage.meters().restore(&tallies);
        }
    })
}
