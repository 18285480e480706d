//! The scheduler's settings, with the gateway's own defaults (spec scheduler.md, Configuration).

use crate::units::Span;

/// Weights of the load-balance score, each >= 0 and not all 0.
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
}

/// All settings that a select reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
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
    /// How long a batch of loads is cached; zero turns the cache off. A what-if: 200 ms in the real system.
    pub load_cache_ttl: Span,
    /// Weight of the newest sample in both averages. A what-if: 0.2 in the real system.
    pub ewma_alpha: f64,
    /// The group whose pool this is; part of the draw's seed when there is one.
    pub group_id: Option<i64>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            sticky_escape_enabled: true,
            sticky_escape_ttft_ms: 15_000,
            sticky_escape_error_rate: 0.5,
            lb_top_k: 7,
            weights: Weights { priority: 1.0, load: 1.0, queue: 0.7, error_rate: 0.8, ttft: 0.5 },
            session_ttl: Span::from_secs(3_600),
            response_ttl: Span::from_secs(3_600),
            sticky_max_waiting: 3,
            sticky_wait_timeout: Span::from_secs(120),
            fallback_max_waiting: 100,
            fallback_wait_timeout: Span::from_secs(30),
            slot_ttl: Span::from_secs(1_800),
            load_cache_ttl: Span::from_millis(200),
            ewma_alpha: 0.2,
            group_id: None,
        }
    }
}
