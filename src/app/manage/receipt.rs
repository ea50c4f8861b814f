//! How far a change has come: who obeys it, and which streams are left.

use std::time::{Duration, Instant};

use super::{
    super::{connections, machine},
    Manage,
};
use crate::{
    admin::{GateReceipt, Receipt},
    gate::keys::Key,
    keystore::Version,
};

/// How often the wait for the last stream looks.
const LOOK: Duration = Duration::from_millis(10);
/// The longest wait: whoever asks holds a connection meanwhile.
const MOST: Duration = Duration::from_secs(30);

/// What is waited for.
pub(super) struct Wait {
    /// When the change was asked for.
    pub begun: Instant,
    /// How long at most.
    pub wait: Duration,
}

impl Manage {
    /// Waits for all gates to obey and for the streams of the key to end there, and says what came of it.
    pub(super) async fn receipt(&self, id: &str, version: Version, Wait { begun, wait }: Wait) -> Receipt {
        let cut = self.stored.take_cut_of(id);
        let deadline = begun + wait.min(MOST);
        let took_ms = || u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        // When each was first seen to have nothing left to do.
        let mut done: Vec<(String, u64)> = Vec::new();
        loop {
            let ours =
                GateReceipt { gate: machine::name(), acknowledged: true, cut, remaining: self.streams_of(id), took_ms: None };
            let others = self.gates.receipts(id, version);
            let mut gates: Vec<_> = std::iter::once((String::new(), ours)).chain(others).collect();
            for (instance, gate) in gates.iter_mut().filter(|(_, gate)| gate.acknowledged && gate.remaining == 0) {
                let known = done.iter().find(|(other, _)| other == instance).map(|(_, took_ms)| *took_ms);
                gate.took_ms = Some(known.unwrap_or_else(|| {
                    done.push((instance.clone(), took_ms()));
                    took_ms()
                }));
            }
            let complete = gates.iter().all(|(_, gate)| gate.took_ms.is_some());
            // Where no gate runs, nobody who follows one can hear of it.
            if complete || self.lead.is_none() || Instant::now() >= deadline {
                let gates = gates.into_iter().map(|(_, gate)| gate).collect();
                return Receipt { version, complete, gates, took_ms: took_ms() };
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Live streams of a key that were opened with an earlier secret of it.
    pub(super) fn earlier_streams_of(&self, key: &Key) -> usize {
        let Some(edge) = self.edge.as_ref().filter(|_| !key.life.previous.is_empty()) else { return 0 };
        let mut count = 0;
        edge.registry()
            .of_key(&key.id, |stream| count += usize::from(connections::is_on_another(stream, &key.life.digest.digest)));
        count
    }

    /// Live streams of a key.
    pub(super) fn streams_of(&self, id: &str) -> usize {
        let Some(edge) = &self.edge else { return 0 };
        let mut count = 0;
        edge.registry().of_key(id, |_| count += 1);
        count
    }
}
