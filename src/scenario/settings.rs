//! The smaller parts of a scenario: replicas, clients, what is measured, what-ifs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::{Check, Checker};
use super::distribution::Distribution;
use super::duration::Duration;
use super::error::ErrorKind;

/// How clients talk to the gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// One HTTP request a turn.
    #[default]
    Http,
    /// Turns on a WebSocket connection.
    Websocket,
}

/// Which revision of the gateway is simulated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum GatewayVersion {
    /// The one that introduced sticky escape (2026-06), in its advanced mode.
    #[default]
    #[serde(rename = "0.1.133")]
    V0_1_133,
    /// The one of 2026-08-22, in all its modes.
    #[serde(rename = "0.1.179")]
    V0_1_179,
}

impl GatewayVersion {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V0_1_133 => "0.1.133",
            Self::V0_1_179 => "0.1.179",
        }
    }
}

/// Which of its schedulers the gateway runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// By priority, load and last use; the gateway's default.
    Legacy,
    /// Sticky with escape, then load balance by a score.
    Advanced,
    /// Load balance by a score in which being bound is a bonus.
    Weighted,
}

impl Mode {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Advanced => "advanced",
            Self::Weighted => "weighted",
        }
    }
}

/// Who answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// The accounts' models.
    #[default]
    Modelled,
    /// The attempts that the trace carries.
    Recorded,
}

/// Gateway processes that share bindings, slots and the list of candidates, but not their averages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Replicas {
    /// How many, 1 to 256.
    pub count: u32,
    /// How requests spread over them.
    pub routing: Routing,
    /// Restarts: a replica loses its averages, blocks and load caches.
    pub restarts: Vec<Restart>,
}

/// How requests spread over replicas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Routing {
    /// One after the other.
    #[default]
    RoundRobin,
    /// A session stays with its replica.
    BySession,
}

/// A restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// When, from the start of the run.
    pub at: Duration,
    /// Which replica, from 0.
    #[serde(default)]
    pub replica: u32,
}

/// How clients behave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Clients {
    /// How long one waits for the first token before it goes away; not given: for ever.
    pub patience: Option<Distribution<Duration>>,
    /// When one tries again; not given: never.
    pub retry: Option<Retry>,
    /// How many requests of one user the gateway lets through at a time (HTTP only); not given: no limit.
    pub user_concurrency: Option<u32>,
    /// Whether a previous response that is named on a new WebSocket connection could be done without: true for messages
    /// of users, false where every first message carries outputs of function calls. Read from 0.1.179 on.
    pub previous_can_move: bool,
    /// A WebSocket connection is closed by its client when it has been idle for so long.
    pub connection_idle: Duration,
}

/// When a client tries again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// After these HTTP statuses. An error that comes inside a stream, as that of a wait of over 10 s, has status 200.
    pub on: Vec<u16>,
    /// Tries after the first, at most 100.
    pub max: u32,
    /// Pause before the first of them.
    pub backoff: Duration,
    /// Each next pause is so many times longer, 1 to 100.
    pub factor: f64,
    /// The longest pause.
    pub longest: Duration,
    /// Each pause is multiplied with a uniform factor from 1 - jitter to 1 + jitter, 0 to 1.
    pub jitter: f64,
}

/// What is measured, and against what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Measure {
    /// A felt time to first token above this breaks the service level objective.
    pub slo_ttft: Duration,
    /// A turn with a felt time to first token above this is slow.
    pub slow_ttft: Duration,
    /// A session is stuck after so many slow turns in a row.
    pub stuck_turns: u32,
    /// Which sessions the figures per session are of.
    pub sessions: Followed,
}

/// Which sessions the figures per session are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Followed {
    /// Of those with a turn between the end of the warm-up and the end of the run, cut at both.
    #[default]
    Seen,
    /// Of those that begin in that time, followed to their last turn while the traffic goes on as before. What else
    /// arrives after `duration` counts in no figure. It takes as long as the longest of them.
    Whole,
}

/// What cannot be configured in the real gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WhatIf {
    /// Weight of the newest sample in both averages, above 0, at most 1.
    pub ewma_alpha: f64,
    /// The same of the error rate alone, where it differs; not given: `ewma_alpha`. The newest gateways have it as
    /// `advanced_scheduler.ewma_error_rate_alpha`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ewma_error_rate_alpha: Option<f64>,
    /// Half the width of the random factor on the pauses of those who wait for a slot, 0 to 0.9.
    pub wait_jitter: f64,
    /// A forward whose upstream has sent no output for so long is given up, and the request switches to another
    /// account, but only once (`gateway.openai_first_output_timeout_seconds` does it every time). Known from the
    /// release notes of v0.2.x only: a sketch of those versions, not a port. With `gateway_version: 0.1.179` over HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_output_timeout: Option<Duration>,
    /// Whether the draw of load balance leaves the previous response out of its seed, so that a session draws alike
    /// in all rounds of its tools. Known from the release notes of v0.2.x only: a sketch of those versions, not a
    /// port.
    #[serde(skip_serializing_if = "is_false")]
    pub stable_seed: bool,
    /// Whether a client that leaves (499) also ends its upstream request: the connection is free at once, and nothing
    /// is learnt from it. Known from the release notes of v0.2.x only: a sketch of those versions, not a port. Over
    /// HTTP.
    #[serde(skip_serializing_if = "is_false")]
    pub cancel_upstream: bool,
    /// How long a 529 takes an account out, in the place of `rate_limit.overload_cooldown_minutes`: the gateway
    /// counts in whole minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overload_cooldown: Option<Duration>,
    /// Whether a 503 also does so, as in gateways from 0.2.5 on.
    #[serde(skip_serializing_if = "is_false")]
    pub overload_on_503: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl Default for Replicas {
    fn default() -> Self {
        Self { count: 1, routing: Routing::RoundRobin, restarts: Vec::new() }
    }
}

impl Default for Clients {
    fn default() -> Self {
        Self {
            patience: None,
            retry: None,
            user_concurrency: None,
            previous_can_move: true,
            connection_idle: Duration::secs(300),
        }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            on: vec![429, 502, 503],
            max: 3,
            backoff: Duration::secs(1),
            factor: 2.0,
            longest: Duration::secs(30),
            jitter: 0.25,
        }
    }
}

impl Default for Measure {
    fn default() -> Self {
        Self { slo_ttft: Duration::secs(10), slow_ttft: Duration::secs(15), stuck_turns: 3, sessions: Followed::Seen }
    }
}

impl Default for WhatIf {
    fn default() -> Self {
        Self {
            ewma_alpha: 0.2,
            ewma_error_rate_alpha: None,
            wait_jitter: 0.2,
            first_output_timeout: None,
            stable_seed: false,
            cancel_upstream: false,
            overload_cooldown: None,
            overload_on_503: false,
        }
    }
}

impl Check for Replicas {
    fn check(&self, c: &mut Checker) {
        c.whole("count", self.count, 1, 256);
        c.at_most("restarts", self.restarts.len(), 100_000);
        c.each("restarts", &self.restarts, |c, restart| {
            c.time("at", restart.at);
            c.whole("replica", restart.replica, 0, (i128::from(self.count) - 1).max(0));
        });
    }
}

impl Check for Clients {
    fn check(&self, c: &mut Checker) {
        c.key("patience", &self.patience);
        c.key("retry", &self.retry);
        if let Some(limit) = self.user_concurrency {
            c.whole("user_concurrency", limit, 1, 1_000_000);
        }
        c.some_time("connection_idle", self.connection_idle);
    }
}

impl Check for Retry {
    fn check(&self, c: &mut Checker) {
        c.each("on", &self.on, |c, status| c.whole("", *status, 400, 599));
        c.whole("max", self.max, 0, 100);
        c.time("backoff", self.backoff);
        c.number("factor", self.factor, 1.0, 100.0);
        c.time("longest", self.longest);
        c.share("jitter", self.jitter);
    }
}

impl Check for Measure {
    fn check(&self, c: &mut Checker) {
        c.some_time("slo_ttft", self.slo_ttft);
        c.some_time("slow_ttft", self.slow_ttft);
        if self.stuck_turns == 0 {
            c.fault("stuck_turns", ErrorKind::OutOfRange, "`stuck_turns` must be at least 1", None);
        }
    }
}

impl Check for WhatIf {
    fn check(&self, c: &mut Checker) {
        c.above_zero("ewma_alpha", self.ewma_alpha, 1.0);
        if let Some(alpha) = self.ewma_error_rate_alpha {
            c.above_zero("ewma_error_rate_alpha", alpha, 1.0);
        }
        c.number("wait_jitter", self.wait_jitter, 0.0, 0.9);
        if let Some(timeout) = self.first_output_timeout {
            c.some_time("first_output_timeout", timeout);
        }
        if let Some(cooldown) = self.overload_cooldown {
            c.time("overload_cooldown", cooldown);
        }
    }
}
