//! The one place that reads clocks, so that everything else can be told the time.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::gate::time::Timestamp;

/// Both clocks; its ticks count from when it was made.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts counting.
    #[must_use]
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// The moment, as both clocks tell it.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp { unix_ms: i64::try_from(unix.as_millis()).unwrap_or(i64::MAX), ticks_ns: self.ticks_ns() }
    }

    /// Monotonic nanoseconds.
    #[must_use]
    pub fn ticks_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
