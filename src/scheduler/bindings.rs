//! Bindings with a time to live: session hash -> account, response id -> account.
//!
//! An expired binding counts as none at once. Memory is given back in bulk whenever the table has doubled since the
//! last time, so it follows the number of live bindings at a constant cost for each binding written.

use crate::engine::IdMap;
use crate::ids::AccountIx;
use crate::units::{Span, Time};

/// Fewer entries than this are never worth a purge.
const SMALL: usize = 1_024;

/// Bindings keyed by a number that stands for the text (the session hash, the response id).
#[derive(Clone, Debug)]
pub struct Bindings {
    bound: IdMap<u64, Binding>,
    /// Purge when the table has grown to this.
    purge_at: usize,
}

#[derive(Clone, Copy, Debug)]
struct Binding {
    account: AccountIx,
    /// The binding is over *at* this instant.
    end: Time,
}

impl Default for Bindings {
    fn default() -> Self {
        Self { bound: IdMap::default(), purge_at: SMALL }
    }
}

impl Bindings {
    /// The account that `key` is bound to at `now`.
    #[inline]
    pub fn get(&self, key: u64, now: Time) -> Option<AccountIx> {
        self.bound.get(&key).filter(|binding| now < binding.end).map(|binding| binding.account)
    }

    /// Binds `key` to `account` for `ttl` from `now`, whatever it was bound to.
    #[inline]
    pub fn bind(&mut self, key: u64, account: AccountIx, now: Time, ttl: Span) {
        if self.bound.len() >= self.purge_at {
            self.purge(now);
        }
        self.bound.insert(key, Binding { account, end: now + ttl });
    }

    /// Gives a live binding the full `ttl` again.
    #[inline]
    pub fn refresh(&mut self, key: u64, now: Time, ttl: Span) {
        if let Some(binding) = self.bound.get_mut(&key).filter(|binding| now < binding.end) {
            binding.end = now + ttl;
        }
    }

    /// Drops the binding of `key`, if there is one.
    pub fn forget(&mut self, key: u64) {
        self.bound.remove(&key);
    }

    #[cold]
    fn purge(&mut self, now: Time) {
        self.bound.retain(|_, binding| now < binding.end);
        self.purge_at = (2 * self.bound.len()).max(SMALL);
        self.bound.shrink_to(self.purge_at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Span = Span::from_secs(5);
    const A: AccountIx = AccountIx(1);

    fn at(nanos: u64) -> Time {
        Time::from_unix_nanos(nanos)
    }

    #[test]
    fn a_binding_is_over_at_its_end() {
        let mut bindings = Bindings::default();
        bindings.bind(7, A, at(10), TTL);
        assert_eq!(bindings.get(7, at(5_000_000_009)), Some(A));
        assert_eq!(bindings.get(7, at(5_000_000_010)), None);
        bindings.refresh(7, at(5_000_000_010), TTL);
        assert_eq!(bindings.get(7, at(5_000_000_010)), None, "what is over is not refreshed");
    }

    #[test]
    fn refreshing_restarts_the_time_to_live_and_forgetting_ends_it() {
        let mut bindings = Bindings::default();
        bindings.bind(7, A, at(0), TTL);
        bindings.refresh(7, at(4_000_000_000), TTL);
        assert_eq!(bindings.get(7, at(8_999_999_999)), Some(A));
        assert_eq!(bindings.get(7, at(9_000_000_000)), None);
        bindings.bind(7, AccountIx(2), at(1), TTL);
        assert_eq!(bindings.get(7, at(1)), Some(AccountIx(2)));
        bindings.forget(7);
        assert_eq!(bindings.get(7, at(1)), None);
    }

    #[test]
    fn memory_follows_the_live_bindings() {
        let mut bindings = Bindings::default();
        // One new session each millisecond, a TTL of 5 s: 5,000 live at any time.
        for ms in 0..200_000 {
            bindings.bind(ms, A, at(ms * 1_000_000), TTL);
            assert!(bindings.bound.len() <= 2 * 5_000 + SMALL);
        }
        let last = at(199_999 * 1_000_000);
        assert_eq!((0..200_000).filter(|&key| bindings.get(key, last).is_some()).count(), 5_000);
    }
}
