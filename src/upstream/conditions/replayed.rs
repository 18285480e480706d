//! A condition that follows a list of factors over time, for example from a recording.

use super::super::config::Effect;
use crate::units::{Span, Time};

#[derive(Clone, Debug)]
pub(super) struct Replayed {
    steps: Vec<(Time, f64)>,
    /// How many steps have been taken.
    taken: usize,
    degraded_from: f64,
    /// The current factor without further effects.
    mild: Effect,
    /// The current factor and the further effects.
    bad: Effect,
}

impl Replayed {
    pub(super) fn new(steps: &[(Span, f64)], degraded_from: f64, effect: &Effect, start: Time) -> Self {
        let mut steps: Vec<(Time, f64)> = steps.iter().map(|&(at, factor)| (start + at, factor)).collect();
        steps.sort_by_key(|&(at, _)| at);
        let mild = Effect { only_models: effect.only_models.clone(), ..Effect::default() };
        Self { steps, taken: 0, degraded_from, mild, bad: effect.clone() }
    }

    pub(super) fn first(&self) -> Option<Time> {
        self.steps.first().map(|&(at, _)| at)
    }

    pub(super) fn step(&mut self) -> Option<Time> {
        if let Some(&(_, factor)) = self.steps.get(self.taken) {
            self.taken += 1;
            self.mild.ttft_factor = factor;
            self.bad.ttft_factor = factor;
        }
        self.steps.get(self.taken).map(|&(at, _)| at)
    }

    pub(super) fn effect(&self) -> Option<&Effect> {
        (self.taken > 0).then_some(if self.is_bad() { &self.bad } else { &self.mild })
    }

    pub(super) fn is_bad(&self) -> bool {
        self.taken > 0 && self.mild.ttft_factor >= self.degraded_from
    }
}
