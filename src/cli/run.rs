//! `stickysim run`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::experiment_args::{Bar, thread_count};
use super::picture_args::PictureArgs;
use super::places::Places;
use super::scenario_args::ScenarioArgs;
use super::{End, terminal};
use crate::experiment::jobs::Progress as _;
use crate::experiment::replicate::{Replications, threads};
use crate::files::{FileError, PendingFile};
use crate::measure::{Note, Results};
use crate::report::perfetto::{PerfettoTrace, TraceFile};
use crate::report::picture::{Recording, run_charts, run_page};
use crate::report::{About, CsvFiles, ResultDocument};
use crate::simulation::{self, Lowered, lower, simulate_seen_by};
use crate::units::count;

/// Run a scenario and report what its users would have felt.
///
/// Prints a summary for people, or with --output one document for machines (docs/reference/results.md). The same
/// scenario and seed give the same result on any machine and with any number of threads.
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    stickysim run scenarios/slow-account.yaml\n  \
    stickysim run scenarios/slow-account.yaml --set sticky_escape_enabled=false\n  \
    stickysim run scenarios/slow-account.yaml --trace my-trace.jsonl.gz \\\n      \
    --output json --to result.json\n  \
    stickysim run scenarios/slow-account.yaml --replications 20\n  \
    stickysim run scenarios/slow-account.yaml --html report.html --plot charts \\\n      \
    --perfetto trace.json.gz")]
pub(crate) struct Run {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Run this many replications on seeds derived from the first; figures become means with 95 % intervals.
    #[arg(short, long, value_name = "R", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    replications: u64,
    /// Use this many threads for replications, at most 1024; 0: as many as there are cores.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = thread_count)]
    threads: usize,
    /// What to print.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Write it to this file in place of standard output.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Also write requests.csv, sessions.csv, escapes.csv and accounts.csv of the first replication into this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    pictures: PictureArgs,
    /// Also write the first replication as a trace for ui.perfetto.dev to this file, compressed if it ends in .gz.
    #[arg(long, value_name = "FILE")]
    perfetto: Option<PathBuf>,
    /// Check the invariants of a run at every step; exit status 1 when one is violated.
    #[arg(long)]
    check: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// A summary for people.
    Text,
    /// The whole result document.
    Json,
    /// The result document, one path and value a row.
    Csv,
    /// The summary as Markdown, for a pull request or a job summary.
    Markdown,
}

impl Run {
    pub(crate) fn run(self) -> anyhow::Result<End> {
        let loaded = self.scenario.load()?;
        let mut lowered = lower(&loaded.scenario)?;
        lowered.measure.check = self.check;
        self.places(&lowered).check()?;
        // what cannot be written is known before the long work
        let file = self.to.as_ref().map(PendingFile::create).transpose()?;
        let pictures = self.pictures.open()?;
        let eyes = self.eyes(&lowered, &loaded.scenario.name)?;

        let clock = Clock::start();
        let (runs, recording, workers) = self.simulate(&lowered, eyes)?;
        let wall_s = clock.seconds();

        let violations = Violations::of(&runs);
        let notes = assumptions(&runs, &[loaded.warnings.clone(), loaded.notes.clone()].concat());
        let results: Vec<Results> = runs.into_iter().map(|run| run.results).collect();
        let about = About {
            name: loaded.scenario.name.clone(),
            scenario: serde_json::to_value(&loaded.scenario)?,
            seed: lowered.seed,
            settings: lowered.measure.clone(),
            baseline_ms: lowered.healthy_ttft_ms(),
            account_names: lowered.account_names.clone(),
            notes,
            wall_s,
            threads: workers,
        };
        let document = ResultDocument::new(about, &results);
        // files first: a reader of the text may have had enough of it
        if let Some(recording) = recording {
            let recording = recording.against(Recording::without_escape(&lowered, lowered.seed)?);
            let charts = || run_charts(&document, &recording);
            pictures.write(charts, |command| run_page(&document, &recording, command))?;
        }
        let text = match self.output {
            Output::Text => document.to_text(terminal::style(file.is_none(), self.scenario.verbose)),
            Output::Json => document.to_json(),
            Output::Csv => document.to_csv(),
            Output::Markdown => document.to_markdown(),
        };
        match file {
            Some(mut file) => {
                file.put(text.as_bytes())?;
                file.commit()?;
            }
            None => terminal::print(&text)?,
        }
        Ok(violations.report(self.check))
    }

    fn places(&self, lowered: &Lowered) -> Places {
        let places = self.scenario.places();
        let places =
            if self.replications > 1 { places.reads_trace_often_of(lowered) } else { places.reads_trace_of(lowered) };
        let places = places.writes("--to", self.to.as_deref());
        let mut places = self.pictures.places(places).writes("--perfetto", self.perfetto.as_deref());
        if let Some(folder) = &self.out {
            places = places.writes("--out", Some(folder));
            for name in CsvFiles::NAMES {
                places = places.writes(&format!("--out ({name})"), Some(&folder.join(name)));
            }
        }
        places
    }

    /// Those that were asked to look at the first replication.
    fn eyes(&self, lowered: &Lowered, name: &str) -> anyhow::Result<Eyes> {
        let (settings, accounts) = (&lowered.measure, &lowered.accounts);
        let csv = self.out.as_ref().map(|dir| CsvFiles::create(dir, settings, accounts)).transpose()?;
        let recording = || Recording::new(settings, accounts, &lowered.account_names);
        let trace = self.perfetto.as_ref().map(|path| TraceFile::create(path)).transpose()?;
        let about = [
            ("scenario", name.to_owned()),
            ("seed", lowered.seed.to_string()),
            ("stickysim", env!("CARGO_PKG_VERSION").to_owned()),
        ];
        let trace = trace.map(|file| PerfettoTrace::new(file, settings, accounts, &lowered.conditions, &about));
        Ok((csv, (self.pictures.wanted().then(recording), trace)))
    }

    /// Runs the replications, the first one before those that were asked to look at it.
    fn simulate(
        &self,
        lowered: &Lowered,
        eyes: Eyes,
    ) -> anyhow::Result<(Vec<simulation::Run>, Option<Recording>, usize)> {
        let workers = threads(self.threads)?;
        let bar = Bar::new();
        let ticker = if self.replications == 1 { bar.ticker(&lowered.measure) } else { None };
        if ticker.is_none() {
            bar.begin(self.replications as usize);
        }
        let mut runs = Vec::new();
        let mut recorded = None;
        if eyes.0.is_some() || eyes.1.0.is_some() || eyes.1.1.is_some() || ticker.is_some() {
            let (run, ((csv, (recording, trace)), _)) = simulate_seen_by(lowered, lowered.seed, (eyes, ticker))?;
            csv.map(CsvFiles::finish).transpose()?;
            if let (Some(trace), Some(path)) = (trace, &self.perfetto) {
                trace.finish().map_err(|error| FileError::new("write", path, error))?.commit()?;
            }
            recorded = recording;
            bar.done();
            runs.push(run);
        }
        let rest = Replications { lowered, range: runs.len() as u64..self.replications };
        runs.extend(rest.run(&workers, &|| bar.done())?);
        bar.finish();
        Ok((runs, recorded, workers.current_num_threads()))
    }
}

/// Observers of the first replication.
type Eyes = (Option<CsvFiles>, (Option<Recording>, Option<PerfettoTrace<TraceFile>>));

/// What the workload assumed and how the scenario was understood, for the document.
fn assumptions(runs: &[simulation::Run], notes: &[String]) -> Vec<Note> {
    let mut all: Vec<&String> = notes.iter().collect();
    for note in runs.iter().flat_map(|run| &run.assumptions) {
        if !all.contains(&note) {
            all.push(note);
        }
    }
    all.into_iter().map(|note| Note::new("requests", note.clone())).collect()
}

/// Violations of invariants over all replications.
struct Violations {
    count: u64,
    first: Vec<String>,
}

impl Violations {
    fn of(runs: &[simulation::Run]) -> Self {
        let count = runs.iter().map(|run| run.results.violation_count).sum();
        let first = runs.iter().flat_map(|run| run.results.violations.iter().cloned()).take(10).collect();
        Self { count, first }
    }

    fn report(&self, checked: bool) -> End {
        if self.count == 0 {
            if checked {
                terminal::remark("check: every invariant holds");
            }
            return End::Done;
        }
        terminal::remark(&format!("check: {} of the invariants, the first of them:", count(self.count, "violation")));
        for violation in &self.first {
            terminal::remark(&format!("  {violation}"));
        }
        End::Failed
    }
}

/// Wall time: only the command line may know it.
struct Clock(
    #[expect(clippy::disallowed_types, reason = "wall time of the whole run, reported under engine")]
    std::time::Instant,
);

impl Clock {
    #[expect(clippy::disallowed_types, reason = "wall time of the whole run, reported under engine")]
    fn start() -> Self {
        Self(std::time::Instant::now())
    }

    fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}
