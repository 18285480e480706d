//! Who runs on an account and how many wait for it (spec scheduler.md, "Slots, waiting, load").
//!
//! The original keeps a Redis sorted set of acquisition seconds and a counter per account. Here an account's slots are
//! places of a small table, a token names its place, and so taking and freeing cost the same however many slots there
//! are. Slots held too long are forgotten on the next access; a lower bound of the oldest acquisition second tells
//! without a look at the table that there are none, so an account's table is searched at most once a second.

use super::decision::SlotToken;
use crate::ids::AccountIx;
use crate::units::{Span, Time};

/// The token of a slot on an account without a limit: nothing is held.
const NOTHING: SlotToken = SlotToken(0);

/// Bits of a token that name the place; the others number the acquisitions of the account, from 1.
const PLACE_BITS: u32 = 24;

/// Slots and wait counters of all accounts.
#[derive(Clone, Debug)]
pub struct Slots {
    held: Vec<u32>,
    waiting: Vec<u32>,
    /// No slot of the account was acquired before this second.
    oldest: Vec<u64>,
    tables: Vec<Table>,
}

#[derive(Clone, Debug, Default)]
struct Table {
    places: Vec<Place>,
    free: Vec<u32>,
    /// Slots acquired so far.
    count: u64,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    /// `NOTHING` when free.
    token: SlotToken,
    /// The Unix second of the acquisition.
    second: u64,
}

impl Slots {
    /// Nothing held, nobody waiting.
    pub fn new(accounts: usize) -> Self {
        Self {
            held: vec![0; accounts],
            waiting: vec![0; accounts],
            oldest: vec![u64::MAX; accounts],
            tables: vec![Table::default(); accounts],
        }
    }

    /// Takes a slot if fewer than `max` are held; `max <= 0` always succeeds and holds nothing.
    #[inline]
    pub fn acquire(&mut self, account: AccountIx, max: i64, now: Time, slot_ttl: Span) -> Option<SlotToken> {
        if max <= 0 {
            return Some(NOTHING);
        }
        self.forget_expired(account, now, slot_ttl);
        let at = account.at();
        if i64::from(self.held[at]) >= max.min(1 << PLACE_BITS) {
            return None;
        }
        let second = now.unix_seconds();
        let table = &mut self.tables[at];
        table.count += 1;
        let place = table.free.pop().unwrap_or(table.places.len() as u32);
        let token = SlotToken(table.count << PLACE_BITS | u64::from(place));
        match table.places.get_mut(place as usize) {
            Some(free) => *free = Place { token, second },
            None => table.places.push(Place { token, second }),
        }
        self.held[at] += 1;
        self.oldest[at] = self.oldest[at].min(second);
        Some(token)
    }

    /// Gives a slot back; one that was forgotten in the meantime is gone already.
    #[inline]
    pub fn release(&mut self, account: AccountIx, token: SlotToken) {
        let table = &mut self.tables[account.at()];
        let place = (token.0 & ((1 << PLACE_BITS) - 1)) as u32;
        if let Some(slot) = table.places.get_mut(place as usize).filter(|slot| slot.token == token && token != NOTHING)
        {
            slot.token = NOTHING;
            table.free.push(place);
            self.held[account.at()] -= 1;
        }
    }

    /// Joins those who wait; refused when `max_waiting` or more do.
    pub fn enter(&mut self, account: AccountIx, max_waiting: u32) -> bool {
        let waiting = &mut self.waiting[account.at()];
        let room = *waiting < max_waiting;
        *waiting += u32::from(room);
        room
    }

    /// Stops waiting; the counter never falls under 0.
    pub fn leave(&mut self, account: AccountIx) {
        let waiting = &mut self.waiting[account.at()];
        *waiting = waiting.saturating_sub(1);
    }

    /// Slots held, those included that would be forgotten on the next access.
    #[inline]
    pub fn held(&self, account: AccountIx) -> u32 {
        self.held[account.at()]
    }

    /// How many wait.
    #[inline]
    pub fn waiting(&self, account: AccountIx) -> u32 {
        self.waiting[account.at()]
    }

    /// Forgets slots whose acquisition second is `now - slot_ttl` or earlier, in whole seconds as Redis TIME gives
    /// them.
    #[inline]
    pub(super) fn forget_expired(&mut self, account: AccountIx, now: Time, slot_ttl: Span) {
        let expired = now.unix_seconds().checked_sub(slot_ttl.nanos() / Span::SECOND.nanos());
        if let Some(expired) = expired.filter(|&second| self.oldest[account.at()] <= second) {
            self.sweep(account, expired);
        }
    }

    #[cold]
    fn sweep(&mut self, account: AccountIx, expired: u64) {
        let at = account.at();
        let table = &mut self.tables[at];
        self.oldest[at] = u64::MAX;
        for (slot, place) in table.places.iter_mut().zip(0..) {
            if slot.token == NOTHING {
                continue;
            }
            if slot.second <= expired {
                slot.token = NOTHING;
                table.free.push(place);
                self.held[at] -= 1;
            } else {
                self.oldest[at] = self.oldest[at].min(slot.second);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: AccountIx = AccountIx(0);
    const TTL: Span = Span::from_secs(20);

    fn ms(millis: u64) -> Time {
        Time::ZERO + Span::from_millis(millis)
    }

    #[test]
    fn slots_expire_in_whole_seconds() {
        let mut slots = Slots::new(1);
        assert!(slots.acquire(A, 1, ms(100_999), TTL).is_some());
        // Acquired in second 100: gone from second 120 on, so after 19.001 s already.
        assert!(slots.acquire(A, 1, ms(119_999), TTL).is_none());
        assert!(slots.acquire(A, 1, ms(120_000), TTL).is_some());
    }

    #[test]
    fn only_the_expired_slots_are_forgotten() {
        let mut slots = Slots::new(1);
        let tokens: Vec<_> = (0..5).map(|s| slots.acquire(A, 5, ms(100_000 + s * 1_000), TTL).unwrap()).collect();
        assert!(slots.acquire(A, 5, ms(119_000), TTL).is_none());
        assert!(slots.acquire(A, 5, ms(121_500), TTL).is_some(), "seconds 100 and 101 are over");
        assert_eq!(slots.held(A), 4);
        for &token in &tokens {
            slots.release(A, token);
        }
        assert_eq!(slots.held(A), 1, "releasing the two forgotten ones did nothing");
    }

    #[test]
    fn a_forgotten_slot_frees_nobody_elses_place() {
        let mut slots = Slots::new(1);
        let old = slots.acquire(A, 1, ms(0), TTL).unwrap();
        let new = slots.acquire(A, 1, ms(20_000), TTL).unwrap();
        slots.release(A, old);
        assert_eq!(slots.held(A), 1);
        slots.release(A, new);
        slots.release(A, new);
        assert_eq!(slots.held(A), 0);
    }

    #[test]
    fn before_one_ttl_of_unix_time_nothing_can_have_expired() {
        let mut slots = Slots::new(1);
        assert!(slots.acquire(A, 1, Time::ZERO, TTL).is_some());
        assert!(slots.acquire(A, 1, ms(19_999), TTL).is_none());
    }

    #[test]
    fn without_a_limit_nothing_is_held() {
        let mut slots = Slots::new(1);
        for max in [0, -1] {
            let token = slots.acquire(A, max, ms(0), TTL).unwrap();
            assert_eq!(slots.held(A), 0);
            slots.release(A, token);
            assert_eq!(slots.held(A), 0);
        }
    }

    #[test]
    fn places_are_used_again() {
        let mut slots = Slots::new(1);
        for round in 0..1_000 {
            let tokens: Vec<_> = (0..3).map(|_| slots.acquire(A, 3, ms(round), TTL).unwrap()).collect();
            assert!(slots.acquire(A, 3, ms(round), TTL).is_none());
            tokens.iter().for_each(|&token| slots.release(A, token));
        }
        assert_eq!(slots.tables[0].places.len(), 3);
    }

    #[test]
    fn the_wait_counter_has_a_ceiling_and_a_floor() {
        let mut slots = Slots::new(1);
        slots.leave(A);
        assert_eq!(slots.waiting(A), 0);
        assert!(slots.enter(A, 2) && slots.enter(A, 2));
        assert!(!slots.enter(A, 2));
        assert_eq!(slots.waiting(A), 2);
        slots.leave(A);
        assert!(slots.enter(A, 2));
    }
}
