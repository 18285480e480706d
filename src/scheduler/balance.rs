//! Load balance: score the candidates, keep the best few, and draw an order from them (spec scheduler.md, layer 3).
//!
//! Every select by load balance does this over the whole pool, so it is built to touch each candidate once or twice,
//! to compare only those that come near the best, and to draw only as much of the order as somebody walks.
//! The order of float operations is part of the contract.

use super::bits::Bits;
use super::config::Weights;
use super::loads::{Batch, clamp01};
use super::seed::Generator;
use super::stats::RuntimeStats;
use crate::ids::AccountIx;
use std::cmp::Ordering;

/// A candidate with what it is ranked by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Who.
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
    /// Better candidates come first: higher score, then lower priority number, load rate, waiting, id.
    fn rank(&self, other: &Self) -> Ordering {
        // total_cmp only where a score is NaN, so that the order is always a total one
        let by_score = || other.score.partial_cmp(&self.score).unwrap_or_else(|| other.score.total_cmp(&self.score));
        by_score()
            .then_with(|| self.priority.cmp(&other.priority))
            .then_with(|| self.load_rate.cmp(&other.load_rate))
            .then_with(|| self.waiting.cmp(&other.waiting))
            .then_with(|| self.account.cmp(&other.account))
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

    /// Offers a candidate.
    pub fn offer(&mut self, candidate: Candidate) {
        let full = self.best.len() == self.keep;
        if full && self.best.last().is_some_and(|last| last.rank(&candidate) == Ordering::Less) {
            return;
        }
        if full {
            self.best.pop();
        }
        let at = self.best.partition_point(|better| better.rank(&candidate) == Ordering::Less);
        self.best.insert(at, candidate);
    }

    /// A candidate with a lower score than this need not be offered.
    fn floor(&self) -> f64 {
        if self.best.len() == self.keep { self.best[self.keep - 1].score } else { f64::NEG_INFINITY }
    }

    /// The best, best first.
    pub fn best(&self) -> &[Candidate] {
        &self.best
    }

    /// Scores everyone in `batch` and keeps the best `top_k`.
    pub(super) fn rank(&mut self, batch: &Batch, stats: &RuntimeStats, weights: &Weights, top_k: usize) {
        self.restart(top_k);
        let (error_rates, ttfts) = (stats.error_rates(), stats.ttfts_ms());
        // An unset TTFT is NaN, which is neither less nor more than anything.
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for account in &batch.members {
            let ttft = ttfts[account.at()];
            least = if ttft < least { ttft } else { least };
            most = if ttft > most { ttft } else { most };
        }
        let mut floor = f64::NEG_INFINITY;
        for (place, (&account, &settled)) in batch.members.iter().zip(&batch.settled).enumerate() {
            let error_factor = 1.0 - clamp01(clamp01(error_rates[account.at()]));
            let ttft = ttfts[account.at()];
            let ttft_factor =
                if most > least && !ttft.is_nan() { 1.0 - clamp01((ttft - least) / (most - least)) } else { 0.5 };
            let score = settled + weights.error_rate * error_factor + weights.ttft * ttft_factor;
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
    generator: Generator,
}

impl Order {
    /// The order of `best` under a seed.
    pub fn new(best: &[Candidate], seed: u64) -> Self {
        let mut order = Self { left: Vec::new(), generator: Generator::new(seed) };
        order.restart(best, seed);
        order
    }

    /// Starts again, without a new allocation.
    pub(super) fn restart(&mut self, best: &[Candidate], seed: u64) {
        self.generator = Generator::new(seed);
        let lowest = best.iter().fold(f64::INFINITY, |lowest, c| if c.score < lowest { c.score } else { lowest });
        self.left.clear();
        self.left.extend(best.iter().map(|candidate| (draw_weight(candidate.score, lowest), candidate.account)));
    }
}

impl Iterator for Order {
    type Item = AccountIx;

    /// The next account to ask. The last one left needs no draw, and so a single candidate draws nothing.
    fn next(&mut self) -> Option<AccountIx> {
        if self.left.len() < 2 {
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
fn draw_weight(score: f64, lowest: f64) -> f64 {
    let weight = score - lowest + 1.0;
    if weight.is_finite() && weight > 0.0 { weight } else { 1.0 }
}

/// What one load balance needs to write on; kept, so that it allocates nothing once warm.
#[derive(Clone, Debug)]
pub(super) struct Scratch {
    pub(super) candidates: Bits,
    pub(super) ranking: Ranking,
    pub(super) order: Order,
}

impl Scratch {
    pub(super) fn new(accounts: usize) -> Self {
        Self { candidates: Bits::none(accounts), ranking: Ranking::new(1), order: Order::new(&[], 0) }
    }
}
