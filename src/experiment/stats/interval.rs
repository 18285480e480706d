//! How surely a mean is known: Student's interval over independent replications.
//!
//! The replications of a run are independent by construction (each has its own seed), so the mean of a figure over
//! them has a t interval whatever happens inside a run: no batch means, no autocorrelation (Law, *Simulation Modeling
//! and Analysis*, ch. 9). Figures are near normal when they summarise many requests; the tests show what moderate
//! skewness does to the coverage.

use serde::{Deserialize, Serialize};

use super::distribution::{t_upper, t_upper_quantile};

/// A confidence level strictly between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Level(f64);

impl Level {
    /// 95 %, the level of everything unless something else is said.
    pub const PERCENT_95: Self = Self(0.95);

    /// A level between 0 and 1, both excluded.
    pub fn new(level: f64) -> Option<Self> {
        (level > 0.0 && level < 1.0).then_some(Self(level))
    }

    /// The level as a fraction.
    pub const fn fraction(self) -> f64 {
        self.0
    }

    /// The probability of missing the truth: 1 - level.
    pub fn error(self) -> f64 {
        1.0 - self.0
    }

    /// The level that each of `questions` answers needs, so that all of them hold together with this one (Bonferroni).
    #[must_use]
    pub fn shared_by(self, questions: usize) -> Self {
        Self(1.0 - self.error() / questions.max(1) as f64)
    }

    /// Half the width of an interval of this level in standard errors, for `n` >= 2 replications.
    pub fn t(self, n: usize) -> f64 {
        t_upper_quantile(0.5 * self.error(), (n as f64 - 1.0).max(1.0))
    }
}

/// A mean over replications with its confidence interval.
///
/// `lo` and `hi` are both there or both `None`: one replication says nothing about its own scatter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The mean over the replications that have the figure.
    pub mean: f64,
    /// The lower end of the interval.
    pub lo: Option<f64>,
    /// The upper end of the interval.
    pub hi: Option<f64>,
    /// How many replications have the figure.
    pub n: usize,
    /// How many replications do not have it (nothing to average there: no escape, no condition, a division by 0).
    #[serde(default)]
    pub missing: usize,
}

impl Interval {
    /// Half the width of the interval.
    pub fn half_width(&self) -> Option<f64> {
        Some(0.5 * (self.hi? - self.lo?))
    }

    /// Whether `value` lies inside or on the edge; `None` where there is no interval.
    pub fn contains(&self, value: f64) -> Option<bool> {
        Some(self.lo? <= value && value <= self.hi?)
    }
}

/// Mean, and sum of squared deviations from it. Deviations are taken from the first value before anything is added up,
/// so equal values have exactly their own mean and exactly no scatter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    pub n: usize,
    pub mean: f64,
    squares: f64,
}

impl Moments {
    /// `None` for no values at all.
    pub fn of(values: &[f64]) -> Option<Self> {
        let &first = values.first()?;
        let n = values.len();
        let mean = first + values.iter().map(|value| value - first).sum::<f64>() / n as f64;
        let squares = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        Some(Self { n, mean, squares })
    }

    /// The unbiased variance of one value; `None` for a single one.
    pub fn variance(&self) -> Option<f64> {
        (self.n >= 2).then(|| self.squares / (self.n - 1) as f64)
    }

    /// The standard error of the mean; `None` for a single value.
    pub fn standard_error(&self) -> Option<f64> {
        Some((self.variance()? / self.n as f64).sqrt())
    }

    pub fn interval(&self, level: Level, missing: usize) -> Interval {
        let half = self.standard_error().map(|error| if error == 0.0 { 0.0 } else { level.t(self.n) * error });
        Interval {
            mean: self.mean,
            lo: half.map(|half| self.mean - half),
            hi: half.map(|half| self.mean + half),
            n: self.n,
            missing,
        }
    }

    /// The two-sided p-value of "the true mean is 0": 1 when all values are 0; `None` for a single value.
    pub fn p_value(&self) -> Option<f64> {
        let error = self.standard_error()?;
        if self.mean == 0.0 {
            return Some(1.0);
        }
        let t = (self.mean / error).abs();
        if t.is_infinite() {
            return Some(0.0);
        }
        Some(2.0 * t_upper(t, (self.n - 1) as f64))
    }
}

/// The mean of a figure over replications; `None` when there is none. Values that are not finite count as missing.
pub fn mean_interval(values: &[f64], level: Level) -> Option<Interval> {
    let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    Some(Moments::of(&finite)?.interval(level, values.len() - finite.len()))
}

/// [`mean_interval`] for a figure that some replications do not have: the interval is that of the mean *given that the
/// figure exists*, and `missing` says how often it does not.
pub fn mean_interval_of(values: &[Option<f64>], level: Level) -> Option<Interval> {
    let finite: Vec<f64> = values.iter().copied().flatten().filter(|value| value.is_finite()).collect();
    Some(Moments::of(&finite)?.interval(level, values.len() - finite.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Luck;
    use crate::engine::quantile::normal_quantile;

    const L95: Level = Level::PERCENT_95;

    #[test]
    fn a_worked_example_by_hand() {
        // mean 5, squares 10, s² = 2.5, standard error sqrt(0.5), t(4) = 2.776445105197794
        let got = mean_interval(&[3.0, 4.0, 5.0, 6.0, 7.0], L95).unwrap();
        let half = 2.776_445_105_197_794 * 0.5_f64.sqrt();
        assert_eq!((got.mean, got.n, got.missing), (5.0, 5, 0));
        assert!((got.lo.unwrap() - (5.0 - half)).abs() < 1e-12 && (got.hi.unwrap() - (5.0 + half)).abs() < 1e-12);
        assert_eq!(got.contains(5.0 + half + 1e-9), Some(false));
    }

    #[test]
    fn one_replication_has_a_mean_and_no_interval() {
        let got = mean_interval(&[42.5], L95).unwrap();
        assert_eq!(got, Interval { mean: 42.5, lo: None, hi: None, n: 1, missing: 0 });
        assert_eq!((got.half_width(), got.contains(42.5)), (None, None));
        assert_eq!(mean_interval(&[], L95), None);
        assert_eq!(mean_interval_of(&[None, None], L95), None);
    }

    #[test]
    fn replications_without_the_figure_are_counted_not_averaged() {
        let got = mean_interval_of(&[Some(1.0), None, Some(3.0), Some(f64::NAN), Some(f64::INFINITY)], L95).unwrap();
        assert_eq!((got.mean, got.n, got.missing), (2.0, 2, 3));
        assert_eq!(mean_interval(&[1.0, f64::NAN, 3.0], L95), mean_interval_of(&[Some(1.0), None, Some(3.0)], L95));
    }

    #[test]
    fn equal_values_have_exactly_their_own_mean_and_no_width() {
        for value in [0.1, 1e-300, 123_456.789, -0.3] {
            let got = mean_interval(&[value; 7], L95).unwrap();
            assert_eq!((got.mean, got.lo, got.hi), (value, Some(value), Some(value)));
        }
    }

    #[test]
    fn a_shared_level_splits_the_error() {
        assert!((L95.shared_by(5).error() - 0.01).abs() < 1e-15);
        assert_eq!(L95.shared_by(1), L95);
        assert_eq!((Level::new(0.0), Level::new(1.0), Level::new(f64::NAN)), (None, None, None));
    }

    /// The share of `trials` whose interval over `n` draws holds the true mean.
    fn coverage(trials: u64, n: u64, truth: f64, draw: impl Fn(&mut crate::engine::Stream) -> f64) -> f64 {
        let held = (0..trials).filter(|&trial| {
            let mut stream = Luck::new(2026).stream(1, trial, n);
            let values: Vec<f64> = (0..n).map(|_| draw(&mut stream)).collect();
            mean_interval(&values, L95).unwrap().contains(truth).unwrap()
        });
        held.count() as f64 / trials as f64
    }

    // 4,000 trials: the standard error of a share near 0.95 is 0.0034.

    #[test]
    fn normal_data_95_percent_intervals_hold_the_truth_95_times_in_100() {
        for n in [2, 5, 20] {
            let share = coverage(4_000, n, 10.0, |s| 10.0 + 3.0 * normal_quantile(s.open01()));
            assert!((0.94..=0.96).contains(&share), "n = {n}: {share}");
        }
    }

    #[test]
    fn moderately_skewed_data_intervals_hold_the_truth_93_to_97_times_in_100() {
        // Gamma of shape 4 has skewness 1; a lognormal of sigma 0.3 has 0.95. Percentiles of a run are less skewed.
        let gamma = |s: &mut crate::engine::Stream| (0..4).map(|_| -libm::log(s.open01())).sum::<f64>();
        let lognormal = |s: &mut crate::engine::Stream| libm::exp(0.3 * normal_quantile(s.open01()));
        for n in [10, 20, 40] {
            let share = coverage(4_000, n, 4.0, gamma);
            assert!((0.93..=0.97).contains(&share), "gamma, n = {n}: {share}");
            let share = coverage(4_000, n, libm::exp(0.045), lognormal);
            assert!((0.93..=0.97).contains(&share), "lognormal, n = {n}: {share}");
        }
    }
}
