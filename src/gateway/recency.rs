//! When accounts were used last, as the mode `legacy` sees it: late (spec scheduler-modes.md, section 3, "last_used").
//!
//! A use is written when an answer is complete; all that was written is flushed every 10 s from the start of the
//! process, and reaches the snapshot with the next poll after that, in whole seconds. Nothing is planned for it: what
//! is due by now is looked up before each select.

use std::collections::VecDeque;

use super::candidates::next_tick;
use super::states::whole_second;
use crate::ids::AccountIx;
use crate::scheduler::Pool;
use crate::units::{Span, Time};

const FLUSH: Span = Span::from_secs(10);

/// The uses of accounts that one gateway process has recorded but not yet published.
#[derive(Clone, Debug)]
pub(super) struct Recency {
    start: Time,
    next_flush: Time,
    /// By account, in order of first use since the last flush.
    pending: Vec<(AccountIx, Time)>,
    /// What was flushed, and from when it is seen.
    flushed: VecDeque<(Time, Vec<(AccountIx, Time)>)>,
}

impl Recency {
    /// Of a process that starts now.
    pub fn new(start: Time) -> Self {
        Self { start, next_flush: start + FLUSH, pending: Vec::new(), flushed: VecDeque::new() }
    }

    /// An account's answer is complete.
    pub fn used(&mut self, account: AccountIx, now: Time, poll: Span) {
        self.catch_up(now, poll);
        match self.pending.iter_mut().find(|(known, _)| *known == account) {
            Some((_, at)) => *at = now,
            None => self.pending.push((account, now)),
        }
    }

    /// Makes known what is to be seen by now. A use is never made known after a later one of another process.
    pub fn show(&mut self, pool: &mut Pool, now: Time, poll: Span) {
        self.catch_up(now, poll);
        while let Some((_, uses)) = self.flushed.pop_front_if(|(seen, _)| *seen <= now) {
            for (account, used) in uses {
                let known = pool.account(account).and_then(|account| account.last_used);
                let used = whole_second(used);
                if known.is_none_or(|known| known < used) {
                    pool.set_last_used(account, Some(used));
                }
            }
        }
    }

    fn catch_up(&mut self, now: Time, poll: Span) {
        if now < self.next_flush {
            return;
        }
        if !self.pending.is_empty() {
            let seen = next_tick(self.start, poll, self.next_flush);
            self.flushed.push_back((seen, std::mem::take(&mut self.pending)));
        }
        self.next_flush = next_tick(self.start, FLUSH, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::Account;

    #[test]
    fn a_use_is_seen_at_the_first_poll_after_the_flush_that_follows_it() {
        let at = |ms| Time::from_unix_nanos(1_000_000_000_000) + Span::from_millis(ms);
        let mut pool = Pool::new(vec![Account::new(1, 1), Account::new(2, 1)]);
        let poll = Span::from_secs(3);
        let mut recency = Recency::new(at(0));
        recency.used(AccountIx(1), at(4_200), poll);
        recency.used(AccountIx(1), at(9_900), poll);
        recency.used(AccountIx(0), at(10_100), poll);
        let seen = |recency: &mut Recency, pool: &mut Pool, ms| {
            recency.show(pool, at(ms), poll);
            [0, 1].map(|ix| pool.accounts()[ix].last_used.map(|used| used.since(at(0)).whole_millis()))
        };
        assert_eq!(seen(&mut recency, &mut pool, 11_999), [None, None]);
        assert_eq!(seen(&mut recency, &mut pool, 12_000), [None, Some(9_000)]);
        assert_eq!(seen(&mut recency, &mut pool, 20_999), [None, Some(9_000)]);
        assert_eq!(seen(&mut recency, &mut pool, 21_000), [Some(10_000), Some(9_000)]);
    }
}
