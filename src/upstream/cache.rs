//! Prompt caches: which prefix of a session each account still has.
//!
//! When a turn ends that reached its first token, it leaves its input as a prefix on its account. The session's next
//! turn on this account finds the prefix if it comes within the cache's `ttl`; a turn on another account finds nothing.
//! There is one entry for each live session and each account where its prefix has not lapsed. Sessions mostly stay on
//! one account, so the account used last is kept in place and only the others in a list.

use super::config::PromptCache;
use crate::ids::{AccountIx, SessionRef};
use crate::units::Time;

/// The prefixes of all live sessions.
#[derive(Clone, Debug, Default)]
pub(super) struct Prefixes {
    /// By `SessionRef::slot`.
    sessions: Vec<Session>,
}

#[derive(Clone, Debug)]
struct Session {
    /// The number of the session that these prefixes belong to, because slots are used again.
    number: u64,
    latest: Prefix,
    others: Vec<Prefix>,
}

#[derive(Clone, Copy, Debug)]
struct Prefix {
    account: AccountIx,
    tokens: u32,
    /// The prefix is not found from this time on.
    lapses: Time,
}

/// A number that no session has.
const NOBODY: u64 = u64::MAX;

impl Prefix {
    const NONE: Self = Self { account: AccountIx(u32::MAX), tokens: 0, lapses: Time::ZERO };
}

impl Session {
    const NONE: Self = Self { number: NOBODY, latest: Prefix::NONE, others: Vec::new() };

    fn clear(&mut self, number: u64) {
        self.number = number;
        self.latest = Prefix::NONE;
        self.others.clear();
    }
}

impl PromptCache {
    /// How many tokens of a prefix of `prefix` tokens a turn of `input` tokens can use.
    fn usable(&self, prefix: u32, input: u32) -> u32 {
        let shared = prefix.min(input);
        let whole = shared - shared % self.block_tokens.max(1);
        if whole < self.least_tokens { 0 } else { whole }
    }
}

impl Prefixes {
    /// How many of `input` tokens are in the account's cache. From now on the slot belongs to this session.
    #[inline]
    pub(super) fn find(
        &mut self,
        cache: &PromptCache,
        session: SessionRef,
        account: AccountIx,
        input: u32,
        now: Time,
    ) -> u32 {
        let slot = session.slot as usize;
        if slot >= self.sessions.len() {
            self.sessions.resize(slot + 1, Session::NONE);
        }
        let kept = &mut self.sessions[slot];
        if kept.number != session.number {
            kept.clear(session.number);
            return 0;
        }
        let prefix = if kept.latest.account == account {
            Some(&kept.latest)
        } else {
            kept.others.iter().find(|prefix| prefix.account == account)
        };
        prefix.filter(|prefix| now < prefix.lapses).map_or(0, |prefix| cache.usable(prefix.tokens, input))
    }

    /// A turn of `input` tokens ended. A turn that ends after its session leaves nothing.
    #[inline]
    pub(super) fn leave(
        &mut self,
        cache: &PromptCache,
        session: SessionRef,
        account: AccountIx,
        input: u32,
        now: Time,
    ) {
        let Some(kept) = self.sessions.get_mut(session.slot as usize).filter(|kept| kept.number == session.number)
        else {
            return;
        };
        let prefix = Prefix { account, tokens: input, lapses: now + cache.ttl };
        if kept.latest.account == account {
            kept.latest = prefix;
            return;
        }
        let before = std::mem::replace(&mut kept.latest, prefix);
        kept.others.retain(|other| other.account != account && now < other.lapses);
        if now < before.lapses {
            kept.others.push(before);
        }
    }

    /// The session is over.
    pub(super) fn forget(&mut self, session: SessionRef) {
        if let Some(kept) = self.sessions.get_mut(session.slot as usize).filter(|kept| kept.number == session.number) {
            kept.clear(NOBODY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Span;

    const A: AccountIx = AccountIx(0);
    const B: AccountIx = AccountIx(1);
    const S: SessionRef = SessionRef { slot: 3, number: 77 };

    struct Bench(Prefixes);

    impl Bench {
        /// The tokens that a turn finds. The turn ends at once.
        fn turn(&mut self, session: SessionRef, account: AccountIx, input: u32, second: u64) -> u32 {
            let (cache, now) = (PromptCache::default(), Time::ZERO + Span::from_secs(second));
            let found = self.0.find(&cache, session, account, input, now);
            self.0.leave(&cache, session, account, input, now);
            found
        }
    }

    fn bench() -> Bench {
        Bench(Prefixes::default())
    }

    #[test]
    fn a_turn_finds_what_the_one_before_left_in_whole_blocks() {
        let mut bench = bench();
        assert_eq!(bench.turn(S, A, 2_000, 0), 0);
        assert_eq!(bench.turn(S, A, 2_700, 10), 1_920);
        assert_eq!(bench.turn(S, A, 3_000, 20), 2_688);
    }

    #[test]
    fn short_prefixes_are_not_found() {
        let mut bench = bench();
        bench.turn(S, A, 1_023, 0);
        assert_eq!(bench.turn(S, A, 5_000, 1), 0);
        bench.turn(S, A, 1_024, 2);
        assert_eq!(bench.turn(S, A, 5_000, 3), 1_024);
    }

    #[test]
    fn a_compacted_turn_uses_no_more_than_its_own_input() {
        let mut bench = bench();
        bench.turn(S, A, 100_000, 0);
        assert_eq!(bench.turn(S, A, 5_000, 1), 4_992);
        assert_eq!(bench.turn(S, A, 100_000, 2), 4_992);
    }

    #[test]
    fn the_first_turn_on_another_account_is_cold_and_the_next_one_warm() {
        let mut bench = bench();
        bench.turn(S, A, 10_000, 0);
        assert_eq!(bench.turn(S, B, 10_000, 10), 0);
        assert_eq!(bench.turn(S, B, 10_000, 20), 9_984);
        // back within the ttl: the first account still has what was left there
        assert_eq!(bench.turn(S, A, 12_000, 30), 9_984);
        assert_eq!(bench.turn(S, B, 12_000, 331), 0, "and loses it after the ttl");
    }

    #[test]
    fn prefixes_lapse_after_the_ttl_and_use_renews_them() {
        let mut bench = bench();
        bench.turn(S, A, 10_000, 0);
        assert_eq!(bench.turn(S, A, 10_000, 299), 9_984);
        assert_eq!(bench.turn(S, A, 10_000, 299 + 299), 9_984);
        assert_eq!(bench.turn(S, A, 10_000, 299 + 299 + 300), 0);
    }

    #[test]
    fn a_session_that_takes_over_a_slot_finds_nothing_and_is_not_disturbed_by_the_one_before() {
        let mut bench = bench();
        let next = SessionRef { number: 78, ..S };
        bench.turn(S, A, 10_000, 0);
        assert_eq!(bench.turn(next, A, 10_000, 1), 0);
        bench.0.leave(&PromptCache::default(), S, A, 50_000, Time::ZERO + Span::from_secs(2));
        assert_eq!(bench.turn(next, A, 60_000, 3), 9_984);
    }

    #[test]
    fn a_forgotten_session_leaves_nothing_behind_even_when_a_turn_ends_late() {
        let mut bench = bench();
        bench.turn(S, A, 10_000, 0);
        bench.0.forget(S);
        bench.0.leave(&PromptCache::default(), S, A, 10_000, Time::ZERO);
        assert_eq!(bench.turn(S, A, 10_000, 1), 0);
    }

    #[test]
    fn prefixes_that_lapsed_take_no_memory() {
        let mut bench = bench();
        for i in 0..1_000 {
            bench.turn(S, AccountIx(i), 10_000, u64::from(i) * 100);
        }
        assert!(bench.0.sessions[3].others.len() <= 3, "{}", bench.0.sessions[3].others.len());
    }
}
