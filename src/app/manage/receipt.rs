//! How far a change has come: who obeys it, and which streams are left.

use std::time::{Duration, Instant};

use super::Manage;
use crate::{
    admin::{GateReceipt, Receipt},
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
    /// Streams that were told to end.
    pub cut: usize,
}

impl Manage {
    /// Waits for the streams of the key to end, and says what came of it.
    pub(super) async fn receipt(&self, id: &str, version: Version, Wait { begun, wait, cut }: Wait) -> Receipt {
        let deadline = begun + wait.min(MOST);
        let mut remaining = self.streams_of(id);
        while remaining > 0 && Instant::now() < deadline {
            tokio::time::sleep(LOOK).await;
            remaining = self.streams_of(id);
        }
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let ours =
            GateReceipt { gate: own_name(), acknowledged: true, cut, remaining, took_ms: (remaining == 0).then_some(took_ms) };
        Receipt { version, complete: remaining == 0, gates: vec![ours], took_ms }
    }

    /// Live streams of a key.
    pub(super) fn streams_of(&self, id: &str) -> usize {
        let Some(edge) = &self.edge else { return 0 };
        let mut count = 0;
        edge.registry().for_each(|stream| {
            count += usize::from(stream.standing.as_ref().is_some_and(|standing| *standing.key.id == *id));
        });
        count
    }
}

/// The name of this machine, or pod.
fn own_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
