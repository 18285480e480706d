//! From a log to a scenario, a trace and a verdict, in one go.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::backtest::{BackTest, compare, distance, replicate};
use super::cache::{self, Cache};
use super::fit::{Fit, fit};
use super::observed::{Seen, Watch};
use super::records::{Log, Outcome, Record};
use super::robust::median;
use super::scenario::{Parts, build, pool, yaml};
use super::sessions::{Sessions, tell};
use super::spans::Limits;
use super::tries::Tries;
use super::{accounts, escapes, gateway_log};
use crate::engine::Distribution;
use crate::experiment::replicate::Threads;
use crate::gateway::RunError;
use crate::scenario::{Document, Scenario, ScenarioError, Set};
use crate::simulation::{LowerError, Lowered, lower};
use crate::units::Span;
use crate::workload::config::{AssumedSessions, Sessions as Played, WorkloadConfig};
use crate::workload::replay::{Format, Names, TraceRow};
use crate::workload::write::{NativeFormat, TraceWriter};
use crate::workload::{Error, ReadConfig, Recorded};

/// What to calibrate from, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The log: a gateway log, or what `format` says.
    pub log: PathBuf,
    /// Its format; `None`: the gateway's.
    pub format: Option<Format>,
    /// The account snapshot.
    pub accounts: Option<PathBuf>,
    /// The gateway's own log with its escapes.
    pub escape_log: Option<PathBuf>,
    /// The gateway's config.yaml; `None`: its defaults.
    pub gateway_config: Option<PathBuf>,
    /// Further settings (`--set`) on top of it.
    pub sets: Vec<Set>,
    /// Hold the log against this scenario instead of one that is fitted to it.
    pub against: Option<PathBuf>,
    /// The folder to write to.
    pub out: PathBuf,
    /// How far beyond the interval a figure may lie, as a share.
    pub tolerance: f64,
    /// How many simulations.
    pub replications: u64,
    /// What counts as a span.
    pub limits: Limits,
    /// All luck comes from this.
    pub seed: u64,
}

/// Why a calibration failed.
#[derive(Debug, thiserror::Error)]
pub enum CalibrateError {
    /// A log or a trace.
    #[error(transparent)]
    Log(#[from] Error),
    /// A config file, an override, or the scenario.
    #[error("{0}")]
    Scenario(#[from] ScenarioError),
    /// A file that the scenario names.
    #[error(transparent)]
    Lower(#[from] LowerError),
    /// The simulation.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A folder that cannot be made.
    #[error("cannot make {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// The one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No figure is off.
    Agrees,
    /// Some are.
    Off,
}

/// What came out.
#[derive(Clone, Debug)]
pub struct Calibrated {
    /// The log as it was read.
    pub log: Log,
    /// Its attempts.
    pub tries: Tries,
    /// Its sessions.
    pub sessions: Sessions,
    /// The fit.
    pub fit: Fit,
    /// The prompt cache.
    pub cache: Cache,
    /// Ids of the pool.
    pub ids: Vec<i64>,
    /// The scenario as text.
    pub scenario: String,
    /// Where sessions cannot be told: about how many live ones are assumed.
    pub assumed_sessions: Option<f64>,
    /// The whole period, fitted to all of it.
    pub back_test: BackTest,
    /// The rest of the period, fitted to its first part; `None` where another scenario was held against the log, or it is
    /// too short.
    pub validation: Option<(f64, BackTest)>,
    /// The verdict over both.
    pub verdict: Verdict,
    /// What was left out, assumed or odd.
    pub notes: Vec<String>,
}

/// What is fitted to, of the requests.
const FIRST_PART: f64 = 0.6;
/// Fewer requests than this are not parted.
const LEAST_REQUESTS: usize = 200;

/// Calibrates and writes `scenario.yaml` and `trace.jsonl.gz` (the report is the caller's to write).
///
/// # Errors
/// When a file cannot be used.
pub fn calibrate(options: &Options, threads: &Threads) -> Result<Calibrated, CalibrateError> {
    let log = read(options)?;
    let mut notes = log.notes.clone();
    let tries = Tries::of(&log);
    let sessions = tell(&log);
    let settings = settings(options)?;
    let known = match &options.accounts {
        Some(path) => {
            let (known, said) = accounts::read(path, log.group, &tries.ids)?;
            notes.extend(said);
            known
        }
        None => Vec::new(),
    };
    if options.accounts.is_none() && log.has_accounts {
        notes.push(
            "no account snapshot: an account has as many slots as it was seen to use at once (at least that many)"
                .to_owned(),
        );
    }
    if options.gateway_config.is_none() && options.against.is_none() {
        notes.push("no gateway config: the gateway's defaults are assumed".to_owned());
    }
    let escapes = match &options.escape_log {
        Some(path) => Some(escapes::read(path, log.epoch_ms, log.records.iter().fold(0.0, |end, r| r.end_s.max(end)))?),
        None => None,
    };
    notes.extend(escapes.iter().flat_map(|escapes| escapes.notes.clone()));
    let ids = pool(&known, &tries);
    let all = f64::INFINITY;
    let limits = if log.has_clock {
        options.limits
    } else {
        notes.push("sessions share no clock: slow spans are not looked for".to_owned());
        Limits { least_answers: usize::MAX, ..options.limits }
    };
    let whole = fit(&tries, log.kinds.len(), limits, all);
    let cache = cache::fit(&log, &sessions.of);

    std::fs::create_dir_all(&options.out)
        .map_err(|source| CalibrateError::Folder { path: options.out.clone(), source })?;
    let trace = options.out.join(TRACE);
    write_trace(&log, &sessions, &trace, &mut notes)?;

    let record = |part: (f64, f64)| {
        let mut seen = Seen::of_log(&log, &ids, part);
        seen.escapes = escapes.as_ref().map(|escapes| {
            let mut counts = [0; 3];
            for escape in escapes.all.iter().filter(|escape| escape.at_s >= part.0 && escape.at_s < part.1) {
                counts[escape.reason] += 1;
            }
            counts
        });
        if !log.has_accounts {
            // a trace without accounts tells times to first token, and nothing of a gateway
            seen.requests = 0;
            (seen.felt_ms, seen.waits_ms) = (None, None);
        }
        seen
    };
    let watch = |part: (f64, f64)| Watch {
        seen: Seen::new(ids.len()),
        start: crate::units::Time::ZERO,
        part,
        only_recorded: !log.has_accounts,
        ids: ids.clone(),
        observed: ids
            .iter()
            .map(|id| {
                let place = tries.ids.binary_search(id).ok();
                let slow = whole.slow.iter().filter(|span| Some(span.account) == place).map(|span| span.answers).sum();
                [place.map_or(0, |place| whole.accounts[place].answers), slow]
            })
            .collect(),
    };
    let parts = |fit: &Fit, think: Option<f64>| {
        yaml(
            &build(Parts {
                log: &log,
                tries: &tries,
                fit,
                known: &known,
                cache: &cache,
                settings: &settings,
                trace: TRACE,
                assumed_think_s: think,
                unlimited: !log.has_accounts,
            }),
            HEAD,
        )
    };
    let full = (0.0, all);
    let place = options.out.join("scenario.yaml");
    if let Some(against) = &options.against {
        let document = Document::read(against)?.with_trace(&trace)?;
        let loaded = document.resolve(&options.sets)?;
        let lowered = lower(&loaded.scenario)?;
        let pool: Vec<i64> = loaded.scenario.accounts.iter().filter_map(|account| account.id).collect();
        if pool != ids {
            let message = format!("its accounts are {pool:?}, those of the log {ids:?}");
            return Err(Error::in_file(against, message, "hold a log against a scenario of the same pool").into());
        }
        let runs = replicate(&lowered, &watch(full), options.replications, threads)?;
        let back_test = compare(&record(full), &runs, &ids, options.tolerance);
        let verdict = verdict(&back_test, None);
        let scenario = String::new();
        return Ok(Calibrated {
            log,
            tries,
            sessions,
            fit: whole,
            cache,
            ids,
            scenario,
            assumed_sessions: None,
            back_test,
            validation: None,
            verdict,
            notes,
        });
    }

    let rate = log.records.len() as f64 / log.span_s().max(1.0);
    let untold = sessions.untold * 2 > log.records.len();
    let assume = |fit: &Fit, part: (f64, f64)| -> Result<Option<f64>, CalibrateError> {
        if !untold {
            return Ok(None);
        }
        let search =
            Search { record: &record(part), watch: &watch(part), ids: &ids, rate, requests: log.records.len() };
        search.best(&lowered(&parts(fit, Some(60.0)), &place, options.seed)?, threads).map(Some)
    };
    let think = assume(&whole, full)?;
    let scenario = parts(&whole, think);
    std::fs::write(&place, &scenario).map_err(|error| Error::io(&place, "write it", &error))?;
    let runs = replicate(&lowered(&scenario, &place, options.seed)?, &watch(full), options.replications, threads)?;
    let back_test = compare(&record(full), &runs, &ids, options.tolerance);

    let split = log.records.get((log.records.len() as f64 * FIRST_PART) as usize).map_or(0.0, |record| record.at_s);
    let validation = if log.records.len() >= LEAST_REQUESTS {
        let first = fit(&tries, log.kinds.len(), limits, split);
        let think = assume(&first, (0.0, split))?;
        let lowered = lowered(&parts(&first, think), &place, options.seed)?;
        let runs = replicate(&lowered, &watch((split, all)), options.replications, threads)?;
        Some((split, compare(&record((split, all)), &runs, &ids, options.tolerance)))
    } else {
        notes.push(format!("fewer than {LEAST_REQUESTS} requests: nothing is kept back for a test out of sample"));
        None
    };
    let verdict = verdict(&back_test, validation.as_ref().map(|(_, test)| test));
    Ok(Calibrated {
        assumed_sessions: think.map(|think| rate * think),
        log,
        tries,
        sessions,
        fit: whole,
        cache,
        ids,
        scenario,
        back_test,
        validation,
        verdict,
        notes,
    })
}

const TRACE: &str = "trace.jsonl.gz";
const HEAD: &str = "Written by `stickysim calibrate` from the gateway's own log: accounts as they were while healthy, conditions\n\
    when they were not, and the traffic of the period. report.md says how far to trust it.";

fn verdict(back_test: &BackTest, validation: Option<&BackTest>) -> Verdict {
    let agrees = back_test.agrees() && validation.is_none_or(BackTest::agrees);
    if agrees { Verdict::Agrees } else { Verdict::Off }
}

fn read(options: &Options) -> Result<Log, CalibrateError> {
    Ok(match options.format {
        None | Some(Format::GatewayLog) => gateway_log::read(&options.log)?,
        Some(Format::Weka) if options.log.extension().is_some_and(|ending| ending == "csv") => {
            Log::of_table(&options.log)?
        }
        format => Log::of_trace(&ReadConfig { path: options.log.clone(), format, ..ReadConfig::default() })?,
    })
}

/// The gateway's settings with every default, as a scenario of one account holds them.
fn settings(options: &Options) -> Result<Scenario, CalibrateError> {
    let mut text = "accounts: [{}]\n".to_owned();
    if let Some(config) = &options.gateway_config {
        let config = std::path::absolute(config).unwrap_or_else(|_| config.clone());
        text.push_str(&format!("gateway_config: {}\n", Value::from(config.to_string_lossy().into_owned())));
    }
    let sets: &[Set] = if options.against.is_some() { &[] } else { &options.sets };
    Ok(Document::parse(&text, Path::new("the gateway's settings"), Path::new("."))?.resolve(sets)?.scenario)
}

fn lowered(scenario: &str, place: &Path, seed: u64) -> Result<Lowered, CalibrateError> {
    let base = place.parent().unwrap_or(Path::new("."));
    let loaded = Document::parse(scenario, place, base)?.resolve(&[])?;
    let mut lowered = lower(&loaded.scenario)?;
    lowered.seed = seed;
    Ok(lowered)
}

/// The search for how many sessions there may have been.
struct Search<'a> {
    record: &'a Seen,
    watch: &'a Watch,
    ids: &'a [i64],
    rate: f64,
    requests: usize,
}

/// Simulations for each number tried.
const TRIALS: u64 = 6;
/// Requests that are enough for the search.
const ENOUGH: u64 = 30_000;

impl Search<'_> {
    /// The mean time between turns in s with which simulations are nearest to the record.
    fn best(&self, lowered: &Lowered, threads: &Threads) -> Result<f64, CalibrateError> {
        let most = (self.requests as f64 / 3.0).max(3.0);
        let mut best = (f64::INFINITY, 60.0);
        let mut live = 3.0;
        while live < most {
            let think = live / self.rate.max(1e-6);
            let mut tried = lowered.clone();
            if let WorkloadConfig::Replay(replay) = &mut tried.workload {
                let exponential = Distribution::exponential(think).map_err(Error::from)?;
                let turns = Distribution::constant(1e9).map_err(Error::from)?;
                replay.sessions = Played::Assume(AssumedSessions { turns, think_s: exponential });
                replay.limits.requests.get_or_insert(ENOUGH);
            }
            let runs = replicate(&tried, self.watch, TRIALS, threads)?;
            let off = distance(self.record, &runs, self.ids);
            if off < best.0 {
                best = (off, think);
            }
            live *= 1.26;
        }
        Ok(best.1)
    }
}

/// The traffic in our own format, with what was recorded of it.
fn write_trace(log: &Log, sessions: &Sessions, path: &Path, notes: &mut Vec<String>) -> Result<(), CalibrateError> {
    let tokens = |of: &dyn Fn(&Record) -> Option<u32>| -> u32 {
        let known: Vec<f64> = log.records.iter().filter_map(of).map(f64::from).collect();
        median(&known) as u32
    };
    let (input, output) = (tokens(&|record| record.input_tokens), tokens(&|record| record.output_tokens));
    let mut unknown = 0_u64;
    let mut names = Names::default();
    let mut writer = TraceWriter::create(path, Some(NativeFormat::Jsonl))?;
    for (record, session) in log.records.iter().zip(&sessions.of) {
        unknown += u64::from(record.input_tokens.is_none() || record.output_tokens.is_none());
        let row = TraceRow {
            at: Span::from_secs_f64(record.at_s),
            session: session.clone(),
            user: record.user.as_deref().map(|user| names.user(user)),
            model: names.model(log.kinds.get(record.kind as usize).map_or("", String::as_str)),
            input_tokens: record.input_tokens.unwrap_or(input),
            output_tokens: record.output_tokens.unwrap_or(output),
            ended: Some(Span::from_secs_f64(record.end_s)),
            failed: record.outcome != Outcome::Ok,
            recorded: Some(Box::new(Recorded {
                account: record.account.filter(|_| log.has_accounts),
                first_token: record.ttft_s.map(Span::from_secs_f64),
                duration: record.duration_s.map(Span::from_secs_f64),
                status: match record.outcome {
                    Outcome::Ok => Some(200),
                    Outcome::Broken => Some(502),
                    Outcome::Failed(status) => Some(status).filter(|&status| status >= 400),
                },
                cached_tokens: record.cached_tokens,
                attempts: Vec::new(),
            })),
            ..TraceRow::default()
        };
        writer.write(&row, &names)?;
    }
    writer.finish()?;
    if unknown > 0 {
        notes.push(format!(
            "{unknown} requests carry no counts of tokens (they failed): the medians are assumed, {input} of input and \
             {output} of output"
        ));
    }
    Ok(())
}
