//! The end of the gate's life, in two steps: draining (no new streams, open ones are told to go), then closed (no new connections).

use std::{
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use tokio::sync::Notify;

const SERVING: u8 = 0;
const DRAINING: u8 = 1;
const CLOSED: u8 = 2;

/// How long one stream more lengthens the spread: 2,000 streams are told within four seconds, so that their clients do not all
/// connect to another gate at once.
const SPREAD_PER_STREAM: Duration = Duration::from_millis(2);

/// Where the gate is on its way.
#[derive(Default)]
pub struct Drain {
    state: AtomicU8,
    changed: Notify,
}

impl Drain {
    /// From now on new streams are refused. Returns whether this call began it.
    pub fn begin(&self) -> bool {
        let first = self.state.compare_exchange(SERVING, DRAINING, Ordering::AcqRel, Ordering::Acquire).is_ok();
        self.changed.notify_waiters();
        first
    }

    /// From now on nothing new is accepted.
    pub fn close(&self) {
        self.state.store(CLOSED, Ordering::Release);
        self.changed.notify_waiters();
    }

    /// Whether new streams are refused and answers end their connection.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.state.load(Ordering::Acquire) >= DRAINING
    }

    /// Ready once draining began.
    pub async fn begun(&self) {
        self.reached(DRAINING).await;
    }

    /// Ready once nothing new is accepted.
    pub async fn closed(&self) {
        self.reached(CLOSED).await;
    }

    async fn reached(&self, state: u8) {
        loop {
            let changed = self.changed.notified();
            if self.state.load(Ordering::Acquire) >= state {
                return;
            }
            changed.await;
        }
    }
}

/// Over how long `streams` are told to go, at most half of `window`.
#[must_use]
pub fn spread(streams: usize, window: Duration) -> Duration {
    let wanted = SPREAD_PER_STREAM.saturating_mul(u32::try_from(streams).unwrap_or(u32::MAX));
    wanted.min(window / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_step_wakes_who_waits_for_it() {
        let drain = Drain::default();
        let ((), ()) = tokio::join!(drain.begun(), async { assert!(drain.begin()) });
        assert!(drain.is_draining() && !drain.begin());
        let ((), ()) = tokio::join!(drain.closed(), async { drain.close() });
        drain.begun().await;
    }

    #[test]
    fn the_spread_grows_with_the_crowd_and_stays_in_the_window() {
        let window = Duration::from_secs(25);
        assert_eq!(spread(10, window), Duration::from_millis(20));
        assert_eq!(spread(2000, window), Duration::from_secs(4));
        assert_eq!(spread(1_000_000, window), window / 2);
    }
}
