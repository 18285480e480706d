//! Conditions: what makes accounts bad over time, the ground truth of their health (spec simulator.md).

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::{Check, Checker};
use super::distribution::Distribution;
use super::duration::Duration;
use super::error::ErrorKind;
use super::upstream_error::UpstreamError;

/// One cause of bad health.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Its name in reports, unlike any other.
    pub name: String,
    /// Ids of the accounts that it befalls; empty: all.
    #[serde(default)]
    pub accounts: Vec<i64>,
    /// Whether it sets in and ends on all of them together (one proxy, one region), or on each for itself.
    #[serde(default = "yes")]
    pub shared: bool,
    /// When it is in force.
    pub when: Course,
    /// What it does meanwhile. (Of a `markov` course every state says that itself.)
    #[serde(default)]
    pub effect: Effect,
}

/// When a condition is in force: exactly one of these keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Course {
    /// Once.
    Scheduled(Scheduled),
    /// A random walk over named states, in the first one at the start.
    Markov(Markov),
    /// On and off by turns.
    Flapping(Flapping),
    /// Factors on the time to first token over time, from a file.
    Replayed(Replayed),
    /// Soft throttling: for a while whenever the condition's accounts (together, if shared) carried too much.
    Triggered(Triggered),
}

/// Once, at a known time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scheduled {
    /// When it sets in, from the start of the run.
    pub at: Duration,
    /// How long it lasts, ramps included; not given: for ever.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasting: Option<Duration>,
    /// Its effect grows evenly over the first part of that.
    #[serde(default)]
    pub ramp_in: Duration,
    /// Its effect fades evenly over the last part.
    #[serde(default)]
    pub ramp_out: Duration,
}

/// A random walk over states.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Markov {
    /// The states, at least one; the first is the one at the start.
    pub states: Vec<State>,
}

/// A state of a random walk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Its name.
    pub name: String,
    /// How long it lasts each time.
    pub sojourn: Distribution<Duration>,
    /// What it does; nothing by default.
    #[serde(default)]
    pub effect: Effect,
    /// Which states follow, by weight; empty: the next in the list, after the last the first.
    #[serde(default)]
    pub next: Vec<Next>,
}

/// A state that may follow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Next {
    /// Its name.
    pub state: String,
    /// How likely it is, compared with the others.
    pub weight: f64,
}

/// On and off by turns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flapping {
    /// When it is on first, from the start of the run.
    #[serde(default)]
    pub at: Duration,
    /// How long it is on each time.
    pub on: Duration,
    /// How long it is off between.
    pub off: Duration,
    /// It is off from then on; not given: it goes on for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Duration>,
}

/// Factors over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replayed {
    /// A CSV file with the columns `time_s` (seconds from the start, ascending) and `factor` (on the time to first
    /// token, from then on; 1 before the first). Relative to the scenario.
    pub file: PathBuf,
    /// From this factor on the account counts as degraded, and the rest of `effect` holds.
    #[serde(default = "two")]
    pub degraded_from: f64,
}

/// Soft throttling: exactly one of `requests` and `tokens`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Triggered {
    /// More requests than that...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// ...or more tokens than that...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// ...in this time set it in.
    pub per: Duration,
    /// It lasts that long, from the last request that was too much.
    #[serde(rename = "for")]
    pub lasting: Duration,
}

/// What a condition does to attempts that start inside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Effect {
    /// Factor on the time to first token.
    pub ttft_factor: f64,
    /// Comes on top of it.
    pub ttft_add: Duration,
    /// Factor on the time of the answer after its first token.
    pub decode_factor: f64,
    /// Probability of `error`, 0 to 1.
    pub error_rate: f64,
    /// What an attempt gets that fails by this condition.
    pub error: UpstreamError,
    /// Only attempts for these models are touched; empty: all.
    pub only_models: Vec<String>,
    /// How many requests the upstream runs at once.
    pub capacity: Option<Capacity>,
}

/// How many requests an upstream runs at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// So many run at full speed.
    pub forwards: u32,
    /// What happens beyond.
    #[serde(default)]
    pub beyond: Beyond,
}

/// What happens beyond a capacity.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(clippy::large_enum_variant, reason = "a scenario has one for each condition, and none is moved about")]
pub enum Beyond {
    /// All get slower in proportion.
    #[default]
    Slower,
    /// This error.
    Refused(UpstreamError),
}

const fn yes() -> bool {
    true
}

const fn two() -> f64 {
    2.0
}

impl Default for Effect {
    fn default() -> Self {
        Self {
            ttft_factor: 1.0,
            ttft_add: Duration::default(),
            decode_factor: 1.0,
            error_rate: 0.0,
            error: UpstreamError::default(),
            only_models: Vec::new(),
            capacity: None,
        }
    }
}

impl Check for Condition {
    fn check(&self, c: &mut Checker) {
        if self.name.trim().is_empty() {
            c.fault("name", ErrorKind::OutOfRange, "a condition needs a name that is not blank", None);
        }
        c.at_most("accounts", self.accounts.len(), super::account::MOST_ACCOUNTS);
        c.key("when", &self.when);
        c.key("effect", &self.effect);
        if matches!(self.when, Course::Markov(_)) && self.effect != Effect::default() {
            let help = "move `effect` into the states of `when.markov`";
            c.fault(
                "effect",
                ErrorKind::Conflict,
                "every state of a `markov` course has an effect of its own",
                Some(help),
            );
        }
    }
}

impl Check for Course {
    fn check(&self, c: &mut Checker) {
        match self {
            Self::Scheduled(course) => c.key("scheduled", course),
            Self::Markov(course) => c.key("markov", course),
            Self::Flapping(course) => c.key("flapping", course),
            Self::Replayed(course) => c.key("replayed", course),
            Self::Triggered(course) => c.key("triggered", course),
        }
    }
}

impl Check for Scheduled {
    fn check(&self, c: &mut Checker) {
        c.time("at", self.at);
        c.time("ramp_in", self.ramp_in);
        c.time("ramp_out", self.ramp_out);
        if let Some(lasting) = self.lasting {
            c.some_time("for", lasting);
            if self.ramp_in.0 + self.ramp_out.0 > lasting.0 {
                c.fault("for", ErrorKind::Conflict, "`ramp_in` and `ramp_out` together are longer than `for`", None);
            }
        } else if !self.ramp_out.0.is_zero() {
            c.fault("ramp_out", ErrorKind::Conflict, "`ramp_out` needs an end: give `for`", None);
        }
    }
}

impl Check for Markov {
    fn check(&self, c: &mut Checker) {
        if self.states.is_empty() {
            c.fault("states", ErrorKind::OutOfRange, "`states` needs at least one state", None);
        }
        c.at_most("states", self.states.len(), 1_000);
        c.each("states", &self.states, |c, state| {
            c.key("sojourn", &state.sojourn);
            c.key("effect", &state.effect);
            c.each("next", &state.next, |c, next| {
                c.number("weight", next.weight, 0.0, 1e12);
                if !self.states.iter().any(|other| other.name == next.state) {
                    let known: Vec<_> = self.states.iter().map(|other| other.name.as_str()).collect();
                    let help = super::error::suggestion(&next.state, &known);
                    let message = format!("there is no state `{}`", next.state);
                    c.fault("state", ErrorKind::OutOfRange, message, help.as_deref());
                }
            });
        });
        for (index, state) in self.states.iter().enumerate() {
            if self.states[..index].iter().any(|earlier| earlier.name == state.name) {
                let message = format!("two states have the name `{}`", state.name);
                c.fault(&format!("states[{index}].name"), ErrorKind::Conflict, message, None);
            }
        }
    }
}

impl Check for Flapping {
    fn check(&self, c: &mut Checker) {
        c.time("at", self.at);
        for (key, value) in [("on", self.on), ("off", self.off)] {
            c.time(key, value);
            if value < Duration::millis(1) {
                c.fault(key, ErrorKind::OutOfRange, format!("`{key}` must be at least 1ms"), None);
            }
        }
        if let Some(until) = self.until {
            c.time("until", until);
        }
    }
}

impl Check for Replayed {
    fn check(&self, c: &mut Checker) {
        c.number("degraded_from", self.degraded_from, 0.0, 1e6);
    }
}

impl Check for Triggered {
    fn check(&self, c: &mut Checker) {
        if self.requests.is_some() == self.tokens.is_some() {
            c.fault("", ErrorKind::Conflict, "`triggered` needs exactly one of `requests` and `tokens`", None);
        }
        c.some_time("per", self.per);
        c.some_time("for", self.lasting);
    }
}

impl Check for Effect {
    fn check(&self, c: &mut Checker) {
        c.number("ttft_factor", self.ttft_factor, 0.0, 1e6);
        c.time("ttft_add", self.ttft_add);
        c.number("decode_factor", self.decode_factor, 0.0, 1e6);
        c.share("error_rate", self.error_rate);
        c.key("error", &self.error);
        c.at_most("only_models", self.only_models.len(), 10_000);
        if let Some(capacity) = &self.capacity {
            c.within("capacity", |c| {
                c.whole("forwards", capacity.forwards, 1, 1_000_000);
                if let Beyond::Refused(error) = &capacity.beyond {
                    c.within("beyond", |c| c.key("refused", error));
                }
            });
        }
    }
}
