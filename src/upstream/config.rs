//! What modelled accounts are made of: plain structs that a scenario lowers to.
//!
//! Points in time are spans from the start of the run. Distributions of times are in seconds, and their names say so.
//! Nothing here is checked again: `scenario` refuses nonsense where it can name file and line; a negative duration that
//! comes through is taken as zero, a probability beyond 0..1 as the nearer end.

use super::persistence::Persistence;
use crate::engine::Distribution;
use crate::ids::{AccountIx, ModelId};
use crate::units::Span;
use crate::workload::Says;

/// All modelled accounts and what befalls them.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// By `AccountIx`.
    pub accounts: Vec<AccountModel>,
    /// Changes of health over time. Their order is their identity: it names their luck and their events.
    pub conditions: Vec<Condition>,
    /// Error messages: `Fault::Status::message` k names the k-th of them, counted from 1; 0 is none.
    pub messages: Vec<String>,
}

/// How one account serves while it is healthy.
#[derive(Clone, Debug)]
pub struct AccountModel {
    /// Base noise of the time to first token, in seconds.
    pub ttft_s: Distribution,
    /// How alike the base noise of one session's attempts is; `None`: not at all.
    pub persistence: Option<Persistence>,
    /// How the time to first token grows with the input; `None`: not at all.
    pub size_effect: Option<SizeEffect>,
    /// Speed at which input that is not in the prompt cache is read, in tokens per second; its time comes on top of
    /// the base noise. `None`: no time.
    pub prefill_tokens_per_s: Option<f64>,
    /// From the first token to the last.
    pub decode: Decode,
    /// Slower under load; `None`: not.
    pub load_slowdown: Option<LoadSlowdown>,
    /// What the account remembers of a session; `None`: nothing.
    pub prompt_cache: Option<PromptCache>,
    /// Beyond these it answers 429.
    pub limits: Vec<Limit>,
    /// How long a 429 of `limits` takes to show, in seconds.
    pub limit_after_s: Distribution,
    /// Failures of a healthy account. The probabilities add up: at most one of them happens to an attempt.
    pub failures: Vec<Failure>,
}

/// The base noise is multiplied by `(input_tokens / median_tokens) ^ exponent`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SizeEffect {
    /// 0.36 in the WEKA corpus.
    pub exponent: f64,
    /// The input at which the base noise was measured; inputs of 0 count as 1 token.
    pub median_tokens: f64,
}

/// How long an answer takes from its first token to its last.
#[derive(Clone, Debug)]
pub enum Decode {
    /// `output_tokens` at so many tokens per second, drawn for each attempt.
    TokensPerSecond(Distribution),
    /// So many seconds, whatever the output.
    Seconds(Distribution),
}

/// Times are multiplied by 1 + share * (other forwards on the account beyond `free`).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LoadSlowdown {
    /// So many others cost nothing.
    pub free: u32,
    /// What each further one adds to the time to first token, as a share of it.
    pub ttft_share: f64,
    /// What each further one adds to the decode time, as a share of it.
    pub decode_share: f64,
}

/// The prompt cache of an account: the prefix that a session's last turn left there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromptCache {
    /// It is kept so long after the end of the turn that left or used it.
    pub ttl: Span,
    /// Prefixes are found in whole blocks of so many tokens.
    pub block_tokens: u32,
    /// Shorter prefixes are not found.
    pub least_tokens: u32,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Forwards.
    Requests,
    /// Their input and output tokens, counted when they start.
    Tokens,
}

/// How a limit comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refill {
    /// Evenly, up to `most` at once: limits per minute.
    Even,
    /// All at once, a `window` after the first forward that was counted: 5 h and 7 d quotas.
    AtOnce,
}

/// At most so much in a window; what goes beyond is refused with 429 and does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Requests or tokens.
    pub counted: Counted,
    /// How many. A single request of more tokens than that passes when nothing else was counted.
    pub most: u64,
    /// In how long.
    pub window: Span,
    /// How it comes back.
    pub refill: Refill,
    /// Whether the 429 names the reset time.
    pub names_reset: bool,
}

/// Something that goes wrong with this probability.
#[derive(Clone, Debug)]
pub struct Failure {
    /// 0 to 1.
    pub probability: f64,
    /// What.
    pub fault: Fault,
}

/// What goes wrong with an attempt.
#[derive(Clone, Debug)]
pub enum Fault {
    /// An HTTP status instead of an answer.
    Status {
        /// The status.
        status: u16,
        /// How long it takes to show, in seconds.
        after_s: Distribution,
        /// For 429: when the limit is over, in seconds from the status, if the upstream names it.
        reset_after_s: Option<Distribution>,
        /// For 429: what the header `Retry-After` says, in seconds, if it is there.
        retry_after_s: Option<Distribution>,
        /// What the message says, as far as the gateway reads it.
        says: Says,
        /// Index of the message in `Config::messages`, from 1; 0 is none.
        message: u16,
    },
    /// Refused, reset or timed out without a status: a timeout is one that takes long.
    Transport {
        /// How long it takes to show, in seconds.
        after_s: Distribution,
        /// Whether it is of the kind that lasts, such as a refused connection.
        durable: bool,
    },
    /// Closed by the upstream before the first token.
    Closed {
        /// How long it takes, in seconds.
        after_s: Distribution,
        /// Whether the error is of the kind that would fail over.
        would_fail_over: bool,
    },
    /// The stream breaks after the first token.
    Broken {
        /// How far the answer has come by then: 0 at the first token, 1 at the last.
        share: Distribution,
        /// Whether the error is of the kind that would have failed over, had no byte reached the client.
        would_fail_over: bool,
    },
}

/// One cause of bad health. On several accounts it sets in and ends on all of them together.
#[derive(Clone, Debug)]
pub struct Condition {
    /// Its name in reports.
    pub name: String,
    /// Whom it befalls.
    pub accounts: Vec<AccountIx>,
    /// When.
    pub course: Course,
}

/// What a condition does to attempts that start inside it. Several at once multiply their factors, add their
/// additions, and fail attempts independently.
#[derive(Clone, Debug)]
pub struct Effect {
    /// Multiplies the base noise of the time to first token.
    pub ttft_factor: f64,
    /// Comes on top of it.
    pub ttft_add: Span,
    /// Multiplies the decode time.
    pub decode_factor: f64,
    /// Probability of `error`.
    pub error_rate: f64,
    /// What an attempt that fails by this condition gets.
    pub error: Fault,
    /// Only attempts for these models; empty: for all.
    pub only_models: Vec<ModelId>,
    /// The upstream's own capacity.
    pub capacity: Option<Capacity>,
}

/// How many forwards an upstream runs at once, and what happens to one that finds so many others.
#[derive(Clone, Debug)]
pub struct Capacity {
    /// So many run at full speed; 0 counts as 1 where they get slower.
    pub forwards: u32,
    /// What happens beyond.
    pub beyond: Beyond,
}

/// What happens beyond a capacity.
#[derive(Clone, Debug)]
pub enum Beyond {
    /// They share it: the forward's times are multiplied by (others + 1) / capacity.
    Slower,
    /// This, a 429 for example.
    Refused(Fault),
}

/// When a condition is in force.
#[derive(Clone, Debug)]
pub enum Course {
    /// Once, from `at` for `lasting`, ramps included.
    Scheduled {
        /// When it sets in.
        at: Span,
        /// How long it is in force; `Span::MAX`: for ever.
        lasting: Span,
        /// Its effect grows evenly over the first part.
        ramp_in: Span,
        /// Its effect fades evenly over the last part.
        ramp_out: Span,
        /// At its height. (A ramp scales what factors exceed 1 by, `ttft_add` and `error_rate`; `capacity` holds from
        /// onset to end.)
        effect: Effect,
    },
    /// A random walk over named states, in the first one at the start of the run.
    Markov {
        /// At least one.
        states: Vec<State>,
    },
    /// On and off by turns.
    Flapping {
        /// First onset.
        at: Span,
        /// How long each time.
        on: Span,
        /// How long between.
        off: Span,
        /// Nothing from here on; `Span::MAX`: for ever.
        until: Span,
        /// While it is on.
        effect: Effect,
    },
    /// Factors over time, say from a recording.
    Replayed {
        /// From when which factor holds for the time to first token, in order of time; 1 before the first.
        steps: Vec<(Span, f64)>,
        /// From this factor on the account counts as degraded.
        degraded_from: f64,
        /// What else holds while the factor counts as degraded; its `ttft_factor` is not used.
        effect: Effect,
    },
    /// Soft throttling: degraded for a while whenever the condition's accounts (together) carried too much.
    Triggered {
        /// Requests or tokens.
        counted: Counted,
        /// More than so many...
        most: u64,
        /// ...in this window (counted in 60 steps of it) set it in.
        window: Span,
        /// So long, from the last forward that was too many.
        lasting: Span,
        /// Meanwhile.
        effect: Effect,
    },
}

/// One state of a random walk.
#[derive(Clone, Debug)]
pub struct State {
    /// Its name in reports.
    pub name: String,
    /// How long it lasts, in seconds (at least 1 ms).
    pub sojourn_s: Distribution,
    /// What it does.
    pub effect: Effect,
    /// Weights of the states that may follow, by index; what is missing counts as 0. All 0: the state stays for ever.
    pub next: Vec<f64>,
}

impl Default for AccountModel {
    /// TTFT as measured in Claude Code sessions, 58 tokens per second (p90 90), prompt cache of 5 min, no limits, no failures.
    fn default() -> Self {
        Self {
            ttft_s: super::baselines::claude_code().unwrap_or(Distribution::ZERO),
            persistence: Some(super::baselines::CLAUDE_CODE_PERSISTENCE),
            size_effect: None,
            prefill_tokens_per_s: None,
            decode: Decode::default(),
            load_slowdown: None,
            prompt_cache: Some(PromptCache::default()),
            limits: Vec::new(),
            limit_after_s: default_error_delay(),
            failures: Vec::new(),
        }
    }
}

impl Default for Decode {
    /// Lognormal, median 58 tokens per second, p90 90.
    fn default() -> Self {
        Self::TokensPerSecond(Distribution::lognormal_p50_p90(58.0, 90.0).unwrap_or(Distribution::ZERO))
    }
}

impl Default for PromptCache {
    /// 5 min, blocks of 128 tokens, at least 1,024.
    fn default() -> Self {
        Self { ttl: Span::from_secs(300), block_tokens: 128, least_tokens: 1_024 }
    }
}

impl Default for Effect {
    /// None.
    fn default() -> Self {
        Self {
            ttft_factor: 1.0,
            ttft_add: Span::ZERO,
            decode_factor: 1.0,
            error_rate: 0.0,
            error: Fault::default(),
            only_models: Vec::new(),
            capacity: None,
        }
    }
}

impl Default for Fault {
    /// A 500 after 0.2 s.
    fn default() -> Self {
        Self::status(500)
    }
}

impl Fault {
    /// This status after 0.2 s, without reset time or message.
    pub fn status(status: u16) -> Self {
        Self::Status {
            status,
            after_s: default_error_delay(),
            reset_after_s: None,
            retry_after_s: None,
            says: Says::Nothing,
            message: 0,
        }
    }
}

/// 0.2 s.
fn default_error_delay() -> Distribution {
    Distribution::constant(0.2).unwrap_or(Distribution::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_distributions_are_those_documented() {
        let model = AccountModel::default();
        assert!((model.ttft_s.quantile(0.5) - 2.51).abs() < 1e-9 && (model.ttft_s.quantile(0.9) - 6.58).abs() < 1e-9);
        assert!(matches!(model.decode, Decode::TokensPerSecond(speed) if (speed.median() - 58.0).abs() < 1e-9));
        assert_eq!(model.limit_after_s.median(), 0.2);
    }
}
