//! The scheduler's settings, with the gateway's own defaults (spec scheduler.md, Configuration, and scheduler-modes.md,
//! section 1).

use crate::units::Span;

/// A revision of the gateway, by its version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revision {
    /// The one that introduced sticky escape (pull request 2872). It is simulated in the mode `advanced` only.
    #[default]
    V0_1_133,
    /// The one of 2026-08-22 (commit d45135d87).
    V0_1_179,
}

impl Revision {
    /// The gateway's own version number.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V0_1_133 => "0.1.133",
            Self::V0_1_179 => "0.1.179",
        }
    }
}

/// Which of its schedulers the gateway runs (spec scheduler-modes.md, section 1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Priority, load, least recently used; no runtime stats. What the gateway does unless an operator switches the
    /// advanced scheduler on.
    Legacy,
    /// `openai_advanced_scheduler_enabled`: sticky with escape, then load balance by a score.
    #[default]
    Advanced,
    /// `openai_advanced_scheduler_sticky_weighted_enabled` as well: being bound is a bonus on the score.
    Weighted,
}

impl Mode {
    /// All of them, in the order of the specification.
    pub const ALL: [Self; 3] = [Self::Legacy, Self::Advanced, Self::Weighted];

    /// Its name in scenarios and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Advanced => "advanced",
            Self::Weighted => "weighted",
        }
    }

    /// Whether results enter the runtime stats, and selects the metrics.
    pub const fn learns(self) -> bool {
        !matches!(self, Self::Legacy)
    }

    /// Whether a bound session is tested by the escape gate.
    pub const fn has_gate(self) -> bool {
        matches!(self, Self::Advanced)
    }

    /// What takes a bound session from an account that is not well, in words.
    pub const fn sees_by(self) -> &'static str {
        match self {
            Self::Legacy => "the cooldown of a failing API key",
            Self::Advanced => "the escape gate",
            Self::Weighted => "its score or the cooldown of a failing API key",
        }
    }
}

/// Weights of the load-balance score, each >= 0; the first eight are not all 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// `priority`
    pub priority: f64,
    /// `load`
    pub load: f64,
    /// `queue`
    pub queue: f64,
    /// `error_rate`
    pub error_rate: f64,
    /// `ttft`
    pub ttft: f64,
    /// `reset`
    pub reset: f64,
    /// `quota_headroom`
    pub quota_headroom: f64,
    /// `upstream_cost`
    pub upstream_cost: f64,
    /// `previous_response`: a bonus for the account of the previous response, in the mode `weighted` only.
    pub previous_response: f64,
    /// `session_sticky`: a bonus for the account that the session is bound to, in the mode `weighted` only.
    pub session_sticky: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            priority: 1.0,
            load: 1.0,
            queue: 0.7,
            error_rate: 0.8,
            ttft: 0.5,
            reset: 0.0,
            quota_headroom: 0.0,
            upstream_cost: 0.0,
            previous_response: 5.0,
            session_sticky: 3.0,
        }
    }
}

/// All settings that a select reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The revision of the gateway.
    pub revision: Revision,
    /// Which of its schedulers runs.
    pub mode: Mode,
    /// `openai_scheduler.sticky_escape_enabled`
    pub sticky_escape_enabled: bool,
    /// `openai_scheduler.sticky_escape_ttft_ms`, > 0
    pub sticky_escape_ttft_ms: u64,
    /// `openai_scheduler.sticky_escape_error_rate`, 0 to 1
    pub sticky_escape_error_rate: f64,
    /// `openai_ws.lb_top_k`, > 0
    pub lb_top_k: usize,
    /// `openai_ws.scheduler_score_weights`
    pub weights: Weights,
    /// `openai_ws.sticky_session_ttl_seconds`
    pub session_ttl: Span,
    /// `openai_ws.sticky_response_id_ttl_seconds`
    pub response_ttl: Span,
    /// `scheduling.sticky_session_max_waiting`
    pub sticky_max_waiting: u32,
    /// `scheduling.sticky_session_wait_timeout`
    pub sticky_wait_timeout: Span,
    /// `scheduling.fallback_max_waiting`
    pub fallback_max_waiting: u32,
    /// `scheduling.fallback_wait_timeout`
    pub fallback_wait_timeout: Span,
    /// `concurrency_slot_ttl_minutes`
    pub slot_ttl: Span,
    /// `scheduling.load_batch_cache_ttl_ms`: how long a batch of loads is cached; zero turns the cache off.
    pub load_cache_ttl: Span,
    /// `scheduling.load_batch_enabled`: whether the mode `legacy` looks at loads.
    pub load_batch_enabled: bool,
    /// `openai_advanced_scheduler_subscription_priority_enabled`; without effect in `legacy` and before 0.1.179.
    pub subscription_priority: bool,
    /// `openai_oauth_scheduling_rate_multiplier`: what an OAuth account costs, for the weight `upstream_cost`.
    pub oauth_rate: f64,
    /// Whether the previous response is left out of the draw's seed. A what-if: it is part of it in the real system.
    pub seed_without_previous: bool,
    /// Weight of the newest sample in the average TTFT. A what-if: 0.2 in the real system.
    pub ewma_alpha: f64,
    /// The same of the average error rate.
    pub ewma_error_rate_alpha: f64,
    /// The group whose pool this is; part of the draw's seed when there is one.
    pub group_id: Option<i64>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            revision: Revision::V0_1_133,
            mode: Mode::Advanced,
            sticky_escape_enabled: true,
            sticky_escape_ttft_ms: 15_000,
            sticky_escape_error_rate: 0.5,
            lb_top_k: 7,
            weights: Weights::default(),
            session_ttl: Span::from_secs(3_600),
            response_ttl: Span::from_secs(3_600),
            sticky_max_waiting: 3,
            sticky_wait_timeout: Span::from_secs(120),
            fallback_max_waiting: 100,
            fallback_wait_timeout: Span::from_secs(30),
            slot_ttl: Span::from_secs(1_800),
            load_cache_ttl: Span::from_millis(200),
            load_batch_enabled: true,
            subscription_priority: false,
            oauth_rate: 1.0,
            seed_without_previous: false,
            ewma_alpha: 0.2,
            ewma_error_rate_alpha: 0.2,
            group_id: None,
        }
    }
}
