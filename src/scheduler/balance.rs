//! Load balance: score the candidates, keep the best few, and draw an order from them (spec scheduler.md, layer 3).
//!
//! Every select by load balance does this over the whole pool, so it is built to touch each candidate once or twice,
//! to compare only those that come near the best, and to draw only as much of the order as somebody walks.
//! The order of float operations is part of the contract.

use super::config::Weights;
use super::loads::Batch;
use super::seed::Generator;
use super::stats::RuntimeStats;
use super::terms::Ttfts;
use crate::ids::AccountIx;

/// A candidate with what it is ranked by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The candidate.
    pub account: AccountIx,
    /// Higher is better.
    pub score: f64,
    /// Lower is better.
    pub priority: i64,
    /// Lower is better.
    pub load_rate: i64,
    /// Lower is better.
    pub waiting: u32,
}

impl Candidate {
    /// Whether it ranks before `other`: higher score, then lower priority number, load rate, waiting, id.
    pub(super) fn beats(&self, other: &Self) -> bool {
        if self.score == other.score {
            let ties = |c: &Self| (c.priority, c.load_rate, c.waiting, c.account);
            ties(self) < ties(other)
        } else {
            self.score > other.score
        }
    }
}

/// The best of the candidates offered, in ranked order.
#[derive(Clone, Debug)]
pub struct Ranking {
    best: Vec<Candidate>,
    keep: usize,
}

impl Ranking {
    /// Keeps the best `keep`, at least 1.
    pub fn new(keep: usize) -> Self {
        let mut ranking = Self { best: Vec::new(), keep: 1 };
        ranking.restart(keep);
        ranking
    }

    /// Starts again with nobody offered, without a new allocation.
    fn restart(&mut self, keep: usize) {
        self.best.clear();
        self.keep = keep.max(1);
    }

    /// Offers a candidate: inserts it from the back, where most of those that get in belong.
    pub fn offer(&mut self, candidate: Candidate) {
        if self.best.len() < self.keep {
            self.best.push(candidate);
        } else if !self.best.last().is_some_and(|last| candidate.beats(last)) {
            return;
        }
        let mut at = self.best.len() - 1;
        while at > 0 && candidate.beats(&self.best[at - 1]) {
            self.best[at] = self.best[at - 1];
            at -= 1;
        }
        self.best[at] = candidate;
    }

    /// Keeps only the best `keep` of those offered.
    pub(super) fn keep_best(&mut self, keep: usize) {
        self.keep = keep.max(1);
        self.best.truncate(self.keep);
    }

    /// A candidate with a lower score than this need not be offered.
    fn floor(&self) -> f64 {
        if self.best.len() == self.keep { self.best[self.keep - 1].score } else { f64::NEG_INFINITY }
    }

    /// The best, best first.
    pub fn best(&self) -> &[Candidate] {
        &self.best
    }

    /// Scores everyone in `batch` and keeps the best `top_k`. `more` adds to the five terms that every score has what
    /// it takes besides, given the candidate's place in the batch.
    #[inline]
    pub(super) fn rank(
        &mut self,
        batch: &Batch,
        stats: &RuntimeStats,
        weights: &Weights,
        top_k: usize,
        more: impl Fn(usize, AccountIx, f64) -> f64,
    ) {
        self.restart(top_k);
        let (error_rates, ttfts_ms) = (stats.error_rates(), stats.ttfts_ms());
        let ttfts = Ttfts::of(&batch.members, stats);
        let mut floor = f64::NEG_INFINITY;
        for (place, (&account, &settled)) in batch.members.iter().zip(&batch.settled).enumerate() {
            let [errors, ttft] = ttfts.terms(weights, error_rates[account.at()], ttfts_ms[account.at()]);
            let score = more(place, account, settled + errors + ttft);
            if score < floor {
                continue;
            }
            self.offer(Candidate {
                account,
                score,
                priority: batch.priorities[place],
                load_rate: batch.load_rates[place],
                waiting: batch.waiting[place],
            });
            floor = self.floor();
        }
    }
}

/// The order in which the best are asked: weighted sampling without replacement, drawn as far as it is walked.
#[derive(Clone, Debug)]
pub struct Order {
    /// Those not drawn yet, in ranked order, with their weights.
    left: Vec<(f64, AccountIx)>,
    /// Nothing is drawn: those left are asked from the last to the first.
    fixed: bool,
    generator: Generator,
}

impl Order {
    /// The order of `best` under a seed.
    pub fn new(best: &[Candidate], seed: u64) -> Self {
        let mut order = Self { left: Vec::new(), fixed: false, generator: Generator::new(seed) };
        order.restart(best, seed);
        order
    }

    /// Starts again, without a new allocation.
    pub(super) fn restart(&mut self, best: &[Candidate], seed: u64) {
        self.generator = Generator::new(seed);
        self.fixed = false;
        let first = best.first().map_or(0.0, |candidate| candidate.score);
        let lowest = best.iter().fold(first, |lowest, c| if c.score < lowest { c.score } else { lowest });
        self.left.clear();
        self.left.extend(best.iter().map(|candidate| (draw_weight(candidate.score, lowest), candidate.account)));
    }

    /// Starts again with an order in which nothing is drawn: `first`, then the others as they are ranked.
    pub(super) fn restart_with(&mut self, best: &[Candidate], first: AccountIx) {
        self.fixed = true;
        self.left.clear();
        let others = best.iter().rev().map(|candidate| candidate.account).filter(|&account| account != first);
        self.left.extend(others.map(|account| (1.0, account)));
        self.left.push((1.0, first));
    }
}

impl Iterator for Order {
    type Item = AccountIx;

    /// The next account to ask. The last one left needs no draw, and so a single candidate draws nothing.
    fn next(&mut self) -> Option<AccountIx> {
        if self.left.len() < 2 || self.fixed {
            return self.left.pop().map(|(_, account)| account);
        }
        let total: f64 = self.left.iter().fold(0.0, |sum, (weight, _)| sum + weight);
        let aim = self.generator.next_f64() * total;
        let mut sum = 0.0;
        let hit = self.left.iter().position(|(weight, _)| {
            sum += weight;
            sum >= aim
        });
        Some(self.left.remove(hit.unwrap_or(0)).1)
    }
}

/// At least 1, more for those above the lowest score that was kept.
pub(super) fn draw_weight(score: f64, lowest: f64) -> f64 {
    let weight = score - lowest + 1.0;
    if weight.is_finite() && weight > 0.0 { weight } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(account: u32, score: f64) -> Candidate {
        Candidate { account: AccountIx(account), score, priority: 1, load_rate: 0, waiting: 0 }
    }

    fn ranked(keep: usize, candidates: &[Candidate]) -> Vec<u32> {
        let mut ranking = Ranking::new(keep);
        candidates.iter().for_each(|&candidate| ranking.offer(candidate));
        ranking.best().iter().map(|best| best.account.0).collect()
    }

    #[test]
    fn ties_fall_to_priority_then_load_rate_then_waiting_then_id() {
        let base = candidate(0, 2.0);
        let candidates = [
            Candidate { account: AccountIx(0), waiting: 1, ..base },
            Candidate { account: AccountIx(1), ..base },
            Candidate { account: AccountIx(2), priority: 2, ..base },
            Candidate { account: AccountIx(3), load_rate: 10, ..base },
            Candidate { account: AccountIx(4), score: 2.5, priority: 9, load_rate: 99, waiting: 9 },
            Candidate { account: AccountIx(5), ..base },
        ];
        assert_eq!(ranked(6, &candidates), [4, 1, 5, 0, 3, 2]);
        assert_eq!(ranked(2, &candidates), [4, 1]);
        let backwards: Vec<_> = candidates.iter().rev().copied().collect();
        assert_eq!(ranked(3, &backwards), [4, 1, 5]);
        assert_eq!(ranked(0, &candidates), [4], "at least one is kept");
    }

    #[test]
    fn weights_are_one_above_the_lowest_score_and_one_where_that_makes_no_sense() {
        assert_eq!(draw_weight(2.5, 2.0), 1.5);
        for (score, lowest) in [(f64::NAN, 1.0), (1.0, f64::NAN), (f64::INFINITY, 1.0), (f64::NEG_INFINITY, 1.0)] {
            assert_eq!(draw_weight(score, lowest), 1.0);
        }
        assert_eq!(draw_weight(0.0, 1.0), 1.0, "a weight of 0");
        assert_eq!(draw_weight(0.0, 5.0), 1.0, "a negative weight");
    }

    #[test]
    fn a_single_candidate_and_the_last_one_left_draw_nothing() {
        let mut alone = Order::new(&[candidate(3, 1.0)], 7);
        assert_eq!(alone.next(), Some(AccountIx(3)));
        assert_eq!(alone.generator.next_u64(), Generator::new(7).next_u64());

        let mut pair = Order::new(&[candidate(0, 1.0), candidate(1, 1.0)], 7);
        let mut one_draw = Generator::new(7);
        one_draw.next_u64();
        assert_eq!(pair.by_ref().count(), 2);
        assert_eq!(pair.generator.next_u64(), one_draw.next_u64());
    }

    #[test]
    fn an_order_holds_everybody_once_and_prefers_the_heavier() {
        let best = [candidate(0, 3.0), candidate(1, 2.0), candidate(2, 1.0)];
        let mut firsts = [0_u32; 3];
        let draws = 30_000_u64;
        for seed in 1..=draws {
            // neighbouring seeds give similar first outputs; the real ones are hashes
            let order: Vec<u32> = Order::new(&best, seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)).map(|a| a.0).collect();
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2]);
            firsts[order[0] as usize] += 1;
        }
        // Weights 3, 2, 1. Five standard errors of a share near 1/2 from 30,000 draws: 0.0144.
        for (count, share) in firsts.into_iter().zip([3.0 / 6.0, 2.0 / 6.0, 1.0 / 6.0]) {
            let seen = f64::from(count) / draws as f64;
            assert!((seen - share).abs() < 0.0144, "{seen} instead of {share}");
        }
    }
}
