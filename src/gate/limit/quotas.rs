//! Quotas by the calendar: so many requests in a day, so many in a month.
//!
//! A window and its count are one atomic word, so that no race can let one more through than the quota says, and none is lost
//! when a window turns.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Period;

/// How many requests pass in a window; `None` is without limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Quotas {
    /// In a day of UTC.
    pub day: Option<u32>,
    /// In a calendar month of UTC.
    pub month: Option<u32>,
}

/// What was counted in one window. What a store keeps of a meter, and what it gives back to one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tally {
    /// The number of the window; see [`Period::window`].
    pub window: u32,
    /// Requests in it.
    pub count: u32,
}

/// The state of both quotas of a key. Lives in memory; [`Meters::tallies`] and [`Meters::restore`] are for a store to keep it.
#[derive(Debug, Default)]
pub struct Meters {
    day: Meter,
    month: Meter,
}

/// The tallies of a key, or what one charge has made of them; `None` where there is no such quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tallies {
    /// Of the day.
    pub day: Option<Tally>,
    /// Of the month.
    pub month: Option<Tally>,
}

impl Quotas {
    /// Whether there is one.
    #[must_use]
    pub const fn any(&self) -> bool {
        self.day.is_some() || self.month.is_some()
    }
}

impl Meters {
    /// Asks for one request at `unix_ms` and charges it to every quota if each has room; `None` if one has not, and then nothing
    /// is charged to any.
    ///
    /// A clock that is set back hands out nothing twice: a window that has begun goes on being counted until the clock has passed
    /// it.
    pub fn charge(&self, quotas: &Quotas, unix_ms: i64) -> Option<Tallies> {
        let mut charged = Tallies::default();
        if let Some(max) = quotas.day {
            charged.day = Some(self.day.charge(max, Period::Day.window(unix_ms))?);
        }
        if let Some(max) = quotas.month {
            let Some(tally) = self.month.charge(max, Period::Month.window(unix_ms)) else {
                self.give_back(&charged);
                return None;
            };
            charged.month = Some(tally);
        }
        Some(charged)
    }

    /// Takes back one charge, exactly: what has been counted in a later window stays.
    pub fn give_back(&self, charged: &Tallies) {
        for (meter, tally) in [(&self.day, charged.day), (&self.month, charged.month)] {
            if let Some(Tally { window, .. }) = tally {
                meter.give_back(window);
            }
        }
    }

    /// The tallies of the quotas' windows at `unix_ms`, charging nothing.
    #[must_use]
    pub fn peek(&self, quotas: &Quotas, unix_ms: i64) -> Tallies {
        let at = |meter: &Meter, period: Period| meter.tally().at(period.window(unix_ms));
        Tallies {
            day: quotas.day.map(|_| at(&self.day, Period::Day)),
            month: quotas.month.map(|_| at(&self.month, Period::Month)),
        }
    }

    /// What was counted last, for a store to keep.
    #[must_use]
    pub fn tallies(&self) -> Tallies {
        Tallies { day: Some(self.day.tally()), month: Some(self.month.tally()) }
    }

    /// Counts what a store has kept. Of two tallies the later window holds, and in one window the higher count, so that it does
    /// not matter how often and in which order tallies come back.
    pub fn restore(&self, kept: &Tallies) {
        for (meter, tally) in [(&self.day, kept.day), (&self.month, kept.month)] {
            if let Some(tally) = tally {
                meter.0.fetch_max(tally.word(), Ordering::Relaxed);
            }
        }
    }
}

/// One tally as one word, the window above the count.
#[derive(Debug, Default)]
struct Meter(AtomicU64);

impl Meter {
    fn charge(&self, max: u32, window: u32) -> Option<Tally> {
        let next = |word| {
            let Tally { window, count } = Tally::of(word).at(window);
            (count < max).then(|| Tally { window, count: count + 1 }.word())
        };
        // The word before was let by, so there is one after it.
        self.0.try_update(Ordering::Relaxed, Ordering::Relaxed, next).ok().and_then(next).map(Tally::of)
    }

    fn give_back(&self, window: u32) {
        let before = |word| {
            let tally = Tally::of(word);
            (tally.window == window && tally.count > 0).then(|| Tally { count: tally.count - 1, ..tally }.word())
        };
        // An error is a window that has turned: there is nothing left to give back to.
        let _ = self.0.try_update(Ordering::Relaxed, Ordering::Relaxed, before);
    }

    fn tally(&self) -> Tally {
        Tally::of(self.0.load(Ordering::Relaxed))
    }
}

impl Tally {
    /// This tally if its window is that of the clock or a later one, which a clock that was set back has left behind; else an
    /// empty one of the clock's.
    const fn at(self, window: u32) -> Self {
        if self.window >= window { self } else { Self { window, count: 0 } }
    }

    const fn word(self) -> u64 {
        (self.window as u64) << 32 | self.count as u64
    }

    const fn of(word: u64) -> Self {
        Self { window: (word >> 32) as u32, count: word as u32 }
    }
}

#[cfg(test)]
mod tests;
