//! Decides which arms are as good as the best, which are worse, and which were measured too little to decide.
//!
//! Multiple comparisons with the best (Hsu 1984) on common random numbers (Nelson and Matejcik 1995). The best of many
//! arms is best partly by luck, so all one-sided comparisons share their error: with the stated level the arm that is
//! truly best is not called worse, *and* every arm's distance to it is at most what is stated. From this follow the
//! three answers that a reader can act on:
//!
//! - **as good**: not shown to be worse than the best found, and shown to be less than the smallest difference that
//!   matters away from whichever is truly best;
//! - **worse**: shown to be worse than the best found;
//! - **too few to say**: neither. Being measured badly makes no arm as good as another.
//!
//! Nelson and Matejcik pool the variance of all arms, which needs differences of any two arms to scatter alike
//! (sphericity). Values of a threshold do not: neighbours share nearly all their luck, far ones hardly any. So each
//! difference has its own variance, which is drawn towards the pooled one according to how well the variances agree
//! (empirical Bayes: Smyth 2004). If they all agree, this is Nelson and Matejcik's procedure with all their degrees of
//! freedom, and an arm with four replications borrows precision from the others.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::distribution::t_upper_quantile;
use super::interval::{ENOUGH_EQUAL, Interval, Level, Moments};
use super::special::{digamma, trigamma, trigamma_inverse};

/// Where an arm stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// It has the least mean loss of the arms that were measured well.
    Best,
    /// Not shown to be worse, and shown to be less than the smallest difference away from the best.
    AsGood,
    /// Shown to be worse than the best.
    Worse,
    /// Not shown to be worse, but it may well be.
    TooFew,
}

/// An arm against the best.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Where it stands.
    pub place: Place,
    /// Its loss less that of the best found, over the replications of both. The ends are one-sided bounds at the shared
    /// level; `None`, where no replication has both.
    pub excess: Option<Interval>,
    /// The distance to whichever arm is truly best is at most this.
    pub at_most: Option<f64>,
}

/// The best arm and where the others stand.
#[derive(Clone, Debug, PartialEq)]
pub struct Standings {
    /// The arm with the least mean loss of those that were measured well.
    pub best: usize,
    /// Every arm.
    pub arms: Vec<Standing>,
}

/// The question that `ask` answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Question {
    /// The smallest difference of losses that matters.
    pub smallest: f64,
    /// The level of all answers together.
    pub level: Level,
}

/// More arms that may be the best are not compared with each other, but with the best found alone.
const MOST_CONTENDERS: usize = 200;

impl Question {
    /// Where arms stand; `losses[a][i]` is the loss of arm a in replication i. Arms that `may_win` are measured well
    /// and may be the best; others only stand beside. `None` when none of those has a loss.
    pub fn ask<C: AsRef<[Option<f64>]>>(self, losses: &[C], may_win: &dyn Fn(usize) -> bool) -> Option<Standings> {
        let means: Vec<Option<Moments>> = losses.iter().map(|column| of(column.as_ref().iter().copied())).collect();
        let fullest = (0..losses.len()).filter(|&a| may_win(a)).filter_map(|a| Some(means[a].as_ref()?.n)).max()?;
        // the mean of a few replications that happen to have the figure is that of a selection
        let wins = |arm: usize| may_win(arm) && means[arm].as_ref().is_some_and(|mean| 2 * mean.n >= fullest);
        let mean = |arm: usize| means[arm].as_ref().map_or(f64::INFINITY, |mean| mean.mean);
        let best = (0..losses.len()).filter(|&a| wins(a)).min_by(|&a, &b| mean(a).total_cmp(&mean(b)))?;
        let pair = |x: usize, y: usize| pair(losses[x].as_ref(), losses[y].as_ref());
        let against: Vec<Option<Moments>> = (0..losses.len()).map(|arm| pair(best, arm)).collect();
        let prior = Prior::of((0..losses.len()).filter(|&arm| arm != best).filter_map(|arm| against[arm].as_ref()));
        let questions = against.iter().flatten().count().saturating_sub(1).max(1);
        let half = |pair: &Moments| prior.half_width(pair, self.level.error() / questions as f64);
        let bound = |pair: &Moments| {
            let half = half(pair);
            let (lo, hi) = (half.map(|half| pair.mean - half), half.map(|half| pair.mean + half));
            Interval { mean: pair.mean, lo, hi, n: pair.n, missing: 0, no_token: 0 }
        };
        let excess: Vec<Option<Interval>> = against.iter().map(|pair| pair.as_ref().map(bound)).collect();
        let worse = |arm: usize| arm != best && excess[arm].is_some_and(|e| e.lo.is_some_and(|lo| lo > 0.0));
        // whoever may truly be the best, the likeliest first
        let mut contenders: Vec<usize> = (0..losses.len()).filter(|&arm| wins(arm) && !worse(arm)).collect();
        contenders.sort_by(|&a, &b| mean(a).total_cmp(&mean(b)).then(a.cmp(&b)));
        if contenders.len() > MOST_CONTENDERS {
            contenders.truncate(1);
        }
        let at_most = |arm: usize| -> Option<f64> {
            let all = contenders.iter().filter(|&&other| other != arm).map(|&other| {
                let pair = pair(other, arm)?;
                Some(pair.mean + half(&pair)?)
            });
            all.collect::<Option<Vec<f64>>>().map(|all| all.into_iter().fold(0.0, f64::max))
        };
        let standing = |arm: usize| {
            let near = excess[arm].is_some_and(|e| e.mean <= self.smallest);
            // for an arm that is far off, one comparison is enough
            let at_most =
                if near || arm == best { at_most(arm) } else { excess[arm].and_then(|e| Some(e.hi?.max(0.0))) };
            let place = match at_most {
                _ if arm == best => Place::Best,
                _ if worse(arm) => Place::Worse,
                Some(distance) if wins(arm) && near && distance <= self.smallest => Place::AsGood,
                _ => Place::TooFew,
            };
            Standing { place, excess: excess[arm], at_most }
        };
        Some(Standings { best, arms: (0..losses.len()).map(standing).collect() })
    }
}

fn of(values: impl Iterator<Item = Option<f64>>) -> Option<Moments> {
    Moments::of(&values.flatten().filter(|value| value.is_finite()).collect::<Vec<_>>())
}

/// The differences y - x over the replications that have both.
fn pair(x: &[Option<f64>], y: &[Option<f64>]) -> Option<Moments> {
    of(x.iter().zip(y).map(|(x, y)| Some((*y)? - (*x)?)))
}

/// The prior for variances that the variances of all differences suggest: a scaled inverse chi-square distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Prior {
    variance: f64,
    /// Infinite if the variances differ no more than by chance.
    freedom: f64,
}

/// The most degrees of freedom that are borrowed, because the variances that lend them are not independent of each
/// other.
const MOST_FREEDOM: f64 = 60.0;

impl Prior {
    /// Fitted to the logarithms of the variances by their first two moments (Smyth 2004, section 6.2).
    fn of<'a>(pairs: impl Iterator<Item = &'a Moments>) -> Self {
        let known: Vec<(f64, f64)> = pairs
            .filter_map(|pair| Some((pair.variance().filter(|&v| v > 0.0)?, (pair.n - 1) as f64)))
            .map(|(variance, d)| (libm::log(variance) - digamma(0.5 * d) + libm::log(0.5 * d), d))
            .collect();
        let n = known.len() as f64;
        if known.len() < 2 {
            return Self { variance: 0.0, freedom: 0.0 };
        }
        let mean = known.iter().map(|(e, _)| e).sum::<f64>() / n;
        let spread =
            known.iter().map(|(e, d)| (e - mean) * (e - mean) / (n - 1.0) - trigamma(0.5 * d) / n).sum::<f64>();
        if spread <= 0.0 {
            return Self { variance: libm::exp(mean), freedom: MOST_FREEDOM };
        }
        let freedom = (2.0 * trigamma_inverse(spread)).min(MOST_FREEDOM);
        let variance = libm::exp(mean + digamma(0.5 * freedom) - libm::log(0.5 * freedom));
        Self { variance, freedom }
    }

    /// How far a mean difference may be off on one side with this error; `None` where nothing is known of it.
    fn half_width(self, pair: &Moments, error: f64) -> Option<f64> {
        let own = pair.variance();
        if own == Some(0.0) && pair.mean == 0.0 {
            // the same in every replication
            return (pair.n >= ENOUGH_EQUAL).then_some(0.0);
        }
        let d = (pair.n - 1) as f64;
        let freedom = self.freedom + d;
        if freedom < 1.0 || pair.n < 2 {
            return None;
        }
        let variance = (self.freedom * self.variance + d * own.unwrap_or(0.0)) / freedom;
        Some(t_upper_quantile(error, freedom) * (variance / pair.n as f64).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Luck;
    use crate::engine::quantile::normal_quantile;

    const L95: Level = Level::PERCENT_95;

    /// Arms with these means and replications, luck shared by all of deviation 5, own luck of deviation `own(arm)`.
    fn arms(trial: u64, means: &[f64], n: &dyn Fn(usize) -> u64, own: &dyn Fn(usize) -> f64) -> Vec<Vec<Option<f64>>> {
        let draw = |a, b| normal_quantile(Luck::new(41).stream(9, a, b).open01());
        let value = |arm: usize, i: u64| {
            Some(means[arm] + 5.0 * draw(trial, i) + own(arm) * draw(trial, 1_000 * (arm as u64 + 1) + i))
        };
        (0..means.len()).map(|arm| (0..n(arm)).map(|i| value(arm, i)).collect()).collect()
    }

    fn places(losses: &[Vec<Option<f64>>], smallest: f64) -> Vec<Place> {
        let fullest = losses.iter().map(Vec::len).max().unwrap();
        let found = Question { smallest, level: L95 }.ask(losses, &|arm| losses[arm].len() == fullest).unwrap();
        found.arms.iter().map(|arm| arm.place).collect()
    }

    #[test]
    fn arms_are_best_as_good_worse_or_too_little_measured() {
        let n = |arm: usize| if arm == 3 { 3 } else { 40 };
        let losses = arms(0, &[10.0, 10.05, 14.0, 10.3], &n, &|_| 0.3);
        let got = places(&losses, 0.5);
        assert_eq!(got[2..], [Place::Worse, Place::TooFew]);
        assert!(got[..2] == [Place::Best, Place::AsGood] || got[..2] == [Place::AsGood, Place::Best], "{got:?}");
        let strict = places(&losses, 0.01);
        assert!(strict[..2].contains(&Place::TooFew), "no such small difference is ruled out: {strict:?}");
    }

    #[test]
    fn few_replications_never_make_an_arm_as_good() {
        let losses = arms(0, &[10.0, 10.0, 30.0], &|_| 2, &|_| 3.0);
        assert!(!places(&losses, 0.5).contains(&Place::AsGood));
        let one = arms(0, &[10.0, 10.0, 30.0], &|_| 1, &|_| 3.0);
        assert_eq!(places(&one, 0.5).iter().filter(|&&place| place == Place::TooFew).count(), 2);
    }

    /// 1,000 trials: three standard errors of a share of 0.95 are 0.02. Scatter differs between arms by a factor of 6.
    #[test]
    fn the_truly_best_is_not_called_worse_and_those_called_as_good_are_as_often_as_said() {
        let means = [10.0, 10.1, 10.1, 10.2, 10.2, 10.4, 10.5, 11.0, 12.0, 10.1];
        let trials = 1_000;
        let (mut kept, mut right, mut claims) = (0, 0, 0);
        for trial in 0..trials {
            let losses = arms(trial, &means, &|_| 12, &|arm| if arm % 2 == 0 { 0.05 } else { 0.3 });
            let got = places(&losses, 0.35);
            kept += u32::from(got[0] != Place::Worse);
            right += u32::from((0..means.len()).all(|a| got[a] != Place::AsGood || means[a] <= 10.35 + 1e-9));
            claims += got.iter().filter(|&&place| place == Place::AsGood).count();
        }
        let share = |count: u32| f64::from(count) / trials as f64;
        assert!(share(kept) >= 0.95 && share(right) >= 0.95, "{} {}", share(kept), share(right));
        assert!(2 * claims as u64 > trials, "it must claim something: {claims}");
    }

    #[test]
    fn an_arm_of_four_replications_borrows_the_scatter_of_the_others() {
        let n = |arm: usize| if arm == 0 { 4 } else { 30 };
        let losses = arms(7, &[12.8, 10.0, 10.1, 10.2, 10.3], &n, &|_| 1.0);
        assert_eq!(places(&losses, 0.5)[0], Place::Worse);
        // by its own scatter alone (3 degrees of freedom, a fourth of the error) it could not be shown
        let alone: Vec<f64> = (0..4).map(|i| losses[0][i].unwrap() - losses[1][i].unwrap()).collect();
        let t = Level::new(1.0 - 0.05 / 4.0 * 2.0).unwrap();
        assert!(crate::experiment::stats::mean_interval(&alone, t).unwrap().lo.unwrap() < 0.8);
    }

    #[test]
    fn arms_that_are_the_same_are_as_good_and_missing_ones_are_not_told() {
        let column: Vec<Option<f64>> = (0..8).map(|i| Some(f64::from(i))).collect();
        let losses = vec![column.clone(), column, vec![None; 8]];
        assert_eq!(places(&losses, 0.0), [Place::Best, Place::AsGood, Place::TooFew]);
        assert_eq!(Question { smallest: 0.1, level: L95 }.ask(&[vec![None]], &|_| true), None);
    }
}
