//! What the limits said to one request, each under the name that a client is told of it
//! (draft-ietf-httpapi-ratelimit-headers-11). A few numbers in a row: a decision asks the heap for nothing.

use super::{Pace, Period, Quota, Tally};

/// A limit, by the name of its policy in `RateLimit-Policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitName {
    /// The rate of a key.
    Rate,
    /// The quota of a key for a day.
    Day,
    /// The quota of a key for a month.
    Month,
    /// The places of a key.
    Connections,
    /// The refusals of an address.
    Ip,
}

/// What one limit said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// Which limit.
    pub limit: LimitName,
    /// How much it lets through in a window, or at a time: `q`.
    pub quota: u32,
    /// The window in seconds, `w`; 0 is none, for places are held for as long as it takes.
    pub window_s: u32,
    /// How much of it is left, `r`.
    pub remaining: u32,
    /// For how long no more than what is left should be used, in nanoseconds; see [`Charge::effective_s`].
    pub effective_ns: u64,
    /// Whether it refuses the request.
    pub refuses: bool,
    /// Whether requests of this kind use it up: plain requests take no place.
    pub applies: bool,
}

/// What all limits said, in the order in which they are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charges([Option<Charge>; 4]);

impl LimitName {
    /// The name in `RateLimit-Policy`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Day => "day",
            Self::Month => "month",
            Self::Connections => "connections",
            Self::Ip => "ip",
        }
    }

    /// Limits of an address and of a key are never told together.
    const fn place(self) -> usize {
        match self {
            Self::Rate | Self::Ip => 0,
            Self::Day => 1,
            Self::Month => 2,
            Self::Connections => 3,
        }
    }
}

impl Charge {
    /// Of a rate. A bucket that refills all the time has no window that ends, so `t` is chosen after the draft's sections 4.1.2, 6
    /// and 8.5: where the next request is refused, the time until one passes; else the time in which the rate lets through as many
    /// as are left, so that a client which spreads them over it keeps to the rate, whatever the burst.
    #[must_use]
    pub const fn of_rate(limit: LimitName, quota: &Quota, pace: Pace) -> Self {
        let (remaining, effective_ns, refuses) = match pace {
            Pace::Within { remaining: 0 } => (0, quota.interval_ns(), false),
            Pace::Within { remaining } => (remaining, quota.interval_ns().saturating_mul(remaining as u64), false),
            Pace::Beyond { retry_after_ns } => (0, retry_after_ns, true),
        };
        Self { limit, quota: quota.requests(), window_s: quota.window_s(), remaining, effective_ns, refuses, applies: true }
    }

    /// Of a quota by the calendar, of which `tally` is used up at `unix_ms`. Its `t` is the time to the end of the window.
    #[must_use]
    pub fn of_quota(period: Period, max: u32, tally: Tally, unix_ms: i64) -> Self {
        let (start_ms, end_ms) = period.bounds_ms(tally.window);
        let limit = match period {
            Period::Day => LimitName::Day,
            Period::Month => LimitName::Month,
        };
        let left_ms = u64::try_from(end_ms.saturating_sub(unix_ms)).unwrap_or_default();
        Self {
            limit,
            quota: max,
            window_s: u32::try_from((end_ms - start_ms) / 1000).unwrap_or(u32::MAX),
            remaining: max.saturating_sub(tally.count),
            effective_ns: left_ms.saturating_mul(1_000_000),
            refuses: false,
            applies: true,
        }
    }

    /// Of places, `taken` of them by others and, where the request has one, by it.
    #[must_use]
    pub const fn of_places(limit: LimitName, max: u32, taken: u32, applies: bool) -> Self {
        Self { limit, quota: max, window_s: 0, remaining: max.saturating_sub(taken), effective_ns: 0, refuses: false, applies }
    }

    /// This charge of a quota or of places as what refuses the request, where nothing is left.
    #[must_use]
    pub const fn refusing_if_spent(self) -> Self {
        Self { refuses: self.applies && self.remaining == 0, ..self }
    }

    /// The effective window, `t`, in whole seconds and never too short; `None` where there is no window.
    #[must_use]
    pub const fn effective_s(&self) -> Option<u64> {
        if self.window_s == 0 { None } else { Some(self.effective_ns.div_ceil(1_000_000_000)) }
    }
}

impl Charges {
    /// What one limit alone said.
    #[must_use]
    pub fn one(charge: Charge) -> Self {
        let mut charges = Self::default();
        charges.set(charge);
        charges
    }

    /// Puts a charge to the others, in place of the one of its limit.
    pub const fn set(&mut self, charge: Charge) {
        self.0[charge.limit.place()] = Some(charge);
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Charge> {
        self.0.iter().flatten()
    }

    /// The limits that refuse the request.
    pub fn violated(&self) -> impl Iterator<Item = &Charge> {
        self.iter().filter(|charge| charge.refuses)
    }

    /// When to come back, in whole seconds: not before any limit that refused lets a request through. `None` if no limit that
    /// refused can tell.
    #[must_use]
    pub fn retry_after_s(&self) -> Option<u64> {
        self.violated().filter_map(Charge::effective_s).max()
    }

    /// The most restrictive limit, for those who are told of one only: of those that refuse the request the one that does so
    /// longest; else, of those that go by time, the one of which least is left.
    #[must_use]
    pub fn tightest(&self) -> Option<&Charge> {
        let refusing = self.violated().max_by_key(|charge| charge.effective_ns);
        let timed = || self.iter().filter(|charge| charge.window_s > 0);
        refusing.or_else(|| timed().min_by_key(|charge| (charge.remaining, u64::MAX - charge.effective_ns)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    #[test]
    fn a_bucket_says_how_long_its_rate_takes_for_what_is_left() {
        let quota = Quota::new(100, 1, 2000).unwrap();
        let of = |pace| Charge::of_rate(LimitName::Rate, &quota, pace);
        let told = |pace| (of(pace).remaining, of(pace).effective_s(), of(pace).refuses);
        assert_eq!((of(Pace::Within { remaining: 1 }).quota, of(Pace::Within { remaining: 1 }).window_s), (100, 1));
        assert_eq!(told(Pace::Within { remaining: 1999 }), (1999, Some(20), false));
        assert_eq!(told(Pace::Within { remaining: 1 }), (1, Some(1), false));
        assert_eq!(told(Pace::Within { remaining: 0 }), (0, Some(1), false));
        assert_eq!(told(Pace::Beyond { retry_after_ns: 1 }), (0, Some(1), true));
        assert_eq!(told(Pace::Beyond { retry_after_ns: SECOND_NS + 1 }), (0, Some(2), true));
    }

    #[test]
    fn a_quota_says_when_its_window_ends_rounded_up() {
        // 2026-02-28T23:59:58.500Z, the last seconds of a month of 28 days.
        let now = 1_772_323_198_500;
        let tally = Tally { window: Period::Month.window(now), count: 3 };
        let charge = Charge::of_quota(Period::Month, 5, tally, now);
        assert_eq!((charge.quota, charge.window_s, charge.remaining, charge.effective_s()), (5, 28 * 86_400, 2, Some(2)));
        let ended = Charge::of_quota(Period::Month, 5, tally, i64::MAX);
        assert_eq!(ended.effective_s(), Some(0));
    }

    #[test]
    fn who_comes_back_when_told_is_not_refused_by_another_limit() {
        let quota = Quota::new(1, 1, 1).unwrap();
        let now = 1_772_323_198_500;
        let spent = |period: Period| Tally { window: period.window(now), count: 9 };
        let day = Charge::of_quota(Period::Day, 9, spent(Period::Day), now - 7_200_000).refusing_if_spent();
        let mut charges = Charges::one(Charge::of_rate(LimitName::Rate, &quota, Pace::Beyond { retry_after_ns: SECOND_NS }));
        assert_eq!(charges.retry_after_s(), Some(1));
        charges.set(day);
        charges.set(Charge::of_places(LimitName::Connections, 4, 4, true).refusing_if_spent());
        assert_eq!(charges.retry_after_s(), day.effective_s());
        assert_eq!(charges.violated().map(|charge| charge.limit.name()).collect::<Vec<_>>(), ["rate", "day", "connections"]);
        assert_eq!(charges.tightest(), Some(&day));
    }

    #[test]
    fn the_tightest_is_the_one_of_which_least_is_left() {
        let now = 1_772_323_198_500;
        let day = Charge::of_quota(Period::Day, 50, Tally { window: Period::Day.window(now), count: 40 }, now);
        let rate = Charge::of_rate(LimitName::Rate, &Quota::new(20, 1, 20).unwrap(), Pace::Within { remaining: 11 });
        let mut charges = Charges::one(rate);
        charges.set(day);
        charges.set(Charge::of_places(LimitName::Connections, 2, 2, true));
        assert_eq!(charges.tightest(), Some(&day));
        assert_eq!((charges.retry_after_s(), charges.violated().count()), (None, 0));
        assert_eq!(Charges::default().tightest(), None);
    }
}
