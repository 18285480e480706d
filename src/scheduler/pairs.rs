//! Cooldowns of (account, model) pairs: an API key that fails again and again for one model is passed over for it
//! (spec scheduler-modes.md, section 2, "Runtime-blocked").
//!
//! Few pairs fail, and selects ask about all accounts at once, so the ends of the cooldowns are kept by model.

use std::collections::BTreeMap;

use super::bits::Bits;
use super::closed::ClosedUntil;
use crate::ids::{AccountIx, ModelId};
use crate::units::{Span, Time};

/// A streak is forgotten when the last failure is longer ago than this.
const MEMORY: Span = Span::from_secs(1_800);
/// The cooldown from the second failure on.
const SECOND: Span = Span::from_secs(10);
/// The cooldown from the third failure on.
const THIRD: Span = Span::from_secs(45);
/// The most entries that are kept.
const MOST: usize = 4_096;

/// The failures of one pair.
#[derive(Clone, Copy, Debug)]
struct Streak {
    length: u32,
    last: Time,
    /// When it failed or was asked for by itself.
    touched: Time,
}

/// What is known of one model.
#[derive(Clone, Debug)]
struct Model {
    closed: ClosedUntil,
    /// When all accounts were last asked about.
    asked: Time,
}

/// The cooldowns that one gateway process knows.
#[derive(Clone, Debug)]
pub(super) struct Pairs {
    accounts: usize,
    streaks: BTreeMap<(ModelId, AccountIx), Streak>,
    /// By model number; `None` where nothing failed.
    models: Vec<Option<Model>>,
}

impl Pairs {
    /// Nothing has failed.
    pub(super) const fn new(accounts: usize) -> Self {
        Self { accounts, streaks: BTreeMap::new(), models: Vec::new() }
    }

    /// The pair failed at `now`.
    pub(super) fn failed(&mut self, account: AccountIx, model: ModelId, now: Time) {
        if model == ModelId::BLANK {
            return;
        }
        let key = (model, account);
        if !self.streaks.contains_key(&key) && self.streaks.len() >= MOST {
            self.make_room();
        }
        let streak = self.streaks.entry(key).or_insert(Streak { length: 0, last: now, touched: now });
        if now < streak.last || now.since(streak.last) > MEMORY {
            streak.length = 0;
        }
        streak.length = streak.length.saturating_add(1);
        (streak.last, streak.touched) = (now, now);
        let until = match streak.length {
            0 | 1 => Time::ZERO,
            2 => now + SECOND,
            _ => now + THIRD,
        };
        self.close(account, model, until);
    }

    /// The pair succeeded: its entry is gone.
    pub(super) fn succeeded(&mut self, account: AccountIx, model: ModelId) {
        if !self.streaks.is_empty() && self.streaks.remove(&(model, account)).is_some() {
            self.close(account, model, Time::ZERO);
        }
    }

    /// The end of the pair's cooldown; it is over *at* this instant. Zero where there is none.
    #[inline]
    pub(super) fn blocked_until(&self, account: AccountIx, model: ModelId) -> Time {
        match self.models.get(model.at()) {
            Some(Some(known)) => known.closed.until(account),
            _ => Time::ZERO,
        }
    }

    /// Whether the pair cools down at `now`; this counts as asking for it.
    #[inline]
    pub(super) fn blocked(&mut self, account: AccountIx, model: ModelId, now: Time) -> bool {
        if self.streaks.is_empty() {
            return false;
        }
        if let Some(streak) = self.streaks.get_mut(&(model, account)) {
            streak.touched = now;
        }
        now < self.blocked_until(account, model)
    }

    /// The accounts whose pair with this model does not cool down at `now`; `None`: all of them.
    #[inline]
    pub(super) fn open_at(&mut self, model: ModelId, now: Time) -> Option<&Bits> {
        if self.streaks.is_empty() {
            return None;
        }
        let known = self.models.get_mut(model.at())?.as_mut()?;
        known.asked = now;
        Some(known.closed.open_at(now))
    }

    fn close(&mut self, account: AccountIx, model: ModelId, until: Time) {
        if self.models.len() <= model.at() {
            self.models.resize_with(model.at() + 1, || None);
        }
        let accounts = self.accounts;
        let known = self.models[model.at()]
            .get_or_insert_with(|| Model { closed: ClosedUntil::new(accounts), asked: Time::ZERO });
        known.closed.set(account, until);
    }

    /// Forgets what a read has made stale; where that is nothing, the entry that was touched longest ago.
    #[cold]
    fn make_room(&mut self) {
        let models = &self.models;
        let touched = |key: &(ModelId, AccountIx), streak: &Streak| {
            let asked = models.get(key.0.at()).and_then(Option::as_ref).map_or(Time::ZERO, |model| model.asked);
            streak.touched.max(asked)
        };
        let stale: Vec<_> = self
            .streaks
            .iter()
            .filter(|(key, streak)| touched(key, streak).since(streak.last) > MEMORY)
            .map(|(key, _)| *key)
            .collect();
        let oldest = self.streaks.iter().min_by_key(|(key, streak)| touched(key, streak)).map(|(key, _)| *key);
        let gone = if stale.is_empty() { oldest.into_iter().collect() } else { stale };
        for (model, account) in gone {
            self.streaks.remove(&(model, account));
            self.close(account, model, Time::ZERO);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: AccountIx = AccountIx(0);
    const M: ModelId = ModelId(3);

    fn at(ms: u64) -> Time {
        Time::ZERO + Span::from_secs(1_000) + Span::from_millis(ms)
    }

    #[test]
    fn the_cooldown_is_none_then_ten_then_forty_five_seconds_and_set_anew_by_each_failure() {
        let mut pairs = Pairs::new(2);
        pairs.failed(A, M, at(0));
        assert!(!pairs.blocked(A, M, at(0)), "the first failure blocks nothing");
        pairs.failed(A, M, at(1_000));
        assert!(pairs.blocked(A, M, at(10_999)) && !pairs.blocked(A, M, at(11_000)));
        pairs.failed(A, M, at(12_000));
        assert_eq!(pairs.blocked_until(A, M), at(57_000));
        pairs.failed(A, M, at(20_000));
        assert_eq!(pairs.blocked_until(A, M), at(65_000));
        assert!(!pairs.blocked(AccountIx(1), M, at(20_001)) && !pairs.blocked(A, ModelId(4), at(20_001)));
        assert_eq!(pairs.open_at(M, at(20_001)).map(|open| open.iter().map(|a| a.0).collect()), Some(vec![1]));
    }

    #[test]
    fn a_success_or_more_than_half_an_hour_ends_a_streak() {
        let mut pairs = Pairs::new(1);
        pairs.failed(A, M, at(0));
        pairs.succeeded(A, M);
        pairs.failed(A, M, at(1));
        assert!(!pairs.blocked(A, M, at(1)), "a streak of one again");
        pairs.failed(A, M, at(1 + 1_800_000));
        assert!(pairs.blocked(A, M, at(1 + 1_800_000)), "half an hour to the millisecond still counts");
        pairs.failed(A, M, at(2 + 3_600_000));
        assert!(!pairs.blocked(A, M, at(2 + 3_600_000)));
    }

    #[test]
    fn a_blank_model_has_no_state() {
        let mut pairs = Pairs::new(1);
        (0..5).for_each(|ms| pairs.failed(A, ModelId::BLANK, at(ms)));
        assert!(pairs.streaks.is_empty() && !pairs.blocked(A, ModelId::BLANK, at(5)));
    }

    #[test]
    fn of_too_many_pairs_the_one_touched_longest_ago_goes() {
        let accounts = MOST as u32 + 1;
        let mut pairs = Pairs::new(accounts as usize);
        for account in 0..MOST as u32 {
            pairs.failed(AccountIx(account), M, at(u64::from(account)));
            pairs.failed(AccountIx(account), M, at(u64::from(account)));
        }
        assert!(pairs.blocked(A, M, at(5_000)), "asked for just now");
        pairs.failed(AccountIx(MOST as u32), M, at(5_001));
        assert_eq!(pairs.streaks.len(), MOST);
        assert!(pairs.blocked(A, M, at(5_002)) && !pairs.blocked(AccountIx(1), M, at(5_002)));
    }
}
