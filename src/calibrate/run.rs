//! From a log to a scenario, a trace, a report and a verdict, in one go.

use std::path::Path;

use super::backtest::{BackTest, Judgement, compare, replicate};
use super::fit::{Fit, fit};
use super::input::{Input, WHOLE};
use super::options::{CalibrateError, Options};
use super::report;
use super::scenario::{Parts, build, yaml};
use super::search::Search;
use super::staged::{REPORT, SCENARIO, Staged, TRACE};
use super::trace;
use crate::experiment::replicate::Threads;
use crate::scenario::Document;
use crate::simulation::{Lowered, lower};
use crate::workload::Error;

/// The one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No figure is off.
    Agrees,
    /// Some are.
    Off,
    /// None is, but there is too little to tell by.
    CannotTell,
}

/// What came out.
#[derive(Clone, Debug)]
pub struct Calibrated {
    /// What was read.
    pub input: Input,
    /// The fit.
    pub fit: Fit,
    /// The scenario as text; empty where another one was held against the log.
    pub scenario: String,
    /// Where sessions cannot be told: about how many live ones are assumed.
    pub assumed_sessions: Option<f64>,
    /// The whole period, fitted to all of it.
    pub back_test: BackTest,
    /// The rest of the period, fitted to its first part, and where that ends in s; `None` where another scenario was held
    /// against the log, or it is too short.
    pub validation: Option<(f64, BackTest)>,
    /// The verdict over both.
    pub verdict: Verdict,
}

/// What is fitted to, of the requests.
const FIRST_PART: f64 = 0.6;
/// Fewer requests than this are not parted.
const LEAST_REQUESTS: usize = 200;

const HEAD: &str = "Written by `stickysim calibrate` from the gateway's own log: accounts as they were while healthy, conditions\n\
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
    let bench = Bench { options, threads, input: &input, staged: &staged, whole: &whole };
    let found = match &options.against {
        Some(against) => bench.against(against)?,
        None => bench.fitted()?,
    };
    let verdict = verdict(&found.back_test, found.validation.as_ref().map(|(_, test)| test));
    let Found { scenario, think_s, back_test, validation } = found;
    if validation.is_none() && options.against.is_none() {
        input
            .notes
            .push(format!("fewer than {LEAST_REQUESTS} requests: nothing is kept back for a test out of sample"));
    }
    let assumed_sessions = think_s.map(|think| input.rate() * think);
    let calibrated = Calibrated { input, fit: whole, scenario, assumed_sessions, back_test, validation, verdict };
    staged.write(REPORT, &report::markdown(&calibrated))?;
    staged.commit()?;
    Ok(calibrated)
}

fn verdict(back_test: &BackTest, validation: Option<&BackTest>) -> Verdict {
    let told = |test: &BackTest| {
        let median = test.figures.iter().find(|figure| figure.name == "upstream_ttft_ms.p50");
        median.is_some_and(|figure| figure.judgement != Judgement::CannotTell)
    };
    match (back_test.agrees() && validation.is_none_or(BackTest::agrees), told(back_test)) {
        (false, _) => Verdict::Off,
        (true, true) => Verdict::Agrees,
        (true, false) => Verdict::CannotTell,
    }
}

/// What simulations said.
struct Found {
    scenario: String,
    /// Where sessions are assumed: the mean time between their turns in s.
    think_s: Option<f64>,
    back_test: BackTest,
    validation: Option<(f64, BackTest)>,
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
        let back_test = self.test(&lowered, WHOLE, None)?;
        Ok(Found { scenario: String::new(), think_s: None, back_test, validation: None })
    }

    /// A scenario fitted to the record against it, in and out of sample.
    fn fitted(&self) -> Result<Found, CalibrateError> {
        let records = &self.input.log.records;
        let think_s = self.assumed(self.whole, WHOLE)?;
        let scenario = self.scenario(self.whole, think_s);
        self.staged.write(SCENARIO, &scenario)?;
        let back_test = self.test(&self.lowered(&scenario)?, WHOLE, None)?;
        let validation = if records.len() >= LEAST_REQUESTS {
            let split = records.get((records.len() as f64 * FIRST_PART) as usize).map_or(0.0, |record| record.at_s);
            let first = fit(&self.input.tries, self.input.log.kinds.len(), self.input.limits, split);
            first.check(&self.input.tries.ids)?;
            let think_s = self.assumed(&first, (0.0, split))?;
            let lowered = self.lowered(&self.scenario(&first, think_s))?;
            Some((split, self.test(&lowered, (split, WHOLE.1), Some(FIRST_PART / (1.0 - FIRST_PART)))?))
        } else {
            None
        };
        Ok(Found { scenario, think_s, back_test, validation })
    }

    fn test(&self, lowered: &Lowered, part: (f64, f64), learnt: Option<f64>) -> Result<BackTest, CalibrateError> {
        let runs = replicate(lowered, &self.input.watch(part), self.options.replications, self.threads)?;
        Ok(compare(&self.input.record(part), &runs, &self.input.ids, self.options.tolerance, learnt))
    }

    /// Where most sessions cannot be told: the mean time between turns with which simulations are nearest to the record.
    fn assumed(&self, fit: &Fit, part: (f64, f64)) -> Result<Option<f64>, CalibrateError> {
        let input = self.input;
        if !input.log.has_accounts || input.sessions.untold * 2 <= input.log.records.len() {
            return Ok(None);
        }
        let search = Search {
            record: &input.record(part),
            watch: &input.watch(part),
            ids: &input.ids,
            rate: input.rate(),
            requests: input.log.records.len(),
        };
        search.best(&self.lowered(&self.scenario(fit, Some(60.0)))?, self.threads).map(Some)
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

    fn lowered(&self, scenario: &str) -> Result<Lowered, CalibrateError> {
        let place = self.staged.path(SCENARIO);
        let base = place.parent().unwrap_or(Path::new("."));
        let loaded = Document::parse(scenario, &place, base)?.resolve(&[])?;
        let mut lowered = lower(&loaded.scenario)?;
        lowered.seed = self.options.seed;
        Ok(lowered)
    }
}

impl Input {
    /// Requests a second.
    pub fn rate(&self) -> f64 {
        self.log.records.len() as f64 / self.log.span_s().max(1.0)
    }
}
