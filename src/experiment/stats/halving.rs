//! Successive halving: replications go where they decide.
//!
//! All arms of a search start with a few replications; after each round the worse ones are dropped and the rest of the
//! budget goes to those that remain (Karnin, Koren and Somekh, 2013), here with replications that are kept from round
//! to round and share their luck, so that arms are compared in pairs. An arm is dropped because it is *shown* to be
//! worse than the best, or only because it ranks low and the budget is better spent on others. The reason is kept,
//! because only the first is evidence. This module only keeps the books: the caller runs what [`Halving::next`] asks
//! for and reports with [`Halving::close`]. It is deterministic; ties go to the lower index.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::interval::{Interval, Level};
use super::mean::mean_interval_of;
use super::paired::paired_of;

/// What is to be searched, and at what expense.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// How many arms there are.
    pub arms: usize,
    /// Arms that are never dropped: the references (the default, escape off).
    pub pinned: Vec<usize>,
    /// How many cells (one arm in one replication) may be run in all.
    pub budget: usize,
    /// Replications of every arm in the first round, at least 2.
    pub first: usize,
    /// The most replications an arm may get.
    pub most: usize,
    /// One arm in this many survives a round; at least 2.
    pub keep_one_in: usize,
    /// At least this many arms survive, at least 1: neighbours that inform each other, or values that may be as good
    /// and cheaper.
    pub keep_at_least: usize,
    /// The level at which an arm is shown to be worse.
    pub level: Level,
    /// Losses that differ by less than this are as good: which of those go on is asked of the caller.
    pub smallest: f64,
}

/// Why a plan cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// There is nothing to search.
    #[error("there are no arms to search")]
    NoArms,
    /// A pinned arm is not among the arms.
    #[error("the pinned arm {0} is not among the arms")]
    NoSuchArm(usize),
    /// Fewer than two replications do not show scatter, and keeping one in one selects nothing.
    #[error(
        "a search needs at least 2 first replications, at most as many as the most, and keeps one arm in 2 or more"
    )]
    TooFew,
    /// The first round alone costs more than the budget.
    #[error("the first round takes {needed} runs, more than the budget of {budget}")]
    Budget {
        /// Cells of the first round.
        needed: usize,
        /// Cells allowed.
        budget: usize,
    },
}

/// What to run next: each of `arms` in each of `replications`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// Counted from 0.
    pub number: usize,
    /// The arms that are still in, ascending.
    pub arms: Vec<usize>,
    /// The replications to add; those before are done.
    pub replications: Range<usize>,
}

/// Where an arm stands after a round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Standing<'a> {
    /// Its loss (the smaller, the better) in every replication so far.
    Losses(&'a [Option<f64>]),
    /// It is shown to violate a constraint.
    Infeasible,
}

/// Whether an arm is still in, or why it was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Still in.
    In,
    /// Dropped after this round: worse than the best beyond doubt.
    ShownWorse {
        /// Counted from 0.
        round: usize,
        /// Loss of the arm - loss of the best.
        difference: Interval,
    },
    /// Dropped after this round for its rank alone; not shown to be worse.
    Ranked {
        /// Counted from 0.
        round: usize,
    },
    /// Dropped after this round: it violates a constraint.
    Infeasible {
        /// Counted from 0.
        round: usize,
    },
}

/// A search under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Halving {
    plan: Plan,
    fates: Vec<Fate>,
    best: Option<usize>,
    done: usize,
    spent: usize,
    round: usize,
}

impl Halving {
    /// Starts a search.
    ///
    /// # Errors
    /// When the plan cannot be followed.
    pub fn new(plan: Plan) -> Result<Self, PlanError> {
        if plan.arms == 0 {
            return Err(PlanError::NoArms);
        }
        if let Some(&arm) = plan.pinned.iter().find(|&&arm| arm >= plan.arms) {
            return Err(PlanError::NoSuchArm(arm));
        }
        if plan.first < 2 || plan.most < plan.first || plan.keep_one_in < 2 {
            return Err(PlanError::TooFew);
        }
        let needed = plan.arms.saturating_mul(plan.first);
        if needed > plan.budget {
            return Err(PlanError::Budget { needed, budget: plan.budget });
        }
        let fates = vec![Fate::In; plan.arms];
        Ok(Self { plan, fates, best: None, done: 0, spent: 0, round: 0 })
    }

    /// What to run next; `None` when the search is over: one contender is left, or none, or the budget is spent.
    pub fn next(&self) -> Option<Round> {
        let arms: Vec<usize> = (0..self.plan.arms).filter(|&arm| self.fates[arm] == Fate::In).collect();
        let contenders = self.contenders();
        if arms.is_empty() || (self.round > 0 && contenders <= 1) {
            return None;
        }
        // The rest of the budget is spread evenly over the rounds that halving still takes; those that are never too
        // many share the last one.
        let (mut rounds, mut left) = (usize::from(self.plan.keep_at_least > 1), contenders);
        while left > self.plan.keep_at_least.max(1) {
            left = self.kept_of(left);
            rounds += 1;
        }
        let rounds = rounds.max(1);
        let least = if self.round == 0 { self.plan.first } else { 1 };
        let fair = ((self.plan.budget - self.spent) / rounds / arms.len()).max(least);
        let affordable = (self.plan.budget - self.spent) / arms.len();
        let more = fair.min(affordable).min(self.plan.most - self.done);
        (more > 0).then(|| Round { number: self.round, arms, replications: self.done..self.done + more })
    }

    /// Closes the round that [`Halving::next`] asked for: `standing` names each arm that took part, with the losses of
    /// all replications so far; `prefer` puts arms that may be as good as the best into the order in which they would
    /// be taken. The best goes on as the measure of the others, then those, since one of them is the answer if they are
    /// as good, then the others by rank. Does nothing when no round was open.
    pub fn close<'a>(&mut self, standing: impl Fn(usize) -> Standing<'a>, prefer: impl Fn(&[usize]) -> Vec<usize>) {
        let Some(round) = self.next() else { return };
        self.done = round.replications.end;
        self.spent += round.arms.len() * round.replications.len();
        self.round += 1;
        let number = round.number;
        let mut ranked: Vec<(usize, &[Option<f64>], f64)> = Vec::new();
        for &arm in &round.arms {
            match standing(arm) {
                Standing::Infeasible => self.drop_arm(arm, Fate::Infeasible { round: number }),
                Standing::Losses(losses) => {
                    let mean = mean_interval_of(losses, self.plan.level).map_or(f64::INFINITY, |mean| mean.mean);
                    ranked.push((arm, losses, mean));
                }
            }
        }
        ranked.sort_by(|x, y| x.2.total_cmp(&y.2).then(x.0.cmp(&y.0)));
        self.best = ranked.first().map(|&(arm, ..)| arm);
        let Some(&(best, of_best, mean_of_best)) = ranked.first() else { return };
        let keep = self.kept_of(self.contenders());
        let level = self.plan.level.shared_by(ranked.len() - 1);
        let mut may_stay = Vec::new();
        for &(arm, losses, mean) in &ranked {
            let difference = paired_of(of_best, losses, level).map(|paired| paired.difference);
            match difference.filter(|difference| arm != best && difference.lo.is_some_and(|lo| lo > 0.0)) {
                Some(difference) => self.drop_arm(arm, Fate::ShownWorse { round: number, difference }),
                None if self.is_pinned(arm) => {}
                None => may_stay.push((arm, mean)),
            }
        }
        let near = |&&(arm, mean): &&(usize, f64)| arm != best && mean - mean_of_best < self.plan.smallest;
        let near: Vec<usize> = may_stay.iter().filter(near).map(|&(arm, _)| arm).collect();
        let mut order: Vec<usize> = may_stay.iter().map(|&(arm, _)| arm).filter(|&arm| arm == best).collect();
        order.extend(prefer(&near));
        order.extend(may_stay.iter().map(|&(arm, _)| arm).filter(|arm| *arm != best && !near.contains(arm)));
        for &arm in order.iter().skip(keep) {
            self.drop_arm(arm, Fate::Ranked { round: number });
        }
    }

    /// The arm with the least mean loss in the last round, pinned ones included; `None` before the first round and when
    /// every arm violates a constraint.
    pub const fn best(&self) -> Option<usize> {
        self.best
    }

    /// The fate of each arm.
    pub fn fates(&self) -> &[Fate] {
        &self.fates
    }

    /// How many cells were run.
    pub const fn spent(&self) -> usize {
        self.spent
    }

    /// How many replications those have that are still in.
    pub const fn replications(&self) -> usize {
        self.done
    }

    /// How many of this many contenders survive a round.
    fn kept_of(&self, contenders: usize) -> usize {
        contenders.div_ceil(self.plan.keep_one_in).max(self.plan.keep_at_least)
    }

    fn is_pinned(&self, arm: usize) -> bool {
        self.plan.pinned.contains(&arm)
    }

    fn contenders(&self) -> usize {
        (0..self.plan.arms).filter(|&arm| self.fates[arm] == Fate::In && !self.is_pinned(arm)).count()
    }

    fn drop_arm(&mut self, arm: usize, fate: Fate) {
        if !self.is_pinned(arm) {
            self.fates[arm] = fate;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Luck;
    use crate::engine::quantile::normal_quantile;

    fn plan(arms: usize, budget: usize) -> Plan {
        Plan {
            arms,
            pinned: vec![],
            budget,
            first: 4,
            most: 100,
            keep_one_in: 2,
            keep_at_least: 1,
            level: Level::PERCENT_95,
            smallest: 0.0,
        }
    }

    fn as_they_are(near: &[usize]) -> Vec<usize> {
        near.to_vec()
    }

    /// The loss of an arm in a replication: its mean, luck shared by all arms, and a little of its own.
    fn loss(trial: u64, arm: usize, replication: usize, mean: f64) -> Option<f64> {
        let draw = |a, b| normal_quantile(Luck::new(77).stream(a, trial, b).open01());
        Some(mean + 5.0 * draw(0, replication as u64) + draw(1 + arm as u64, replication as u64))
    }

    /// Plays a search to its end; returns it and how many replications each arm got.
    fn play(plan: Plan, mean: impl Fn(usize) -> f64, trial: u64) -> (Halving, Vec<usize>) {
        let mut losses: Vec<Vec<Option<f64>>> = vec![Vec::new(); plan.arms];
        let mut search = Halving::new(plan).unwrap();
        while let Some(round) = search.next() {
            for &arm in &round.arms {
                assert_eq!(losses[arm].len(), round.replications.start);
                losses[arm].extend(round.replications.clone().map(|i| loss(trial, arm, i, mean(arm))));
            }
            search.close(|arm| Standing::Losses(&losses[arm]), as_they_are);
        }
        (search, losses.iter().map(Vec::len).collect())
    }

    #[test]
    fn the_best_arm_is_found_within_the_budget_and_gets_most_of_it() {
        let (mut found, trials) = (0, 200);
        for trial in 0..trials {
            let (search, replications) = play(plan(16, 320), |arm| 0.5 * (arm as f64 - 6.0).abs(), trial);
            assert!(search.spent() <= 320 && search.spent() == replications.iter().sum::<usize>());
            found += u32::from(search.best() == Some(6));
            assert!(search.replications() >= 2 * replications[0].min(replications[15]), "{replications:?}");
        }
        // Evenly spread, 20 replications an arm distinguish a step of 0.5 from 0 with a standard error of 0.32.
        assert!(f64::from(found) > 0.85 * trials as f64, "{found} of {trials}");
    }

    #[test]
    fn those_far_off_are_shown_worse_and_those_near_only_ranked() {
        let (search, _) = play(plan(8, 200), |arm| if arm < 4 { 0.0 } else { 50.0 }, 1);
        let shown = |arm: usize| matches!(search.fates()[arm], Fate::ShownWorse { round: 0, .. });
        assert!((4..8).all(shown), "{:?}", search.fates());
        assert!((0..4).any(|arm| matches!(search.fates()[arm], Fate::Ranked { .. })), "{:?}", search.fates());
        let Fate::ShownWorse { difference, .. } = search.fates()[7] else { panic!() };
        assert!((difference.mean - 50.0).abs() < 5.0 && difference.lo > Some(0.0));
    }

    #[test]
    fn pinned_arms_stay_to_the_end_however_bad_and_may_be_the_best() {
        let pinned = Plan { pinned: vec![0, 3], ..plan(8, 400) };
        let (search, replications) = play(pinned, |arm| if arm == 0 { 90.0 } else { arm as f64 }, 2);
        assert_eq!((search.fates()[0], search.fates()[3]), (Fate::In, Fate::In));
        assert_eq!(replications[0], replications[3]);
        assert_eq!(replications[0], search.replications());
        assert_eq!(search.best(), Some(1));
        let (search, _) = play(Plan { pinned: vec![0], ..plan(8, 400) }, |arm| 10.0 * arm as f64, 2);
        assert_eq!(search.best(), Some(0));
    }

    #[test]
    fn infeasible_arms_leave_and_none_feasible_is_no_best() {
        let mut search = Halving::new(plan(3, 30)).unwrap();
        let losses = [Some(1.0), Some(2.0)];
        search.close(|arm| if arm == 0 { Standing::Infeasible } else { Standing::Losses(&losses) }, as_they_are);
        assert_eq!(search.fates()[0], Fate::Infeasible { round: 0 });
        assert_eq!(search.best(), Some(1), "ties go to the lower index");
        let mut search = Halving::new(plan(3, 30)).unwrap();
        search.close(|_| Standing::Infeasible, as_they_are);
        assert_eq!((search.best(), search.next()), (None, None));
    }

    #[test]
    fn so_many_as_are_kept_at_least_share_the_last_round() {
        let kept = Plan { keep_at_least: 5, ..plan(16, 320) };
        let (search, replications) = play(kept, |_| 0.0, 3);
        let most = replications.iter().max().unwrap();
        assert_eq!(replications.iter().filter(|&n| n == most).count(), 5, "{replications:?}");
        assert!((300..=320).contains(&search.spent()), "{}", search.spent());
    }

    #[test]
    fn of_those_that_may_be_as_good_the_preferred_go_on() {
        let mut search = Halving::new(Plan { smallest: 1.0, keep_at_least: 3, ..plan(8, 200) }).unwrap();
        let means = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 2.0, 3.0];
        // luck of each arm's own, so that nothing is shown
        let losses: Vec<Vec<Option<f64>>> = (0..8)
            .map(|arm| (0..4).map(|i| Some(means[arm] + if i == arm % 4 { 9.0 } else { -3.0 })).collect())
            .collect();
        search.close(|arm| Standing::Losses(&losses[arm]), |near| near.iter().rev().copied().collect());
        let stay: Vec<usize> = (0..8).filter(|&arm| search.fates()[arm] == Fate::In).collect();
        assert_eq!(stay, [0, 3, 4, 5], "the best as the measure of the others, and of those near it the preferred");
    }

    #[test]
    fn the_same_losses_take_the_same_way() {
        let run = || play(plan(12, 300), |arm| (arm % 5) as f64, 9);
        assert_eq!(run(), run());
    }

    #[test]
    fn a_plan_that_cannot_be_followed_is_refused() {
        assert_eq!(Halving::new(plan(10, 39)).unwrap_err(), PlanError::Budget { needed: 40, budget: 39 });
        assert_eq!(Halving::new(plan(0, 39)).unwrap_err(), PlanError::NoArms);
        assert_eq!(Halving::new(Plan { first: 1, ..plan(2, 39) }).unwrap_err(), PlanError::TooFew);
        assert_eq!(Halving::new(Plan { pinned: vec![2], ..plan(2, 39) }).unwrap_err(), PlanError::NoSuchArm(2));
    }
}
