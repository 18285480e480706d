//! Why load balance chose as it did: every candidate of the last select with its factors, scores and chances.
//!
//! Made after the fact from what the replica still has on its desk, so selects pay nothing for it. The scores are
//! computed as `balance` and `loads` do, term by term; the sum is the same to the last bit.

use super::balance::{Order, Ranking};
use super::config::Config;
use super::loads::{Batch, clamp01};
use super::query::Query;
use super::replica::Replica;
use crate::ids::AccountIx;
use crate::units::Time;

/// One candidate of the last load balance.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighing {
    /// Who.
    pub account: AccountIx,
    /// `(current + waiting) * 100 / load factor`, as the cache knew it.
    pub load_rate: i64,
    /// How many waited, as the cache knew it.
    pub waiting: u32,
    /// Priority, load, queue, error rate and TTFT, each as its factor in 0..=1 times its weight.
    pub terms: [f64; 5],
    /// Their sum: higher is better.
    pub score: f64,
    /// Its place among the best few, from 0; `None` when it was not kept for the draw.
    pub rank: Option<usize>,
    /// The probability of being drawn first.
    pub chance: f64,
    /// Its place in the order drawn, from 0; `None` when it was not kept.
    pub drawn: Option<usize>,
}

impl Replica {
    /// The candidates of the last load balance on this replica, in order of ids: right after a select that went there,
    /// with its query and time. Empty when nobody was a candidate.
    pub fn weigh(&self, config: &Config, query: &Query<'_>, now: Time) -> Vec<Weighing> {
        let best = self.scratch.ranking.best();
        let mut again = Ranking::new(1);
        let batch = self.loads.batches_of(&self.scratch.candidates).find(|batch| {
            again.rank(batch, &self.stats, &config.weights, best.len());
            again.best() == best
        });
        let Some(batch) = batch else { return Vec::new() };
        let seed = if best.len() > 1 { query.draw_seed(config, now) } else { 0 };
        let order: Vec<AccountIx> = Order::new(best, seed).collect();
        let lowest = best.iter().map(|candidate| candidate.score).fold(f64::INFINITY, f64::min);
        let total: f64 = best.iter().map(|candidate| candidate.score - lowest + 1.0).sum();
        self.terms(batch, config)
            .into_iter()
            .zip(&batch.members)
            .enumerate()
            .map(|(place, (terms, &account))| {
                let rank = best.iter().position(|candidate| candidate.account == account);
                let [priority, load, queue, errors, ttft] = terms;
                let score = priority + load + queue + errors + ttft;
                Weighing {
                    account,
                    load_rate: batch.load_rates[place],
                    waiting: batch.waiting[place],
                    terms,
                    score: rank.map_or(score, |rank| best[rank].score),
                    rank,
                    chance: rank.map_or(0.0, |rank| (best[rank].score - lowest + 1.0) / total),
                    drawn: order.iter().position(|&other| other == account),
                }
            })
            .collect()
    }

    /// The terms of each member's score.
    fn terms(&self, batch: &Batch, config: &Config) -> Vec<[f64; 5]> {
        let weights = &config.weights;
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for account in &batch.members {
            let ttft = self.stats.ttfts_ms()[account.at()];
            least = if ttft < least { ttft } else { least };
            most = if ttft > most { ttft } else { most };
        }
        let lowest = batch.priorities.iter().copied().min().unwrap_or(0);
        let highest = batch.priorities.iter().copied().max().unwrap_or(0);
        let most_waiting = f64::from(batch.waiting.iter().copied().fold(1, u32::max));
        let of = |(place, account): (usize, &AccountIx)| {
            let priority = if highest > lowest {
                1.0 - batch.priorities[place].wrapping_sub(lowest) as f64 / highest.wrapping_sub(lowest) as f64
            } else {
                1.0
            };
            let ttft = self.stats.ttfts_ms()[account.at()];
            let fast =
                if most > least && !ttft.is_nan() { 1.0 - clamp01((ttft - least) / (most - least)) } else { 0.5 };
            [
                weights.priority * priority,
                weights.load * (1.0 - clamp01(batch.load_rates[place] as f64 / 100.0)),
                weights.queue * (1.0 - clamp01(f64::from(batch.waiting[place]) / most_waiting)),
                weights.error_rate * (1.0 - clamp01(self.stats.error_rates()[account.at()])),
                weights.ttft * fast,
            ]
        };
        batch.members.iter().enumerate().map(of).collect()
    }
}
