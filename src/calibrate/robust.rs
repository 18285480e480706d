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
    // where more than half of the values are equal the quartiles know no spread: then that of all of them
    let mut sd = if quartiles > 0.0 { quartiles / 1.349 } else { deviation(&sorted) }.max(1e-9);
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

/// Standard deviation of all values; 0 of fewer than two.
fn deviation(values: &[f64]) -> f64 {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    (values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (n - 1.0).max(1.0)).sqrt()
}

/// The least spread of anything measured: times in a log are whole milliseconds.
pub const LEAST_SD: f64 = 0.01;
/// A spread of less than this share of the common one is no spread but a few values that happen to be alike.
const DEGENERATE: f64 = 0.1;
/// As so many values of the common spread weighs what is known of it beforehand.
const BEFOREHAND: f64 = 4.0;

/// The spread that samples have in common: the median over all values, each counted with its sample's. At least
/// [`LEAST_SD`]; `otherwise` where no sample has two values.
pub fn common_sd(samples: impl IntoIterator<Item = Centre>, otherwise: f64) -> f64 {
    let mut spreads: Vec<(f64, usize)> =
        samples.into_iter().filter(|centre| centre.n > 1).map(|centre| (centre.sd, centre.n)).collect();
    spreads.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = spreads.iter().map(|(_, n)| n).sum::<usize>().div_ceil(2);
    let mut seen = 0;
    let middle = spreads.iter().find(|(_, n)| {
        seen += n;
        seen >= half
    });
    middle.map_or(otherwise, |(sd, _)| *sd).max(LEAST_SD)
}

impl Centre {
    /// How unsure the mean is: never less than `common_sd` allows, since a few equal values know no more than others.
    /// Infinite for no values.
    pub fn error(&self, common_sd: f64) -> f64 {
        if self.n == 0 { f64::INFINITY } else { self.sd.max(common_sd) / (self.n as f64).sqrt() }
    }

    /// ln of the spread with its error, for [`shrink`]. A sample that is too small to have one of its own, or whose
    /// values are all but equal, has none: its error is infinite.
    pub fn ln_sd(&self, common_sd: f64) -> (f64, f64) {
        if self.n < 2 || self.sd < DEGENERATE * common_sd {
            return (libm::log(common_sd), f64::INFINITY);
        }
        let freedom = (self.n - 1) as f64;
        let square = (freedom * self.sd * self.sd + BEFOREHAND * common_sd * common_sd) / (freedom + BEFOREHAND);
        (0.5 * libm::log(square), TRIMMED * (0.5 / self.n as f64).sqrt())
    }
}

/// A trimmed spread is less sure than that of a whole normal sample.
const TRIMMED: f64 = 1.3;

/// Differences that chance brings about more often than this are none.
const CHANCE: f64 = 0.01;

/// The common mean of (value, weight), and how far they are from it together.
fn agreement(estimates: &[(f64, f64)]) -> (f64, f64) {
    let total: f64 = estimates.iter().map(|(_, weight)| weight).sum();
    let mean = estimates.iter().map(|(value, weight)| value * weight).sum::<f64>() / total;
    (mean, estimates.iter().map(|(value, weight)| (value - mean) * (value - mean) * weight).sum())
}

/// Of so many estimates one may be unlike the others, and these still share theirs.
const ODD_IN: usize = 3;

/// The common mean of estimates that chance alone may have made differ, and those few (value, weight) that are
/// unlike: at most one in three. `None` where more differ.
fn all_but_few(estimates: &[(f64, f64)]) -> Option<(f64, Vec<(f64, f64)>)> {
    let mut alike = estimates.to_vec();
    let mut odd = Vec::new();
    loop {
        let (mean, q) = agreement(&alike);
        if alike.len() < 2 || chi_square_upper(q, alike.len() as f64 - 1.0) > CHANCE {
            return (alike.len() > 1 || odd.is_empty()).then_some((mean, odd));
        }
        if (odd.len() + 1) * ODD_IN > estimates.len() {
            return None;
        }
        // the one without which the others agree best
        let total: f64 = alike.iter().map(|(_, weight)| weight).sum();
        let gain = |(value, weight): (f64, f64)| {
            weight * (value - mean) * (value - mean) / (1.0 - weight / total).max(f64::MIN_POSITIVE)
        };
        let furthest = (0..alike.len()).max_by(|&a, &b| gain(alike[a]).total_cmp(&gain(alike[b])))?;
        odd.push(alike.remove(furthest));
    }
}

/// Estimates that help each other: each (value, error) is drawn towards the common mean, the more the less sure it is
/// compared with how much they truly differ (DerSimonian and Laird's estimate of that). Where chance alone may have
/// made them differ all become the common mean, and so do the others where one in three or fewer is unlike them: that
/// one stays where it is. A well-known one that differs stays where it is, too. One without a usable error (infinite:
/// it knows nothing) becomes the common mean, and has no part in it. Whatever comes in finite comes out finite.
pub fn shrink(estimates: &[(f64, f64)]) -> Vec<f64> {
    let is_usable = |value: f64, error: f64| value.is_finite() && (1.0 / (error * error)).is_normal();
    let usable: Vec<(f64, f64)> =
        estimates.iter().filter(|&&(value, error)| is_usable(value, error)).map(|&(v, e)| (v, 1.0 / (e * e))).collect();
    let total: f64 = usable.iter().map(|(_, weight)| weight).sum();
    if usable.is_empty() || !total.is_finite() {
        return estimates.iter().map(|&(value, _)| value).collect();
    }
    let (_, q) = agreement(&usable);
    let freedom = usable.len() as f64 - 1.0;
    if let Some((mean, odd)) = all_but_few(&usable) {
        let differs = |value: f64| odd.iter().any(|each| each.0 == value);
        // as far as it is unsure it is like the others, too
        let own = |value: f64, error: f64| {
            let off = value - mean;
            mean + off * (1.0 - error * error / (off * off)).max(0.0)
        };
        return estimates
            .iter()
            .map(|&(value, error)| if is_usable(value, error) && differs(value) { own(value, error) } else { mean })
            .collect();
    }
    // the sum of w (1 - w / W) and not W - sum w^2 / W, which cancels where one weight is nearly all of them
    let spread: f64 = usable.iter().map(|(_, weight)| weight * (1.0 - weight / total)).sum();
    let between = if spread > 1e-12 * total { ((q - freedom) / spread).max(0.0) } else { 0.0 };
    let common_weight: f64 = usable.iter().map(|(_, weight)| 1.0 / (between + 1.0 / weight)).sum();
    let common = usable.iter().map(|(value, weight)| value / (between + 1.0 / weight)).sum::<f64>() / common_weight;
    estimates
        .iter()
        .map(|&(value, error)| {
            if !is_usable(value, error) {
                return common;
            }
            common + between / (between + error * error) * (value - common)
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

    #[test]
    fn equal_values_have_a_centre_and_few_different_ones_among_them_do_not_vanish() {
        assert_eq!(centre(&[]), None);
        for equal in [vec![2.0], vec![2.0; 30]] {
            let centre = centre(&equal).unwrap();
            assert!(centre.mean == 2.0 && centre.sd.is_finite() && centre.n == equal.len(), "{centre:?}");
        }
        let centre = centre(&[1.0, 2.0, 2.0, 2.0, 2.0, 3.0]).unwrap();
        assert!(centre.n == 6 && centre.sd > 0.5, "{centre:?}");
    }

    #[test]
    fn a_sample_of_one_or_of_equal_values_is_no_surer_than_others_of_its_size() {
        let of = |sd: f64, n: usize| Centre { mean: 0.0, sd, n };
        let samples = [of(0.4, 300), of(0.5, 200), of(1e-9, 30), of(1e-9, 1)];
        let common = common_sd(samples, 0.5);
        assert_eq!(common, 0.4);
        assert!((of(1e-9, 25).error(common) - 0.08).abs() < 1e-12);
        assert!(of(0.5, 0).error(common).is_infinite());
        // what has no spread of its own takes that of the others, and does not move it
        let sds = |samples: &[Centre]| shrink(&samples.iter().map(|c| c.ln_sd(common)).collect::<Vec<_>>());
        let (with, without) = (sds(&samples), sds(&samples[..2]));
        assert!((with[0] - without[0]).abs() < 1e-12 && (with[1] - without[1]).abs() < 1e-12);
        assert!(with[2] == with[3] && with[2] > libm::log(0.4) - 1e-9 && with[2] < libm::log(0.5) + 1e-9, "{with:?}");
        assert_eq!(common_sd([], 0.5), 0.5);
        assert_eq!(common_sd([of(0.0, 100)], 0.5), LEAST_SD);
    }

    #[test]
    fn no_error_however_small_or_large_makes_an_estimate_that_is_no_number() {
        let errors = [1e-300, 1e-18, 1e-9, 1e-3, 1.0, 1e9, 1e300, f64::INFINITY, f64::NAN, 0.0];
        for first in errors {
            for second in errors {
                for third in errors {
                    let values = shrink(&[(1.0, first), (2.0, second), (3.0, third)]);
                    assert!(
                        values.iter().all(|value| (0.5..3.5).contains(value)),
                        "{first} {second} {third}: {values:?}"
                    );
                }
            }
        }
        // one that knows nothing becomes what the others are
        assert_eq!(shrink(&[(1.5, 0.1), (0.0, f64::INFINITY)]), [1.5, 1.5]);
    }
}
