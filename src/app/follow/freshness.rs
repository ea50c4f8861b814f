//! Until when the keys of a gate that follows are good.
//!
//! Neither this machine's clock nor the manager's is believed for it: between two parcels of one asking, the manager's own count of time is,
//! and no more than has passed here. Over a restart there is nothing but the clock of this machine; where that was set back, the keys are
//! old until the manager is heard.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use tracing::warn;

use crate::{
    edge::Edge,
    keystore::{SqliteStore, StoreError},
};

/// Of `max_stale`, the part that a restart may cost: more often, it is not written down.
const NOTED: u32 = 32;

/// Until when keys are good.
pub struct Freshness {
    edge: Arc<Edge>,
    replica: Arc<SqliteStore>,
    max_stale: Duration,
    /// When the keys were last known to be what the manager has; `None` is never in this process.
    known: Option<Instant>,
    /// What of it was written down.
    noted: Option<Instant>,
    times: u64,
}

impl Freshness {
    /// By what the copy says of itself.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn new(edge: Arc<Edge>, replica: Arc<SqliteStore>, max_stale: Duration) -> Result<Self, StoreError> {
        let now_ms = edge.clock().now().unix_ms;
        let age = u64::try_from(now_ms - replica.fresh_at()?).ok().map(Duration::from_millis);
        let known = age.and_then(|age| Instant::now().checked_sub(age));
        let mut this = Self { edge, replica, max_stale, known, noted: None, times: 0 };
        this.bring_into_force();
        Ok(this)
    }

    /// The keys were known at `known` to be what the manager has.
    pub async fn heard(&mut self, known: Instant) {
        self.times += 1;
        self.known = Some(self.known.map_or(known, |before| before.max(known)));
        self.bring_into_force();
        if self.noted.is_none_or(|noted| known.saturating_duration_since(noted) > self.max_stale / NOTED) {
            self.noted = Some(known);
            let at_ms = self.edge.clock().now().unix_ms - i64::try_from(known.elapsed().as_millis()).unwrap_or(i64::MAX);
            let replica = Arc::clone(&self.replica);
            let kept = tokio::task::spawn_blocking(move || replica.note_fresh(at_ms)).await;
            if let Ok(Err(error)) = kept {
                warn!(%error, "that the keys are fresh could not be written down");
            }
        }
    }

    /// How often the manager was heard.
    pub const fn times_heard(&self) -> u64 {
        self.times
    }

    /// How long the keys are still good.
    pub fn left(&self) -> Duration {
        self.known.map_or(Duration::ZERO, |known| self.max_stale.saturating_sub(known.elapsed()))
    }

    fn bring_into_force(&mut self) {
        let left = u64::try_from(self.left().as_nanos()).unwrap_or(u64::MAX);
        self.edge.gate().keys_are_fresh_until(if left == 0 { 0 } else { self.edge.clock().ticks_ns().saturating_add(left) });
        let at = self.known.and_then(|known| SystemTime::now().checked_sub(known.elapsed()));
        self.edge.telemetry().key_set_known_at(at);
    }
}
