//! The description of a forward that has ended.

use super::config::Transport;
use super::ended::{Ended, ended};
use super::life::Flight;
use crate::units::{Span, Time};
use crate::upstream::Attempt;

/// A forward that has just ended.
pub(super) struct AttemptEnd {
    pub flight: Flight,
    pub attempt: Attempt,
    pub first_token: Option<Time>,
}

impl AttemptEnd {
    /// How it ended.
    pub const fn ended(&self, transport: Transport) -> Ended {
        ended(transport, &self.attempt.fate, self.first_token.is_some())
    }

    /// From the begin of the forward to its first token, before rounding. The scheduler learns it.
    pub fn upstream_ttft(&self) -> Option<Span> {
        self.first_token.map(|at| at.since(self.flight.began))
    }
}
