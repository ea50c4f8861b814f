//! Until when the keys of a gate that follows are good.
//!
//! Neither this machine's clock nor the manager's is believed for it: between two parcels of one asking, the manager's own count of time is,
//! and no more than has passed here, the sleep of this machine included. Over a restart there is nothing but the clock of this machine;
//! where that was set back, the keys are old until the manager is heard.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use tracing::warn;

use crate::{
    edge::Edge,
    gate::time::Timestamp,
    keystore::{SqliteStore, StoreError},
};

/// Of `max_stale`, the part that a restart may cost: more often, it is not written down.
const NOTED: u32 = 32;

/// Until when keys are good.
pub struct Freshness {
    edge: Arc<Edge>,
    replica: Arc<SqliteStore>,
    max_stale: Duration,
    /// How long the keys are good for after they were known: as long as the manager was told that they would be, which of keys that
    /// another process knew may be less.
    span: Duration,
    known: Known,
    /// What of it was written down.
    noted: Known,
    times: u64,
}

/// When keys were last known to be what the manager has, in nanoseconds on the ticks of the gate's clock; before their zero, where another
/// process knew it. `None` is never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Known(Option<i64>);

impl Freshness {
    /// By what the copy says of itself.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn new(edge: Arc<Edge>, replica: Arc<SqliteStore>, max_stale: Duration) -> Result<Self, StoreError> {
        let (at_ms, span) = replica.fresh()?;
        let known = Known::by_the_clock(edge.clock().now(), at_ms);
        let this = Self { edge, replica, max_stale, span: span.min(max_stale), known, noted: Known::default(), times: 0 };
        this.bring_into_force();
        Ok(this)
    }

    /// The keys were known at `known_ns` of the gate's ticks to be what the manager has.
    pub async fn heard(&mut self, known_ns: u64) {
        let heard = Known::at(known_ns);
        self.times += 1;
        self.span = self.max_stale;
        self.known = self.known.max(heard);
        self.bring_into_force();
        if self.noted.is_longer_before(heard, self.max_stale / NOTED) {
            self.noted = heard;
            let now = self.edge.clock().now();
            let at_ms = now.unix_ms.saturating_sub(i64::try_from(heard.age(now.ticks_ns).as_millis()).unwrap_or(i64::MAX));
            let (replica, span) = (Arc::clone(&self.replica), self.span);
            let kept = tokio::task::spawn_blocking(move || replica.note_fresh(at_ms, span)).await;
            if let Ok(Err(error)) = kept {
                warn!(%error, "that the keys are fresh could not be written down");
            }
        }
    }

    /// Now, on the ticks of the gate's clock.
    pub fn now_ns(&self) -> u64 {
        self.edge.clock().ticks_ns()
    }

    /// How often the manager was heard.
    pub const fn times_heard(&self) -> u64 {
        self.times
    }

    /// How long the keys are still good.
    pub fn left(&self) -> Duration {
        self.span.saturating_sub(self.known.age(self.now_ns()))
    }

    fn bring_into_force(&self) {
        self.edge.gate().keys_are_fresh_until(self.known.good_until_ns(self.span));
        let at = self.known.0.and_then(|_| SystemTime::now().checked_sub(self.known.age(self.now_ns())));
        self.edge.telemetry().key_set_known_at(at);
    }
}

impl Known {
    fn at(ticks_ns: u64) -> Self {
        Self(Some(i64::try_from(ticks_ns).unwrap_or(i64::MAX)))
    }

    /// At `at_ms` of the clock of this machine; never, where that is yet to come.
    fn by_the_clock(now: Timestamp, at_ms: i64) -> Self {
        let age_ms = now.unix_ms.checked_sub(at_ms).filter(|age_ms| *age_ms >= 0);
        let ticks_ns = i64::try_from(now.ticks_ns).unwrap_or(i64::MAX);
        Self(age_ms.map(|age_ms| ticks_ns.saturating_sub(age_ms.saturating_mul(1_000_000))))
    }

    /// How long ago that is at `now_ns`.
    fn age(self, now_ns: u64) -> Duration {
        let now_ns = i64::try_from(now_ns).unwrap_or(i64::MAX);
        let age_ns = self.0.map(|at_ns| now_ns.saturating_sub(at_ns).max(0).cast_unsigned());
        age_ns.map_or(Duration::MAX, Duration::from_nanos)
    }

    /// The first tick at which the keys are too old.
    fn good_until_ns(self, max_stale: Duration) -> u64 {
        let span_ns = i64::try_from(max_stale.as_nanos()).unwrap_or(i64::MAX);
        self.0.map_or(0, |at_ns| u64::try_from(at_ns.saturating_add(span_ns)).unwrap_or(0))
    }

    fn is_longer_before(self, other: Self, span: Duration) -> bool {
        let span_ns = i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
        self.0.zip(other.0).is_none_or(|(before, then)| then.saturating_sub(before) > span_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const HOUR_NS: u64 = 3_600_000_000_000;
    const UNIX_MS: i64 = 1_800_000_000_000;

    fn now(ticks_ns: u64) -> Timestamp {
        Timestamp { unix_ms: UNIX_MS, ticks_ns }
    }

    #[test]
    fn keys_are_good_until_a_tick_and_no_later() {
        assert_eq!(Known::at(5).good_until_ns(HOUR), 5 + HOUR_NS);
        assert_eq!(Known::at(5).age(5 + HOUR_NS), HOUR);
        assert_eq!(Known::at(5).age(4), Duration::ZERO, "read before, and looked at after");
        assert_eq!((Known::default().good_until_ns(HOUR), Known::default().age(7)), (0, Duration::MAX), "never heard");
        assert!(Known::default() < Known::at(0));
    }

    #[test]
    fn a_restart_does_not_make_keys_younger() {
        let minutes = |count: i64| count * 60_000;
        let known = |age_ms: i64| Known::by_the_clock(now(1), UNIX_MS - age_ms);
        assert_eq!(known(minutes(20)).good_until_ns(HOUR), 1 + HOUR_NS / 3 * 2);
        assert_eq!(known(minutes(60)).good_until_ns(HOUR), 1, "which is now");
        assert_eq!(known(minutes(90)).good_until_ns(HOUR), 0);
        assert_eq!(known(minutes(90)).age(1), HOUR * 3 / 2, "for whoever looks at the metric");
        assert_eq!(known(-1), Known::default(), "the clock was set back");
    }

    #[test]
    fn no_number_is_too_large() {
        for at_ms in [i64::MIN, 0, i64::MAX] {
            assert_eq!(Known::by_the_clock(now(1), at_ms).good_until_ns(HOUR), 0, "{at_ms}");
        }
        let last = Known::at(u64::MAX);
        assert_eq!((last.good_until_ns(Duration::MAX), last.age(u64::MAX)), (i64::MAX.cast_unsigned(), Duration::ZERO));
        assert!(Known(Some(i64::MIN)).age(u64::MAX) > HOUR);
        assert!(Known(Some(i64::MIN)).is_longer_before(last, HOUR));
    }
}
