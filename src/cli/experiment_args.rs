//! What the verbs of experiments share: how much to run, where the answer goes, and the bar while it takes.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::{Args, ValueEnum};
use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};

use super::scenario_args::{Remarks, ScenarioArgs};
use super::terminal;
use crate::experiment::jobs::Progress;
use crate::experiment::variant::Base;
use crate::files::PendingFile;
use crate::measure::{Observer, Settings};
use crate::report::Report;
use crate::report::answer::clock;
use crate::units::{Span, Time};
use crate::workload::Request;

/// Where the answer goes, and in which form.
#[derive(Args, Clone, Debug)]
pub(crate) struct OutputArgs {
    /// What to print.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
    /// Write it to this file in place of standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) to: Option<PathBuf>,
    /// Use this many threads, at most 1024; 0: as many as there are cores.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = thread_count)]
    pub(crate) threads: usize,
}

/// A number of threads that a machine can bear.
pub(crate) fn thread_count(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| *count <= MOST_THREADS);
    count.ok_or_else(|| format!("expected 0 (as many as there are cores) to {MOST_THREADS}"))
}

/// More threads than any machine has use for.
const MOST_THREADS: usize = 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// A summary for people.
    Text,
    /// One document with everything.
    Json,
    /// Rows with means and intervals, for a spreadsheet.
    Csv,
    /// The summary as Markdown, for a pull request or a job summary.
    Markdown,
}

/// The file of `--to`, opened before the long work, or standard output.
pub(crate) struct Sink(Option<PendingFile>);

impl OutputArgs {
    pub(crate) fn open(&self) -> anyhow::Result<Sink> {
        Ok(Sink(self.to.as_ref().map(PendingFile::create).transpose()?))
    }
}

impl Sink {
    /// Writes a report in the form that was asked for, of a text every table if `verbose`.
    pub(crate) fn write(self, report: &impl Report, output: Output, verbose: bool) -> anyhow::Result<()> {
        let text = match output {
            Output::Text => report.to_text(terminal::style(self.0.is_none(), verbose)),
            Output::Json => report.to_json(),
            Output::Csv => report.to_csv(),
            Output::Markdown => report.to_markdown(),
        };
        match self.0 {
            None => terminal::print(&text)?,
            Some(mut file) => {
                file.put(text.as_bytes())?;
                file.commit()?;
            }
        }
        Ok(())
    }
}

impl ScenarioArgs {
    /// The scenario with its overrides, for variants of it, and what was said about it.
    pub(crate) fn base(&self) -> anyhow::Result<(Base, Remarks)> {
        let (document, sets) = self.document()?;
        let remarks = self.remark(&document.resolve(&sets)?);
        Ok((Base { document, sets }, remarks))
    }
}

/// A bar on standard error, where somebody watches it.
pub(crate) struct Bar {
    bar: ProgressBar,
    /// The length is known from the beginning.
    whole: AtomicBool,
}

impl Bar {
    pub(crate) fn new() -> Self {
        if !terminal::is_watched() {
            return Self::of(ProgressBar::hidden());
        }
        // 60 columns are enough for it
        let style = ProgressStyle::with_template("{bar:16} {pos} of {prefix}{len} runs, {elapsed}{rest}");
        // before the first run has ended nothing is known of the others
        let rest = |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = match state.pos() {
                0 => Ok(()),
                _ => write!(out, ", {:#} to go", HumanDuration(state.eta())),
            };
        };
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).with_key("rest", rest);
        let bar = ProgressBar::new(0).with_style(style);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self::of(bar)
    }

    const fn of(bar: ProgressBar) -> Self {
        Self { bar, whole: AtomicBool::new(false) }
    }

    /// Shows the virtual time of a single run, whose bar would be empty until it is full; `None` where nobody watches
    /// or nobody knows when the run ends.
    pub(crate) fn ticker(&self, settings: &Settings) -> Option<Ticker> {
        let ends = settings.horizon != Time::NEVER && settings.horizon > settings.start;
        (ends && terminal::is_watched()).then(|| Ticker::new(&self.bar, settings))
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Steps of a bar over virtual time.
const STEPS: u64 = 1_000;

/// Watches the virtual time of a run.
pub(crate) struct Ticker {
    bar: ProgressBar,
    start: Time,
    length: Span,
    step: u64,
}

impl Ticker {
    fn new(bar: &ProgressBar, settings: &Settings) -> Self {
        let length = settings.horizon.since(settings.start);
        let ticker = Self { bar: bar.clone(), start: settings.start, length, step: 0 };
        bar.set_length(STEPS);
        ticker.show(0.0);
        let style = ProgressStyle::with_template("{bar:16} {msg} of virtual time, {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        ticker
    }

    fn at(&mut self, now: Time) {
        let gone = now.since(self.start).secs();
        let step = ((gone / self.length.secs() * STEPS as f64) as u64).min(STEPS);
        if step > self.step {
            self.step = step;
            self.bar.set_position(step);
            self.show(gone);
        }
    }

    fn show(&self, gone: f64) {
        let whole = self.length.secs();
        let minutes = |s: f64| clock(60.0 * (s / 60.0).floor());
        self.bar.set_message(format!("{} of {}", minutes(gone.min(whole)), clock(whole)));
    }
}

impl Observer for Ticker {
    fn arrived(&mut self, now: Time, _number: u64, _request: &Request) {
        self.at(now);
    }
}

impl Progress for Bar {
    fn at_most(&self, cells: usize) {
        self.whole.store(true, Ordering::Relaxed);
        self.bar.set_prefix("up to ");
        // a stage that was announced before is over by now
        self.bar.set_length(self.bar.position() + cells as u64);
    }

    fn begin(&self, cells: usize) {
        if !self.whole.load(Ordering::Relaxed) {
            self.bar.inc_length(cells as u64);
        }
    }

    fn done(&self) {
        self.bar.inc(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_run_shows_how_far_its_virtual_time_has_come() {
        let bar = ProgressBar::hidden();
        let settings = Settings { horizon: Time::ZERO + Span::from_secs(4 * 3_600), ..Settings::default() };
        let mut ticker = Ticker::new(&bar, &settings);
        assert_eq!((bar.position(), bar.message()), (0, "0:00 of 4:00".to_owned()));
        ticker.at(Time::ZERO + Span::from_secs(3_600 + 61));
        assert_eq!((bar.position(), bar.message()), (254, "1:01 of 4:00".to_owned()));
        // the last answers come after the end
        ticker.at(Time::ZERO + Span::from_secs(5 * 3_600));
        assert_eq!((bar.position(), bar.message()), (STEPS, "4:00 of 4:00".to_owned()));
    }
}
