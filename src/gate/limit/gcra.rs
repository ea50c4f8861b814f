//! The generic cell rate algorithm (ITU-T I.371) on one atomic word: the theoretical arrival time of the next request.
//!
//! One compare-and-swap decides and charges at once, so no race can let more through than the quota says.

use std::sync::atomic::{AtomicU64, Ordering};

const SECOND_NS: u64 = 1_000_000_000;

/// How many requests pass in how long, and how many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quota {
    requests: u32,
    window_s: u32,
    burst: u32,
    interval_ns: u64,
}

impl Quota {
    /// `requests` in every `window_s` seconds, of which up to `burst` may come at once.
    ///
    /// # Errors
    /// If one of them is zero, or requests come so often that less than a nanosecond lies between two.
    pub fn new(requests: u32, window_s: u32, burst: u32) -> Result<Self, &'static str> {
        if requests == 0 || window_s == 0 || burst == 0 {
            return Err("must be at least 1; to let nothing through, disable the key");
        }
        let interval_ns = u64::from(window_s) * SECOND_NS / u64::from(requests);
        if interval_ns == 0 {
            return Err("is more than one request a nanosecond");
        }
        Ok(Self { requests, window_s, burst, interval_ns })
    }

    /// Requests in a window.
    #[must_use]
    pub const fn requests(&self) -> u32 {
        self.requests
    }

    /// The window, in seconds.
    #[must_use]
    pub const fn window_s(&self) -> u32 {
        self.window_s
    }

    /// Nanoseconds from one request to the next at this pace.
    #[must_use]
    pub const fn interval_ns(&self) -> u64 {
        self.interval_ns
    }

    const fn tolerance_ns(&self) -> u64 {
        self.interval_ns.saturating_mul(self.burst as u64)
    }
}

/// What a quota said to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// It passes, and so many more would pass right after it.
    Within { remaining: u32 },
    /// It would pass in exactly this many nanoseconds if nothing else came.
    Beyond { retry_after_ns: u64 },
}

/// The state of one quota. Starts full.
#[derive(Debug, Default)]
pub struct Gcra(AtomicU64);

impl Gcra {
    /// From when on, if nothing is charged until then, the whole burst would pass again, whatever the quota.
    #[must_use]
    pub fn full_at(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Asks for one request at `now_ns` on a clock that never goes back, and charges it if it passes.
    pub fn charge(&self, quota: &Quota, now_ns: u64) -> Pace {
        match self.take(quota.interval_ns, quota.tolerance_ns(), now_ns) {
            Ok(next) => remaining(quota, next, now_ns),
            Err(retry_after_ns) => Pace::Beyond { retry_after_ns },
        }
    }

    /// Whether one request would pass at `now_ns`, charging nothing.
    #[must_use]
    pub fn peek(&self, quota: &Quota, now_ns: u64) -> Pace {
        let tolerance_ns = quota.tolerance_ns();
        let next = next(quota.interval_ns, tolerance_ns, self.full_at(), now_ns);
        match within(tolerance_ns, next, now_ns) {
            Ok(()) => remaining(quota, next, now_ns),
            Err(retry_after_ns) => Pace::Beyond { retry_after_ns },
        }
    }

    /// Charges `cost_ns` of which `tolerance_ns` may come at once, if that passes. Returns the arrival after it.
    ///
    /// # Errors
    /// In how many nanoseconds it would pass if nothing else came; never, if it costs more than may come at once.
    pub(super) fn take(&self, cost_ns: u64, tolerance_ns: u64, now_ns: u64) -> Result<u64, u64> {
        let mut arrival = self.0.load(Ordering::Relaxed);
        loop {
            let next = next(cost_ns, tolerance_ns, arrival, now_ns);
            within(tolerance_ns, next, now_ns)?;
            match self.0.compare_exchange_weak(arrival, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(next),
                Err(other) => arrival = other,
            }
        }
    }

    /// Whether `cost_ns` would pass, charging nothing.
    ///
    /// # Errors
    /// As of [`Gcra::take`].
    pub(super) fn look(&self, cost_ns: u64, tolerance_ns: u64, now_ns: u64) -> Result<(), u64> {
        within(tolerance_ns, next(cost_ns, tolerance_ns, self.full_at(), now_ns), now_ns)
    }

    /// Charges `cost_ns` whether or not it passes; what is beyond is a debt, which [`Gcra::owed_ns`] tells of.
    pub(super) fn owe(&self, cost_ns: u64, tolerance_ns: u64, now_ns: u64) {
        let more = |arrival: u64| Some(indebted(arrival, tolerance_ns, now_ns).saturating_add(cost_ns));
        // The closure never declines.
        let _ = self.0.try_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// In how many nanoseconds nothing will be owed, if nothing else is charged; 0 where nothing is.
    pub(super) fn owed_ns(&self, tolerance_ns: u64, now_ns: u64) -> u64 {
        indebted(self.full_at(), tolerance_ns, now_ns).saturating_sub(now_ns).saturating_sub(tolerance_ns)
    }
}

/// The arrival after `cost_ns` more. What an earlier, tighter quota left behind counts as far as this one reaches: a raised limit is
/// in force at once.
fn next(cost_ns: u64, tolerance_ns: u64, arrival: u64, now_ns: u64) -> u64 {
    arrival.clamp(now_ns, now_ns.saturating_add(tolerance_ns)).saturating_add(cost_ns)
}

/// The arrival as far as it counts where debts are made: no debt is as large as what may come at once, but for those of an earlier,
/// tighter quota, and what several threads owe in the same moment.
fn indebted(arrival: u64, tolerance_ns: u64, now_ns: u64) -> u64 {
    arrival.clamp(now_ns, now_ns.saturating_add(tolerance_ns.saturating_mul(2)))
}

fn within(tolerance_ns: u64, next: u64, now_ns: u64) -> Result<(), u64> {
    match next.saturating_sub(now_ns).checked_sub(tolerance_ns) {
        None | Some(0) => Ok(()),
        Some(retry_after_ns) => Err(retry_after_ns),
    }
}

fn remaining(quota: &Quota, next: u64, now_ns: u64) -> Pace {
    let room = quota.tolerance_ns().saturating_sub(next.saturating_sub(now_ns));
    Pace::Within { remaining: u32::try_from(room / quota.interval_ns).unwrap_or(u32::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::{Clock as _, FakeRelativeClock};
    use proptest::prelude::*;
    use std::{num::NonZeroU32, time::Duration};

    fn quotas() -> impl Strategy<Value = Quota> {
        (1u32..5000, prop_oneof![Just(1u32), Just(60), Just(3600)], 1u32..200)
            .prop_map(|(requests, window, burst)| Quota::new(requests, window, burst).unwrap())
    }

    proptest! {
        #[test]
        fn agrees_with_governor(quota in quotas(), steps in proptest::collection::vec(0u64..3_000_000_000, 1..200)) {
            let clock = FakeRelativeClock::default();
            let theirs = governor::Quota::with_period(Duration::from_nanos(quota.interval_ns))
                .unwrap()
                .allow_burst(NonZeroU32::new(quota.burst).unwrap());
            let theirs = governor::RateLimiter::direct_with_clock(theirs, clock.clone());
            let ours = Gcra::default();
            for step in steps {
                clock.advance(Duration::from_nanos(step / u64::from(quota.burst)));
                let now = clock.now().as_u64();
                let passed = matches!(ours.charge(&quota, now), Pace::Within { .. });
                prop_assert_eq!(passed, theirs.check().is_ok(), "at {}", now);
            }
        }

        #[test]
        fn denied_until_exactly_the_time_it_said(quota in quotas(), now in 0u64..u64::MAX / 4) {
            let gcra = Gcra::default();
            for _ in 0..quota.burst {
                let passed = matches!(gcra.charge(&quota, now), Pace::Within { .. });
                prop_assert!(passed);
            }
            let Pace::Beyond { retry_after_ns } = gcra.charge(&quota, now) else { panic!("burst + 1 passed") };
            prop_assert_eq!(gcra.peek(&quota, now + retry_after_ns - 1), Pace::Beyond { retry_after_ns: 1 });
            prop_assert_eq!(gcra.charge(&quota, now + retry_after_ns), Pace::Within { remaining: 0 });
        }
    }

    #[test]
    fn remaining_counts_down_to_zero() {
        let (gcra, quota) = (Gcra::default(), Quota::new(10, 1, 3).unwrap());
        let seen: Vec<_> = (0..4).map(|_| gcra.charge(&quota, 5)).collect();
        let within = |remaining| Pace::Within { remaining };
        assert_eq!(seen, [within(2), within(1), within(0), Pace::Beyond { retry_after_ns: 100_000_000 }]);
    }

    #[test]
    fn a_raised_limit_frees_a_key_that_the_old_one_locked_out() {
        let (gcra, tight, wide) = (Gcra::default(), Quota::new(10, 3600, 50).unwrap(), Quota::new(1000, 1, 2000).unwrap());
        while let Pace::Within { .. } = gcra.charge(&tight, 7) {}
        let Pace::Beyond { retry_after_ns } = gcra.charge(&wide, 7) else { return };
        assert!(retry_after_ns <= 1_000_000, "{retry_after_ns} ns");
    }

    #[test]
    fn a_quota_of_nothing_cannot_be_written() {
        assert!(Quota::new(0, 1, 1).is_err() && Quota::new(1, 0, 1).is_err() && Quota::new(1, 1, 0).is_err());
        assert!(Quota::new(2_000_000_000, 1, 1).is_err());
    }

    #[test]
    fn threads_together_get_the_burst_and_not_one_more() {
        let (gcra, quota) = (Gcra::default(), Quota::new(1, 3600, 1000).unwrap());
        let passed: usize = std::thread::scope(|scope| {
            let ask = || (0..1000).filter(|_| matches!(gcra.charge(&quota, 7), Pace::Within { .. })).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(passed, 1000);
    }
}
