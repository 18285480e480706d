//! The gateway's own settings, under its own names, defaults and limits (spec scheduler.md, "Configuration").

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::{Check, Checker};
use super::duration::Duration;
use super::error::ErrorKind;

/// The gateway's key tree as in its config.yaml. Keys of it that are not here change nothing in a simulation: they are
/// left out, and listed with `-v`. `advanced_scheduler.*`, the later spelling of the keys of the escape gate, the top-k
/// and the weights, is read too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Gateway {
    /// The escape gate.
    pub openai_scheduler: OpenAiScheduler,
    /// Load balance and bindings.
    pub openai_ws: OpenAiWs,
    /// Waiting, and the list of candidates.
    pub scheduling: Scheduling,
    /// How often a request may switch accounts after failures, 0 to 1000.
    pub max_account_switches: u32,
    /// A slot held for longer is forgotten; minutes, 1 to 1000000.
    pub concurrency_slot_ttl_minutes: u64,
}

/// `gateway.openai_scheduler`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OpenAiScheduler {
    /// Whether sessions leave their account when it is unhealthy or full.
    pub sticky_escape_enabled: bool,
    /// Escape above this average time to first token, in ms; 0 means the default, as in the gateway.
    pub sticky_escape_ttft_ms: u64,
    /// Escape above this average error rate, 0 to 1; 0 means the default, as in the gateway.
    pub sticky_escape_error_rate: f64,
}

/// `gateway.openai_ws`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OpenAiWs {
    /// Load balance draws among so many best accounts, above 0.
    pub lb_top_k: u64,
    /// Weights of the load-balance score.
    pub scheduler_score_weights: Weights,
    /// How long a session's binding lives, in seconds, above 0.
    pub sticky_session_ttl_seconds: u64,
    /// How long a response's binding lives, in seconds, above 0.
    pub sticky_response_id_ttl_seconds: u64,
}

/// `gateway.openai_ws.scheduler_score_weights`: each at least 0, not all 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Weights {
    /// Of the account's priority.
    pub priority: f64,
    /// Of its load.
    pub load: f64,
    /// Of its queue.
    pub queue: f64,
    /// Of its error rate.
    pub error_rate: f64,
    /// Of its time to first token.
    pub ttft: f64,
}

/// `gateway.scheduling`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Scheduling {
    /// So many may wait for a sticky account, above 0.
    pub sticky_session_max_waiting: u32,
    /// How long they wait.
    pub sticky_session_wait_timeout: Duration,
    /// So many may wait for an account that load balance chose, above 0.
    pub fallback_max_waiting: u32,
    /// How long they wait.
    pub fallback_wait_timeout: Duration,
    /// The list of candidates is looked after this often, in seconds, above 0.
    pub outbox_poll_interval_seconds: u64,
    /// The list of candidates is built anew this often, in seconds; 0: never.
    pub full_rebuild_interval_seconds: u64,
}

/// `rate_limit` of the gateway's config.yaml.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimit {
    /// How long a 529 makes an account unschedulable, in minutes, above 0.
    pub overload_cooldown_minutes: u64,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            openai_scheduler: OpenAiScheduler::default(),
            openai_ws: OpenAiWs::default(),
            scheduling: Scheduling::default(),
            max_account_switches: 10,
            concurrency_slot_ttl_minutes: 30,
        }
    }
}

impl Default for OpenAiScheduler {
    fn default() -> Self {
        Self { sticky_escape_enabled: true, sticky_escape_ttft_ms: 15_000, sticky_escape_error_rate: 0.5 }
    }
}

impl Default for OpenAiWs {
    fn default() -> Self {
        Self {
            lb_top_k: 7,
            scheduler_score_weights: Weights::default(),
            sticky_session_ttl_seconds: 3_600,
            sticky_response_id_ttl_seconds: 3_600,
        }
    }
}

impl Default for Weights {
    fn default() -> Self {
        Self { priority: 1.0, load: 1.0, queue: 0.7, error_rate: 0.8, ttft: 0.5 }
    }
}

impl Default for Scheduling {
    fn default() -> Self {
        Self {
            sticky_session_max_waiting: 3,
            sticky_session_wait_timeout: Duration::secs(120),
            fallback_max_waiting: 100,
            fallback_wait_timeout: Duration::secs(30),
            outbox_poll_interval_seconds: 1,
            full_rebuild_interval_seconds: 300,
        }
    }
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { overload_cooldown_minutes: 10 }
    }
}

/// Ten years in seconds.
const LONGEST_SECONDS: i128 = 3_653 * 86_400;

impl Check for Gateway {
    fn check(&self, c: &mut Checker) {
        c.within("openai_scheduler", |c| {
            let escape = &self.openai_scheduler;
            c.whole("sticky_escape_ttft_ms", escape.sticky_escape_ttft_ms, 0, LONGEST_SECONDS * 1_000);
            c.share("sticky_escape_error_rate", escape.sticky_escape_error_rate);
        });
        c.within("openai_ws", |c| {
            c.whole("lb_top_k", self.openai_ws.lb_top_k, 1, 1_000_000);
            c.within("scheduler_score_weights", |c| {
                let weights = self.openai_ws.scheduler_score_weights;
                let named = [
                    ("priority", weights.priority),
                    ("load", weights.load),
                    ("queue", weights.queue),
                    ("error_rate", weights.error_rate),
                    ("ttft", weights.ttft),
                ];
                for (name, weight) in named {
                    c.number(name, weight, 0.0, 1e9);
                }
                if named.iter().all(|(_, weight)| *weight == 0.0) {
                    c.fault("", ErrorKind::OutOfRange, "`scheduler_score_weights` must not all be 0", None);
                }
            });
            c.whole("sticky_session_ttl_seconds", self.openai_ws.sticky_session_ttl_seconds, 1, LONGEST_SECONDS);
            c.whole(
                "sticky_response_id_ttl_seconds",
                self.openai_ws.sticky_response_id_ttl_seconds,
                1,
                LONGEST_SECONDS,
            );
        });
        c.within("scheduling", |c| {
            let scheduling = &self.scheduling;
            c.whole("sticky_session_max_waiting", scheduling.sticky_session_max_waiting, 1, 1_000_000_000);
            c.some_time("sticky_session_wait_timeout", scheduling.sticky_session_wait_timeout);
            c.whole("fallback_max_waiting", scheduling.fallback_max_waiting, 1, 1_000_000_000);
            c.some_time("fallback_wait_timeout", scheduling.fallback_wait_timeout);
            c.whole("outbox_poll_interval_seconds", scheduling.outbox_poll_interval_seconds, 1, LONGEST_SECONDS);
            c.whole("full_rebuild_interval_seconds", scheduling.full_rebuild_interval_seconds, 0, LONGEST_SECONDS);
        });
        c.whole("max_account_switches", self.max_account_switches, 0, 1_000);
        c.whole("concurrency_slot_ttl_minutes", self.concurrency_slot_ttl_minutes, 1, 1_000_000);
    }
}

impl Check for RateLimit {
    fn check(&self, c: &mut Checker) {
        c.whole("overload_cooldown_minutes", self.overload_cooldown_minutes, 1, 1_000_000);
    }
}
