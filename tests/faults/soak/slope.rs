//! Whether a measure has a slope. Single samples mean little, for traffic comes and goes: what is compared are medians of a quarter, the
//! second and the last, or of tenths. The first quarter is the time in which tables fill.

use std::fmt;

/// Samples of one measure, at even intervals.
#[derive(Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Adds one.
    pub fn push(&mut self, sample: f64) {
        self.0.push(sample);
    }

    /// The median of the second quarter.
    pub fn early(&self) -> f64 {
        let quarter = self.0.len() / 4;
        median(&self.0[quarter..2 * quarter])
    }

    /// The median of the last quarter.
    pub fn late(&self) -> f64 {
        median(&self.0[self.0.len() - self.0.len() / 4..])
    }

    /// By how much the last quarter is above the second.
    pub fn rise(&self) -> f64 {
        self.late() - self.early()
    }

    /// By how much the last tenth is above the third, but for the largest step between two that follow each other. An allocator takes
    /// memory by the piece, once, at any time; what leaks goes on in every tenth.
    pub fn drift(&self) -> f64 {
        let tenths = self.tenths();
        let later = tenths.get(2..).unwrap_or_default();
        let steps = later.windows(2).map(|two| two[1] - two[0]);
        steps.clone().sum::<f64>() - steps.fold(0.0, f64::max)
    }

    fn tenths(&self) -> Vec<f64> {
        self.0.chunks(self.0.len().div_ceil(10).max(1)).map(median).collect()
    }
}

impl fmt::Display for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (early, late, rise) = (self.early(), self.late(), self.rise());
        let most = self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let tenths: Vec<_> = self.0.chunks(self.0.len().div_ceil(10).max(1)).map(median).collect();
        write!(
            f,
            "{early} in the second quarter, {late} in the last ({rise:+}), at most {most}; by tenths of the time {tenths:?}"
        )
    }
}

fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The judgement, tried on what has a slope and on what only looks so.
#[test]
fn a_slope_is_seen_and_noise_is_none() {
    let of = |sample: fn(usize) -> f64| Samples((0..200).map(sample).collect());
    assert_eq!(of(|n| 1000.0 + n as f64).rise(), 100.0, "a slope");
    assert_eq!(of(|n| 1000.0 - n as f64).rise(), -100.0, "a fall");
    assert_eq!(of(|n| (n.min(50) * 20) as f64).rise(), 0.0, "only at the beginning");
    assert!(of(|n| 1000.0 + (n * 7919 % 100) as f64).rise().abs() < 10.0, "noise");
    assert_eq!(of(|n| if n % 10 == 9 { 5000.0 } else { 1000.0 }).rise(), 0.0, "peaks");
    assert_eq!(of(|n| if n > 170 { 1010.0 } else { 1000.0 }).rise(), 10.0, "a step");

    assert_eq!(of(|n| 1000.0 + n as f64).drift(), 120.0, "a slope of 20 in each tenth, but for one of seven steps");
    assert_eq!(of(|n| if n > 110 { 8000.0 } else { 1000.0 }).drift(), 0.0, "one step");
    assert_eq!(of(|n| 1000.0 + (n / 60) as f64 * 500.0).drift(), 1000.0, "three steps behind the first tenths, but for one");
    assert!(of(|n| 1000.0 + (n * 7919 % 100) as f64).drift() < 10.0, "noise");
}
