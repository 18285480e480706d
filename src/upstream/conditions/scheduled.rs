//! A condition that occurs once, at a given time, with ramps.

use super::super::config::Effect;
use crate::units::{Span, Time};

/// When the condition is in force, counted from the start of the run. The ramps are parts of `lasting`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) at: Span,
    pub(super) lasting: Span,
    pub(super) ramp_in: Span,
    pub(super) ramp_out: Span,
}

#[derive(Clone, Debug)]
pub(super) struct Scheduled {
    onset: Time,
    end: Time,
    plan: Plan,
    effect: Effect,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Before,
    Inside,
    Over,
}

impl Scheduled {
    pub(super) fn new(plan: Plan, effect: Effect, start: Time) -> Self {
        let onset = start + plan.at;
        Self { onset, end: onset + plan.lasting, plan, effect, phase: Phase::Before }
    }

    pub(super) fn first(&self) -> Option<Time> {
        (!self.plan.lasting.is_zero()).then_some(self.onset)
    }

    pub(super) fn step(&mut self) -> Option<Time> {
        match self.phase {
            Phase::Before => {
                self.phase = Phase::Inside;
                Some(self.end)
            }
            Phase::Inside | Phase::Over => {
                self.phase = Phase::Over;
                None
            }
        }
    }

    pub(super) fn effect(&self) -> Option<&Effect> {
        (self.phase == Phase::Inside).then_some(&self.effect)
    }

    /// Rises evenly over the first `ramp_in`, falls evenly over the last `ramp_out`.
    pub(super) fn intensity(&self, now: Time) -> f64 {
        let part = |span: Span, ramp: Span| if span < ramp { span.secs() / ramp.secs() } else { 1.0 };
        part(now.since(self.onset), self.plan.ramp_in).min(part(self.end.since(now), self.plan.ramp_out))
    }
}
