//! Soft throttling: a condition that begins when its accounts carried too much, and ends a while after they stopped.

use super::super::config::{Counted, Effect};
use crate::units::{Span, Time};

/// Carrying more than `most` in `window` degrades the accounts for `lasting`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub(super) counted: Counted,
    pub(super) most: u64,
    pub(super) window: Span,
    pub(super) lasting: Span,
}

/// The number of steps of the window. It bounds the memory, whatever is carried.
const STEPS: usize = 60;

#[derive(Clone, Debug)]
pub(super) struct Triggered {
    rule: Rule,
    effect: Effect,
    start: Time,
    /// What was carried in each step of the window, in a ring.
    carried: [u64; STEPS],
    total: u64,
    /// Number of the latest step, counted from the start of the run.
    latest: u64,
    is_on: bool,
    until: Time,
}

impl Triggered {
    pub(super) fn new(rule: Rule, effect: Effect, start: Time) -> Self {
        Self { rule, effect, start, carried: [0; STEPS], total: 0, latest: 0, is_on: false, until: Time::ZERO }
    }

    /// A forward of this many tokens starts. If it makes the condition begin, returns the time at which the condition
    /// may end.
    pub(super) fn carried(&mut self, tokens: u64, now: Time) -> Option<Time> {
        self.move_window(now);
        let amount = match self.rule.counted {
            Counted::Requests => 1,
            Counted::Tokens => tokens,
        };
        self.carried[self.latest as usize % STEPS] += amount;
        self.total += amount;
        if self.total <= self.rule.most || self.rule.lasting.is_zero() {
            return None;
        }
        self.until = now + self.rule.lasting;
        let sets_in = !self.is_on;
        self.is_on = true;
        sets_in.then_some(self.until)
    }

    /// Ends the condition, unless too much was carried in the meantime.
    pub(super) fn step(&mut self, now: Time) -> Option<Time> {
        self.is_on = now < self.until;
        self.is_on.then_some(self.until)
    }

    pub(super) fn effect(&self) -> Option<&Effect> {
        self.is_on.then_some(&self.effect)
    }

    fn move_window(&mut self, now: Time) {
        let width = (self.rule.window.nanos() / STEPS as u64).max(1);
        let step = now.since(self.start).nanos() / width;
        for gone in (self.latest + 1..=step).take(STEPS) {
            let carried = &mut self.carried[gone as usize % STEPS];
            self.total -= *carried;
            *carried = 0;
        }
        self.latest = self.latest.max(step);
    }
}
