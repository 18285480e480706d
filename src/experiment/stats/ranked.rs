//! Intervals and tests where some replication has no time to average: its percentile fell among requests without a
//! token.
//!
//! Such a percentile has a worst-rank score (`measure::figures::no_token`), which can be ranked but not averaged with
//! times. So the comparison is one of ranks. Alone, the mean is "no token", and the lower end of its interval is that
//! of the median over replications, by order statistics (Thompson 1936): whatever the distribution, it holds at its
//! level. Of pairs it is the interval of the median difference, which excludes 0 where the sign test does. A median
//! looks away from a few lost replications; so where one side has no token in more replications than the other, the
//! interval is open on that side, and it is never called the better one. Where no replication of either side has a
//! time, the shares without a token are compared by the t test.

use super::distribution::half_binomial;
use super::interval::{Interval, Level, Moments};
use crate::measure::figures::no_token::{is_score, score, share_of};

/// How many of the values are scores.
pub(super) fn scores(values: &[f64]) -> usize {
    values.iter().filter(|&&value| is_score(value)).count()
}

/// The interval of a figure whose values have scores among them. `missing` replications do not have the figure.
pub(super) fn lone(values: &[f64], level: Level, missing: usize) -> Option<Interval> {
    let (moments, no_token) = (Moments::of(values)?, scores(values));
    let plain = moments.interval(level, missing);
    if no_token == values.len() {
        return Some(Interval { no_token, ..plain });
    }
    let (lo, _) = median_bounds(values, level).unzip();
    let most = values.iter().copied().fold(moments.mean, f64::max);
    Some(Interval { lo, hi: lo.map(|_| most), no_token, ..plain })
}

/// Pairs with scores among them.
pub(super) struct Pairs<'a> {
    pub a: &'a [f64],
    pub b: &'a [f64],
}

impl Pairs<'_> {
    /// In how many pairs either side is a score.
    pub fn scores(&self) -> usize {
        self.a.iter().zip(self.b).filter(|(a, b)| is_score(**a) || is_score(**b)).count()
    }

    /// Whether every value of both sides is a score.
    fn all(&self) -> bool {
        scores(self.a) + scores(self.b) == 2 * self.a.len()
    }

    /// The interval of `differences`, one a pair, and the p-value of "no difference".
    pub fn interval(&self, differences: &[f64], level: Level, missing: usize) -> Option<(Interval, Option<f64>)> {
        let moments = Moments::of(differences)?;
        let no_token = self.scores();
        let plain = moments.interval(level, missing);
        if self.all() {
            return Some((Interval { no_token, ..plain }, moments.p_value()));
        }
        let (lost_a, lost_b) = (scores(self.a), scores(self.b));
        let bounds = median_bounds(differences, level).map(|(lo, hi)| {
            let (least, most) = differences.iter().fold((lo, hi), |(l, h), &d| (l.min(d), h.max(d)));
            (if lost_a > lost_b { least } else { lo }, if lost_b > lost_a { most } else { hi })
        });
        let (up, down) =
            differences.iter().fold((0, 0), |(up, down), &d| (up + usize::from(d > 0.0), down + usize::from(d < 0.0)));
        let contradicted = (up > down && lost_a > lost_b) || (down > up && lost_b > lost_a);
        let p = if contradicted {
            1.0
        } else {
            (2.0 * half_binomial(differences.len(), differences.len() - up.max(down))).min(1.0)
        };
        let (lo, hi) = bounds.unzip();
        Some((Interval { lo, hi, no_token, ..plain }, bounds.map(|_| p)))
    }
}

/// B - A - share * |A| of one pair; of two scores, what B lost beyond A's share without a token by more than that share
/// of it.
pub(super) fn beyond(a: f64, b: f64, share: f64) -> f64 {
    if is_score(a) && is_score(b) {
        let lost = share_of(a);
        return score(share_of(b)) - score(lost + share * lost);
    }
    b - a - share * a.abs()
}

/// The interval of the median from order statistics; `None` for fewer values than the level takes (6 at 95 %).
fn median_bounds(values: &[f64], level: Level) -> Option<(f64, f64)> {
    let mut order = values.to_vec();
    order.sort_by(f64::total_cmp);
    let n = order.len();
    let below = (0..n / 2).take_while(|&below| 2.0 * half_binomial(n, below) <= level.error()).last()?;
    Some((order[below], order[n - 1 - below]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Luck;
    use crate::engine::quantile::normal_quantile;
    use crate::experiment::stats::{Direction, Verdict, excess_of, mean_interval, paired};

    const L95: Level = Level::PERCENT_95;

    fn verdict(a: &[f64], b: &[f64]) -> Verdict {
        Verdict::of(paired(a, b, L95).as_ref(), Direction::LowerIsBetter)
    }

    #[test]
    fn the_median_of_twenty_lies_between_the_sixth_and_the_fifteenth() {
        let values: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(median_bounds(&values, L95), Some((6.0, 15.0)));
        assert_eq!(median_bounds(&values[..6], L95), Some((1.0, 6.0)));
        assert_eq!(median_bounds(&values[..5], L95), None);
    }

    #[test]
    fn one_replication_without_a_token_leaves_no_mean_and_a_lower_bound() {
        let mut values: Vec<f64> = (1..=20).map(f64::from).collect();
        values[19] = score(0.02);
        let got = mean_interval(&values, L95).unwrap();
        assert!(is_score(got.mean) && is_score(got.hi.unwrap()));
        assert_eq!((got.lo, got.n, got.no_token), (Some(6.0), 20, 1));
    }

    #[test]
    fn losing_a_token_in_most_pairs_is_worse_and_winning_it_back_is_better() {
        let a: Vec<f64> = (0..20).map(|i| 1_000.0 + f64::from(i)).collect();
        let mut b = a.clone();
        b.iter_mut().skip(4).for_each(|value| *value = score(0.03));
        assert_eq!((verdict(&a, &b), verdict(&b, &a)), (Verdict::Worse, Verdict::Better));
        assert!(paired(&a, &b, L95).unwrap().p.is_some_and(|p| p < 0.05));
        assert_eq!(paired(&a, &b, L95).unwrap().change, None);
    }

    #[test]
    fn a_side_that_lost_more_replications_is_never_called_better_for_a_better_median() {
        let a: Vec<f64> = (0..20).map(|i| 1_000.0 + f64::from(i)).collect();
        let mut b: Vec<f64> = a.iter().map(|value| value - 50.0).collect();
        b[0] = score(0.01);
        assert_eq!(verdict(&a, &b), Verdict::NoDifferenceShown);
        assert_eq!(paired(&a, &b, L95).unwrap().p, Some(1.0));
    }

    #[test]
    fn where_nobody_has_a_time_the_shares_without_a_token_decide() {
        let shares = |mean: f64| -> Vec<f64> { (0..8).map(|i| score(mean + 0.001 * f64::from(i % 3))).collect() };
        assert_eq!(verdict(&shares(0.01), &shares(0.03)), Verdict::NotDecidable); // all differences are nearly the same
        let few: Vec<f64> = (0..8).map(|i| score(0.03 + 0.0013 * f64::from(i))).collect();
        assert_eq!((verdict(&shares(0.01), &few), verdict(&few, &shares(0.01))), (Verdict::Worse, Verdict::Better));
        assert_eq!(verdict(&few, &few), Verdict::Identical);
        let some = |values: &[f64]| values.iter().copied().map(Some).collect::<Vec<_>>();
        assert!(excess_of(&some(&shares(0.01)), &some(&few), 0.05, L95).unwrap().lo > Some(0.0));
        assert!(excess_of(&some(&few), &some(&shares(0.01)), 0.05, L95).unwrap().hi < Some(0.0));
    }

    #[test]
    fn equal_laws_with_scores_are_called_different_at_most_6_times_in_100() {
        let trials = 4_000;
        let claims = (0..trials).filter(|&trial| {
            let mut stream = Luck::new(31).stream(2, trial, 0);
            let mut draw = || {
                if stream.chance(0.3) { score(0.01 + 0.01 * stream.open01()) } else { normal_quantile(stream.open01()) }
            };
            let (a, b): (Vec<f64>, Vec<f64>) = (0..20).map(|_| (draw(), draw())).unzip();
            verdict(&a, &b).claims()
        });
        let share = claims.count() as f64 / trials as f64;
        assert!(share <= 0.06, "{share}");
    }
}
