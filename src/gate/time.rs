//! The moment of a decision, as both clocks tell it. The gate never reads a clock: whoever calls it does.

/// A moment: wall time for what people write down (expiry), ticks for what must never jump (limits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp {
    /// Milliseconds since the Unix epoch. May jump when the clock is set.
    pub unix_ms: i64,
    /// Nanoseconds on a monotonic clock whose zero the caller chose. Never goes back.
    pub ticks_ns: u64,
}

impl Timestamp {
    /// This moment `ns` nanoseconds later, on both clocks.
    #[must_use]
    pub fn after_ns(self, ns: u64) -> Self {
        let ms = i64::try_from(ns / 1_000_000).unwrap_or(i64::MAX);
        Self { unix_ms: self.unix_ms.saturating_add(ms), ticks_ns: self.ticks_ns.saturating_add(ns) }
    }
}
