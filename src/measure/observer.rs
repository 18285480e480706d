//! The seam between a run and everything that observes it: one trait with a method for each kind of step, which gets
//! what is known at that moment.
//!
//! Every method has an empty default, and the run is compiled for its observer, so steps that no observer looks at cost
//! nothing.

use crate::ids::{AccountIx, SessionRef};
use crate::scheduler::{self, Decision, EscapeReason, Layer};
use crate::units::{Span, Time};
use crate::upstream::{Attempt, HealthChange};
use crate::workload::Request;

/// How a request ended, as its client saw it (spec gateway.md, "What users see of it").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// A complete answer.
    Ok,
    /// 429: too many requests are waiting already.
    WaitQueueFull,
    /// 429: no slot within the wait plan's timeout.
    WaitTimeout,
    /// 503: no account is left that could serve it.
    NoAvailableAccounts,
    /// 502, 429 or 503: every account that was tried failed.
    FailoverExhausted,
    /// The stream broke after bytes had reached the client.
    StreamBroken,
    /// 502: an error that does not fail over.
    UpstreamError,
    /// WebSocket: no free slot on the connection's account.
    AccountBusy,
    /// The client went away before its first token.
    ClientGone,
    /// 404: no account of the group lists the model. From 0.1.179 on.
    ModelNotFound,
    /// 400: it continues a response that belongs to another user or that no account can continue. From 0.1.179 on.
    InvalidRequest,
}

impl Status {
    /// All values, in the order of reports.
    pub const ALL: [Self; 11] = [
        Self::Ok,
        Self::WaitQueueFull,
        Self::WaitTimeout,
        Self::NoAvailableAccounts,
        Self::FailoverExhausted,
        Self::StreamBroken,
        Self::UpstreamError,
        Self::AccountBusy,
        Self::ClientGone,
        Self::ModelNotFound,
        Self::InvalidRequest,
    ];

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::WaitQueueFull => "wait_queue_full",
            Self::WaitTimeout => "wait_timeout",
            Self::NoAvailableAccounts => "no_available_accounts",
            Self::FailoverExhausted => "failover_exhausted",
            Self::StreamBroken => "stream_broken",
            Self::UpstreamError => "upstream_error",
            Self::AccountBusy => "account_busy",
            Self::ClientGone => "client_gone",
            Self::ModelNotFound => "model_not_found",
            Self::InvalidRequest => "invalid_request",
        }
    }
}

/// One select.
#[derive(Clone, Copy, Debug)]
pub struct Selected<'a> {
    /// When it happened.
    pub now: Time,
    /// For which request.
    pub request: &'a Request,
    /// Arrival number of the request within the run, from 0.
    pub number: u64,
    /// How many selects the request had before.
    pub earlier: u32,
    /// Which gateway replica asked.
    pub replica: u32,
    /// The answer.
    pub decision: &'a Decision,
}

/// One select with everything that it looked at, for observers that need its reasons. It is reported right after the
/// select, before anything else happens.
#[derive(Clone, Copy, Debug)]
pub struct Considered<'a> {
    /// When it happened.
    pub now: Time,
    /// Arrival number of the request within the run, from 0.
    pub number: u64,
    /// The scheduler that was asked.
    pub scheduler: &'a scheduler::AnyScheduler,
    /// The state that all replicas share. The slot that the select took is already held.
    pub pool: &'a scheduler::Pool,
    /// What was asked.
    pub query: &'a scheduler::Query<'a>,
}

/// Why the binding of a session was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BindingCause {
    /// Load balance chose an account with a free slot.
    LoadBalance,
    /// The request got a slot after waiting.
    Waited,
    /// Load balance chose after a failover. The bound account is excluded then, so its binding is not preserved.
    Failover,
    /// The WebSocket handler binds on every selection that got a slot.
    WebSocket,
    /// `previous_response_id` was a hit.
    PreviousResponse,
}

/// One forward that begins: its connection is established, and it is known how it will go.
#[derive(Clone, Copy, Debug)]
pub struct Forwarded<'a> {
    /// When the forward began. With HTTP/1.1 it may have waited for a connection between this and `connected`.
    pub began: Time,
    /// When its connection was established.
    pub connected: Time,
    /// The request.
    pub request: &'a Request,
    /// Arrival number of the request within the run, from 0.
    pub number: u64,
    /// How many forwards the request had before.
    pub visit: u32,
    /// Where it went.
    pub account: AccountIx,
    /// How it will go.
    pub attempt: &'a Attempt,
}

/// One result that was reported to a scheduler.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reported {
    /// When it happened.
    pub now: Time,
    /// The replica whose averages it entered.
    pub replica: u32,
    /// The account that served the attempt.
    pub account: AccountIx,
    /// Whether the attempt succeeded.
    pub success: bool,
    /// Its time to first token in whole ms; `None` for failures.
    pub first_token_ms: Option<u64>,
    /// The account's averages afterwards, and whether the gate is open for it.
    pub health: scheduler::Health,
}

/// An upstream status changed an account's state (spec gateway.md, table of statuses).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// When it happened.
    pub now: Time,
    /// The replica that saw the status. A runtime block is this replica's own, everything else is shared.
    pub replica: u32,
    /// The account whose state changed.
    pub account: AccountIx,
    /// The status that caused the change.
    pub status: u16,
    /// Unschedulable before this instant; `Time::NEVER` when switched off.
    pub unschedulable_until: Time,
    /// Runtime-blocked on that replica before this instant.
    pub blocked_until: Time,
}

/// One request that has ended, with everything that happened to it.
#[derive(Clone, Copy, Debug)]
pub struct Finished<'a> {
    /// The request.
    pub request: &'a Request,
    /// Arrival number of the request within the run, from 0.
    pub number: u64,
    /// When it ended for its client.
    pub end: Time,
    /// How it ended for its client.
    pub status: Status,
    /// The HTTP status that the client got; 499 where it left.
    pub http_status: u16,
    /// When the client saw its first token.
    pub first_token: Option<Time>,
    /// The account of the last select; `None` when that found none, or none was made.
    pub account: Option<AccountIx>,
    /// The layer of the last select; `None` when none was made (user queue).
    pub layer: Option<Layer>,
    /// The first escape among its selects.
    pub escape: Option<EscapeReason>,
    /// The number of selects, including those of client retries.
    pub selects: u32,
    /// The number of forwards.
    pub attempts: u32,
    /// The number of forwards that failed.
    pub failed_attempts: u32,
    /// The number of switches to another account after a failure.
    pub switches: u32,
    /// How often the client tried again after its first try.
    pub client_retries: u32,
    /// Time in wait counters (of accounts and of the user), timeouts and departures included.
    pub waited: Span,
    /// Time in failed forwards, in pauses of pool-mode retries and in pauses between the client's own tries.
    pub failed: Span,
    /// Time from the begin of the last forward to the first token, a wait for a connection included.
    /// `felt = waited + failed + upstream_ttft` to the nanosecond.
    pub upstream_ttft: Option<Span>,
    /// Input tokens found in the prompt cache by the last forward.
    pub cached_tokens: u32,
    /// Ground truth: whether the account of the last forward was degraded when the forward started.
    pub degraded: bool,
}

impl Finished<'_> {
    /// Arrival to first token, as the client feels it.
    pub fn felt_ttft(&self) -> Option<Span> {
        self.first_token.map(|at| at.since(self.request.at))
    }

    /// Arrival to end. For a request that never got a first token, this is a lower bound of its wait.
    pub fn lasted(&self) -> Span {
        self.end.since(self.request.at)
    }
}

/// Observes a run. All times are virtual.
pub trait Observer {
    /// A request arrived; `number` counts arrivals from 0.
    fn arrived(&mut self, _now: Time, _number: u64, _request: &Request) {}
    /// A select was answered.
    fn selected(&mut self, _step: &Selected<'_>) {}
    /// The same select with all that it looked at; called right after `selected`.
    fn considered(&mut self, _step: &Considered<'_>) {}
    /// The binding of a session was changed from `earlier` to `account`.
    fn bound(
        &mut self,
        _now: Time,
        _session: Option<SessionRef>,
        _earlier: Option<AccountIx>,
        _account: AccountIx,
        _cause: BindingCause,
    ) {
    }
    /// A slot was taken (`held` is the account's count afterwards) or freed. Not called for accounts without a limit.
    fn slots(&mut self, _now: Time, _account: AccountIx, _held: u32) {}
    /// The number of those waiting for an account changed.
    fn waiting(&mut self, _now: Time, _account: AccountIx, _waiting: u32) {}
    /// A forward began.
    fn forwarded(&mut self, _step: &Forwarded<'_>) {}
    /// A forward ended at the upstream. `client_there` says whether its client was still waiting.
    fn attempt_ended(&mut self, _now: Time, _step: &Forwarded<'_>, _client_there: bool) {}
    /// A result was reported to a scheduler.
    fn reported(&mut self, _report: &Reported) {}
    /// An account's state changed.
    fn state_changed(&mut self, _change: &StateChange) {}
    /// The list of candidates was built: `listed[i]` says whether account i is on it.
    fn list_built(&mut self, _now: Time, _listed: &[bool]) {}
    /// Ground truth changed.
    fn health_changed(&mut self, _change: &HealthChange) {}
    /// A gateway replica restarted and lost its stats.
    fn restarted(&mut self, _now: Time, _replica: u32) {}
    /// A request ended for its client.
    fn finished(&mut self, _finished: &Finished<'_>) {}
    /// A session is over: its slot will be used again.
    fn session_over(&mut self, _now: Time, _session: SessionRef) {}
    /// The run is over.
    fn run_over(&mut self, _now: Time) {}
}

/// The observer that ignores everything.
impl Observer for () {}
