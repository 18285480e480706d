//! Where requests come from: a synthetic workload or a trace (spec simulator.md, "Workload").

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::{Check, Checker};
use super::distribution::Distribution;
use super::duration::Duration;
use super::error::ErrorKind;

/// Where requests come from: one of `synth` and `replay`; neither: `synth` with the preset `agentic`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Workload {
    /// From distributions.
    pub synth: Option<Synth>,
    /// From a recorded trace.
    pub replay: Option<Replay>,
    /// Factor on a trace's times (arrivals, think times): 2 plays it at half the speed.
    pub time_scale: f64,
    /// Factor on the number of sessions: of a trace whole sessions are left out or played several times.
    pub rate_scale: f64,
    /// How often a trace is played, one after the other; later rounds are other sessions.
    pub repeat: u32,
    /// It ends after so many sessions; not given: no limit. With a limit, synthetic sessions start empty.
    pub max_sessions: Option<u64>,
    /// It ends after so many requests; not given: no limit.
    pub max_requests: Option<u64>,
}

/// A synthetic workload. What is not given comes from `preset`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Synth {
    /// Where the distributions start from.
    pub preset: Preset,
    /// How many sessions arrive in an hour (at a factor of 1 in `profile`).
    pub sessions_per_hour: f64,
    /// How regularly they arrive.
    pub arrivals: Arrivals,
    /// How their number changes over time.
    pub profile: Profile,
    /// Turns of a session, at least 1.
    pub turns: Distribution<f64>,
    /// From the end of a turn to the arrival of the next.
    pub think_time: Distribution<Duration>,
    /// Tokens of input over a session's life.
    pub input_tokens: InputTokens,
    /// Tokens of output of a turn, at least 1.
    pub output_tokens: Distribution<f64>,
    /// Share of clients that send no session, 0 to 1.
    pub sessionless_share: f64,
    /// Models by weight; a session keeps its own. Empty: no model is named, every account serves it.
    pub models: Vec<ModelShare>,
    /// Sessions belong to so many users, at random; 0: to none.
    pub users: u32,
    /// Whether a turn names the last response of its session (`previous_response_id`, WebSocket only).
    pub previous_response: bool,
    /// When a session's next turn arrives.
    pub timing: SynthTiming,
    /// What is under way when the run begins.
    pub start: SynthStart,
}

/// Where a synthetic workload starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Coding agents (710 Claude Code sessions of the WEKA corpus): about 70 turns a session, large growing inputs.
    #[default]
    Agentic,
    /// People chatting (RAGPulse, Azure): few turns, short inputs.
    Chat,
}

/// How regularly sessions arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Arrivals {
    /// Independent of each other.
    #[default]
    Poisson,
    /// Evenly spaced.
    Constant,
    /// Gamma gaps: cv 1 is Poisson, more comes in clumps.
    Gamma {
        /// Standard deviation over mean of the gaps, above 0.
        cv: f64,
    },
}

/// How the number of sessions changes over time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Profile {
    /// Not at all.
    #[default]
    Flat,
    /// A working day with mean 1; the run starts at its midnight.
    Daily,
    /// A cycle of equal steps.
    Cycle {
        /// Length of the whole cycle.
        period: Duration,
        /// The factor in each step, at least one above 0.
        factors: Vec<f64>,
    },
    /// Bursts.
    Burst {
        /// Start of the first.
        first: Duration,
        /// From the start of one to the start of the next; not given: there is only one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        every: Option<Duration>,
        /// How long one lasts.
        lasts: Duration,
        /// The factor meanwhile.
        factor: f64,
    },
}

/// Tokens of input over a session's life: a start, growth from turn to turn, now and then a compaction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct InputTokens {
    /// Of the first turn.
    pub start: Distribution<f64>,
    /// What each later turn adds.
    pub growth: Distribution<f64>,
    /// Probability that a turn comes after a compaction, 0 to 1.
    pub compaction_probability: f64,
    /// What a compaction leaves, as a factor, 0 to 1.
    pub compaction_factor: f64,
    /// Input above this is compacted at once; not given: no limit.
    pub limit: Option<u32>,
}

/// A model and its weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelShare {
    /// Its name.
    pub name: String,
    /// Its weight.
    pub weight: f64,
}

/// When a session's next turn arrives.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SynthTiming {
    /// A think time after the end of the one before.
    #[default]
    Closed,
    /// A think time after the end that the one before would have had if it took this long.
    Open {
        /// From arrival to end.
        service: Distribution<Duration>,
    },
}

/// What is under way when a synthetic workload begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SynthStart {
    /// Sessions in all stages of their lives, as at any later time; bindings and caches are empty.
    #[default]
    Equilibrium,
    /// Nothing: agentic sessions take 16 hours to become as many as they will be.
    Empty,
}

/// A recorded trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// The file, plain, `.gz` or `.zst`; for formats of one file a session also a folder. Relative to the scenario.
    #[serde(serialize_with = "as_text")]
    pub file: PathBuf,
    /// Its format; not given: it is recognised by its content.
    #[serde(default)]
    pub format: Option<TraceFormat>,
    /// When its requests arrive.
    #[serde(default)]
    pub timing: ReplayTiming,
    /// Which sessions its rows belong to.
    #[serde(default)]
    pub sessions: ReplaySessions,
    /// What the scheduler's draws are made from.
    #[serde(default)]
    pub session_names: SessionNames,
    /// Whether replications draw the traffic anew.
    #[serde(default)]
    pub resample: Resample,
    /// So many bad lines are left out and counted; one more is an error.
    #[serde(default)]
    pub skip_bad_lines: u64,
    /// Where sessions start that share no clock (Weka).
    #[serde(default)]
    pub placing: Placing,
    /// A session is over when it has been silent for so long.
    #[serde(default = "two_hours")]
    pub session_idle: Duration,
    /// A session's copy (`rate_scale` above 1) starts later by a random time below this.
    #[serde(default = "a_minute")]
    pub copy_shift: Duration,
    /// A gateway log is ordered by completion; its rows are held back for so long to put them in order of arrival.
    #[serde(default = "half_an_hour")]
    pub reorder_window: Duration,
    /// The model of rows that name none; blank: every account serves it.
    #[serde(default)]
    pub default_model: String,
}

/// A trace format by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TraceFormat {
    /// Our own, as CSV.
    #[serde(rename = "csv")]
    Csv,
    /// Our own, as one JSON object a line.
    #[serde(rename = "jsonl")]
    Jsonl,
    /// The gateway's logs, exported by sub2api-export.sql.
    #[serde(rename = "gateway-log")]
    GatewayLog,
    /// Azure LLM inference, 2023.
    #[serde(rename = "azure-llm-2023")]
    AzureLlm2023,
    /// Azure LLM inference, 2024.
    #[serde(rename = "azure-llm-2024")]
    AzureLlm2024,
    /// Azure multimodal inference, 2024.
    #[serde(rename = "azure-lmm-2024")]
    AzureLmm2024,
    /// BurstGPT 1 and 2.
    #[serde(rename = "burstgpt")]
    BurstGpt,
    /// BurstGPT 3, with sessions.
    #[serde(rename = "burstgpt-3")]
    BurstGpt3,
    /// Mooncake.
    #[serde(rename = "mooncake")]
    Mooncake,
    /// RAGPulse.
    #[serde(rename = "ragpulse")]
    RagPulse,
    /// Claude Code sessions of the WEKA corpus.
    #[serde(rename = "weka")]
    Weka,
    /// Qwen Bailian.
    #[serde(rename = "qwen")]
    Qwen,
    /// Codex rollouts.
    #[serde(rename = "codex")]
    Codex,
    /// Claude Code transcripts.
    #[serde(rename = "claude")]
    Claude,
    /// A folder with Codex rollouts and Claude Code transcripts.
    #[serde(rename = "transcripts")]
    Transcripts,
    /// The CSV or Excel file of the gateway's usage page.
    #[serde(rename = "usage")]
    Usage,
}

/// A path as text: what in it is none is shown as such.
fn as_text<S: serde::Serializer>(path: &std::path::Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

/// When a trace's requests arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplayTiming {
    /// At the recorded times: open loop.
    #[default]
    Recorded,
    /// A session's next turn a recorded think time after the end of the last one: closed loop.
    Think,
}

/// Which sessions a trace's rows belong to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ReplaySessions {
    /// Those that it names.
    #[default]
    AsRecorded,
    /// Rows without a session are dealt out to assumed ones; the report says so.
    Assume {
        /// Turns of a session, at least 1.
        turns: Distribution<f64>,
        /// From a turn's arrival until its session may send the next one.
        think_time: Distribution<Duration>,
    },
}

/// What the scheduler's draws of a session are made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionNames {
    /// Of the seed and the recorded name, which only groups requests: every replication deals anew.
    #[default]
    Redealt,
    /// Of the recorded names alone, as they are those that the gateway itself hashes: every replication has the same
    /// draws.
    Raw,
}

/// Whether replications of a trace draw its traffic anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resample {
    /// No: all replications have the arrivals of the trace, so intervals hold given these arrivals.
    #[default]
    Nothing,
    /// Whole sessions, drawn with replacement (a Poisson number of mean 1 of each; further ones start up to 10 minutes
    /// later): intervals cover the traffic as well.
    Sessions,
}

/// Where sessions start that share no clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Placing {
    /// So long after each other, in order of file names.
    Every(Duration),
    /// At random within so long.
    Within(Duration),
}

const fn two_hours() -> Duration {
    Duration::secs(7_200)
}

const fn half_an_hour() -> Duration {
    Duration::secs(1_800)
}

const fn a_minute() -> Duration {
    Duration::secs(60)
}

impl Default for Workload {
    fn default() -> Self {
        Self {
            synth: None,
            replay: None,
            time_scale: 1.0,
            rate_scale: 1.0,
            repeat: 1,
            max_sessions: None,
            max_requests: None,
        }
    }
}

impl Default for Placing {
    fn default() -> Self {
        Self::Every(a_minute())
    }
}

impl Default for Synth {
    fn default() -> Self {
        Self::preset(Preset::Agentic)
    }
}

impl Default for InputTokens {
    fn default() -> Self {
        Synth::default().input_tokens
    }
}

impl Synth {
    /// A preset as it stands.
    pub fn preset(preset: Preset) -> Self {
        let (turns, think_time, input_tokens, output_tokens) = match preset {
            Preset::Agentic => (
                Distribution::Clamped(super::distribution::Clamped {
                    low: Some(1.0),
                    high: Some(500.0),
                    of: Box::new(Distribution::lognormal(45.0, 155.0)),
                }),
                Distribution::Mixture(vec![
                    super::distribution::Part { weight: 0.8, of: Distribution::lognormal_mu(libm::log(9.0), 0.75) },
                    super::distribution::Part { weight: 0.2, of: Distribution::lognormal_mu(libm::log(257.0), 1.22) },
                ]),
                InputTokens {
                    start: Distribution::lognormal(25_000.0, 50_000.0),
                    growth: Distribution::Exponential { mean: 700.0 },
                    compaction_probability: 0.005,
                    compaction_factor: 0.5,
                    limit: None,
                },
                Distribution::lognormal(216.0, 900.0),
            ),
            Preset::Chat => (
                Distribution::Geometric { mean: 1.8 },
                Distribution::lognormal(Duration::secs(40), Duration::secs(300)),
                InputTokens {
                    start: Distribution::lognormal(1_300.0, 3_400.0),
                    growth: Distribution::Exponential { mean: 250.0 },
                    compaction_probability: 0.0,
                    compaction_factor: 0.5,
                    limit: None,
                },
                Distribution::lognormal(200.0, 520.0),
            ),
        };
        Self {
            preset,
            sessions_per_hour: 60.0,
            arrivals: Arrivals::Poisson,
            profile: Profile::Flat,
            turns,
            think_time,
            input_tokens,
            output_tokens,
            sessionless_share: 0.0,
            models: Vec::new(),
            users: 0,
            previous_response: false,
            timing: SynthTiming::Closed,
            start: SynthStart::Equilibrium,
        }
    }
}

impl Check for Workload {
    fn check(&self, c: &mut Checker) {
        if self.synth.is_some() && self.replay.is_some() {
            c.fault("replay", ErrorKind::Conflict, "`synth` and `replay` cannot both be the workload", None);
        }
        c.key("synth", &self.synth);
        c.key("replay", &self.replay);
        c.above_zero("time_scale", self.time_scale, 1e6);
        c.number("rate_scale", self.rate_scale, 0.0, 1e4);
        c.whole("repeat", self.repeat, 1, 1_000_000);
        if self.replay.is_none() {
            if self.rate_scale == 0.0 {
                c.fault("rate_scale", ErrorKind::OutOfRange, "`rate_scale` must be above 0", None);
            }
            let help = Some("change `sessions_per_hour`, `think_time` or `duration` instead");
            if self.time_scale != 1.0 {
                c.fault("time_scale", ErrorKind::Conflict, "`time_scale` is for `replay` only", help);
            }
            if self.repeat != 1 {
                c.fault("repeat", ErrorKind::Conflict, "`repeat` is for `replay` only", help);
            }
        }
    }
}

impl Check for Synth {
    fn check(&self, c: &mut Checker) {
        c.above_zero("sessions_per_hour", self.sessions_per_hour, 1e9);
        if let Arrivals::Gamma { cv } = self.arrivals {
            c.within("arrivals", |c| c.within("gamma", |c| c.number("cv", cv, 0.01, 100.0)));
        }
        c.key("profile", &self.profile);
        c.key("turns", &self.turns);
        c.key("think_time", &self.think_time);
        c.key("input_tokens", &self.input_tokens);
        c.key("output_tokens", &self.output_tokens);
        c.share("sessionless_share", self.sessionless_share);
        c.at_most("models", self.models.len(), 10_000);
        c.each("models", &self.models, |c, model| c.number("weight", model.weight, 0.0, 1e12));
        if !self.models.is_empty() && self.models.iter().all(|model| model.weight <= 0.0) {
            c.fault("models", ErrorKind::OutOfRange, "`models` needs one with a weight above 0", None);
        }
        c.whole("users", self.users, 0, 1_000_000_000);
        if let SynthTiming::Open { service } = &self.timing {
            c.within("timing", |c| c.within("open", |c| c.key("service", service)));
        }
    }
}

impl Check for Profile {
    fn check(&self, c: &mut Checker) {
        match self {
            Self::Flat | Self::Daily => {}
            Self::Cycle { period, factors } => c.within("cycle", |c| {
                c.some_time("period", *period);
                // arrivals are counted by the second at best: a shorter cycle has none of its factors
                if *period < Duration::secs(1) && !period.0.is_zero() {
                    c.fault(
                        "period",
                        ErrorKind::OutOfRange,
                        format!("`period` must be at least 1s, not {period}"),
                        None,
                    );
                }
                c.at_most("factors", factors.len(), 100_000);
                c.each("factors", factors, |c, factor| c.number("", *factor, 0.0, 1e6));
                if factors.iter().all(|&factor| factor <= 0.0) {
                    c.fault("factors", ErrorKind::OutOfRange, "`factors` needs one above 0", None);
                }
            }),
            Self::Burst { first, every, lasts, factor } => c.within("burst", |c| {
                c.time("first", *first);
                c.some_time("lasts", *lasts);
                c.number("factor", *factor, 0.0, 1e6);
                if let Some(every) = every {
                    c.some_time("every", *every);
                    if lasts > every {
                        c.fault("lasts", ErrorKind::Conflict, "`lasts` must not be longer than `every`", None);
                    }
                }
            }),
        }
    }
}

impl Check for InputTokens {
    fn check(&self, c: &mut Checker) {
        c.key("start", &self.start);
        c.key("growth", &self.growth);
        c.share("compaction_probability", self.compaction_probability);
        c.share("compaction_factor", self.compaction_factor);
        if let Some(limit) = self.limit {
            c.whole("limit", limit, 1, 1_000_000_000);
        }
    }
}

impl Check for Replay {
    fn check(&self, c: &mut Checker) {
        if self.file.as_os_str().is_empty() {
            c.fault("file", ErrorKind::OutOfRange, "`file` must name a file", None);
        }
        if let ReplaySessions::Assume { turns, think_time } = &self.sessions {
            c.within("sessions", |c| {
                c.within("assume", |c| {
                    c.key("turns", turns);
                    c.key("think_time", think_time);
                });
            });
        }
        c.within("placing", |c| match self.placing {
            Placing::Every(span) => c.time("every", span),
            Placing::Within(span) => c.time("within", span),
        });
        c.some_time("session_idle", self.session_idle);
        c.time("copy_shift", self.copy_shift);
        c.time("reorder_window", self.reorder_window);
    }
}
