//! `stickysim trace`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::places::{Places, or_stdin};
use super::scenario_args::ScenarioArgs;
use super::{End, terminal};
use crate::calibrate::anonymise;
use crate::engine::{Distribution, Luck};
use crate::simulation::lower;
use crate::units::{Span, count};
use crate::workload::config::{Placing, ReadConfig};
use crate::workload::convert::{Written, convert, synth};
use crate::workload::replay::{Format, TraceReader};
use crate::workload::stats::stats;
use crate::workload::write::{NativeFormat, TraceWriter};
use crate::workload::{Source, WorkloadConfig};

/// Show, convert and write request traces.
#[derive(Args)]
pub(crate) struct Trace {
    #[command(subcommand)]
    verb: TraceVerb,
}

#[derive(Subcommand)]
enum TraceVerb {
    Stats(Stats),
    Convert(Convert),
    Anonymise(Anonymise),
    Synth(Synth),
}

impl Trace {
    pub(crate) fn run(self) -> anyhow::Result<End> {
        match self.verb {
            TraceVerb::Stats(verb) => verb.run(),
            TraceVerb::Convert(verb) => verb.run(),
            TraceVerb::Anonymise(verb) => verb.run(),
            TraceVerb::Synth(verb) => verb.run(),
        }
    }
}

/// How a trace is read.
#[derive(Args)]
struct Reading {
    /// The trace: plain, .gz or .zst, or - for standard input; for Weka, Codex and Claude Code also a folder.
    #[arg(value_name = "TRACE")]
    trace: PathBuf,
    /// Its format; recognised by its content if not given.
    #[arg(long, value_name = "NAME", value_parser = format_of_name)]
    format: Option<Format>,
    /// Leave out up to this many bad lines, and say how many there were.
    #[arg(long, value_name = "N", default_value_t = 0)]
    skip_bad_lines: u64,
    /// Where sessions that share no clock (Weka) start: this many seconds after each other.
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, value_parser = seconds)]
    session_every: f64,
    /// Seed of whatever has to be placed at random.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

impl Reading {
    fn places(&self) -> Places {
        Places::default().reads("the trace", &or_stdin(&self.trace))
    }

    fn open(&self) -> anyhow::Result<TraceReader> {
        Ok(TraceReader::open(&self.config(), Luck::new(self.seed))?)
    }

    fn config(&self) -> ReadConfig {
        ReadConfig {
            path: or_stdin(&self.trace),
            format: self.format,
            skip_bad_lines: self.skip_bad_lines,
            placing: Placing::Every(Span::from_secs_f64(self.session_every)),
            ..ReadConfig::default()
        }
    }
}

/// Show what a trace is like: rate, sessions, tokens, latencies.
///
/// Reads the trace once, with little memory.
#[derive(Args)]
struct Stats {
    #[command(flatten)]
    reading: Reading,
    /// A session is over after this many seconds of silence.
    #[arg(long, value_name = "SECONDS", default_value_t = 7200.0, value_parser = seconds)]
    session_idle: f64,
    /// What to print.
    #[arg(short, long, value_enum, default_value_t = StatsOutput::Text)]
    output: StatsOutput,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StatsOutput {
    Text,
    Json,
}

impl Stats {
    fn run(self) -> anyhow::Result<End> {
        let idle = Span::from_secs_f64(self.session_idle);
        let found = stats(&self.reading.config(), idle, Luck::new(self.reading.seed))?;
        match self.output {
            StatsOutput::Text => terminal::print(&found.to_string())?,
            StatsOutput::Json => terminal::print(&serde_json::to_string_pretty(&found)?)?,
        }
        Ok(End::Done)
    }
}

/// Where a trace is written.
#[derive(Args)]
struct Writing {
    /// The file to write; its ending decides the format (.csv or .jsonl, packed with .gz or .zst after it). Standard
    /// output if not given.
    #[arg(short, long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Format to write: jsonl keeps everything, csv has no scripted attempts.
    #[arg(long, value_enum, value_name = "NAME")]
    write: Option<WriteFormat>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum WriteFormat {
    Csv,
    Jsonl,
}

impl Writing {
    fn open(&self, reads: Places) -> anyhow::Result<TraceWriter> {
        reads.writes("--to", self.to.as_deref()).check()?;
        let format = self.write.map(|format| match format {
            WriteFormat::Csv => NativeFormat::Csv,
            WriteFormat::Jsonl => NativeFormat::Jsonl,
        });
        Ok(match &self.to {
            Some(path) => TraceWriter::create(path, format)?,
            None => TraceWriter::over(Box::new(std::io::stdout()), format.unwrap_or(NativeFormat::Jsonl))?,
        })
    }

    fn report(&self, written: &Written) -> End {
        for note in &written.notes {
            terminal::remark(&format!("note: {note}"));
        }
        if written.skipped_lines > 0 {
            terminal::remark(&format!("note: {} left out", count(written.skipped_lines, "bad line")));
        }
        if let Some(path) = &self.to {
            terminal::remark(&format!("{} written to {}", count(written.rows, "request"), path.display()));
        }
        End::Done
    }
}

/// Write a trace of any format as one of ours (docs/reference/trace-format.md).
#[derive(Args)]
struct Convert {
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    writing: Writing,
}

impl Convert {
    fn run(self) -> anyhow::Result<End> {
        // a trace that cannot be read is reported before a file is begun
        let reader = self.reading.open()?;
        let written = convert(reader, self.writing.open(self.reading.places())?)?;
        Ok(self.writing.report(&written))
    }
}

/// Write a trace with other names, to share it.
///
/// Sessions, users and responses get salted names, accounts are numbered, times count from the first request. Texts are
/// never read.
#[derive(Args)]
struct Anonymise {
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    writing: Writing,
    /// A secret text: names cannot be guessed without it, and are the same with it.
    #[arg(long, value_name = "TEXT")]
    salt: String,
    /// Call models model-1, model-2, ... in order of appearance.
    #[arg(long)]
    rename_models: bool,
    /// Rename this model, as OLD=NEW; may be given several times.
    #[arg(long = "model", value_name = "OLD=NEW", value_parser = renaming)]
    models: Vec<(String, String)>,
}

fn renaming(text: &str) -> Result<(String, String), String> {
    let (old, new) = text.split_once('=').ok_or("expected OLD=NEW")?;
    Ok((old.to_owned(), new.to_owned()))
}

impl Anonymise {
    fn run(self) -> anyhow::Result<End> {
        let how = anonymise::Anonymise {
            salt: self.salt,
            models: self.models.into_iter().collect(),
            rename_models: self.rename_models,
        };
        how.check()?;
        // a trace that cannot be read is reported before a file is begun
        let reader = self.reading.open()?;
        let written = anonymise::anonymise(reader, &how, self.writing.open(self.reading.places())?)?;
        Ok(self.writing.report(&written))
    }
}

/// Write a scenario's synthetic workload as a trace.
///
/// A trace has no closed loop: turns are written as if every request took --service seconds.
#[derive(Args)]
struct Synth {
    #[command(flatten)]
    scenario: ScenarioArgs,
    #[command(flatten)]
    writing: Writing,
    /// How long every request is assumed to last, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 8.0, value_parser = seconds)]
    service: f64,
}

impl Synth {
    fn run(self) -> anyhow::Result<End> {
        let loaded = self.scenario.load()?;
        let lowered = lower(&loaded.scenario)?;
        let WorkloadConfig::Synth(config) = lowered.workload.clone() else {
            anyhow::bail!(
                "{}: its workload replays a trace, there is nothing to synthesise\n  help: `stickysim trace convert` \
                 writes any trace as one of ours",
                self.scenario.scenario.display()
            );
        };
        let luck = Luck::new(lowered.seed);
        drop(Source::open(WorkloadConfig::Synth(config.clone()), luck, lowered.start)?);
        let written =
            synth(config, Distribution::constant(self.service)?, luck, self.writing.open(self.scenario.places())?)?;
        Ok(self.writing.report(&written))
    }
}

fn format_of_name(name: &str) -> Result<Format, String> {
    Format::of_name(name).ok_or_else(|| {
        let names: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
        format!("known formats: {}", names.join(", "))
    })
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=1e9).contains(&seconds) => Ok(seconds),
        _ => Err("expected seconds, 0 to 1e9".to_owned()),
    }
}
