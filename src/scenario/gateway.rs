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
    /// How often a request may switch accounts after failures, at most 1000; 0 or less means 3, as in the gateway.
    pub max_account_switches: i64,
    /// A slot held for longer is forgotten; minutes, 1 to 1000000.
    pub concurrency_slot_ttl_minutes: u64,
    /// A forward over HTTP that has brought no first output after so many seconds is given up, reported as a failure
    /// and tried on another account; 0: never. Gateways from 0.1.156 on have it.
    #[serde(skip_serializing_if = "is_none")]
    pub openai_first_output_timeout_seconds: u64,
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
    /// How long a response's binding lives, in seconds; 0 or less falls back on the older key.
    pub sticky_response_id_ttl_seconds: i64,
    /// The older key of the same, used where the newer one is 0 or less; 0: not set.
    #[serde(skip_serializing_if = "is_zero")]
    pub sticky_previous_response_ttl_seconds: i64,
}

/// `gateway.openai_ws.scheduler_score_weights`: each at least 0, the first eight not all 0. From 0.1.179 on there are
/// more than five.
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
    /// Of how soon its session window ends.
    pub reset: f64,
    /// Of what is left of its quota.
    pub quota_headroom: f64,
    /// Of what its upstream charges.
    pub upstream_cost: f64,
    /// A bonus for the account of the previous response, in the mode `weighted`.
    pub previous_response: f64,
    /// A bonus for the account that the session is bound to, in the mode `weighted`.
    pub session_sticky: f64,
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
    /// How long a batch of loads is cached, in ms; 0: not.
    pub load_batch_cache_ttl_ms: u64,
    /// Whether the mode `legacy` looks at loads.
    pub load_batch_enabled: bool,
}

/// `rate_limit` of the gateway's config.yaml.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimit {
    /// How long a 529 makes an account unschedulable, in minutes; 0 or less means the default, as in the gateway.
    pub overload_cooldown_minutes: i64,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            openai_scheduler: OpenAiScheduler::default(),
            openai_ws: OpenAiWs::default(),
            scheduling: Scheduling::default(),
            max_account_switches: 10,
            concurrency_slot_ttl_minutes: 30,
            openai_first_output_timeout_seconds: 0,
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
            sticky_previous_response_ttl_seconds: 0,
        }
    }
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

impl Weights {
    /// All of them with their keys.
    const fn named(&self) -> [(&'static str, f64); 10] {
        [
            ("priority", self.priority),
            ("load", self.load),
            ("queue", self.queue),
            ("error_rate", self.error_rate),
            ("ttft", self.ttft),
            ("reset", self.reset),
            ("quota_headroom", self.quota_headroom),
            ("upstream_cost", self.upstream_cost),
            ("previous_response", self.previous_response),
            ("session_sticky", self.session_sticky),
        ]
    }

    /// The sum of those that make up the score: the two bonuses do not count.
    pub(super) fn sum(&self) -> f64 {
        self.named()[..8].iter().map(|(_, weight)| weight).sum()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
const fn is_zero(value: &i64) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
const fn is_none(value: &u64) -> bool {
    *value == 0
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
            load_batch_cache_ttl_ms: 200,
            load_batch_enabled: true,
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
                for (name, weight) in weights.named() {
                    c.number(name, weight, 0.0, 1e9);
                }
                if weights.sum() == 0.0 {
                    c.fault("", ErrorKind::OutOfRange, "`scheduler_score_weights` must not all be 0", None);
                }
            });
            c.whole("sticky_session_ttl_seconds", self.openai_ws.sticky_session_ttl_seconds, 1, LONGEST_SECONDS);
            let (newer, older) =
                (self.openai_ws.sticky_response_id_ttl_seconds, self.openai_ws.sticky_previous_response_ttl_seconds);
            c.whole("sticky_response_id_ttl_seconds", newer, -LONGEST_SECONDS, LONGEST_SECONDS);
            c.whole("sticky_previous_response_ttl_seconds", older, 0, LONGEST_SECONDS);
            if newer <= 0 && older <= 0 {
                let message = format!("`sticky_response_id_ttl_seconds` must be above 0, found {newer}");
                let help = "0 or less falls back on `sticky_previous_response_ttl_seconds`, which is not set";
                c.fault("sticky_response_id_ttl_seconds", ErrorKind::OutOfRange, message, Some(help));
            }
        });
        c.within("scheduling", |c| {
            let scheduling = &self.scheduling;
            c.whole("sticky_session_max_waiting", scheduling.sticky_session_max_waiting, 1, 1_000_000_000);
            c.some_time("sticky_session_wait_timeout", scheduling.sticky_session_wait_timeout);
            c.whole("fallback_max_waiting", scheduling.fallback_max_waiting, 1, 1_000_000_000);
            c.some_time("fallback_wait_timeout", scheduling.fallback_wait_timeout);
            c.whole("outbox_poll_interval_seconds", scheduling.outbox_poll_interval_seconds, 1, LONGEST_SECONDS);
            c.whole("full_rebuild_interval_seconds", scheduling.full_rebuild_interval_seconds, 0, LONGEST_SECONDS);
            c.whole("load_batch_cache_ttl_ms", scheduling.load_batch_cache_ttl_ms, 0, 1_000_000_000);
        });
        c.whole("max_account_switches", self.max_account_switches, -1_000, 1_000);
        c.whole("concurrency_slot_ttl_minutes", self.concurrency_slot_ttl_minutes, 1, 1_000_000);
        let timeout = self.openai_first_output_timeout_seconds;
        c.whole("openai_first_output_timeout_seconds", timeout, 0, LONGEST_SECONDS);
    }
}

impl Check for RateLimit {
    fn check(&self, c: &mut Checker) {
        c.whole("overload_cooldown_minutes", self.overload_cooldown_minutes, -1_000_000, 1_000_000);
    }
}
