//! What the request loop asks of an upstream. Scripted attempts (vectors, traces with `service: recorded`) and modelled
//! accounts both implement this trait.

use crate::ids::{AccountIx, SessionRef};
use crate::units::Time;
use crate::workload::{RecordedAttempt, Request};

/// One forward of a request to an account, at the moment at which its connection is established.
#[derive(Clone, Copy, Debug)]
pub struct Forward<'a> {
    /// The request.
    pub request: &'a Request,
    /// How many forwards the request had before this one. Together with `request.luck` it is the key of the forward's
    /// luck.
    pub visit: u32,
    /// The account that it goes to.
    pub account: AccountIx,
    /// When its connection is established.
    pub start: Time,
    /// How many other forwards run on this account now.
    pub busy: u32,
}

/// How a forward will go. This is decided when it starts, so that later choices of a policy cannot change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// What happens and when.
    pub fate: RecordedAttempt,
    /// Input tokens that the account had in its prompt cache.
    pub cached_tokens: u32,
    /// Ground truth: the account was degraded (for this model) when the forward started.
    pub degraded: bool,
    /// The upstream's error message, as an index for `Upstream::message`; 0 is none.
    pub message: u16,
}

/// A change in the ground truth of an account's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthChange {
    /// When it changed.
    pub at: Time,
    /// The account whose health changed.
    pub account: AccountIx,
    /// The condition that caused it, as an index into the scenario's conditions.
    pub condition: u32,
    /// True if the condition begins, false if it ends.
    pub degraded: bool,
}

/// The upstream side of a forward.
pub trait Upstream {
    /// Decides how a forward goes. Changes of health that it causes (soft throttling) are pushed to `changes`.
    fn begin(&mut self, forward: &Forward<'_>, changes: &mut Vec<HealthChange>) -> Attempt;

    /// The forward ended at `now`; this is called even if its client has left. `forward.busy` is the number of other
    /// forwards at this moment.
    fn end(&mut self, forward: &Forward<'_>, attempt: &Attempt, now: Time);

    /// When health will next change by itself; `None`: never. The loop asks after `advance` and after every `begin`.
    fn next_change(&self) -> Option<Time>;

    /// Brings health up to `now` and pushes what changed to `changes`.
    fn advance(&mut self, now: Time, changes: &mut Vec<HealthChange>);

    /// A session is over: forgets what was kept for it.
    fn forget(&mut self, session: SessionRef);

    /// The text of an error message.
    fn message(&self, _message: u16) -> &str {
        ""
    }
}
