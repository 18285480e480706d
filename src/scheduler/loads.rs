//! How loaded the candidates are, as layer 3 knows it: through a cache of 200 ms (spec scheduler.md, "Slots, waiting,
//! load").
//!
//! A batch of loads is cached under the exact list of accounts it was read for, with their load factors, several lists
//! side by side: a select that excludes one account reads a batch of its own, of another age. What the score takes
//! from loads and priorities alone is kept with the batch, since it lives as long.

use super::bits::Bits;
use super::config::{Config, Weights};
use super::pool::Pool;
use super::terms::Crowd;
use crate::ids::AccountIx;
use crate::units::Time;

/// Where the loads of the last plan stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// In the cache, under the list of all candidates.
    Cached,
    /// In the batch of fresh reads.
    Fresh,
    /// In the part of a batch that a plan is for.
    Part,
}

/// The loads of one list of accounts at one instant, as columns in the order of account ids.
#[derive(Clone, Debug, Default)]
pub(super) struct Batch {
    pub(super) members: Vec<AccountIx>,
    /// Effective load factors.
    load_factors: Vec<i64>,
    /// Slots held.
    held: Vec<u32>,
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
    /// The loads of all candidates, where plans are made for parts of them.
    whole: Batch,
    /// Those of one part.
    part: Batch,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    fingerprint: u64,
    list: Bits,
    /// The pool's version of load factors that the batch was last found to agree with.
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
        let fingerprint = list.fingerprint();
        let found = self.entries.iter_mut().position(|entry| {
            now < entry.end
                && entry.fingerprint == fingerprint
                && entry.list == *list
                && entry.has_load_factors_of(pool)
        });
        let at = found.unwrap_or_else(|| {
            let free = self.entries.iter().position(|entry| now >= entry.end);
            let at = free.unwrap_or_else(|| {
                self.entries.push(Entry::default());
                self.entries.len() - 1
            });
            let entry = &mut self.entries[at];
            entry.fingerprint = fingerprint;
            entry.list.copy_from(list);
            entry.load_factors_version = pool.load_factors_version();
            entry.end = now + config.load_cache_ttl;
            entry.batch.fill(list, pool, config, now);
            at
        });
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

    /// Reads the loads of `list` through the cache and keeps them for `read_part`.
    pub(super) fn read_whole(&mut self, list: &Bits, pool: &mut Pool, config: &Config, now: Time) {
        let mut whole = std::mem::take(&mut self.whole);
        whole.copy_loads_of(self.read(list, pool, config, now), |_| true);
        self.whole = whole;
    }

    /// The loads of the part of the whole that is in `list`.
    pub(super) fn read_part(&mut self, list: &Bits, pool: &Pool, config: &Config) -> &Batch {
        self.part.copy_loads_of(&self.whole, |account| list.contains(account));
        self.part.settle(pool, &config.weights);
        &self.part
    }
}

impl LoadCache {
    /// The batch that was read last from this source, for this list of all candidates: for explanations.
    pub(super) fn last_of(&self, source: Source, list: &Bits) -> Option<&Batch> {
        match source {
            Source::Fresh => Some(&self.fresh),
            Source::Part => Some(&self.part),
            Source::Cached => {
                let cached = self.entries.iter().filter(|entry| entry.list == *list);
                cached.max_by_key(|entry| entry.end).map(|entry| &entry.batch)
            }
        }
    }
}

impl Entry {
    /// Whether the members' load factors are still those of the batch.
    fn has_load_factors_of(&mut self, pool: &Pool) -> bool {
        if self.load_factors_version != pool.load_factors_version() {
            let current = self.batch.members.iter().map(|account| pool.load_factors()[account.at()]);
            if !current.eq(self.batch.load_factors.iter().copied()) {
                return false;
            }
            self.load_factors_version = pool.load_factors_version();
        }
        true
    }
}

impl Batch {
    fn fill(&mut self, list: &Bits, pool: &mut Pool, config: &Config, now: Time) {
        self.members.clear();
        self.members.extend(list.iter());
        self.load_factors.clear();
        self.held.clear();
        self.load_rates.clear();
        self.waiting.clear();
        for &account in &self.members {
            pool.slots.forget_expired(account, now, config.slot_ttl);
            let (current, waiting) = (pool.slots.held(account), pool.slots.waiting(account));
            let in_system = i64::from(current) + i64::from(waiting);
            let load_factor = pool.load_factors()[account.at()];
            self.load_factors.push(load_factor);
            self.held.push(current);
            self.load_rates.push(in_system * 100 / load_factor);
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

        let crowd = Crowd::of(&self.priorities, &self.waiting);
        self.settled.clear();
        for ((&priority, &load_rate), &waiting) in self.priorities.iter().zip(&self.load_rates).zip(&self.waiting) {
            let [priority, load, queue] = crowd.terms(weights, priority, load_rate, waiting);
            self.settled.push(priority + load + queue);
        }
    }

    /// Takes the loads of those members of `whole` that are wanted.
    fn copy_loads_of(&mut self, whole: &Self, wanted: impl Fn(AccountIx) -> bool) {
        self.members.clear();
        self.load_factors.clear();
        self.held.clear();
        self.load_rates.clear();
        self.waiting.clear();
        for (place, &account) in whole.members.iter().enumerate().filter(|(_, account)| wanted(**account)) {
            self.members.push(account);
            self.load_factors.push(whole.load_factors[place]);
            self.held.push(whole.held[place]);
            self.load_rates.push(whole.load_rates[place]);
            self.waiting.push(whole.waiting[place]);
        }
        self.load_skew = standard_deviation(&self.load_rates);
        self.settled_for = None;
    }

    /// Slots that were held on a member when the batch was read.
    pub(super) fn held(&self, account: AccountIx) -> u32 {
        self.members.binary_search(&account).map_or(0, |place| self.held[place])
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::Account;
    use crate::units::Span;

    const A: AccountIx = AccountIx(0);
    const B: AccountIx = AccountIx(1);

    fn ms(millis: u64) -> Time {
        Time::ZERO + Span::from_secs(1_000) + Span::from_millis(millis)
    }

    struct Fixture {
        config: Config,
        pool: Pool,
        cache: LoadCache,
    }

    impl Fixture {
        fn new() -> Self {
            let pool = Pool::new(vec![Account::new(1, 10), Account::new(2, 10)]);
            Self { config: Config::default(), pool, cache: LoadCache::default() }
        }

        fn read(&mut self, accounts: &[AccountIx], now: Time) -> Vec<i64> {
            let list = list(accounts);
            self.cache.read(&list, &mut self.pool, &self.config, now).load_rates.clone()
        }

        fn occupy(&mut self, account: AccountIx, now: Time) {
            assert!(self.pool.acquire(account, now, self.config.slot_ttl).is_some());
        }
    }

    fn list(accounts: &[AccountIx]) -> Bits {
        let mut list = Bits::none(2);
        accounts.iter().for_each(|&account| list.set(account, true));
        list
    }

    #[test]
    fn a_batch_is_kept_for_its_time_and_not_at_its_end() {
        let mut f = Fixture::new();
        assert_eq!(f.read(&[A, B], ms(0)), [0, 0]);
        f.occupy(A, ms(1));
        assert_eq!(f.read(&[A, B], ms(199)), [0, 0]);
        assert_eq!(f.read(&[A, B], ms(200)), [10, 0]);
    }

    #[test]
    fn every_list_has_a_batch_of_its_own() {
        let mut f = Fixture::new();
        assert_eq!(f.read(&[A, B], ms(0)), [0, 0]);
        f.occupy(A, ms(50));
        assert_eq!(f.read(&[A], ms(100)), [10], "another list is read anew");
        f.occupy(A, ms(150));
        assert_eq!(f.read(&[A, B], ms(199)), [0, 0]);
        assert_eq!(f.read(&[A], ms(250)), [10], "and has an age of its own");
        assert_eq!(f.read(&[A], ms(300)), [20]);
        assert_eq!(f.cache.entries.len(), 2, "what is over makes room");
    }

    #[test]
    fn a_changed_load_factor_makes_another_list() {
        let mut f = Fixture::new();
        f.occupy(A, ms(0));
        assert_eq!(f.read(&[A], ms(0)), [10]);
        f.pool.account_mut(A).load_factor = Some(1);
        let mut everyone = Bits::none(2);
        f.pool.candidates_into(&mut everyone, crate::ids::ModelId::BLANK, &list(&[A, B]), ms(1));
        assert_eq!(f.read(&[A], ms(1)), [100]);
    }

    #[test]
    fn a_fresh_read_passes_the_cache_by_and_does_not_fill_it() {
        let mut f = Fixture::new();
        assert_eq!(f.read(&[A], ms(0)), [0]);
        f.occupy(A, ms(1));
        let fresh = f.cache.read_fresh(&list(&[A]), &mut f.pool, &f.config, ms(2)).load_rates.clone();
        assert_eq!(fresh, [10]);
        assert_eq!(f.read(&[A], ms(3)), [0]);
    }

    #[test]
    fn a_time_to_live_of_zero_turns_the_cache_off() {
        let mut f = Fixture::new();
        f.config.load_cache_ttl = Span::ZERO;
        assert_eq!(f.read(&[A], ms(0)), [0]);
        f.occupy(A, ms(0));
        assert_eq!(f.read(&[A], ms(0)), [10]);
        assert!(f.cache.entries.is_empty());
    }

    #[test]
    fn reading_forgets_expired_slots_and_counts_those_who_wait() {
        let mut f = Fixture::new();
        f.occupy(A, ms(0));
        f.pool.enter(A, 9);
        f.pool.enter(A, 9);
        assert_eq!(f.read(&[A], ms(0)), [30]);
        assert_eq!(f.read(&[A], ms(0) + f.config.slot_ttl), [20]);
        assert_eq!(f.pool.held(A), 0);
    }

    #[test]
    fn load_rates_are_whole_numbers_and_the_skew_is_their_population_deviation() {
        let mut f = Fixture::new();
        f.pool = Pool::new(vec![Account::new(1, 3), Account { load_factor: Some(7), ..Account::new(2, 0) }]);
        f.occupy(A, ms(0));
        f.pool.enter(B, 9);
        assert_eq!(f.read(&[A, B], ms(0)), [33, 14]);
        assert_eq!(standard_deviation(&[33, 14]), 9.5);
        assert_eq!(standard_deviation(&[33]), 0.0);
    }
}
