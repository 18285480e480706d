//! A priority queue of instants for times that only go forward.
//!
//! Most of what is planned lies far ahead and need not be sorted until it comes near. So only the keys of the current
//! half second are in a heap, which has few levels and fits into the fastest cache. Time is divided into "days" of 2^29
//! ns. The keys of the next days are unsorted, in a ring with one list for each day, and those beyond the ring are in a
//! second heap. With about 1,400 pending turns, one insert and one pop take a third of the time that a single binary
//! heap takes. In the worst case, where all keys are within one day, this is a single heap.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The number of bits of a day in nanoseconds; a day lasts 0.54 s.
const DAY_BITS: u32 = 29;
/// A list with more room than this gives its memory back when it is emptied.
const KEPT: usize = 64;

/// Pending keys, smallest first. The upper 64 bits of a key are its time in nanoseconds, whatever is below decides
/// between equal times. Any key may be put in at any time; it is cheap when it is not before the last one taken out.
#[derive(Clone, Debug)]
pub struct Agenda {
    /// The keys up to the end of `today`. It is empty only if nothing is pending.
    near: BinaryHeap<Reverse<u128>>,
    today: u64,
    /// The keys of the days after today, each at its day modulo their number, a power of two.
    days: Vec<Vec<u128>>,
    in_days: usize,
    /// The keys of later days.
    far: BinaryHeap<Reverse<u128>>,
}

const fn day_of(key: u128) -> u64 {
    (key >> (64 + DAY_BITS)) as u64
}

impl Agenda {
    /// An empty agenda with a ring for keys less than `reach` days ahead, rounded up to a power of two.
    pub fn new(reach: usize) -> Self {
        Self {
            near: BinaryHeap::new(),
            today: 0,
            days: vec![Vec::new(); reach.next_power_of_two()],
            in_days: 0,
            far: BinaryHeap::new(),
        }
    }

    /// Puts a key in.
    pub fn push(&mut self, key: u128) {
        let day = day_of(key);
        if self.near.is_empty() {
            self.today = day;
        }
        if day <= self.today {
            self.near.push(Reverse(key));
        } else if day - self.today < self.days.len() as u64 {
            self.of_day(day).push(key);
            self.in_days += 1;
        } else {
            self.far.push(Reverse(key));
        }
    }

    /// The smallest key.
    #[inline]
    pub fn peek(&self) -> Option<u128> {
        self.near.peek().map(|&Reverse(key)| key)
    }

    /// Takes the smallest key out.
    #[inline]
    pub fn pop(&mut self) -> Option<u128> {
        let Reverse(key) = self.near.pop()?;
        if self.near.is_empty() {
            self.turn_the_page();
        }
        Some(key)
    }

    /// How many keys are pending.
    pub fn len(&self) -> usize {
        self.near.len() + self.in_days + self.far.len()
    }

    /// Whether nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.near.is_empty()
    }

    #[inline]
    fn of_day(&mut self, day: u64) -> &mut Vec<u128> {
        let place = day as usize & (self.days.len() - 1);
        &mut self.days[place]
    }

    /// Goes on to the next day with a key.
    fn turn_the_page(&mut self) {
        while self.near.is_empty() {
            self.today = match self.far.peek() {
                Some(&Reverse(key)) if self.in_days == 0 => day_of(key),
                None if self.in_days == 0 => return,
                _ => self.today + 1,
            };
            // keys that have come within reach of the ring
            while let Some(&Reverse(key)) = self.far.peek()
                && day_of(key) - self.today < self.days.len() as u64
            {
                self.far.pop();
                self.of_day(day_of(key)).push(key);
                self.in_days += 1;
            }
            let mut day = std::mem::take(self.of_day(self.today));
            self.in_days -= day.len();
            self.near.extend(day.drain(..).map(Reverse));
            if day.capacity() <= KEPT {
                *self.of_day(self.today) = day;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Luck;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn keys_come_in_order_whatever_lies_between_them() {
        for (seed, ahead) in [(1, SECOND / 1_000), (2, SECOND), (3, 20 * SECOND), (4, 10_000 * SECOND)] {
            let mut stream = Luck::new(seed).stream(0, 0, 0);
            let mut agenda = Agenda::new(16);
            let mut reference = std::collections::BTreeSet::new();
            let mut now = 0;
            for number in 0..20_000_u128 {
                // now and then everything is taken out, and then nothing happens for long
                let gap = if number % 5_000 == 4_999 { 100_000 * SECOND } else { 0 };
                let at = now + gap + stream.bits() % ahead;
                let key = u128::from(at) << 64 | number;
                agenda.push(key);
                reference.insert(key);
                let taken = if gap > 0 { reference.len() } else { (stream.bits() % 3) as usize };
                for _ in 0..taken {
                    assert_eq!(agenda.peek(), reference.first().copied());
                    assert_eq!(agenda.pop(), reference.pop_first());
                }
                now = at.max(now) - (stream.bits() % ahead).min(at.max(now)) / 2;
                assert_eq!((agenda.len(), agenda.is_empty()), (reference.len(), reference.is_empty()));
            }
        }
    }

    #[test]
    fn a_day_that_was_full_gives_its_memory_back() {
        let mut agenda = Agenda::new(8);
        for second in 0..100_u64 {
            for number in 0..1_000_u128 {
                agenda.push(u128::from(second * SECOND) << 64 | number);
            }
            while agenda.len() > 500 {
                agenda.pop();
            }
        }
        while agenda.pop().is_some() {}
        assert!(agenda.days.iter().map(Vec::capacity).sum::<usize>() <= 8 * KEPT);
    }
}
