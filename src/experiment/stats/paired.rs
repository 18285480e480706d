//! How much B differs from A, both run on the same luck.
//!
//! Replication i of A and of B share their seed, so what the seed did to both cancels in the difference of the pair
//! (common random numbers), and a t interval over the differences is exact for normal ones however strongly the two are
//! correlated. `variance_reduction` says what that bought.
//!
//! The relative change has Fieller's interval (1954), the set of all r for which the pairs b - a (1 + r) could have
//! mean 0 by the very same t test. Two reasons for it and against the usual delta method: the interval of the change
//! excludes 0 exactly when that of the difference does, so the two columns of a table cannot contradict each other; and
//! where A's own mean may be 0 no bounded interval has the right coverage, which Fieller's says (no interval) and the
//! delta method hides.

use serde::{Deserialize, Serialize};

use super::interval::{Interval, Level, Moments};
use super::mean::mean_interval;
use super::ranked::{self, Pairs};

/// A figure under A and under B over the same replications.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Paired {
    /// The figure under A, over the complete pairs.
    pub a: Interval,
    /// The figure under B, over the complete pairs.
    pub b: Interval,
    /// B - A with the paired interval.
    pub difference: Interval,
    /// (B - A) / A of the means with Fieller's interval; `None` where A's mean is 0.
    pub change: Option<Interval>,
    /// In how many of the complete pairs B differs from A.
    pub changed: usize,
    /// The two-sided p-value of "no difference"; `None` where the difference has no interval.
    pub p: Option<f64>,
    /// Var(A) + Var(B) over Var(B - A): how many times more unpaired replications the same precision would take.
    /// `None` for a single pair and where the differences have no scatter at all.
    pub variance_reduction: Option<f64>,
    /// The figure is the same in every replication of A and B, and missing in the same ones.
    pub identical: bool,
    /// Replications that have the figure under A alone.
    pub only_a: usize,
    /// Replications that have the figure under B alone.
    pub only_b: usize,
}

impl Paired {
    /// Whether there are several pairs and yet no interval: too few of them differ.
    pub const fn differs_too_rarely(&self) -> bool {
        self.difference.n > 1 && self.difference.lo.is_none()
    }

    /// B / A of the means with its interval: 1 + change.
    pub fn ratio(&self) -> Option<Interval> {
        self.change.map(|c| Interval { mean: 1.0 + c.mean, lo: c.lo.map(|x| 1.0 + x), hi: c.hi.map(|x| 1.0 + x), ..c })
    }
}

/// The replications that have a figure under A and under B, and how many do not.
struct Complete {
    left: Vec<f64>,
    right: Vec<f64>,
    only_a: usize,
    only_b: usize,
    missing: usize,
}

impl Complete {
    fn of(a: &[Option<f64>], b: &[Option<f64>]) -> Self {
        let exists = |value: &Option<f64>| value.filter(|value| value.is_finite());
        let (left, right) = (Vec::with_capacity(a.len()), Vec::with_capacity(b.len()));
        let mut all = Self { left, right, only_a: 0, only_b: 0, missing: 0 };
        for pair in a.iter().map(exists).zip(b.iter().map(exists)) {
            match pair {
                (Some(x), Some(y)) => {
                    all.left.push(x);
                    all.right.push(y);
                    continue;
                }
                (Some(_), None) => all.only_a += 1,
                (None, Some(_)) => all.only_b += 1,
                (None, None) => {}
            }
            all.missing += 1;
        }
        all
    }
}

/// Pairs replication i of `a` with replication i of `b`; what the longer slice has beyond the other is not looked at.
/// `None` when no replication has the figure under both. Values that are not finite count as missing.
pub fn paired_of(a: &[Option<f64>], b: &[Option<f64>], level: Level) -> Option<Paired> {
    let Complete { left, right, only_a, only_b, missing } = Complete::of(a, b);
    let differences: Vec<f64> = left.iter().zip(&right).map(|(x, y)| y - x).collect();
    let (of_a, of_b, of_d) = (Moments::of(&left)?, Moments::of(&right)?, Moments::of(&differences)?);
    let variance_reduction = of_d.variance().filter(|&v| v > 0.0);
    let changed = differences.iter().filter(|&&d| d != 0.0).count();
    let identical = only_a + only_b == 0 && changed == 0;
    let pairs = Pairs { a: &left, b: &right };
    let of_ranks = if pairs.scores() > 0 { pairs.interval(&differences, level, missing) } else { None };
    let (difference, p) = of_ranks.unwrap_or_else(|| (of_d.interval(level, missing), of_d.p_value()));
    let difference = match difference {
        // that they are the same is no estimate
        same if identical && of_d.n >= 2 => Interval { lo: Some(0.0), hi: Some(0.0), ..same },
        other => other,
    };
    let has_interval = difference.lo.is_some();
    let lone = |values: &[f64]| Some(Interval { missing, ..mean_interval(values, level)? });
    if difference.no_token > 0 {
        let (a, b) = (lone(&left)?, lone(&right)?);
        let p = if identical { Some(1.0) } else { p };
        return Some(Paired {
            a,
            b,
            difference,
            change: None,
            changed,
            p,
            variance_reduction: None,
            identical,
            only_a,
            only_b,
        });
    }
    Some(Paired {
        a: of_a.lone_interval(level, missing),
        b: of_b.lone_interval(level, missing),
        difference,
        change: change(&left, &differences, &of_a, &of_d, level).map(|(mean, bounds)| Interval {
            mean,
            lo: bounds.filter(|_| has_interval).map(|b| b.0),
            hi: bounds.filter(|_| has_interval).map(|b| b.1),
            n: of_d.n,
            missing,
            no_token: 0,
        }),
        changed,
        p,
        variance_reduction: variance_reduction.and_then(|v| Some((of_a.variance()? + of_b.variance()?) / v)),
        identical,
        only_a,
        only_b,
    })
}

/// [`paired_of`] for figures that every replication has.
pub fn paired(a: &[f64], b: &[f64], level: Level) -> Option<Paired> {
    let some = |values: &[f64]| values.iter().copied().map(Some).collect::<Vec<_>>();
    paired_of(&some(a), &some(b), level)
}

/// The mean of b - a - `share` * |a| over the complete pairs, with its interval: whether B lies beyond A by more than a
/// share of A (with `share` = 0.05: five percent above; -0.03: above three percent below).
///
/// This decides relative limits by one t test that is always defined, also where A's mean is near 0; for figures of one
/// sign it agrees with Fieller's interval of the change. It has no bounds where the difference itself has none. `None`
/// when no replication has the figure under both.
pub fn excess_of(a: &[Option<f64>], b: &[Option<f64>], share: f64, level: Level) -> Option<Interval> {
    let paired = paired_of(a, b, level)?;
    let exists = |value: &Option<f64>| value.filter(|value| value.is_finite());
    let pairs = a.iter().zip(b).filter_map(|(a, b)| Some((exists(a)?, exists(b)?)));
    let (left, right): (Vec<f64>, Vec<f64>) = pairs.unzip();
    let beyond: Vec<f64> = left.iter().zip(&right).map(|(&a, &b)| ranked::beyond(a, b, share)).collect();
    let (moments, missing) = (Moments::of(&beyond)?, paired.difference.missing);
    if paired.identical {
        let plain = moments.plain_interval(level, missing); // it is A's scatter alone
        return Some(Interval { no_token: paired.difference.no_token, ..plain });
    }
    if paired.difference.no_token > 0 {
        return Pairs { a: &left, b: &right }.interval(&beyond, level, missing).map(|(interval, _)| interval);
    }
    let has_interval = paired.difference.lo.is_some();
    let excess = moments.interval(level, missing);
    Some(Interval { lo: excess.lo.filter(|_| has_interval), hi: excess.hi.filter(|_| has_interval), ..excess })
}

/// mean(d) / mean(a) and Fieller's bounds for it: the roots in e of (d̄ - e ā)² = t² Var(d̄ - e ā).
fn change(a: &[f64], d: &[f64], of_a: &Moments, of_d: &Moments, level: Level) -> Option<(f64, Option<(f64, f64)>)> {
    if of_a.mean == 0.0 {
        return None;
    }
    // Divided by |ā|, so that squares neither overflow nor vanish; the sign of A keeps "up" up.
    let scale = of_a.mean;
    let mean = of_d.mean / scale;
    let (Some(error_a), Some(error_d)) = (of_a.standard_error(), of_d.standard_error()) else {
        return Some((mean, None));
    };
    let n = of_a.n as f64;
    let products: f64 = a.iter().zip(d).map(|(x, y)| (x - of_a.mean) / scale * ((y - of_d.mean) / scale)).sum();
    let t = level.t(of_a.n);
    let (error_a, error_d) = (t * error_a / scale, t * error_d / scale);
    let covariance = t * t * products / (n * (n - 1.0));
    // quadratic: p e² - 2 q e + r = 0
    let (p, q, r) = (1.0 - error_a * error_a, mean - covariance, mean * mean - error_d * error_d);
    if p <= 0.0 {
        return Some((mean, None)); // A's own mean may be 0
    }
    let root = (q * q - p * r).max(0.0).sqrt();
    let far = if q < 0.0 { q - root } else { q + root };
    let (one, other) = (far / p, if far == 0.0 { 0.0 } else { r / far });
    // rounding may not push the estimate out of its own interval (all three are equal where nothing scatters)
    Some((mean, Some((one.min(other).min(mean), one.max(other).max(mean)))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::quantile::normal_quantile;
    use crate::engine::{Luck, Stream};

    const L95: Level = Level::PERCENT_95;

    fn normal(stream: &mut Stream) -> f64 {
        normal_quantile(stream.open01())
    }

    /// `n` pairs with common luck of standard deviation `shared` and own luck of standard deviation `own`.
    fn pairs(trial: u64, n: usize, (mean_a, mean_b): (f64, f64), shared: f64, own: f64) -> (Vec<f64>, Vec<f64>) {
        let mut stream = Luck::new(11).stream(3, trial, n as u64);
        (0..n)
            .map(|_| {
                let common = shared * normal(&mut stream);
                (mean_a + common + own * normal(&mut stream), mean_b + common + own * normal(&mut stream))
            })
            .unzip()
    }

    #[test]
    fn a_against_a_is_exactly_zero() {
        let (a, _) = pairs(0, 20, (1234.567, 0.0), 100.0, 0.1);
        let got = paired(&a, &a, L95).unwrap();
        assert!(got.identical);
        for zero in [got.difference, got.change.unwrap()] {
            assert_eq!((zero.mean, zero.lo, zero.hi), (0.0, Some(0.0), Some(0.0)));
        }
        let ratio = got.ratio().unwrap();
        assert_eq!((ratio.mean, ratio.lo, ratio.hi), (1.0, Some(1.0), Some(1.0)));
        assert_eq!((got.p, got.variance_reduction), (Some(1.0), None));
        assert_eq!(got.a, got.b);
    }

    #[test]
    fn a_worked_example_by_hand() {
        // differences 1, 2, 3: mean 2, s = 1, standard error 1/√3, t(2) = 4.302652729749464
        let got = paired(&[10.0, 12.0, 8.0], &[11.0, 14.0, 11.0], L95).unwrap();
        let half = 4.302_652_729_749_464 / 3.0_f64.sqrt();
        assert_eq!((got.difference.mean, got.change.unwrap().mean), (2.0, 0.2));
        assert!((got.difference.lo.unwrap() - (2.0 - half)).abs() < 1e-12);
        // variances 4, 3 and 1
        assert!((got.variance_reduction.unwrap() - 7.0).abs() < 1e-12);
        // t = 2√3 at 2 degrees of freedom: p = 1 - t / sqrt(2 + t²)
        assert!((got.p.unwrap() - (1.0 - (12.0_f64 / 14.0).sqrt())).abs() < 1e-12);
    }

    #[test]
    fn difference_and_change_hold_the_truth_95_times_in_100_and_never_contradict_each_other() {
        let (trials, n) = (4_000, 20);
        let (mut difference, mut change, mut shown) = (0, 0, 0);
        for trial in 0..trials {
            let (a, b) = pairs(trial, n, (10.0, 9.5), 3.0, 0.8);
            let got = paired(&a, &b, L95).unwrap();
            difference += u32::from(got.difference.contains(-0.5).unwrap());
            change += u32::from(got.change.unwrap().contains(-0.05).unwrap());
            let clear = !got.difference.contains(0.0).unwrap();
            assert_eq!(clear, !got.change.unwrap().contains(0.0).unwrap(), "trial {trial}");
            assert_eq!(clear, got.p.unwrap() < 0.05, "trial {trial}");
            shown += u32::from(clear);
        }
        for count in [difference, change] {
            let share = f64::from(count) / trials as f64;
            assert!((0.94..=0.96).contains(&share), "{share}");
        }
        assert!(shown > 1_000 && u64::from(shown) < trials - 1_000, "the test must see both outcomes: {shown}");
    }

    #[test]
    fn pairing_gains_what_the_shared_luck_is_worth() {
        // Var(A) = Var(B) = 9 + 0.25, Var(B - A) = 0.5: 37 times.
        let (a, b) = pairs(1, 4_000, (10.0, 10.0), 3.0, 0.5);
        let gain = paired(&a, &b, L95).unwrap().variance_reduction.unwrap();
        assert!((gain / 37.0 - 1.0).abs() < 0.1, "{gain}");
    }

    #[test]
    fn a_mean_that_cannot_be_told_from_zero_gives_no_bounded_change() {
        let got = paired(&[-1.0, 1.0, 0.2], &[5.0, 6.0, 7.0], L95).unwrap();
        assert!(got.change.unwrap().lo.is_none() && got.difference.lo.is_some());
        assert!(paired(&[0.0, 0.0], &[1.0, 2.0], L95).unwrap().change.is_none());
    }

    #[test]
    fn a_constant_factor_is_found_exactly_whatever_the_scatter() {
        let a = [31.0, 25.0, 11.0, 40.0];
        let b = a.map(|x| 1.5 * x);
        let change = paired(&a, &b, L95).unwrap().change.unwrap();
        let tiny = 1e-6; // a double root: half the digits
        assert!((change.mean - 0.5).abs() < 1e-15, "{change:?}");
        assert!((change.lo.unwrap() - 0.5).abs() < tiny && (change.hi.unwrap() - 0.5).abs() < tiny, "{change:?}");
    }

    #[test]
    fn negative_figures_keep_the_direction_of_their_change() {
        let got = paired(&[-10.0, -12.0, -11.0], &[-5.0, -6.1, -5.4], L95).unwrap().change.unwrap();
        assert!(got.mean < -0.49 && got.lo.unwrap() < got.mean && got.mean < got.hi.unwrap());
    }

    #[test]
    fn a_relative_limit_is_passed_exactly_where_the_interval_of_the_change_ends() {
        let (a, b) = pairs(3, 20, (10.0, 11.0), 2.0, 0.3);
        let change = paired(&a, &b, L95).unwrap().change.unwrap();
        let some = |values: &[f64]| values.iter().copied().map(Some).collect::<Vec<_>>();
        let lo = |share| excess_of(&some(&a), &some(&b), share, L95).unwrap().lo.unwrap();
        let edge = change.lo.unwrap();
        assert!(lo(edge).abs() < 1e-9 && lo(edge - 1e-6) > 0.0 && lo(edge + 1e-6) < 0.0);
    }

    #[test]
    fn incomplete_pairs_are_left_out_and_counted() {
        let a = [Some(1.0), None, Some(3.0), None, Some(9.0)];
        let b = [Some(2.0), Some(5.0), Some(4.0), None, Some(f64::NAN)];
        let got = paired_of(&a, &b, L95).unwrap();
        assert_eq!((got.difference.n, got.difference.missing, got.only_a, got.only_b), (2, 3, 1, 1));
        assert_eq!(got.difference.mean, 1.0);
        let same = [Some(1.0), None, Some(2.0)];
        assert!(paired_of(&same, &same, L95).unwrap().identical);
        assert!(!paired_of(&same, &[Some(1.0), Some(1.0), Some(2.0)], L95).unwrap().identical);
        assert_eq!(paired_of(&[None, Some(1.0)], &[Some(1.0), None], L95), None);
    }

    #[test]
    fn one_pair_has_a_difference_and_no_interval() {
        let got = paired(&[4.0], &[5.0], L95).unwrap();
        assert_eq!((got.difference.mean, got.difference.lo, got.change.unwrap().hi, got.p), (1.0, None, None, None));
        assert_eq!(got.change.unwrap().mean, 0.25);
    }
}
