//! The description of a forward that has ended.

use super::config::Transport;
use super::ended::{Ended, ended};
use crate::ids::AccountIx;
use crate::scheduler::SlotToken;
use crate::units::{Span, Time};
use crate::upstream::Attempt;

/// A forward that has just ended.
pub(super) struct AttemptEnd<'a> {
    pub account: AccountIx,
    /// `None` once it has been given back.
    pub slot: Option<SlotToken>,
    pub began: Time,
    pub attempt: &'a Attempt,
    pub first_token: Option<Time>,
}

impl AttemptEnd<'_> {
    /// How it ended.
    pub const fn ended(&self, transport: Transport) -> Ended {
        ended(transport, &self.attempt.fate, self.first_token.is_some())
    }

    /// From the begin of the forward to its first token, before rounding. The scheduler learns it.
    pub fn upstream_ttft(&self) -> Option<Span> {
        self.first_token.map(|at| at.since(self.began))
    }
}
