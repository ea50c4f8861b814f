//! The end of the gate's life, in two steps: draining (no new streams, open ones are told to go), then closed (no new connections).
//!
//! Where another process has taken the listeners over, the gate is replaced instead: nothing new is accepted, and what is connected
//! already is served to its end, new streams too, for their clients did not choose this process.

use std::{
    sync::atomic::{AtomicBool, AtomicU8, Ordering},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

const SERVING: u8 = 0;
const DRAINING: u8 = 1;
const REPLACED: u8 = 2;
const CLOSED: u8 = 3;

/// How long one stream more lengthens the spread: 2,000 streams are told within four seconds, so that their clients do not all
/// connect to another gate at once.
const SPREAD_PER_STREAM: Duration = Duration::from_millis(2);

/// Where the gate is on its way.
#[derive(Default)]
pub struct Drain {
    state: AtomicU8,
    /// Kept beside the state, which goes on from there.
    replaced: AtomicBool,
    changed: Notify,
}

impl Drain {
    /// From now on new streams are refused. Returns whether this call began it.
    pub fn begin(&self) -> bool {
        let first = self.state.compare_exchange(SERVING, DRAINING, Ordering::AcqRel, Ordering::Acquire).is_ok();
        self.changed.notify_waiters();
        first
    }

    /// From now on nothing new is accepted, and no request that still comes is refused for that. After [`Drain::close`], nothing.
    pub fn replace(&self) {
        self.replaced.store(true, Ordering::Release);
        self.state.fetch_max(REPLACED, Ordering::AcqRel);
        self.changed.notify_waiters();
    }

    /// From now on nothing new is accepted, and idle connections are left.
    pub fn close(&self) {
        self.state.store(CLOSED, Ordering::Release);
        self.changed.notify_waiters();
    }

    /// Whether another process has taken the listeners over, whatever came then.
    #[must_use]
    pub fn was_replaced(&self) -> bool {
        self.replaced.load(Ordering::Acquire)
    }

    /// Whether new streams are refused.
    #[must_use]
    pub fn refuses_streams(&self) -> bool {
        matches!(self.state.load(Ordering::Acquire), DRAINING | CLOSED)
    }

    /// Whether answers end their connection.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.state.load(Ordering::Acquire) >= DRAINING
    }

    /// Ready once draining began.
    pub async fn begun(&self) {
        self.reached(DRAINING).await;
    }

    /// Ready once nothing new is accepted.
    pub async fn accepts_no_more(&self) {
        self.reached(REPLACED).await;
    }

    /// Ready once idle connections are left.
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

/// Does `act` to each of `all`, one after the other, spread evenly over `time`. Each has its own point in time: pauses between them
/// would be rounded up to the timer's millisecond, and add up to many times `time` where there are many.
pub async fn in_turn<T>(all: Vec<T>, time: Duration, mut act: impl FnMut(T)) {
    let begin = Instant::now();
    let count = u32::try_from(all.len()).unwrap_or(u32::MAX);
    for (nth, one) in (0..).zip(all) {
        sleep_until(begin + time.saturating_mul(nth) / count).await;
        act(one);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_step_wakes_who_waits_for_it() {
        let drain = Drain::default();
        let ((), ()) = tokio::join!(drain.begun(), async { assert!(drain.begin()) });
        assert!(drain.is_draining() && drain.refuses_streams() && !drain.begin());
        let ((), ()) = tokio::join!(drain.accepts_no_more(), async { drain.replace() });
        assert!(drain.is_draining() && !drain.refuses_streams() && !drain.begin());
        let ((), ()) = tokio::join!(drain.closed(), async { drain.close() });
        drain.replace();
        assert!(drain.is_draining() && drain.refuses_streams(), "an end is not taken back");
        drain.begun().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_has_been_told_when_the_time_is_over() {
        let window = Duration::from_secs(25);
        for crowd in [0, 1, 3, 2_000, 100_000] {
            let over = spread(crowd, window);
            let (begin, mut told) = (Instant::now(), Vec::new());
            in_turn((0..crowd).collect(), over, |one| told.push((one, begin.elapsed()))).await;
            assert!(begin.elapsed() <= over, "{crowd} in {:?} of {over:?}", begin.elapsed());
            assert!(told.iter().map(|(one, _)| *one).eq(0..crowd));
            let half = told.iter().filter(|(_, at)| *at <= over / 2).count();
            assert!(half <= crowd / 2 + crowd / 10 + 1, "{half} of {crowd} in the first half of the time");
        }
    }

    #[test]
    fn the_spread_grows_with_the_crowd_and_stays_in_the_window() {
        let window = Duration::from_secs(25);
        assert_eq!(spread(10, window), Duration::from_millis(20));
        assert_eq!(spread(2000, window), Duration::from_secs(4));
        assert_eq!(spread(1_000_000, window), window / 2);
    }
}
