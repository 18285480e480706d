//! A condition that is on and off in pulses of equal length.

use super::super::config::Effect;
use crate::units::{Span, Time};

/// When the pulses are, counted from the start of the run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pulses {
    pub(super) at: Span,
    pub(super) on: Span,
    pub(super) off: Span,
    pub(super) until: Span,
}

#[derive(Clone, Debug)]
pub(super) struct Flapping {
    first: Time,
    until: Time,
    on: Span,
    off: Span,
    effect: Effect,
    is_on: bool,
}

impl Flapping {
    pub(super) fn new(pulses: Pulses, effect: Effect, start: Time) -> Self {
        // without pauses it is one long pulse
        let on = if pulses.off.is_zero() && !pulses.on.is_zero() { Span::MAX } else { pulses.on };
        let (first, until) = (start + pulses.at, start + pulses.until);
        Self { first, until, on, off: pulses.off, effect, is_on: false }
    }

    pub(super) fn first(&self) -> Option<Time> {
        (!self.on.is_zero() && self.first < self.until).then_some(self.first)
    }

    pub(super) fn step(&mut self, now: Time) -> Option<Time> {
        self.is_on = !self.is_on;
        if self.is_on {
            Some((now + self.on).min(self.until))
        } else {
            Some(now + self.off).filter(|&at| at < self.until)
        }
    }

    pub(super) fn effect(&self) -> Option<&Effect> {
        self.is_on.then_some(&self.effect)
    }
}
