//! Accounts: what the gateway knows of them, and how the upstream behind them serves (spec simulator.md, "Upstream
//! accounts").

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::{Check, Checker};
use super::distribution::{Distribution, TtftPreset};
use super::duration::Duration;
use super::error::ErrorKind;
use super::upstream_error::UpstreamError;

/// How many accounts a scenario may have.
pub const MOST_ACCOUNTS: usize = 10_000;

/// One upstream account, or `count` alike. What is not given here comes from `account_defaults`, key by key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Account {
    /// The gateway's id, above 0; not given: one more than the account before, from 1.
    pub id: Option<i64>,
    /// So many accounts alike, with ids that follow each other.
    #[serde(skip_serializing)]
    pub count: u32,
    /// A name for reports.
    pub name: String,
    /// What kind of credential it is: decides what a 401 does, and what its 429s lead to.
    #[serde(rename = "type")]
    pub kind: AccountType,
    /// The group that it belongs to; not given: the scenario's. An account of another group is never chosen.
    pub group: Option<i64>,
    /// The plan of an OAuth account; it is a subscription unless that is empty, `free` or `abnormal`.
    pub plan: String,
    /// Whether an OAuth account has a refresh token. From `gateway_version: 0.1.179` on, as all up to `priority`, a 401
    /// switches one without it off.
    pub refresh_token: bool,
    /// When its session window ends, from the start of the run, for the weight `reset`; not given: it has none.
    pub session_window_end: Option<Duration>,
    /// How much of its quotas is used, for the weight `quota_headroom`; not given: not known.
    pub usage: Option<Usage>,
    /// What the upstream of an API key charges, for the weight `upstream_cost`; not given: not known.
    pub upstream_rate: Option<f64>,
    /// Lower is better.
    pub priority: i64,
    /// Slots; 0 or less: unlimited.
    pub concurrency: i64,
    /// Used in place of the concurrency in the load rate, when above 0.
    pub load_factor: Option<i64>,
    /// Models that it serves; empty: all.
    pub models: Vec<String>,
    /// Whether it speaks WebSocket v2.
    pub websocket_v2: bool,
    /// What its upstream speaks; with HTTP/1.1 a replica opens at most `concurrency` connections.
    pub protocol: Protocol,
    /// Pool mode: a status does nothing to the account, some statuses are retried on it.
    pub pool_mode: bool,
    /// Retries of pool mode per request, 0 to 10.
    pub pool_mode_retry_count: u32,
    /// Statuses that pool mode retries; may be empty.
    pub pool_mode_retry_status_codes: Vec<u16>,
    /// What else makes it unschedulable for a while.
    pub temp_unschedulable_rules: Vec<Rule>,
    /// Time to first token of a healthy attempt, before `size_effect`, conditions and prefill.
    pub ttft: Distribution<Duration>,
    /// How alike the times to first token of one session are; not given: as the preset of `ttft` says, otherwise not at
    /// all.
    pub persistence: Option<Persistence>,
    /// How the time to first token grows with the input; not given: it does not.
    pub size_effect: Option<SizeEffect>,
    /// How long an answer takes from its first token to its last.
    pub decode: Decode,
    /// Speed at which input that is not in the prompt cache is read, in tokens a second, added to the time to first
    /// token; not given: at once.
    pub prefill_tokens_per_second: Option<f64>,
    /// How it slows down with its busy slots; not given: it does not.
    pub load_slowdown: Option<LoadSlowdown>,
    /// The upstream's prompt cache; `null`: none.
    pub prompt_cache: Option<PromptCache>,
    /// The provider's limits: what goes beyond one gets a 429.
    pub limits: Vec<Limit>,
    /// How long a 429 of `limits` takes to show.
    pub limit_after: Distribution<Duration>,
    /// How attempts fail while the account is healthy; the probabilities sum to at most 1.
    pub failures: Vec<Failure>,
    /// What tokens cost; not given: nothing is said of prices.
    pub price: Option<Price>,
}

/// Kind of credential.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountType {
    /// An API key.
    #[default]
    #[serde(alias = "apikey")]
    ApiKey,
    /// An OAuth login.
    Oauth,
}

/// How much of an account's quotas was used when the run starts. The gateway believes such figures for 8 hours.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Usage {
    /// Of the weekly quota, in percent.
    pub primary_used_percent: Option<f64>,
    /// When the weekly window starts anew, from the start of the run.
    pub primary_reset: Option<Duration>,
    /// Of the 5 h quota, in percent.
    pub secondary_used_percent: Option<f64>,
    /// When the 5 h window starts anew.
    pub secondary_reset: Option<Duration>,
}

/// What an upstream speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// HTTP/2: no limit on connections.
    #[default]
    Http2,
    /// HTTP/1.1: at most `concurrency` connections from each replica.
    Http1,
}

/// A rule that makes an account unschedulable for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The HTTP status, 100 to 599.
    pub status: u16,
    /// Words of which one must be in the error message; empty: any message.
    #[serde(default)]
    pub words: Vec<String>,
    /// For how many minutes, above 0.
    pub minutes: u64,
}

/// How alike the times to first token of one session are. What all requests together see stays as `ttft` says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Persistence {
    /// Correlation of two answers of a session (of their normal scores), 0 to 1; 0: none.
    pub correlation: f64,
    /// So large a share of all answers, the slowest ones, befalls single requests whatever their session, 0 to 1.
    pub lone_share: f64,
}

/// The time to first token times (input tokens / `median_input_tokens`)^`exponent`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SizeEffect {
    /// The exponent, 0 to 3.
    pub exponent: f64,
    /// The input at which `ttft` holds as it stands, above 0.
    pub median_input_tokens: f64,
}

/// How long an answer takes from its first token to its last: exactly one of these keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Decode {
    /// Its output at so many tokens a second, drawn for each attempt.
    TokensPerSecond(Distribution<f64>),
    /// So long, whatever the output.
    Time(Distribution<Duration>),
}

/// Times are multiplied by 1 + share * (other requests that run on the account beyond `free`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LoadSlowdown {
    /// So many others cost nothing.
    pub free: u32,
    /// What each further one adds to the time to first token, as a share of it, 0 to 1000.
    pub ttft_share: f64,
    /// What each further one adds to the time of the answer, as a share of it, 0 to 1000.
    pub decode_share: f64,
}

/// The upstream remembers a session's prefix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PromptCache {
    /// How long an idle prefix lives.
    pub ttl: Duration,
    /// Prefixes are cached in blocks of so many tokens, above 0.
    pub block_tokens: u32,
    /// The shortest prefix that is cached, in tokens.
    pub min_tokens: u32,
}

/// One limit of the provider: exactly one of `requests` and `tokens`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Length of the window: `1m`, `5h`, `7d`.
    pub per: Duration,
    /// Requests in a window, above 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// Tokens in a window, input and output, above 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Whether the 429 names the time when the limit is over; if not, the gateway assumes 5 s.
    #[serde(default = "yes")]
    pub names_reset: bool,
    /// How it comes back; not given: evenly for windows up to an hour, at once for longer ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refill: Option<Refill>,
}

/// How a limit comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Refill {
    /// Evenly, up to the whole of it: limits per minute.
    Evenly,
    /// All at once, when the window that began with the first request is over: 5 h and 7 d quotas.
    AtOnce,
}

/// One way to fail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// How likely an attempt ends so, 0 to 1.
    pub probability: f64,
    /// What goes wrong.
    pub error: UpstreamError,
}

/// Price of a million tokens, in any currency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Of input that is not in the prompt cache.
    pub input: f64,
    /// Of input that is.
    pub cached_input: f64,
    /// Of output.
    pub output: f64,
}

const fn yes() -> bool {
    true
}

impl Default for Account {
    fn default() -> Self {
        Self {
            id: None,
            count: 1,
            name: String::new(),
            kind: AccountType::ApiKey,
            group: None,
            plan: String::new(),
            refresh_token: true,
            session_window_end: None,
            usage: None,
            upstream_rate: None,
            priority: 1,
            concurrency: 10,
            load_factor: None,
            models: Vec::new(),
            websocket_v2: true,
            protocol: Protocol::Http2,
            pool_mode: false,
            pool_mode_retry_count: 3,
            pool_mode_retry_status_codes: vec![401, 403, 429],
            temp_unschedulable_rules: Vec::new(),
            ttft: Distribution::Preset(TtftPreset::ClaudeCode),
            persistence: None,
            size_effect: None,
            decode: Decode::TokensPerSecond(Distribution::lognormal(58.0, 90.0)),
            prefill_tokens_per_second: None,
            load_slowdown: None,
            prompt_cache: Some(PromptCache::default()),
            limits: Vec::new(),
            limit_after: Distribution::Constant(Duration::millis(200)),
            failures: Vec::new(),
            price: None,
        }
    }
}

impl Default for SizeEffect {
    fn default() -> Self {
        Self { exponent: 0.36, median_input_tokens: 25_000.0 }
    }
}

impl Default for PromptCache {
    fn default() -> Self {
        Self { ttl: Duration::secs(300), block_tokens: 128, min_tokens: 1_024 }
    }
}

impl Check for Account {
    fn check(&self, c: &mut Checker) {
        if let Some(id) = self.id {
            c.whole("id", id, 1, i128::from(i64::MAX) - MOST_ACCOUNTS as i128);
        }
        c.whole("count", self.count, 0, MOST_ACCOUNTS as i128);
        if let Some(end) = self.session_window_end {
            c.time("session_window_end", end);
        }
        c.key("usage", &self.usage);
        if let Some(rate) = self.upstream_rate {
            c.number("upstream_rate", rate, 0.0, 1e9);
        }
        c.whole("priority", self.priority, -1_000_000_000, 1_000_000_000);
        c.whole("concurrency", self.concurrency, -1_000_000_000, 1_000_000);
        if let Some(factor) = self.load_factor {
            c.whole("load_factor", factor, -1_000_000_000, 1_000_000_000);
        }
        c.at_most("models", self.models.len(), 10_000);
        c.whole("pool_mode_retry_count", self.pool_mode_retry_count, 0, 10);
        c.each("pool_mode_retry_status_codes", &self.pool_mode_retry_status_codes, |c, code| {
            c.whole("", *code, 100, 599)
        });
        c.items("temp_unschedulable_rules", &self.temp_unschedulable_rules);
        c.key("ttft", &self.ttft);
        c.key("persistence", &self.persistence);
        c.key("size_effect", &self.size_effect);
        c.key("decode", &self.decode);
        if let Some(speed) = self.prefill_tokens_per_second {
            c.number("prefill_tokens_per_second", speed, 0.01, 1e9);
        }
        c.key("load_slowdown", &self.load_slowdown);
        c.key("prompt_cache", &self.prompt_cache);
        c.at_most("limits", self.limits.len(), 16);
        c.items("limits", &self.limits);
        c.key("limit_after", &self.limit_after);
        c.at_most("failures", self.failures.len(), 64);
        c.items("failures", &self.failures);
        let total: f64 = self.failures.iter().map(|failure| failure.probability).sum();
        if total > 1.0 + 1e-9 {
            let message = format!("the probabilities of `failures` sum to {total}, more than 1");
            c.fault("failures", ErrorKind::OutOfRange, message, None);
        }
        c.key("price", &self.price);
    }
}

impl Check for Usage {
    fn check(&self, c: &mut Checker) {
        for (key, used) in [
            ("primary_used_percent", self.primary_used_percent),
            ("secondary_used_percent", self.secondary_used_percent),
        ] {
            if let Some(used) = used {
                c.number(key, used, 0.0, 1e6);
            }
        }
        for (key, reset) in [("primary_reset", self.primary_reset), ("secondary_reset", self.secondary_reset)] {
            if let Some(reset) = reset {
                c.time(key, reset);
            }
        }
    }
}

impl Check for Rule {
    fn check(&self, c: &mut Checker) {
        c.whole("status", self.status, 100, 599);
        c.whole("minutes", self.minutes, 1, 1_000_000);
    }
}

impl Check for Persistence {
    fn check(&self, c: &mut Checker) {
        c.share("correlation", self.correlation);
        c.share("lone_share", self.lone_share);
    }
}

impl Persistence {
    /// Lag-1 correlation in Claude Code sessions once input size, model and the session's own level are taken out. The
    /// slowest 1.7 % (over 15 s) come alone: of 41 with a recorded next turn none was followed by another.
    const CLAUDE_CODE: Self = Self { correlation: 0.22, lone_share: 0.017 };
}

impl Account {
    /// Fills in what `ttft` brings along.
    pub(super) fn fill_in(&mut self) {
        if self.persistence.is_none() && self.ttft == Distribution::Preset(TtftPreset::ClaudeCode) {
            self.persistence = Some(Persistence::CLAUDE_CODE);
        }
    }
}

impl Check for SizeEffect {
    fn check(&self, c: &mut Checker) {
        c.number("exponent", self.exponent, 0.0, 3.0);
        c.number("median_input_tokens", self.median_input_tokens, 1.0, 1e9);
    }
}

impl Check for Decode {
    fn check(&self, c: &mut Checker) {
        match self {
            Self::TokensPerSecond(speed) => c.key("tokens_per_second", speed),
            Self::Time(time) => c.key("time", time),
        }
    }
}

impl Check for LoadSlowdown {
    fn check(&self, c: &mut Checker) {
        c.number("ttft_share", self.ttft_share, 0.0, 1_000.0);
        c.number("decode_share", self.decode_share, 0.0, 1_000.0);
    }
}

impl Check for PromptCache {
    fn check(&self, c: &mut Checker) {
        c.time("ttl", self.ttl);
        c.whole("block_tokens", self.block_tokens, 1, 1_000_000_000);
        c.whole("min_tokens", self.min_tokens, 0, 1_000_000_000);
    }
}

impl Check for Limit {
    fn check(&self, c: &mut Checker) {
        c.some_time("per", self.per);
        if self.requests.is_some() == self.tokens.is_some() {
            c.fault("", ErrorKind::Conflict, "a limit needs exactly one of `requests` and `tokens`", None);
        }
        for (key, value) in [("requests", self.requests), ("tokens", self.tokens)] {
            if let Some(value) = value {
                c.whole(key, value, 1, 1_000_000_000_000_000);
            }
        }
    }
}

impl Check for Failure {
    fn check(&self, c: &mut Checker) {
        c.share("probability", self.probability);
        c.key("error", &self.error);
    }
}

impl Check for Price {
    fn check(&self, c: &mut Checker) {
        c.number("input", self.input, 0.0, 1e12);
        c.number("cached_input", self.cached_input, 0.0, 1e12);
        c.number("output", self.output, 0.0, 1e12);
    }
}
