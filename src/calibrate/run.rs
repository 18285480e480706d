//! From a log to a scenario, a trace, a report and a verdict, in one go.

use std::path::Path;

use super::backtest::{BackTest, Profile, Test, compare_all, distance, replicate};
use super::calibrated::{Agreement, Calibrated, verdict};
use super::fit::{Fit, fit};
use super::input::{Input, WHOLE};
use super::observed::{Seen, Window};
use super::options::{CalibrateError, Options};
use super::report;
use super::resolution::{self, Resolution, resolution};
use super::revision::Revision;
use super::scenario::{Parts, build, yaml};
use super::search::Search;
use super::spans::Slow;
use super::staged::{REPORT, SCENARIO, Staged, TRACE};
use super::tails::{Slower, tails};
use super::too_little::{LEAST_REQUESTS, TooLittle};
use super::trace;
use crate::experiment::replicate::Threads;
use crate::scenario::{Document, Mode, ReplaySessions, Scenario, Set};
use crate::simulation::{Lowered, lower};
use crate::workload::Error;

/// What is fitted to, of the requests.
const FIRST_PART: f64 = 0.6;
/// Simulations after which a clear answer is one.
const FIRST_RUNS: u64 = 20;
/// Simulations of each mode where the log does not show it.
const MODE_RUNS: u64 = 8;

const HEAD: &str = "Written by `stickysim calibrate` from the gateway's own log: accounts as they were while healthy, \
    conditions\n\
    when they were not, and the traffic of the period. report.md says how far to trust it.";

/// Calibrates and writes `scenario.yaml`, `trace.jsonl.gz` and `report.md`, all of them or none.
///
/// # Errors
/// When a file cannot be used.
pub fn calibrate(options: &Options, threads: &Threads) -> Result<Calibrated, CalibrateError> {
    let staged = Staged::begin(&options.out, options.force)?;
    let mut input = Input::read(options)?;
    trace::write(&input.log, &input.sessions, &staged.path(TRACE), &mut input.notes)?;
    let whole = fit(&input.tries, input.log.kinds.len(), input.limits, WHOLE.1);
    whole.check(&input.tries.ids)?;
    input.look_at(&whole);
    let gateway = settle(options, threads, &mut input, &staged, &whole)?;
    let bench = Bench { options, threads, input: &input, staged: &staged, whole: &whole };
    let found = match &options.against {
        Some(against) => bench.against(against)?,
        None => bench.fitted()?,
    };
    let Found { scenario, settings, think_s, back_test, validation, tails, resolution } = found;
    if validation.is_none() && options.against.is_none() {
        input
            .notes
            .push(format!("fewer than {LEAST_REQUESTS} requests: nothing is kept back for a test out of sample"));
    }
    let tests: Vec<&BackTest> = std::iter::once(&back_test).chain(validation.as_ref().map(|(_, test)| test)).collect();
    let too_little = TooLittle::of(&input, &tests);
    let verdict = verdict(&tests, too_little);
    let assumed_sessions = think_s.map(|think| input.rate() * think);
    let calibrated = Calibrated {
        input,
        fit: whole,
        scenario,
        assumed_sessions,
        back_test,
        validation,
        tails,
        verdict,
        too_little,
        resolution,
        gateway: gateway.unwrap_or_else(|| held_against(&settings)),
        mode: settings.scheduler_mode(),
        escape_is_on: settings.scheduler_mode() == Mode::Advanced
            && settings.gateway.openai_scheduler.sticky_escape_enabled,
    };
    staged.write(REPORT, &report::markdown(&calibrated))?;
    staged.commit()?;
    Ok(calibrated)
}

/// Puts the gateway's revision and mode into the settings, and says how they are known; `None` where another scenario
/// is held against the log, which has its own.
fn settle(
    options: &Options,
    threads: &Threads,
    input: &mut Input,
    staged: &Staged,
    whole: &Fit,
) -> Result<Option<String>, CalibrateError> {
    if options.against.is_some() {
        return Ok(None);
    }
    if !input.log.has_accounts {
        return Ok(Some(String::new()));
    }
    let mut revision = Revision::of(input.said, &input.log, input.escapes.as_ref());
    if revision.mode.is_none() {
        let distances = Bench { options, threads, input, staged, whole }.distances()?;
        revision = revision.nearest(&distances);
    }
    revision.put_into(&mut input.settings);
    Ok(Some(revision.words()))
}

/// Whether requests of the scenario's trace are dealt out to assumed sessions.
fn assumes_sessions(scenario: &Scenario) -> bool {
    let replay = scenario.workload.replay.as_ref();
    replay.is_some_and(|replay| matches!(replay.sessions, ReplaySessions::Assume { .. }))
}

/// Which gateway a scenario that was there before is of.
fn held_against(settings: &Scenario) -> String {
    let (version, mode) = (settings.version().name(), settings.scheduler_mode().name());
    format!("the log is held against the gateway {version} in the mode {mode}, as the scenario says")
}

/// What simulations said.
struct Found {
    scenario: String,
    /// The scenario that was simulated.
    settings: Scenario,
    /// Where sessions are assumed: the mean time between their turns in s.
    think_s: Option<f64>,
    back_test: BackTest,
    validation: Option<(f64, BackTest)>,
    tails: Vec<Slower>,
    resolution: Vec<Resolution>,
}

/// A scenario to be held against a part of the record; `learnt` as in [`Test`].
struct Trial<'a> {
    lowered: &'a Lowered,
    part: (f64, f64),
    learnt: Option<f64>,
    assumed: bool,
}

/// Simulates the period.
struct Bench<'a> {
    options: &'a Options,
    threads: &'a Threads,
    input: &'a Input,
    staged: &'a Staged,
    whole: &'a Fit,
}

impl Bench<'_> {
    /// How far simulations of each mode are from the record; nothing where sessions, on which modes differ, cannot be
    /// told.
    fn distances(&self) -> Result<Vec<(Mode, f64)>, CalibrateError> {
        let input = self.input;
        if input.sessions.unknown * 2 > input.log.records.len() {
            return Ok(Vec::new());
        }
        let scenario = self.scenario(self.whole, None);
        let record = input.record(WHOLE);
        let of = |mode: Mode| {
            let sets = [Set::parse("gateway_version=0.1.179")?, Set::parse(&format!("mode={}", mode.name()))?];
            let (_, lowered) = self.lowered(&scenario, &sets)?;
            let runs = replicate(&lowered, &input.watch(WHOLE), 0..MODE_RUNS, self.threads)?;
            Ok((mode, distance(&record, &runs, &input.ids)))
        };
        [Mode::Legacy, Mode::Advanced, Mode::Weighted].into_iter().map(of).collect()
    }

    /// A scenario that was there before against the record.
    fn against(&self, against: &Path) -> Result<Found, CalibrateError> {
        let document = Document::read(against)?.with_trace(&self.staged.path(TRACE))?;
        let loaded = document.resolve(&self.options.sets)?;
        let lowered = lower(&loaded.scenario)?;
        let pool: Vec<i64> = loaded.scenario.accounts.iter().filter_map(|account| account.id).collect();
        if pool != self.input.ids {
            let message = format!("its accounts are {pool:?}, those of the log {:?}", self.input.ids);
            return Err(Error::in_file(against, message, "hold a log against a scenario of the same pool").into());
        }
        let (mut tests, runs) = self.tests(&[Trial {
            lowered: &lowered,
            part: WHOLE,
            learnt: None,
            assumed: assumes_sessions(&loaded.scenario),
        }])?;
        let with = |set: Set| {
            let sets: Vec<Set> = self.options.sets.iter().cloned().chain([set]).collect();
            Ok(lower(&document.resolve(&sets)?.scenario)?)
        };
        let resolution = self.resolution(&tests, &runs, &loaded.scenario, &with)?;
        let settings = loaded.scenario;
        let back_test = tests.swap_remove(0);
        let tails = tails(&self.input.record(WHOLE), &runs);
        Ok(Found { scenario: String::new(), settings, think_s: None, back_test, validation: None, tails, resolution })
    }

    /// A scenario fitted to the record against it, in and out of sample.
    fn fitted(&self) -> Result<Found, CalibrateError> {
        let records = &self.input.log.records;
        let think_s = self.assumed(self.whole, WHOLE)?;
        let scenario = self.scenario(self.whole, think_s);
        self.staged.write(SCENARIO, &scenario)?;
        let (settings, lowered) = self.lowered(&scenario, &[])?;
        let mut trials = vec![Trial { lowered: &lowered, part: WHOLE, learnt: None, assumed: think_s.is_some() }];
        let first;
        let split = records.get((records.len() as f64 * FIRST_PART) as usize).map_or(0.0, |record| record.at_s);
        if records.len() >= LEAST_REQUESTS {
            let fit = fit(&self.input.tries, self.input.log.kinds.len(), self.input.limits, split);
            fit.check(&self.input.tries.ids)?;
            let think_s = self.assumed(&fit, (0.0, split))?;
            first = self.lowered(&self.scenario(&fit, think_s), &[])?.1;
            let learnt = Some(FIRST_PART / (1.0 - FIRST_PART));
            trials.push(Trial { lowered: &first, part: (split, WHOLE.1), learnt, assumed: think_s.is_some() });
        }
        let (mut tests, runs) = self.tests(&trials)?;
        let with = |set: Set| Ok(self.lowered(&scenario, &[set])?.1);
        let resolution = self.resolution(&tests, &runs, &settings, &with)?;
        let validation = (tests.len() > 1).then(|| (split, tests.swap_remove(1)));
        let back_test = tests.swap_remove(0);
        let tails = tails(&self.input.record(WHOLE), &runs);
        Ok(Found { scenario, settings, think_s, back_test, validation, tails, resolution })
    }

    /// Holds the record against simulations, few at first and all that are asked for where these leave it open; and the
    /// simulations of the first trial.
    fn tests(&self, trials: &[Trial<'_>]) -> Result<(Vec<BackTest>, Vec<Seen>), CalibrateError> {
        let records: Vec<Seen> = trials.iter().map(|trial| self.input.record(trial.part)).collect();
        let mut runs: Vec<Vec<Seen>> = vec![Vec::new(); trials.len()];
        let all = self.options.replications;
        loop {
            let upto = if runs[0].is_empty() { FIRST_RUNS.min(all) } else { all };
            for (trial, runs) in trials.iter().zip(&mut runs) {
                let further = runs.len() as u64..upto;
                runs.extend(replicate(trial.lowered, &self.input.watch(trial.part), further, self.threads)?);
            }
            let tests: Vec<Test<'_>> = (0..trials.len())
                .map(|at| Test {
                    recorded: &records[at],
                    simulated: &runs[at],
                    learnt: trials[at].learnt,
                    assumed: trials[at].assumed,
                })
                .collect();
            let tests = compare_all(&tests, &self.input.ids, self.options.tolerance);
            if upto == all || tests.iter().all(|test| test.is_clear) {
                return Ok((tests, runs.swap_remove(0)));
            }
        }
    }

    /// Which values of settings the whole record cannot distinguish; nothing where it is off or has no accounts.
    fn resolution(
        &self,
        tests: &[BackTest],
        runs: &[Seen],
        scenario: &Scenario,
        with: &dyn Fn(Set) -> Result<Lowered, CalibrateError>,
    ) -> Result<Vec<Resolution>, CalibrateError> {
        let tests: Vec<&BackTest> = tests.iter().collect();
        let too_little = TooLittle::of(self.input, &tests);
        if !self.input.log.has_accounts || verdict(&tests, too_little) != Agreement::Agrees {
            return Ok(Vec::new());
        }
        let recorded = self.input.record(WHOLE);
        let test = Test { recorded: &recorded, simulated: runs, learnt: None, assumed: assumes_sessions(scenario) };
        let profile = Profile::of(&test, &self.input.ids, self.options.tolerance);
        let simulate = |key: &str, value: u64| {
            let mut lowered = with(Set::parse(&format!("{key}={value}"))?)?;
            lowered.seed = self.options.seed;
            Ok(replicate(&lowered, &self.input.watch(WHOLE), 0..resolution::RUNS, self.threads)?)
        };
        resolution(&profile, scenario, &simulate)
    }

    /// Where most sessions are unknown: the mean time between turns with which simulations are nearest to the
    /// record.
    fn assumed(&self, fit: &Fit, part: (f64, f64)) -> Result<Option<f64>, CalibrateError> {
        let input = self.input;
        if !input.log.has_accounts || input.sessions.unknown * 2 <= input.log.records.len() {
            return Ok(None);
        }
        let search = Search {
            record: &input.record(part),
            watch: &input.watch(part),
            ids: &input.ids,
            rate: input.rate(),
            requests: input.log.records.len(),
        };
        search.best(&self.lowered(&self.scenario(fit, Some(60.0)), &[])?.1, self.threads).map(Some)
    }

    fn scenario(&self, fit: &Fit, assumed_think_s: Option<f64>) -> String {
        let input = self.input;
        let parts = Parts {
            log: &input.log,
            tries: &input.tries,
            fit,
            known: &input.known,
            cache: &input.cache,
            settings: &input.settings,
            trace: TRACE,
            assumed_think_s,
            unlimited: !input.log.has_accounts,
        };
        yaml(&build(parts), HEAD)
    }

    fn lowered(&self, scenario: &str, sets: &[Set]) -> Result<(Scenario, Lowered), CalibrateError> {
        let place = self.staged.path(SCENARIO);
        let base = place.parent().unwrap_or(Path::new("."));
        let loaded = Document::parse(scenario, &place, base)?.resolve(sets)?;
        let mut lowered = lower(&loaded.scenario)?;
        lowered.seed = self.options.seed;
        Ok((loaded.scenario, lowered))
    }
}

impl Input {
    /// Compares what happened in the slow spans of a fit by itself.
    fn look_at(&mut self, fit: &Fit) {
        let window = |span: &Slow| {
            let account = self.ids.binary_search(&self.tries.ids[span.account]).ok()?;
            Some(Window { account, period: (span.from_s, span.to_s.unwrap_or(f64::INFINITY)), ..Window::default() })
        };
        self.windows = fit.slow.iter().filter_map(window).collect();
    }

    /// Requests a second.
    pub fn rate(&self) -> f64 {
        self.log.records.len() as f64 / self.log.span_s().max(1.0)
    }
}
