//! Times of many things of one kind, and how they spread.

use std::{
    fmt,
    time::{Duration, Instant},
};

/// How long each of some things took.
#[derive(Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// From `start` to each of these; what came before took no time.
    pub fn since(start: Instant, ends: impl IntoIterator<Item = Instant>) -> Self {
        ends.into_iter().map(|end| end.saturating_duration_since(start)).collect()
    }

    /// How many took longer than this.
    pub fn above(&self, limit: Duration) -> usize {
        self.0.iter().filter(|time| **time > limit).count()
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// The smallest that so many of a thousand do not exceed (nearest rank).
    pub fn quantile(&self, thousandths: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * thousandths).div_ceil(1000).max(1);
        sorted.get(rank - 1).copied().unwrap_or_default()
    }
}

impl FromIterator<Duration> for Times {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Self {
        Self(times.into_iter().collect())
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |thousandths| self.quantile(thousandths).as_secs_f64() * 1000.0;
        write!(f, "n {}, min {:.1} ms, p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms", self.len(), ms(0), ms(500), ms(990), ms(1000))
    }
}

#[test]
fn quantiles_are_of_the_things_themselves() {
    let times: Times = (1..=200).map(Duration::from_millis).collect();
    assert_eq!((times.quantile(500), times.quantile(990)), (Duration::from_millis(100), Duration::from_millis(198)));
    assert_eq!((times.quantile(1000), times.above(Duration::from_millis(190))), (Duration::from_millis(200), 10));
}
