//! Location and scale that isolated slow requests do not move, and small samples helped by large ones.

use crate::experiment::stats::distribution::chi_square_upper;

/// The value at share `p` of a sorted sample, interpolated; `None` of an empty one.
pub fn quantile(sorted: &[f64], p: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = p.clamp(0.0, 1.0) * last as f64;
    let low = (place as usize).min(last);
    let high = (low + 1).min(last);
    Some(sorted[low] + (sorted[high] - sorted[low]) * (place - low as f64))
}

/// A sorted copy.
pub fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}

/// The median; 0 of an empty sample.
pub fn median(values: &[f64]) -> f64 {
    quantile(&sorted(values), 0.5).unwrap_or(0.0)
}

/// A sample without its outliers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Centre {
    /// Mean of what lies within three standard deviations.
    pub mean: f64,
    /// Standard deviation, as it would be with the tails that were cut.
    pub sd: f64,
    /// How many values lie within.
    pub n: usize,
}

/// Beyond so many standard deviations a value is an outlier.
pub const CUT: f64 = 3.0;
/// Standard deviation of a normal distribution cut at three of them.
const CUT_SD: f64 = 0.986_578;

/// Mean and standard deviation of what lies within three standard deviations of the centre, found by repetition from
/// median and quartiles. `None` of an empty sample.
pub fn centre(values: &[f64]) -> Option<Centre> {
    let sorted = sorted(values);
    let mut mean = quantile(&sorted, 0.5)?;
    let quartiles = quantile(&sorted, 0.75)? - quantile(&sorted, 0.25)?;
    let mut sd = (quartiles / 1.349).max(1e-9);
    let mut n = sorted.len();
    for _ in 0..20 {
        let from = sorted.partition_point(|&value| value < mean - CUT * sd);
        let to = sorted.partition_point(|&value| value <= mean + CUT * sd);
        let inside = &sorted[from..to];
        if inside.is_empty() {
            break;
        }
        n = inside.len();
        let next = inside.iter().sum::<f64>() / n as f64;
        let squares: f64 = inside.iter().map(|value| (value - next) * (value - next)).sum();
        let spread = (squares / n.saturating_sub(1).max(1) as f64).sqrt() / CUT_SD;
        let settled = (next - mean).abs() < 1e-9 && (spread - sd).abs() < 1e-9;
        mean = next;
        sd = spread.max(1e-9);
        if settled {
            break;
        }
    }
    Some(Centre { mean, sd, n })
}

/// Differences that chance brings about more often than this are none.
const CHANCE: f64 = 0.01;

/// Estimates that help each other: each is drawn towards the common mean, the more the less sure it is compared with how
/// much they truly differ (DerSimonian and Laird's estimate of that). Where chance alone may have made them differ all
/// become the common mean; a well-known one that differs stays where it is.
pub fn shrink(estimates: &[(f64, f64)]) -> Vec<f64> {
    let usable = || estimates.iter().filter(|(_, error)| *error > 0.0 && error.is_finite());
    let weight: f64 = usable().map(|(_, error)| 1.0 / (error * error)).sum();
    if usable().count() < 2 {
        return estimates.iter().map(|&(value, _)| value).collect();
    }
    let mean = usable().map(|(value, error)| value / (error * error)).sum::<f64>() / weight;
    let q: f64 = usable().map(|(value, error)| (value - mean) * (value - mean) / (error * error)).sum();
    if chi_square_upper(q, usable().count() as f64 - 1.0) > CHANCE {
        return estimates.iter().map(|_| mean).collect();
    }
    let weight2: f64 = usable().map(|(_, error)| 1.0 / (error * error * error * error)).sum();
    let between = ((q - (usable().count() as f64 - 1.0)) / (weight - weight2 / weight)).max(0.0);
    let common_weight: f64 = usable().map(|(_, error)| 1.0 / (between + error * error)).sum();
    let common = usable().map(|(value, error)| value / (between + error * error)).sum::<f64>() / common_weight;
    estimates
        .iter()
        .map(|&(value, error)| {
            if !(error > 0.0 && error.is_finite()) {
                return common;
            }
            let trust = between / (between + error * error);
            common + trust * (value - common)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Distribution, Luck};

    #[test]
    fn spikes_move_neither_centre_nor_spread() {
        let normal = Distribution::lognormal(0.0, 0.4).unwrap();
        let mut values = Vec::new();
        for i in 0..20_000 {
            let mut stream = Luck::new(7).stream(1, i, 0);
            let spike = if stream.chance(0.02) { stream.between(3.0, 10.0) } else { 1.0 };
            values.push(libm::log(normal.sample(&mut stream) * spike));
        }
        let centre = centre(&values).unwrap();
        assert!(centre.mean.abs() < 0.02, "{centre:?}");
        assert!((centre.sd / 0.4 - 1.0).abs() < 0.05, "{centre:?}");
    }

    #[test]
    fn equal_accounts_share_one_estimate_and_different_ones_keep_theirs() {
        let equal = shrink(&[(1.00, 0.03), (1.02, 0.02), (0.97, 0.04)]);
        assert!(equal.iter().all(|value| (value - equal[0]).abs() < 1e-12), "{equal:?}");
        let different = shrink(&[(1.0, 0.01), (2.0, 0.01), (5.0, 0.01)]);
        assert!((different[2] - 5.0).abs() < 0.01, "{different:?}");
    }
}
