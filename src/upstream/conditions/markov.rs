//! A condition that changes at random between named states, each with its own length of stay and its own effect.
//!
//! Its luck is keyed by the condition's index and the number of the stay, so nothing that happens in a run changes it.

use super::super::config::{Effect, State};
use super::super::purpose;
use crate::engine::Luck;
use crate::units::{Span, Time};

#[derive(Clone, Debug)]
pub(super) struct Markov {
    states: Vec<State>,
    luck: Luck,
    index: u32,
    start: Time,
    stays: u64,
    current: Option<usize>,
    /// The state that follows the current one.
    following: Option<usize>,
}

impl Markov {
    pub(super) fn new(states: Vec<State>, luck: Luck, index: u32, start: Time) -> Self {
        Self { states, luck, index, start, stays: 0, current: None, following: Some(0) }
    }

    pub(super) fn first(&self) -> Option<Time> {
        (!self.states.is_empty()).then_some(self.start)
    }

    pub(super) fn step(&mut self, now: Time) -> Option<Time> {
        self.current = self.following;
        let state = self.states.get(self.current?)?;
        let mut stream = self.luck.stream(purpose::MARKOV, u64::from(self.index), self.stays);
        self.stays += 1;
        let sojourn = Span::from_secs_f64(state.sojourn_s.sample(&mut stream)).max(Span::MILLISECOND);
        self.following = choose(state.next.get(..self.states.len()).unwrap_or(&state.next), stream.open01());
        self.following.map(|_| now + sojourn)
    }

    pub(super) fn effect(&self) -> Option<&Effect> {
        self.current.and_then(|current| self.states.get(current)).map(|state| &state.effect)
    }
}

/// The index that `u` in (0, 1) picks by weight; `None` when all weights are 0.
fn choose(weights: &[f64], u: f64) -> Option<usize> {
    let total: f64 = weights.iter().map(|weight| weight.max(0.0)).sum();
    let mut left = u * total;
    let mut chosen = None;
    for (i, &weight) in weights.iter().enumerate().filter(|&(_, &weight)| weight > 0.0) {
        chosen = Some(i);
        left -= weight;
        if left < 0.0 {
            break;
        }
    }
    chosen
}
