//! The confirmation: the challenger against what there is on luck that the search has not seen, until it is decided.
//!
//! The challenger came out best of many, partly by luck, so only fresh replications decide. They go on until the answer
//! is there: the challenger is shown to be better in some scenario and nowhere worse by the smallest difference that
//! matters, or a gain of that size is ruled out everywhere. Looking again and again at one growing sample needs wider
//! intervals: these are repeated confidence intervals (Jennison and Turnbull 1989), which hold the truth at all looks
//! together, so that one may stop at any. The error is spent in proportion to the replications (Lan and DeMets 1983)
//! and added up by Bonferroni's inequality, which is exact for t intervals. Against the procedure of Kim and Nelson
//! (2001) they take about as many replications, use all of them for the variance, and leave an interval to print.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::experiment::stats::{Interval, Level, paired_of};

/// What fresh luck says of the challenger in one scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Shown to be better.
    Better,
    /// Shown to be worse, and not shown to be so by less than the smallest difference.
    Worse,
    /// Not better by the smallest difference or more: ruled out. (It may be worse by less.)
    RuledOut,
    /// None of these.
    Open,
}

/// The challenger's gain in one scenario.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Gain {
    /// By how much it is better, as a share of the objective as it stands; the interval is as wide as all looks at it
    /// and all scenarios together need. `None`: no replication has the figure under both.
    pub share: Option<Interval>,
    /// What that says.
    pub finding: Finding,
    /// About so many replications would decide, if the gain is what it looks like; `None`: it is decided, or nothing is
    /// known.
    pub needed: Option<usize>,
}

/// When one looks, and how wide intervals are then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Looks {
    /// Replications at the first look.
    pub first: usize,
    /// Replications at the last one.
    pub last: usize,
    /// Of all intervals at all looks together, in this scenario.
    pub level: Level,
    /// The smallest gain that matters, as a share.
    pub smallest: f64,
}

impl Looks {
    /// How many replications there are at each look: half as many more each time.
    pub fn all(self) -> Vec<usize> {
        let last = self.last.max(self.first);
        let mut looks = vec![self.first];
        while let Some(&now) = looks.last().filter(|&&now| now < last) {
            let next = now + now.div_ceil(2).max(1);
            // a last step of a few is no look of its own
            looks.push(if next + now / 4 >= last { last } else { next });
        }
        looks
    }

    /// The level of an interval at the look of so many replications.
    pub fn level_at(self, replications: usize) -> Level {
        let all = self.all();
        let last = all.last().copied().unwrap_or(replications).max(1) as f64;
        let before = all.iter().copied().filter(|&look| look < replications).max().unwrap_or(0);
        let share = (replications.saturating_sub(before)) as f64 / last;
        Level::new(1.0 - self.level.error() * share).unwrap_or(self.level)
    }

    /// What these losses say: of what there is, and of the challenger, each over the same replications.
    pub fn gain(self, standing: &[Option<f64>], challenger: &[Option<f64>]) -> Gain {
        let replications = standing.len();
        let level = self.level_at(replications);
        let nothing = Gain { share: None, finding: Finding::Open, needed: None };
        let Some(paired) = paired_of(challenger, standing, level) else { return nothing };
        let scale = paired.b.mean.abs();
        let scale = if scale > 0.0 { scale } else { 1.0 };
        let part = |value: f64| value / scale;
        let share = Interval {
            mean: part(paired.difference.mean),
            lo: paired.difference.lo.map(part),
            hi: paired.difference.hi.map(part),
            ..paired.difference
        };
        if paired.identical && share.n > 1 {
            return Gain { share: Some(share), finding: Finding::RuledOut, needed: None };
        }
        let finding = match (share.lo, share.hi) {
            (Some(lo), _) if lo > 0.0 => Finding::Better,
            (Some(lo), Some(hi)) if hi < 0.0 && lo <= -self.smallest => Finding::Worse,
            (_, Some(hi)) if hi < self.smallest => Finding::RuledOut,
            _ => Finding::Open,
        };
        let open = finding == Finding::Open;
        Gain { share: Some(share), finding, needed: self.needed(&share, level).filter(|_| open) }
    }

    /// About how many replications decide, if the gain is what it looks like: those after which its interval is clear
    /// of 0, or of the smallest gain, whichever is farther, four times in five.
    fn needed(self, share: &Interval, level: Level) -> Option<usize> {
        let half = share.half_width()?;
        let away = share.mean.max(self.smallest - share.mean);
        if share.n < 2 || half <= 0.0 || away <= 0.0 {
            return None;
        }
        // half = t s / √n; clear of it with a power of 80 %: 0.84 standard errors more
        let deviations = half / level.t(share.n) * (share.n as f64).sqrt();
        let wanted = (self.level.t(100_000) + 0.84) * deviations / away;
        Some((wanted * wanted).ceil().clamp(share.n as f64 + 1.0, 1e7) as usize)
    }
}

/// What all scenarios together say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Together {
    /// Take the challenger.
    Take,
    /// Keep what there is.
    Keep,
    /// Not decided.
    GoOn,
}

/// Better somewhere, and nowhere worse by the smallest difference; or better nowhere by that much; or worse somewhere.
pub fn together(gains: &[Gain], smallest: f64) -> Together {
    let any = |finding: Finding| gains.iter().any(|gain| gain.finding == finding);
    let harmless = |gain: &Gain| match gain.share {
        None => true, // a scenario without the figure says nothing
        Some(share) => gain.finding == Finding::Better || share.lo.is_some_and(|lo| lo > -smallest),
    };
    if any(Finding::Worse) {
        return Together::Keep;
    }
    if any(Finding::Better) {
        return if gains.iter().all(harmless) { Together::Take } else { Together::GoOn };
    }
    let said = gains.iter().filter(|gain| gain.share.is_some());
    if said.clone().all(|gain| gain.finding == Finding::RuledOut) { Together::Keep } else { Together::GoOn }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Luck;
    use crate::engine::quantile::normal_quantile;

    const LOOKS: Looks = Looks { first: 20, last: 160, level: Level::PERCENT_95, smallest: 0.05 };

    #[test]
    fn looks_grow_by_half_and_share_the_error() {
        assert_eq!(LOOKS.all(), [20, 30, 45, 68, 102, 160]);
        assert_eq!(Looks { last: 20, ..LOOKS }.all(), [20]);
        assert_eq!(Looks { first: 20, last: 22, ..LOOKS }.all(), [20, 22]);
        let spent: f64 = LOOKS.all().into_iter().map(|n| LOOKS.level_at(n).error()).sum();
        assert!((spent - 0.05).abs() < 1e-12, "{spent}");
        assert_eq!(Looks { last: 20, ..LOOKS }.level_at(20), Level::PERCENT_95);
    }

    /// Goes on until it is decided; the gain is `gain` and pairs scatter by `deviation`, both shares.
    fn play(trial: u64, gain: f64, deviation: f64) -> (Gain, usize) {
        let draw = |i: usize| normal_quantile(Luck::new(51).stream(3, trial, i as u64).open01());
        let mut last = (Gain { share: None, finding: Finding::Open, needed: None }, 0);
        for n in LOOKS.all() {
            let standing: Vec<Option<f64>> = (0..n).map(|i| Some(1.0 + deviation * draw(i))).collect();
            let challenger = vec![Some(1.0 - gain); n];
            last = (LOOKS.gain(&standing, &challenger), n);
            if last.0.finding != Finding::Open {
                break;
            }
        }
        last
    }

    #[test]
    fn a_large_gain_is_shown_soon_and_no_gain_is_claimed_where_there_is_none() {
        let trials = 1_000;
        let count = |gain: f64, finding: Finding| {
            (0..trials).filter(|&trial| play(trial, gain, 0.4).0.finding == finding).count() as f64 / trials as f64
        };
        // three standard errors of a share of 0.025 are 0.015
        assert!(count(0.0, Finding::Better) < 0.025, "{}", count(0.0, Finding::Better));
        assert!(count(0.18, Finding::Better) > 0.95, "{}", count(0.18, Finding::Better));
        let early = (0..trials).filter(|&trial| play(trial, 0.18, 0.4).1 < 160).count();
        assert!(early * 2 > trials as usize, "{early}");
    }

    #[test]
    fn the_smallest_gain_is_ruled_out_where_there_is_none_and_little_scatter() {
        let trials = 500;
        let of = |gain: f64, finding| (0..trials).filter(|&t| play(t, gain, 0.1).0.finding == finding).count();
        assert!(of(0.0, Finding::RuledOut) * 10 > trials as usize * 9);
        assert!(of(0.05, Finding::RuledOut) * 40 < trials as usize);
    }

    #[test]
    fn what_is_not_decided_says_how_many_replications_would() {
        let (gain, n) = play(3, 0.02, 0.5);
        assert_eq!((gain.finding, n), (Finding::Open, 160));
        assert!(gain.needed.unwrap() > 160, "{gain:?}");
        let same = vec![Some(2.0); 20];
        assert_eq!(LOOKS.gain(&same, &same).finding, Finding::RuledOut);
    }

    #[test]
    fn scenarios_together_take_what_helps_somewhere_and_hurts_nowhere() {
        let gain = |finding, lo: f64, hi: f64| Gain {
            share: Some(Interval { mean: 0.5 * (lo + hi), lo: Some(lo), hi: Some(hi), n: 20, missing: 0, no_token: 0 }),
            finding,
            needed: None,
        };
        let better = gain(Finding::Better, 0.1, 0.3);
        let small_harm = gain(Finding::RuledOut, -0.03, -0.01);
        let unknown = gain(Finding::Open, -0.2, 0.2);
        let worse = gain(Finding::Worse, -0.3, -0.1);
        let silent = Gain { share: None, finding: Finding::Open, needed: None };
        assert_eq!(together(&[better, small_harm, silent], 0.05), Together::Take);
        assert_eq!(together(&[better, unknown], 0.05), Together::GoOn);
        assert_eq!(together(&[better, worse], 0.05), Together::Keep);
        assert_eq!(together(&[small_harm, silent], 0.05), Together::Keep);
        assert_eq!(together(&[small_harm, unknown], 0.05), Together::GoOn);
    }
}
