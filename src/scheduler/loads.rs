//! How loaded the candidates are, as layer 3 knows it: through a cache of 200 ms (spec scheduler.md, "Slots, waiting,
//! load").
//!
//! A batch of loads is cached under the exact list of accounts it was read for, with their load factors, several lists
//! side by side: a select that excludes one account reads a batch of its own, of another age. What the score takes
//! from loads and priorities alone is kept with the batch, since it lives as long.

use super::bits::Bits;
use super::config::{Config, Weights};
use super::pool::Pool;
use crate::ids::AccountIx;
use crate::units::Time;

/// The loads of one list of accounts at one instant, as columns in the order of account ids.
#[derive(Clone, Debug, Default)]
pub(super) struct Batch {
    pub(super) members: Vec<AccountIx>,
    /// `(current + waiting) * 100 / effective load factor`, in integers.
    pub(super) load_rates: Vec<i64>,
    pub(super) waiting: Vec<u32>,
    pub(super) priorities: Vec<i64>,
    /// The terms of the score for priority, load and queue, summed.
    pub(super) settled: Vec<f64>,
    /// Population standard deviation of the load rates.
    pub(super) load_skew: f64,
    /// What `settled` was computed with.
    settled_for: Option<(Weights, u64)>,
}

/// The batches that one gateway process has read lately.
#[derive(Clone, Debug, Default)]
pub(super) struct LoadCache {
    entries: Vec<Entry>,
    /// Where fresh reads go.
    fresh: Batch,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    fingerprint: u64,
    list: Bits,
    load_factors_version: u64,
    /// Over *at* this instant; its place is then free for another list.
    end: Time,
    batch: Batch,
}

impl LoadCache {
    /// The loads of `list` as read at most `load_cache_ttl` ago.
    pub(super) fn read(&mut self, list: &Bits, pool: &mut Pool, config: &Config, now: Time) -> &Batch {
        if config.load_cache_ttl.is_zero() {
            return self.read_fresh(list, pool, config, now);
        }
        let (fingerprint, load_factors_version) = (list.fingerprint(), pool.load_factors_version());
        let is_this_list = |entry: &Entry| {
            entry.fingerprint == fingerprint
                && entry.load_factors_version == load_factors_version
                && entry.list == *list
        };
        let at = match self.entries.iter().position(|entry| now < entry.end && is_this_list(entry)) {
            Some(at) => at,
            None => {
                let free = self.entries.iter().position(|entry| now >= entry.end);
                let at = free.unwrap_or_else(|| {
                    self.entries.push(Entry::default());
                    self.entries.len() - 1
                });
                let entry = &mut self.entries[at];
                entry.fingerprint = fingerprint;
                entry.list.copy_from(list);
                entry.load_factors_version = load_factors_version;
                entry.end = now + config.load_cache_ttl;
                entry.batch.fill(list, pool, config, now);
                at
            }
        };
        let batch = &mut self.entries[at].batch;
        batch.settle(pool, &config.weights);
        batch
    }

    /// The loads of `list` at this instant, past the cache and not into it.
    pub(super) fn read_fresh(&mut self, list: &Bits, pool: &mut Pool, config: &Config, now: Time) -> &Batch {
        self.fresh.fill(list, pool, config, now);
        self.fresh.settle(pool, &config.weights);
        &self.fresh
    }
}

impl Batch {
    fn fill(&mut self, list: &Bits, pool: &mut Pool, config: &Config, now: Time) {
        self.members.clear();
        self.members.extend(list.iter());
        self.load_rates.clear();
        self.waiting.clear();
        for &account in &self.members {
            pool.slots.forget_expired(account, now, config.slot_ttl);
            let (current, waiting) = (pool.slots.held(account), pool.slots.waiting(account));
            let in_system = i64::from(current) + i64::from(waiting);
            self.load_rates.push(in_system * 100 / pool.load_factors()[account.at()]);
            self.waiting.push(waiting);
        }
        self.load_skew = standard_deviation(&self.load_rates);
        self.settled_for = None;
    }

    /// Computes the terms that loads and priorities settle, unless that was done with these weights already.
    fn settle(&mut self, pool: &Pool, weights: &Weights) {
        let wanted = (*weights, pool.priorities_version());
        if self.settled_for == Some(wanted) {
            return;
        }
        self.settled_for = Some(wanted);
        self.priorities.clear();
        self.priorities.extend(self.members.iter().map(|account| pool.priorities()[account.at()]));

        let (mut least, mut most) = (i64::MAX, i64::MIN);
        for &priority in &self.priorities {
            (least, most) = (least.min(priority), most.max(priority));
        }
        let most_waiting = f64::from(self.waiting.iter().copied().fold(1, u32::max));
        self.settled.clear();
        for ((&priority, &load_rate), &waiting) in self.priorities.iter().zip(&self.load_rates).zip(&self.waiting) {
            let priority_factor = if most > least {
                1.0 - priority.wrapping_sub(least) as f64 / most.wrapping_sub(least) as f64
            } else {
                1.0
            };
            let load_factor = 1.0 - clamp01(load_rate as f64 / 100.0);
            let queue_factor = 1.0 - clamp01(f64::from(waiting) / most_waiting);
            let settled = weights.priority * priority_factor + weights.load * load_factor;
            self.settled.push(settled + weights.queue * queue_factor);
        }
    }
}

/// Into 0..=1; NaN stays.
pub(super) fn clamp01(x: f64) -> f64 {
    x.clamp(0.0, 1.0)
}

/// Of a population, by sums of values and of squares in this order; 0 for fewer than two values.
fn standard_deviation(values: &[i64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let (mut sum, mut squares) = (0.0, 0.0);
    for &value in values {
        let value = value as f64;
        sum += value;
        squares += value * value;
    }
    let n = values.len() as f64;
    let mean = sum / n;
    (squares / n - mean * mean).max(0.0).sqrt()
}
