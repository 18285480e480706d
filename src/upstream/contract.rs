//! What the request loop asks of an upstream. Scripted attempts (vectors, traces with `service: recorded`) and modelled
//! accounts are implementations of this one trait.

use crate::ids::{AccountIx, SessionRef};
use crate::units::Time;
use crate::workload::{RecordedAttempt, Request};

/// One forward of a request to an account, at the moment when it has its connection.
#[derive(Clone, Copy, Debug)]
pub struct Forward<'a> {
    /// The request.
    pub request: &'a Request,
    /// How many forwards the request had before this one: with `request.luck` the key of its luck.
    pub visit: u32,
    /// Where it goes.
    pub account: AccountIx,
    /// When its connection stands.
    pub start: Time,
    /// How many other forwards run on this account now.
    pub busy: u32,
}

/// How a forward will go: decided when it starts, so that a policy's later choices cannot change it.
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
    /// Whose health.
    pub account: AccountIx,
    /// Which condition, as an index into the scenario's conditions.
    pub condition: u32,
    /// True where the condition sets in, false where it ends.
    pub degraded: bool,
}

/// The other side of a forward.
pub trait Upstream {
    /// Decides how a forward goes. Changes of health that it causes (soft throttling) are pushed to `changes`.
    fn begin(&mut self, forward: &Forward<'_>, changes: &mut Vec<HealthChange>) -> Attempt;

    /// Hears that the forward ended, at `now`, also when its client had left. `forward.busy` counts the others again.
    fn end(&mut self, forward: &Forward<'_>, attempt: &Attempt, now: Time);

    /// When health changes next by itself; `None`: never. Asked after `advance` and after every `begin`.
    fn next_change(&self) -> Option<Time>;

    /// Brings health up to `now`, pushing what changed.
    fn advance(&mut self, now: Time, changes: &mut Vec<HealthChange>);

    /// Forgets what was kept for a session that is over.
    fn forget(&mut self, session: SessionRef);

    /// The text of an error message.
    fn message(&self, _message: u16) -> &str {
        ""
    }
}
