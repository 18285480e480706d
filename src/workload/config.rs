//! The settings of a workload as plain data: a scenario lowers its schema to these.

use std::path::PathBuf;

use crate::engine::Distribution;
use crate::units::Span;
use crate::workload::replay::Format;

/// Where a run's requests come from.
#[derive(Clone, Debug, PartialEq)]
pub enum WorkloadConfig {
    /// From a recorded trace.
    Replay(ReplayConfig),
    /// From distributions.
    Synth(SynthConfig),
}

/// How a trace is read.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadConfig {
    /// The file, or for Weka and Codex also a folder of files.
    pub path: PathBuf,
    /// Its format; `None`: it is recognised by its header or first record.
    pub format: Option<Format>,
    /// So many bad lines are left out and counted; one more is an error.
    pub skip_bad_lines: u64,
    /// Where sessions that share no clock (Weka) are put.
    pub placing: Placing,
    /// A gateway log is ordered by completion; rows are held back for this long to be put in order of arrival. A
    /// request that took longer is an error (a bad line). Memory grows with the rows inside this span, not with the
    /// file.
    pub reorder_window: Span,
}

impl Default for ReadConfig {
    fn default() -> Self {
        Self {
            path: PathBuf::new(),
            format: None,
            skip_bad_lines: 0,
            placing: Placing::Every(Span::from_secs(60)),
            reorder_window: Span::from_secs(1_800),
        }
    }
}

/// Where sessions without a common clock start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placing {
    /// The sessions of a folder, in order of file names, start this long after each other; the first at 0.
    Every(Span),
    /// Each session starts at a random time (keyed by its file name) within this span.
    Within(Span),
}

/// A replay.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayConfig {
    /// The trace.
    pub read: ReadConfig,
    /// Open or closed loop.
    pub timing: Timing,
    /// Which sessions its rows belong to.
    pub sessions: Sessions,
    /// What the scheduler's draws are made from.
    pub session_names: SessionNames,
    /// Which sessions are played.
    pub resample: Resample,
    /// Factor on the trace's times (arrivals, think times): 2 plays it at half the speed. Recorded latencies are
    /// not scaled. Above 0.
    pub time_scale: f64,
    /// Factor on the number of sessions: below 1 whole sessions (and single requests without a session) are left out,
    /// above 1 whole sessions are played several times under names of their own. At least 0.
    pub rate_scale: f64,
    /// A session's copy (`rate_scale` above 1) starts later than the original by a random span below this.
    pub copy_shift: Span,
    /// How often the trace is played, one after the other, at least 1; later rounds are other sessions.
    pub repeat: u32,
    /// Open loop, and closed loop where the trace goes on for longer: a session is over when this long after the end of
    /// its last request no other came. A later row of that name starts a new session with the same session hash.
    pub session_idle: Span,
    /// The model of rows that name none; blank is the blank model, which every account supports.
    pub default_model: String,
    /// Models that get the numbers 1, 2, 3... before any is met: so that settings made beforehand can name them.
    pub models: Vec<String>,
    /// Patience of clients where the trace gives none; `None`: for ever.
    pub patience: Option<Distribution>,
    /// Where to stop.
    pub limits: Limits,
}

impl Default for ReplayConfig {
    fn default() -> Self {
        Self {
            read: ReadConfig::default(),
            timing: Timing::Recorded,
            sessions: Sessions::AsRecorded,
            session_names: SessionNames::Redealt,
            resample: Resample::Nothing,
            time_scale: 1.0,
            rate_scale: 1.0,
            copy_shift: Span::from_secs(60),
            repeat: 1,
            session_idle: Span::from_secs(7_200),
            default_model: String::new(),
            models: Vec::new(),
            patience: None,
            limits: Limits::default(),
        }
    }
}

/// When a trace's requests arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timing {
    /// At the recorded times, whatever becomes of earlier ones: open loop.
    #[default]
    Recorded,
    /// A session's first request at its recorded time, each later one a think time after the end of the one before:
    /// closed loop. The think time is recorded end to next arrival; where no end is recorded, arrival to arrival;
    /// where requests of a session overlapped, none.
    Think,
}

/// Which sessions a trace's rows belong to.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Sessions {
    /// Those that it names.
    #[default]
    AsRecorded,
    /// Rows without a session are dealt out to assumed ones (the report says so).
    Assume(AssumedSessions),
}

/// What the session hashes of a replay are made from. The scheduler's draws are seeded by them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionNames {
    /// The recorded names only group requests (exports salt them): a hash is drawn from (seed of the run, name), anew
    /// in every replication.
    #[default]
    Redealt,
    /// The recorded names are those that the gateway itself hashes: the same draws in every replication.
    Raw,
}

/// Which of a trace's sessions are played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resample {
    /// Each of them: all replications have the same traffic.
    #[default]
    Nothing,
    /// Each of them (and each request without a session) so often as a Poisson number of mean 1 says, drawn anew in
    /// every replication: the bootstrap of whole sessions, by which an interval covers the traffic as well. What is
    /// played again starts later by a random span below [`RESAMPLE_BLOCK`], so the course of the day stays as it was.
    Sessions,
}

/// A session that was drawn more than once starts again within this span.
pub const RESAMPLE_BLOCK: Span = Span::from_secs(600);

/// Sessions for rows that have none. A row continues the session that has been due the longest, or otherwise starts a
/// new one; after each but its last turn a session is due again once a think time has passed. So arrival times stay as
/// recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct AssumedSessions {
    /// Turns of a session, rounded, at least 1.
    pub turns: Distribution,
    /// Seconds from a turn's arrival until the session may send its next one.
    pub think_s: Distribution,
}

/// Where a workload stops; `None`: never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// After this many sessions have started.
    pub sessions: Option<u64>,
    /// After this many requests.
    pub requests: Option<u64>,
    /// Nothing arrives at or after this time from the start.
    pub duration: Option<Span>,
}

/// A synthetic workload. See [`SynthConfig::agentic`] and [`SynthConfig::chat`] for the presets.
#[derive(Clone, Debug, PartialEq)]
pub struct SynthConfig {
    /// How sessions arrive.
    pub arrivals: Arrivals,
    /// Turns of a session, rounded to the nearest whole number, at least 1.
    pub turns: Distribution,
    /// Seconds between the end of a turn and the arrival of the next.
    pub think_s: Distribution,
    /// Input tokens over a session's life.
    pub input: InputModel,
    /// Output tokens of a turn, rounded, at least 1.
    pub output_tokens: Distribution,
    /// Share of clients (0 to 1) that send no session: all their turns come as requests without one.
    pub sessionless_share: f64,
    /// Models and their weights; a session keeps its model. Empty: the blank model.
    pub models: Vec<(String, f64)>,
    /// Sessions are dealt out evenly at random over this many users; 0: requests carry no user.
    pub users: u32,
    /// Seconds that a client waits for the first token, drawn for each request; `None`: for ever.
    pub patience_s: Option<Distribution>,
    /// Whether turns name the last response of their session as `previous_response_id` (WebSocket).
    pub previous_response: bool,
    /// Closed or open loop.
    pub timing: SynthTiming,
    /// What is under way when the run begins.
    pub start: Start,
    /// Where to stop. Sessions that are under way at the start do not count towards the limit on sessions.
    pub limits: Limits,
}

/// When a synthetic session's next turn arrives.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum SynthTiming {
    /// A think time after the end of the one before.
    #[default]
    Closed,
    /// A think time after the end that the one before would have had if it took this many seconds.
    Open {
        /// Assumed seconds from arrival to end.
        service_s: Distribution,
    },
}

/// What is under way when a synthetic workload begins.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Start {
    /// Nothing: it takes several lengths of a session until there are as many as there will be.
    #[default]
    Empty,
    /// Sessions in all stages of their lives, as at any later time (the stationary state).
    Equilibrium {
        /// Mean seconds from a turn's arrival to its end, an estimate for a closed loop; an open loop brings its own.
        service_s: f64,
    },
}

/// How sessions arrive.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrivals {
    /// Sessions per second at profile 1, above 0.
    pub rate_per_s: f64,
    /// How regular they are.
    pub process: ArrivalProcess,
    /// How the rate changes over time.
    pub profile: Profile,
}

/// How regular arrivals are. With a profile, time runs faster where the rate is higher.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum ArrivalProcess {
    /// Independent of each other.
    #[default]
    Poisson,
    /// Evenly spaced.
    Constant,
    /// Gamma gaps with this coefficient of variation: 1 is Poisson, more comes in clumps. Above 0.
    Gamma {
        /// Standard deviation over mean of the gaps.
        cv: f64,
    },
}

/// Factor on the rate over time from the start of the run.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Profile {
    /// 1 all the time.
    #[default]
    Flat,
    /// A cycle of equal steps, repeated for ever.
    Cycle {
        /// Length of the whole cycle.
        period: Span,
        /// The factor in each step; at least one above 0.
        factors: Vec<f64>,
    },
    /// 1, but `factor` during bursts.
    Burst {
        /// Start of the first burst.
        first: Span,
        /// From the start of one burst to the start of the next; `None`: only one.
        every: Option<Span>,
        /// How long one lasts, shorter than `every`.
        lasts: Span,
        /// The factor meanwhile.
        factor: f64,
    },
}

impl Profile {
    /// Working people's day by the hour from midnight, mean 1: least at 4:00, most at 10:00 and 15:00. An assumed
    /// shape.
    pub fn daily() -> Self {
        const HOURS: [f64; 24] = [
            0.45, 0.32, 0.25, 0.21, 0.20, 0.23, 0.35, 0.62, 1.10, 1.65, 1.85, 1.70, 1.35, 1.55, 1.80, 1.85, 1.70, 1.45,
            1.20, 1.10, 1.05, 0.90, 0.72, 0.60,
        ];
        let mean = HOURS.iter().sum::<f64>() / 24.0;
        Self::Cycle { period: Span::from_secs(86_400), factors: HOURS.iter().map(|hour| hour / mean).collect() }
    }
}

/// Input tokens over a session's life: a start, then growth from turn to turn, now and then a compaction.
#[derive(Clone, Debug, PartialEq)]
pub struct InputModel {
    /// Of the first turn, rounded, at least 1.
    pub start_tokens: Distribution,
    /// What each later turn adds.
    pub growth_tokens: Distribution,
    /// Probability that a later turn comes after a compaction.
    pub compaction_probability: f64,
    /// What a compaction leaves, as a factor on the input.
    pub compaction_factor: f64,
    /// Input above this is compacted at once; `None`: no limit.
    pub limit_tokens: Option<u32>,
}
