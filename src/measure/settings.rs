//! What observers need to know about a run before it starts: plain data to which the scenario is lowered.

use crate::ids::{AccountIx, ModelId};
use crate::scheduler::{Mode, Revision};
use crate::units::{Span, Time};

/// How a run is to be measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// When the run starts.
    pub start: Time,
    /// Requests that arrive before this instant count in no figure (warm-up); `start` for none.
    pub warmup_end: Time,
    /// Requests that arrive from here on count in no figure, except as turns of sessions that are followed.
    /// `Time::NEVER` means that there is no horizon and all requests count.
    pub horizon: Time,
    /// Whether the workload may end before the horizon: it is a trace, or its number of requests is limited.
    pub may_end_early: bool,
    /// Whether figures over sessions are those of sessions that begin in the measured time, followed to their last
    /// turn.
    pub whole_sessions: bool,
    /// A felt TTFT above this breaks the service level objective.
    pub slo_ttft: Span,
    /// A turn whose felt TTFT is above this is slow.
    pub slow_ttft: Span,
    /// A session is stuck when this many turns in a row are slow (0 counts as 1).
    pub stuck_turns: u32,
    /// Whether clients talk over WebSocket: there a turn may go to its connection's account without a select.
    pub websocket: bool,
    /// How many gateway replicas keep runtime stats of their own, at least 1.
    pub replicas: u32,
    /// The revision of the gateway that is simulated.
    pub revision: Revision,
    /// Which of its schedulers runs.
    pub mode: Mode,
    /// The escape gate and the averages behind it, as the scheduler runs them. Not enabled in a mode that has none.
    pub gate: EscapeGate,
    /// Which groups of figures are made.
    pub groups: Groups,
    /// Whether the invariants of spec simulator.md are checked at every step (`--check`).
    pub check: bool,
}

/// The escape gate (spec scheduler.md, Configuration).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EscapeGate {
    /// `sticky_escape_enabled`
    pub enabled: bool,
    /// `sticky_escape_ttft_ms`
    pub ttft_ms: u64,
    /// `sticky_escape_error_rate`
    pub error_rate: f64,
    /// Weight of the newest sample in the average TTFT.
    pub ewma_alpha: f64,
    /// The same of the average error rate.
    pub ewma_error_rate_alpha: f64,
}

/// When a session's prefix is found in an account's prompt cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheRules {
    /// How long an idle prefix lives.
    pub ttl: Span,
    /// The shortest prefix that is kept, in tokens.
    pub min_tokens: u32,
}

/// Groups of figures: one that is off costs nothing and reports nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a set of switches that do not depend on each other")]
pub struct Groups {
    /// Worst-turn and mean TTFT of sessions, stuck sessions.
    pub sessions: bool,
    /// The gateway's own metrics.
    pub scheduler: bool,
    /// Escapes and what became of them.
    pub escapes: bool,
    /// Detection against ground truth.
    pub detection: bool,
    /// Cold turns, tokens, price.
    pub cost: bool,
    /// A row per account.
    pub accounts: bool,
    /// The accounts' state over time.
    pub series: bool,
}

impl Groups {
    /// Everything.
    pub const ALL: Self = Self {
        sessions: true,
        scheduler: true,
        escapes: true,
        detection: true,
        cost: true,
        accounts: true,
        series: true,
    };
}

/// What the observers know of an account.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AccountInfo {
    /// The gateway's id.
    pub id: i64,
    /// Slots; <= 0 means unlimited.
    pub concurrency: i64,
    /// Its prompt cache; `None` where none is modelled.
    pub cache: Option<CacheRules>,
    /// The price of its tokens, if the scenario gives one.
    pub price: Option<Price>,
}

impl AccountInfo {
    /// An account with these slots, no prompt cache and no price.
    pub const fn new(id: i64, concurrency: i64) -> Self {
        Self { id, concurrency, cache: None, price: None }
    }
}

/// The price of a million tokens, in the currency of the scenario.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Price {
    /// Of input that was not found in the prompt cache.
    pub input: f64,
    /// Of input that was found in it.
    pub cached_input: f64,
    /// Of output.
    pub output: f64,
}

/// What the observers know of a condition: ground truth by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionInfo {
    /// Its name in the scenario, unique.
    pub name: String,
    /// The accounts that it may degrade.
    pub accounts: Vec<AccountIx>,
    /// The models that it touches; empty: all.
    pub models: Vec<ModelId>,
}

impl Default for EscapeGate {
    fn default() -> Self {
        Self { enabled: true, ttft_ms: 15_000, error_rate: 0.5, ewma_alpha: 0.2, ewma_error_rate_alpha: 0.2 }
    }
}

impl Default for Settings {
    /// From time zero, no warm-up, SLO 10 s, slow and gate 15 s, stuck at 3 turns, one replica.
    fn default() -> Self {
        Self {
            start: Time::ZERO,
            warmup_end: Time::ZERO,
            horizon: Time::NEVER,
            may_end_early: false,
            whole_sessions: false,
            slo_ttft: Span::from_secs(10),
            slow_ttft: Span::from_secs(15),
            stuck_turns: 3,
            websocket: false,
            replicas: 1,
            revision: Revision::default(),
            mode: Mode::default(),
            gate: EscapeGate::default(),
            groups: Groups::ALL,
            check: false,
        }
    }
}

impl Settings {
    /// Whether a request that arrived then counts.
    pub fn counts(&self, arrival: Time) -> bool {
        (self.warmup_end..self.horizon).contains(&arrival)
    }

    /// The end of the measured time of a run that was over at `end`. It is the horizon, so that the time in which the
    /// last answers come does not dilute rates. A trace that ends before the horizon is measured to the end of the run.
    pub fn measured_until(&self, end: Time) -> Time {
        if self.horizon == Time::NEVER || (self.may_end_early && end < self.horizon) { end } else { self.horizon }
    }

    /// The window whose sessions are followed; `None` if sessions are not followed or the window has no end.
    pub fn followed(&self) -> Option<(Time, Time)> {
        (self.whole_sessions && self.horizon != Time::NEVER).then_some((self.warmup_end, self.horizon))
    }

    /// Whether this time is beyond the measured time, where only sessions that are followed go on.
    pub(super) fn is_beyond(&self, at: Time) -> bool {
        self.whole_sessions && at >= self.horizon
    }
}
