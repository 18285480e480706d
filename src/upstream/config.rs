//! The settings of modelled accounts: plain structs to which a scenario is lowered.
//!
//! Points in time are spans from the start of the run. Distributions of times are in seconds, and their names say so.
//! Nothing is checked again here, because `scenario` refuses nonsense where it can name file and line. A negative
//! duration is taken as zero, and a probability outside 0..=1 as the nearer end.

use super::persistence::Persistence;
use crate::engine::Distribution;
use crate::ids::{AccountIx, ModelId};
use crate::units::Span;
use crate::workload::Says;

/// The modelled accounts and the conditions that degrade them.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The accounts, indexed by `AccountIx`.
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
    /// How long an answer takes from its first token to its last.
    pub decode: Decode,
    /// How it slows down under load; `None`: not at all.
    pub load_slowdown: Option<LoadSlowdown>,
    /// What the account remembers of a session; `None`: nothing.
    pub prompt_cache: Option<PromptCache>,
    /// The limits beyond which it answers 429.
    pub limits: Vec<Limit>,
    /// How long a 429 of `limits` takes to show, in seconds.
    pub limit_after_s: Distribution,
    /// Failures of a healthy account. At most one of them strikes an attempt, so the probabilities add up.
    pub failures: Vec<Failure>,
}

/// The base noise is multiplied by `(input_tokens / median_tokens) ^ exponent`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SizeEffect {
    /// The exponent; it is 0.36 in the WEKA corpus.
    pub exponent: f64,
    /// The input at which the base noise was measured; inputs of 0 count as 1 token.
    pub median_tokens: f64,
}

/// How long an answer takes from its first token to its last.
#[derive(Clone, Debug)]
pub enum Decode {
    /// The speed in tokens per second, drawn for each attempt.
    TokensPerSecond(Distribution),
    /// The time in seconds, whatever the output.
    Seconds(Distribution),
}

/// Times are multiplied by 1 + share * (other forwards on the account beyond `free`).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LoadSlowdown {
    /// This many other forwards do not slow it down.
    pub free: u32,
    /// What each further one adds to the time to first token, as a share of it.
    pub ttft_share: f64,
    /// What each further one adds to the decode time, as a share of it.
    pub decode_share: f64,
}

/// The prompt cache of an account: the prefix that a session's last turn left there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromptCache {
    /// How long it is kept after the end of the turn that left or used it.
    pub ttl: Span,
    /// Prefixes are found in whole blocks of this many tokens.
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

/// How a limit is refilled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refill {
    /// Evenly, up to `most`: for limits per minute.
    Even,
    /// All at once, one `window` after the first forward that was counted: for quotas of 5 h and 7 d.
    AtOnce,
}

/// A limit on what is served in a window. What goes beyond it is refused with 429 and does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Requests or tokens.
    pub counted: Counted,
    /// The most that is served in a window. A single request of more tokens passes if nothing else was counted.
    pub most: u64,
    /// The length of the window.
    pub window: Span,
    /// How it is refilled.
    pub refill: Refill,
    /// Whether the 429 names the reset time.
    pub names_reset: bool,
}

/// Something that goes wrong with this probability.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The probability, 0 to 1.
    pub probability: f64,
    /// The fault that happens.
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
    /// The connection is refused, reset or times out without a status; a timeout is a fault that takes long to show.
    Transport {
        /// How long it takes to show, in seconds.
        after_s: Distribution,
        /// Whether it is of the kind that lasts, such as a refused connection.
        durable: bool,
    },
    /// Closed by the upstream before the first token.
    Closed {
        /// How long it takes to show, in seconds.
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

/// One cause of bad health. If it has several accounts, it begins and ends on all of them together.
#[derive(Clone, Debug)]
pub struct Condition {
    /// Its name in reports.
    pub name: String,
    /// The accounts that it degrades.
    pub accounts: Vec<AccountIx>,
    /// When it is in force.
    pub course: Course,
}

/// What a condition does to attempts that start while it is in force. If several are in force, their factors are
/// multiplied, their additions are added, and they fail attempts independently.
#[derive(Clone, Debug)]
pub struct Effect {
    /// Multiplies the base noise of the time to first token.
    pub ttft_factor: f64,
    /// Is added to the time to first token.
    pub ttft_add: Span,
    /// Multiplies the decode time.
    pub decode_factor: f64,
    /// Probability of `error`.
    pub error_rate: f64,
    /// The fault of an attempt that this condition fails.
    pub error: Fault,
    /// Only attempts for these models; empty: for all.
    pub only_models: Vec<ModelId>,
    /// The capacity of the upstream, if it is limited.
    pub capacity: Option<Capacity>,
}

/// How many forwards an upstream runs at once, and what happens to one that finds so many others.
#[derive(Clone, Debug)]
pub struct Capacity {
    /// This many run at full speed; 0 counts as 1 for `Beyond::Slower`.
    pub forwards: u32,
    /// What happens to a forward beyond this number.
    pub beyond: Beyond,
}

/// What happens beyond a capacity.
#[derive(Clone, Debug)]
pub enum Beyond {
    /// They share the capacity: the forward's times are multiplied by (others + 1) / capacity.
    Slower,
    /// The forward gets this fault, for example a 429.
    Refused(Fault),
}

/// When a condition is in force.
#[derive(Clone, Debug)]
pub enum Course {
    /// Once, from `at` for `lasting`, ramps included.
    Scheduled {
        /// When it begins.
        at: Span,
        /// How long it is in force; `Span::MAX`: for ever.
        lasting: Span,
        /// Its effect grows evenly over the first part.
        ramp_in: Span,
        /// Its effect fades evenly over the last part.
        ramp_out: Span,
        /// Its effect at full strength. (A ramp scales `ttft_add`, `error_rate`, and the amount by which factors exceed
        /// 1; `capacity` holds from onset to end.)
        effect: Effect,
    },
    /// A random walk over named states, in the first one at the start of the run.
    Markov {
        /// The states, at least one.
        states: Vec<State>,
    },
    /// On and off by turns.
    Flapping {
        /// The first onset.
        at: Span,
        /// How long it is on each time.
        on: Span,
        /// How long it is off in between.
        off: Span,
        /// It does not occur from this time on; `Span::MAX`: it never stops.
        until: Span,
        /// Its effect while it is on.
        effect: Effect,
    },
    /// Factors over time, for example from a recording.
    Replayed {
        /// The factors on the time to first token, each with the time from which it holds, in the order of time. Before
        /// the first, the factor is 1.
        steps: Vec<(Span, f64)>,
        /// The account counts as degraded while the factor is at least this.
        degraded_from: f64,
        /// Further effects while the account counts as degraded; their `ttft_factor` is not used.
        effect: Effect,
    },
    /// Soft throttling: the accounts are degraded for a while whenever they, together, carried too much.
    Triggered {
        /// Requests or tokens.
        counted: Counted,
        /// It begins when more than this many...
        most: u64,
        /// ...were carried in this window, which is counted in 60 steps.
        window: Span,
        /// How long it lasts after the last forward that was too many.
        lasting: Span,
        /// Its effect while it lasts.
        effect: Effect,
    },
}

/// One state of a random walk.
#[derive(Clone, Debug)]
pub struct State {
    /// Its name in reports.
    pub name: String,
    /// How long a stay lasts, in seconds (at least 1 ms).
    pub sojourn_s: Distribution,
    /// What it does.
    pub effect: Effect,
    /// The weights of the states that may follow, by index; missing ones count as 0. If all are 0, the state lasts for
    /// ever.
    pub next: Vec<f64>,
}

impl Default for AccountModel {
    /// TTFT as measured in Claude Code sessions, a median of 58 tokens per second (p90 90), a prompt cache of 5 min, no
    /// limits, no failures.
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
    /// A lognormal with a median of 58 tokens per second and a p90 of 90.
    fn default() -> Self {
        Self::TokensPerSecond(Distribution::lognormal_p50_p90(58.0, 90.0).unwrap_or(Distribution::ZERO))
    }
}

impl Default for PromptCache {
    /// A cache of 5 min with blocks of 128 tokens, for prefixes of at least 1,024 tokens.
    fn default() -> Self {
        Self { ttl: Span::from_secs(300), block_tokens: 128, least_tokens: 1_024 }
    }
}

impl Default for Effect {
    /// No effect.
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
