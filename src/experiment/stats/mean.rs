//! The interval of a figure over replications, whether its values can be averaged (`interval`) or only ranked
//! (`ranked`).

use super::interval::{ENOUGH_THAT_DIFFER, Interval, Level, Moments};
use super::ranked;

/// The mean of a figure over replications; `None` when there is none. Values that are not finite count as missing.
pub fn mean_interval(values: &[f64], level: Level) -> Option<Interval> {
    let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    interval_of(&finite, level, values.len() - finite.len())
}

/// [`mean_interval`] for a figure that some replications do not have: the interval is that of the mean *given that the
/// figure exists*, and `missing` says how often it does not.
pub fn mean_interval_of(values: &[Option<f64>], level: Level) -> Option<Interval> {
    let finite: Vec<f64> = values.iter().copied().flatten().filter(|value| value.is_finite()).collect();
    interval_of(&finite, level, values.len() - finite.len())
}

fn interval_of(values: &[f64], level: Level, missing: usize) -> Option<Interval> {
    if ranked::scores(values) > 0 {
        return ranked::lone(values, level, missing);
    }
    Some(Moments::of(values)?.lone_interval(level, missing))
}

/// The interval by which a gate on a figure itself is judged: each side of it errs at most half as often as `level`
/// lets an interval err, also where the figure is skewed.
pub fn gate_interval_of(values: &[Option<f64>], level: Level) -> Option<Interval> {
    let finite: Vec<f64> = values.iter().copied().flatten().filter(|value| value.is_finite()).collect();
    let missing = values.len() - finite.len();
    if ranked::scores(&finite) > 0 {
        return ranked::lone(&finite, level.one_sided(), missing);
    }
    let moments = Moments::of(&finite)?;
    // of a handful of values the transformation knows no more than they do, and goes astray far out
    let enough = moments.n >= ENOUGH_THAT_DIFFER;
    let level = level.one_sided();
    Some(if enough { moments.hall(level, missing) } else { moments.lone_interval(level, missing) })
}
