//! Sessions for rows that have none (see [`AssumedSessions`]): arrivals stay where they are, and each row is dealt to
//! the session that has been due the longest, or starts a new one.

use std::collections::BTreeMap;

use crate::engine::{Luck, Stream};
use crate::units::Span;
use crate::workload::config::AssumedSessions;
use crate::workload::purpose;

#[derive(Debug)]
pub(super) struct Assume {
    config: AssumedSessions,
    luck: Luck,
    /// Sessions that will send again, by when they are due.
    due: BTreeMap<(Span, u64), Rest>,
    started: u64,
}

/// What a session has left.
#[derive(Debug)]
struct Rest {
    stream: Stream,
    turns: u32,
}

impl Assume {
    pub(super) const fn new(config: AssumedSessions, luck: Luck) -> Self {
        Self { config, luck, due: BTreeMap::new(), started: 0 }
    }

    pub(super) const fn started(&self) -> u64 {
        self.started
    }

    /// The number of the session that sends the row arriving at `at`.
    pub(super) fn deal(&mut self, at: Span) -> u64 {
        let longest_due = self.due.first_entry().filter(|entry| entry.key().0 <= at);
        let (number, mut rest) = match longest_due {
            Some(entry) => {
                let ((_, number), rest) = entry.remove_entry();
                (number, rest)
            }
            None => {
                let number = self.started;
                self.started += 1;
                let mut stream = self.luck.stream(purpose::ASSUMED, number, 0);
                let turns = ((self.config.turns.sample(&mut stream) + 0.5) as u32).max(1);
                (number, Rest { stream, turns })
            }
        };
        rest.turns -= 1;
        if rest.turns > 0 {
            let think = Span::from_secs_f64(self.config.think_s.sample(&mut rest.stream));
            self.due.insert((at + think, number), rest);
        }
        number
    }
}
