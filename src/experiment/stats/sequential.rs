//! How many replications more until an interval is narrow enough.
//!
//! The variance seen so far is taken for the true one, and the smallest n is sought for which the t interval of n
//! replications would be as narrow as asked for. Since the variance is itself an estimate, callers add replications in
//! steps ([`Need::next_step`]: at most as many as there are already) and ask again. Stopping as soon as the interval
//! *looks* narrow favours samples that happen to scatter little; the test below shows what is left of 95 % coverage.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::interval::{Level, Moments};

/// How narrow the interval shall be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Half-width in the unit of the figure.
    Absolute(f64),
    /// Half-width as a share of the mean's size (0.05: five percent).
    Relative(f64),
}

/// What it takes to reach a target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Need {
    /// The interval is narrow enough as it is.
    Enough,
    /// So many further replications.
    More(usize),
    /// Not within the cap: at the cap the half-width would be about `half_width`.
    BeyondCap {
        /// The expected half-width with `cap` replications.
        half_width: f64,
    },
    /// Fewer than two replications have the figure: nothing is known of its scatter.
    Unknown,
}

impl Need {
    /// How many replications to add now, where `done` are done and `cap` is the limit: never more than are there
    /// already, since the estimate that asks for them rests on those; two where nothing is known; 0 when done.
    pub fn next_step(self, done: usize, cap: usize) -> usize {
        let wanted = match self {
            Self::Enough => 0,
            Self::More(more) => more.min(done.max(2)),
            Self::BeyondCap { .. } => done.max(2),
            Self::Unknown => 2,
        };
        wanted.min(cap.saturating_sub(done))
    }
}

/// What the interval of these values needs to become as narrow as `target` with at most `cap` replications in all.
/// A relative target at a mean of 0 is never reached. Missing values count towards the cap in proportion: when half of
/// the replications have the figure, twice as many are needed.
pub fn need(values: &[Option<f64>], level: Level, target: Target, cap: usize) -> Need {
    let finite: Vec<f64> = values.iter().copied().flatten().filter(|value| value.is_finite()).collect();
    let Some((moments, variance)) = Moments::of(&finite).and_then(|m| Some((m, m.variance()?))) else {
        return Need::Unknown;
    };
    let limit = match target {
        Target::Absolute(width) => width,
        Target::Relative(share) => share * moments.mean.abs(),
    };
    let deviation = variance.sqrt();
    let half_width = |n: usize| if deviation == 0.0 { 0.0 } else { level.t(n) * deviation / (n as f64).sqrt() };
    let have = finite.len();
    if half_width(have) <= limit {
        return Need::Enough;
    }
    let share = have as f64 / values.len() as f64;
    let reachable = (cap as f64 * share) as usize;
    if reachable <= have || half_width(reachable) > limit {
        return Need::BeyondCap { half_width: half_width(reachable.max(have)) };
    }
    // half_width falls with n: bisect between too few and enough
    let (mut few, mut enough) = (have, reachable);
    while enough - few > 1 {
        let middle = few + (enough - few) / 2;
        if half_width(middle) <= limit { enough = middle } else { few = middle }
    }
    let replications = (enough as f64 / share).ceil() as usize;
    Need::More(replications.min(cap).saturating_sub(values.len()).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Luck;
    use crate::engine::quantile::normal_quantile;

    const L95: Level = Level::PERCENT_95;

    fn some(values: &[f64]) -> Vec<Option<f64>> {
        values.iter().copied().map(Some).collect()
    }

    #[test]
    fn the_answer_is_the_smallest_number_that_suffices() {
        let values = some(&[8.0, 9.0, 10.0, 11.0, 12.0]); // s² = 2.5
        let half = |n: usize| L95.t(n) * (2.5 / n as f64).sqrt();
        let Need::More(more) = need(&values, L95, Target::Absolute(0.5), 1_000) else { panic!("more are needed") };
        assert!(half(5 + more) <= 0.5 && half(5 + more - 1) > 0.5, "{more}");
        assert_eq!(need(&values, L95, Target::Relative(0.05), 1_000), Need::More(more), "5 % of a mean of 10");
        assert_eq!(need(&values, L95, Target::Absolute(2.0), 1_000), Need::Enough);
    }

    #[test]
    fn a_cap_that_is_too_low_is_said_with_what_it_would_give() {
        let values = some(&[8.0, 9.0, 10.0, 11.0, 12.0]);
        let Need::BeyondCap { half_width } = need(&values, L95, Target::Absolute(0.01), 20) else { panic!("capped") };
        assert!((half_width - L95.t(20) * (2.5_f64 / 20.0).sqrt()).abs() < 1e-12);
        assert!(matches!(need(&values, L95, Target::Absolute(0.01), 3), Need::BeyondCap { .. }));
        let zero = some(&[-1.0, 1.0]);
        assert!(matches!(need(&zero, L95, Target::Relative(0.1), 1_000_000), Need::BeyondCap { .. }));
    }

    #[test]
    fn missing_values_ask_for_more_replications_in_proportion() {
        let full = some(&[8.0, 9.0, 10.0, 11.0, 12.0]);
        let half: Vec<Option<f64>> = full.iter().flat_map(|&value| [value, None]).collect();
        let Need::More(of_full) = need(&full, L95, Target::Absolute(0.5), 1_000) else { panic!() };
        let Need::More(of_half) = need(&half, L95, Target::Absolute(0.5), 1_000) else { panic!() };
        assert_eq!(10 + of_half, 2 * (5 + of_full));
    }

    #[test]
    fn nothing_is_known_from_one_and_nothing_needed_where_nothing_scatters() {
        assert_eq!(need(&[Some(1.0), None], L95, Target::Absolute(0.5), 10), Need::Unknown);
        assert_eq!(need(&some(&[3.0, 3.0]), L95, Target::Relative(0.0), 10), Need::Enough);
    }

    #[test]
    fn steps_double_at_most_and_stop_at_the_cap() {
        assert_eq!(Need::More(500).next_step(20, 1_000), 20);
        assert_eq!(Need::More(7).next_step(20, 1_000), 7);
        assert_eq!(Need::More(7).next_step(20, 25), 5);
        assert_eq!(Need::BeyondCap { half_width: 1.0 }.next_step(20, 20), 0);
        assert_eq!(Need::Unknown.next_step(0, 10), 2);
        assert_eq!(Need::Enough.next_step(5, 10), 0);
    }

    #[test]
    fn stopping_when_the_interval_is_narrow_keeps_nearly_all_of_its_coverage() {
        let (trials, cap) = (2_000, 400);
        let (mut held, mut replications) = (0, 0);
        for trial in 0..trials {
            let mut stream = Luck::new(8).stream(5, trial, 0);
            let mut draw = || Some(100.0 + 20.0 * normal_quantile(stream.open01()));
            let mut values: Vec<Option<f64>> = (0..10).map(|_| draw()).collect();
            loop {
                let step = need(&values, L95, Target::Relative(0.05), cap).next_step(values.len(), cap);
                if step == 0 {
                    break;
                }
                values.extend((0..step).map(|_| draw()));
            }
            let drawn: Vec<f64> = values.iter().copied().flatten().collect();
            let interval = Moments::of(&drawn).unwrap().interval(L95, 0);
            assert!(interval.half_width().unwrap() <= 0.05 * interval.mean * (1.0 + 1e-12));
            held += u32::from(interval.contains(100.0).unwrap());
            replications += values.len();
        }
        let share = f64::from(held) / trials as f64;
        assert!((0.92..=0.96).contains(&share), "{share}");
        let mean = replications as f64 / trials as f64; // (1.96 * 20 / 5)² = 61.5
        assert!((50.0..75.0).contains(&mean), "{mean}");
    }
}
