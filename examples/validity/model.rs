//! A model and its runs, each made once and reduced to the figures that are looked at.

use std::path::Path;

use anyhow::{Context as _, Result};
use stickysim::experiment::cell::{Cell, Figure};
use stickysim::experiment::replicate::{Threads, in_parallel};
use stickysim::scenario::{Document, Set};
use stickysim::simulation::{Lowered, lower};

/// What is looked at: the eleven figures of the statistics audit and the price of moving.
pub const FIGURES: [&str; 12] = [
    "felt_ttft_ms.mean",
    "felt_ttft_ms.p90",
    "felt_ttft_ms.p99",
    "sessions.worst_ttft_ms.p50",
    "sessions.worst_ttft_ms.p95",
    "sessions.worst_ttft_ms.p99",
    "sessions.stuck",
    "escapes.wasted",
    "outcomes.goodput_ratio",
    "cost.cold_turn_ratio",
    "detection.missed_turns",
    "cost.uncached_input_tokens",
];

/// The figures of one run.
pub type Row = [Option<f64>; FIGURES.len()];

/// A scenario that is run very often.
pub struct Model<'a> {
    /// How reports call it: its file and what is set otherwise.
    pub name: String,
    file: String,
    sets: Vec<String>,
    lowered: Lowered,
    threads: &'a Threads,
}

impl<'a> Model<'a> {
    /// The scenario of this file with these overrides.
    pub fn open(file: &str, sets: &[&str], threads: &'a Threads) -> Result<Self> {
        let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
        let document = Document::read(Path::new(file))?;
        let parsed = sets.iter().map(|set| Set::parse(set)).collect::<Result<Vec<_>, _>>()?;
        let lowered = lower(&document.resolve(&parsed)?.scenario)?;
        let own: Vec<&str> = sets.iter().map(String::as_str).collect();
        let name = if own.is_empty() { file.to_owned() } else { format!("{file} with {}", own.join(", ")) };
        Ok(Self { name, file: file.to_owned(), sets, lowered, threads })
    }

    /// The same with one more override.
    pub fn with(&self, set: &str) -> Result<Self> {
        let sets: Vec<&str> = self.sets.iter().map(String::as_str).chain([set]).collect();
        Self::open(&self.file, &sets, self.threads)
    }

    /// The runs of `experiments` seeds with so many replications each, seed by seed.
    pub fn runs(&self, experiments: u64, replications: u64) -> Result<Vec<Vec<Row>>> {
        self.runs_from(1, experiments, replications)
    }

    /// The same from this seed on.
    pub fn runs_from(&self, first: u64, experiments: u64, replications: u64) -> Result<Vec<Vec<Row>>> {
        let figures: Vec<Figure> = FIGURES
            .iter()
            .map(|path| Figure::of_run(path).with_context(|| format!("no figure is called {path}")))
            .collect::<Result<_>>()?;
        let one = |number: u64| -> Result<Row> {
            let (seed, replication) = (first + number / replications, number % replications);
            let cell = Cell::run(&self.lowered, seed, replication)?;
            let mut row = [None; FIGURES.len()];
            row.iter_mut().zip(&figures).for_each(|(place, figure)| *place = figure.of(&cell));
            Ok(row)
        };
        let rows = in_parallel(0..experiments * replications, self.threads, &one);
        let rows: Vec<Row> = rows.into_iter().collect::<Result<_>>()?;
        Ok(rows.chunks(replications as usize).map(<[Row]>::to_vec).collect())
    }
}

/// A figure of some runs.
pub fn column(rows: &[Row], figure: usize) -> Vec<Option<f64>> {
    rows.iter().map(|row| row[figure]).collect()
}
