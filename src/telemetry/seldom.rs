//! What is told at most once in a while, however often it happens.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// When it may be told again, on the gate's clock.
pub(super) struct Seldom {
    every_ns: u64,
    due_ns: AtomicU64,
}

impl Seldom {
    /// Due at once, and then `every` so long.
    pub fn new(every: Duration) -> Self {
        Self { every_ns: u64::try_from(every.as_nanos()).unwrap_or(u64::MAX), due_ns: AtomicU64::new(0) }
    }

    /// Whether it is due at `ticks_ns`; of those who ask at the same time, one is told so.
    pub fn is_due(&self, ticks_ns: u64) -> bool {
        let due = self.due_ns.load(Ordering::Relaxed);
        let next = ticks_ns.saturating_add(self.every_ns);
        ticks_ns >= due && self.due_ns.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_in_a_while() {
        let seldom = Seldom::new(Duration::from_nanos(10));
        let told: Vec<_> = (0..35).filter(|&now| seldom.is_due(now)).collect();
        assert_eq!(told, [0, 10, 20, 30]);
    }
}
