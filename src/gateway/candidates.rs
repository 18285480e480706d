//! When the list of candidates is built anew (spec gateway.md, "The list of candidates is a snapshot"): at the first
//! poll after a change, periodically, and at once when it is empty and asked for. The end of a limit triggers nothing.

use crate::units::{Span, Time};

/// The polls of one replica, and whether a change waits for the next one.
#[derive(Clone, Debug)]
pub(super) struct Polls {
    starts: Vec<Time>,
    interval: Span,
    planned: bool,
}

impl Polls {
    /// Replica r of N starts r/N of an interval after `start`.
    pub fn new(start: Time, interval: Span, replicas: u32) -> Self {
        let starts = (0..u64::from(replicas))
            .map(|r| {
                start
                    + Span::from_nanos(
                        (u128::from(interval.nanos()) * u128::from(r) / u128::from(replicas.max(1))) as u64,
                    )
            })
            .collect();
        Self { starts, interval, planned: false }
    }

    /// When this replica's process started.
    pub fn start_of(&self, replica: u32) -> Time {
        self.starts[replica as usize]
    }

    /// The process started anew.
    pub fn restart(&mut self, replica: u32, now: Time) {
        self.starts[replica as usize] = now;
    }

    /// An account's state changed. Returns when to build the list, unless that is already planned.
    pub fn changed(&mut self, now: Time) -> Option<Time> {
        if self.planned {
            return None;
        }
        self.planned = true;
        self.starts.iter().map(|&start| next_tick(start, self.interval, now)).min()
    }

    /// The planned poll has come.
    pub fn polled(&mut self) {
        self.planned = false;
    }
}

/// The first of `start + k * interval` (k >= 1) that is later than `now`.
pub(super) fn next_tick(start: Time, interval: Span, now: Time) -> Time {
    let step = interval.nanos().max(1);
    start + Span::from_nanos((now.since(start).nanos() / step).saturating_add(1).saturating_mul(step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_fall_on_whole_intervals_from_the_start_and_one_is_enough() {
        let at = |ms| Time::ZERO + Span::from_millis(ms);
        let mut polls = Polls::new(at(10_250), Span::SECOND, 1);
        assert_eq!(polls.changed(at(12_000)), Some(at(12_250)));
        assert_eq!(polls.changed(at(12_100)), None);
        polls.polled();
        assert_eq!(polls.changed(at(12_250)), Some(at(13_250)));
        let mut two = Polls::new(at(0), Span::SECOND, 2);
        assert_eq!(two.changed(at(1_100)), Some(at(1_500)), "the second replica polls half an interval later");
    }
}
