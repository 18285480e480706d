//! The event calendar: what happens next in virtual time.
//!
//! Equal times are handled in the order of the events' `rank`, then in order of creation. The agenda holds packed
//! 128-bit keys (time, rank, sequence, slot) and the payloads lie in a slab beside it: comparing and moving one integer
//! took 1.6 to 1.8 times less than a struct. Nothing is allocated once agenda and slab have reached their size.

use super::agenda::Agenda;
use crate::units::Time;

const SLOT_BITS: u32 = 24;
const SEQUENCE_BITS: u32 = 36;
const RANK_BITS: u32 = 4;
/// Days of the agenda: ends of forwards and the like lie less than a minute ahead.
const REACH: usize = 128;

/// Pending events of type `E`, earliest first.
#[derive(Clone, Debug)]
pub struct Calendar<E> {
    keys: Agenda,
    payloads: Vec<E>,
    free: Vec<u32>,
    sequence: u64,
    now: Time,
}

impl<E: Copy> Default for Calendar<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Copy> Calendar<E> {
    /// An empty calendar at time zero.
    pub fn new() -> Self {
        Self { keys: Agenda::new(REACH), payloads: Vec::new(), free: Vec::new(), sequence: 0, now: Time::ZERO }
    }

    /// Plans `event` for `at`. Among events of equal time, smaller `rank` (0 to 15) goes first, then the older one.
    ///
    /// # Panics
    /// When more than 2^24 events are pending or 2^36 were ever planned.
    #[inline]
    pub fn plan(&mut self, at: Time, rank: u8, event: E) {
        debug_assert!(at >= self.now, "an event may not be planned in the past");
        let slot = if let Some(slot) = self.free.pop() {
            self.payloads[slot as usize] = event;
            slot
        } else {
            self.payloads.push(event);
            (self.payloads.len() - 1) as u32
        };
        assert!(slot < 1 << SLOT_BITS && self.sequence < 1 << SEQUENCE_BITS, "the event calendar is full");
        let key = (u128::from(at.unix_nanos()) << (RANK_BITS + SEQUENCE_BITS + SLOT_BITS))
            | (u128::from(rank & 0xf) << (SEQUENCE_BITS + SLOT_BITS))
            | (u128::from(self.sequence) << SLOT_BITS)
            | u128::from(slot);
        self.sequence += 1;
        self.keys.push(key);
    }

    /// When the next event is due, with its rank.
    #[inline]
    pub fn peek(&self) -> Option<(Time, u8)> {
        self.keys.peek().map(|key| (Self::time_of(key), Self::rank_of(key)))
    }

    /// Takes the next event.
    #[inline]
    pub fn pop(&mut self) -> Option<(Time, E)> {
        let key = self.keys.pop()?;
        let slot = (key & ((1 << SLOT_BITS) - 1)) as u32;
        self.free.push(slot);
        self.now = Self::time_of(key);
        Some((self.now, self.payloads[slot as usize]))
    }

    /// How many events are pending.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn time_of(key: u128) -> Time {
        Time::from_unix_nanos((key >> (RANK_BITS + SEQUENCE_BITS + SLOT_BITS)) as u64)
    }

    fn rank_of(key: u128) -> u8 {
        (key >> (SEQUENCE_BITS + SLOT_BITS)) as u8 & 0xf
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: u64) -> Time {
        Time::from_unix_nanos(nanos)
    }

    #[test]
    fn events_come_by_time_then_rank_then_creation() {
        let mut calendar = Calendar::new();
        for (time, rank, name) in [(20, 0, 'e'), (10, 3, 'c'), (10, 1, 'a'), (10, 3, 'd'), (10, 1, 'b')] {
            calendar.plan(at(time), rank, name);
        }
        assert_eq!(calendar.peek(), Some((at(10), 1)));
        let order: String = std::iter::from_fn(|| calendar.pop().map(|(_, name)| name)).collect();
        assert_eq!(order, "abcde");
    }

    #[test]
    fn payload_slots_are_used_again() {
        let mut calendar = Calendar::new();
        for round in 0..1_000u64 {
            calendar.plan(at(round), 0, round);
            assert_eq!(calendar.pop(), Some((at(round), round)));
        }
        assert_eq!(calendar.payloads.len(), 1);
    }

    #[test]
    fn agrees_with_a_stable_sort_on_random_plans() {
        let mut stream = crate::engine::Luck::new(3).stream(0, 0, 0);
        let plans: Vec<(Time, u8, u32)> =
            (0..5_000).map(|i| (at(stream.bits() % 500), (stream.bits() % 4) as u8, i)).collect();
        let mut calendar = Calendar::new();
        for &(time, rank, i) in &plans {
            calendar.plan(time, rank, i);
        }
        let mut sorted = plans;
        sorted.sort_by_key(|&(time, rank, _)| (time, rank));
        for (time, _, i) in sorted {
            assert_eq!(calendar.pop(), Some((time, i)));
        }
    }
}
