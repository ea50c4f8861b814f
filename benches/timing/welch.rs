//! Welch's t-test of two classes of times, with dudect's thresholds.

/// How many thresholds.
const THRESHOLDS: usize = 100;

/// Two classes of samples: all of them, and those below each threshold.
pub(crate) struct Comparison {
    thresholds: Vec<f64>,
    tests: Vec<[Moments; 2]>,
}

/// Mean and variance as samples come (Welford).
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Comparison {
    /// A comparison whose thresholds are percentiles of these samples, ever closer to the largest, as dudect has them.
    pub(crate) fn with_thresholds_of(samples: &mut [f64]) -> Self {
        samples.sort_unstable_by(f64::total_cmp);
        let percentile = |nth: usize| {
            let part = 1.0 - 0.5_f64.powf(10.0 * (nth as f64 + 1.0) / THRESHOLDS as f64);
            samples[((samples.len() - 1) as f64 * part) as usize]
        };
        let thresholds: Vec<_> = (0..THRESHOLDS).map(percentile).collect();
        Self { tests: vec![Default::default(); thresholds.len() + 1], thresholds }
    }

    /// Takes a sample of class 0 or 1.
    pub(crate) fn add(&mut self, class: usize, sample: f64) {
        let (all, cropped) = self.tests.split_first_mut().expect("a test of all");
        all[class].add(sample);
        for (test, threshold) in cropped.iter_mut().zip(&self.thresholds) {
            if sample < *threshold {
                test[class].add(sample);
            }
        }
    }

    /// The largest t, by its size, of all tests with samples enough to mean something.
    pub(crate) fn t(&self) -> f64 {
        let enough =
            |test: &&[Moments; 2]| test.iter().all(|moments| moments.count >= 10_000.0_f64.min(self.tests[0][0].count / 10.0));
        let all = self.tests.iter().filter(enough).map(|[one, other]| one.t(other));
        all.max_by(|one, other| one.abs().total_cmp(&other.abs())).unwrap_or(f64::NAN)
    }

    /// The means of both classes, without the slowest samples, which are other programs'.
    pub(crate) fn means(&self) -> [f64; 2] {
        self.tests[THRESHOLDS * 3 / 4].map(|moments| moments.mean)
    }
}

impl Moments {
    fn add(&mut self, sample: f64) {
        self.count += 1.0;
        let off = sample - self.mean;
        self.mean += off / self.count;
        self.squares += off * (sample - self.mean);
    }

    fn t(&self, other: &Self) -> f64 {
        let variance = |moments: &Self| moments.squares / (moments.count - 1.0) / moments.count;
        (self.mean - other.mean) / (variance(self) + variance(other)).sqrt()
    }
}
