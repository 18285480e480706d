//! The result document: what was run and every figure of it, once.
//!
//! One replication gives plain values; several give the mean over the replications with a 95 % t interval. All
//! renderings (text, JSON, CSV, Markdown) are made from this document alone.

mod csv;
mod estimate;
mod form;
mod json;
mod read;
mod same;

use serde_json::Value;

use crate::experiment::stats::{Level, mean_interval_of};
use crate::measure::figures::{Meta, Named, Row};
use crate::measure::series::Series;
use crate::measure::{Merged, Note, Results, Settings};
use crate::report::bad_document::BadDocument;
use crate::scheduler::Revision;

pub use estimate::Estimate;
pub(in crate::report) use same::difference;

/// Version of the result document's form: raised when a path changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;

/// The revision of the real scheduler that is modelled, as documents name it.
pub const fn scheduler_revision(revision: Revision) -> &'static str {
    match revision {
        Revision::V0_1_133 => "sub2api PR 2872",
        Revision::V0_1_179 => "sub2api 0.1.179",
    }
}

/// The revision with its mode, in words. Revision 0.1.133 is simulated in one mode only, which goes without saying.
pub fn scheduler_in_words(settings: &Settings) -> String {
    let revision = scheduler_revision(settings.revision);
    match settings.revision {
        Revision::V0_1_133 => revision.to_owned(),
        Revision::V0_1_179 => format!("{revision}, mode {}", settings.mode.name()),
    }
}

/// What was run, apart from its figures.
#[derive(Clone, Debug)]
pub struct About {
    /// The scenario's name.
    pub name: String,
    /// The whole effective scenario.
    pub scenario: Value,
    /// The seed; replications beyond the first are derived from it.
    pub seed: u64,
    /// What was measured, and the escape gate.
    pub settings: Settings,
    /// TTFT of a healthy account in ms, from which the table of slow completions starts; the measured median of the
    /// upstream TTFT where the scenario has none.
    pub baseline_ms: Option<f64>,
    /// Names of the accounts in order of ids, where they have one; none: their ids.
    pub account_names: Vec<String>,
    /// Further caveats: assumed values, settings that were ignored.
    pub notes: Vec<Note>,
    /// Wall time of all replications together, in seconds.
    pub wall_s: f64,
    /// Threads that worked on them.
    pub threads: usize,
}

/// A figure over the replications.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeasuredFigure {
    /// What it is.
    pub meta: &'static Meta,
    /// Its value, if any replication has it.
    pub value: Option<Estimate>,
}

/// The figures of something that has a name.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedFigures {
    /// An account's id or a condition's name.
    pub name: String,
    /// What reports call it.
    pub label: String,
    /// Its figures in the order of the registry.
    pub figures: Vec<MeasuredFigure>,
}

/// How often escapes led from one account to another.
#[derive(Clone, Debug, PartialEq)]
pub struct MoveFigures {
    /// Id of the account escaped from.
    pub from: String,
    /// Id of the account that load balance chose.
    pub to: String,
    /// How often escapes led from `from` to `to`.
    pub moves: Estimate,
    /// How many sessions came back.
    pub returns: Estimate,
}

/// All results of a run.
#[derive(Clone, Debug)]
pub struct ResultDocument {
    /// What was run.
    pub about: About,
    /// How many replications there were.
    pub replications: usize,
    /// Figures of the whole run, in the order of the registry.
    pub figures: Vec<MeasuredFigure>,
    /// A row per account, in order of ids.
    pub accounts: Vec<NamedFigures>,
    /// A row per condition, in the scenario's order.
    pub conditions: Vec<NamedFigures>,
    /// Where escapes led, the most frequent first.
    pub moves: Vec<MoveFigures>,
    /// The accounts' state over time, of the first replication.
    pub series: Option<Series>,
    /// Caveats on figures, those that several replications share merged.
    pub remarks: Vec<Merged>,
}

impl ResultDocument {
    /// The document of these replications, in their order.
    pub fn new(about: About, results: &[Results]) -> Self {
        let rows: Vec<&Row> = results.iter().map(|result| &result.figures.run).collect();
        let named = |of: fn(&Results) -> &[Named], labels: &[String]| {
            let all: Vec<&[Named]> = results.iter().map(of).collect();
            all.first().map_or_else(Vec::new, |first| named_figures(first, &all, labels))
        };
        let mut document = Self {
            replications: results.len(),
            figures: over_replications(&rows),
            accounts: named(|result| &result.figures.accounts, &about.account_names),
            conditions: named(|result| &result.figures.conditions, &[]),
            moves: moves(results),
            series: results.first().and_then(|result| result.series.clone()),
            remarks: remarks(&about, results),
            about,
        };
        if let [first, others @ ..] = results
            && !others.is_empty()
            && others.iter().all(|other| other.figures == first.figures)
        {
            document.say_all_alike();
        }
        document
    }

    /// If all replications came out the same, nothing was random, and intervals would be meaningless.
    fn say_all_alike(&mut self) {
        let named = self.accounts.iter_mut().chain(&mut self.conditions).flat_map(|named| &mut named.figures);
        let figures = self.figures.iter_mut().chain(named).filter_map(|figure| figure.value.as_mut());
        let moves = self.moves.iter_mut().flat_map(|entry| [&mut entry.moves, &mut entry.returns]);
        for estimate in figures.chain(moves) {
            if let Estimate::Several(interval) = estimate {
                (interval.lo, interval.hi) = (None, None);
            }
        }
        let text = format!(
            "all {} replications came out the same: nothing is random here, so nothing has an interval",
            self.replications
        );
        self.remarks.push(Merged { note: Note::new("", text), runs: self.replications, means: false });
    }

    /// Reads back what [`Self::to_json`] made, without the accounts' state over time and without what is only in the
    /// files that the scenario names.
    ///
    /// # Errors
    /// What of it is missing or has another form.
    pub fn from_json(document: &Value) -> Result<Self, BadDocument> {
        read::document(document)
    }

    /// The figure at this path of the whole run, if any replication has it.
    pub fn get(&self, path: &str) -> Option<Estimate> {
        self.figures.iter().find(|figure| figure.meta.path == path).and_then(|figure| figure.value)
    }

    /// The mean of the figure at this path.
    pub fn mean(&self, path: &str) -> Option<f64> {
        self.get(path).map(Estimate::mean)
    }

    /// The JSON document, two spaces deep, with a line feed at its end.
    pub fn to_json(&self) -> String {
        let mut text = format!("{:#}", json::of(self));
        text.push('\n');
        text
    }

    /// Rows of path and value (of several replications: path, mean, lo, hi), with a header.
    pub fn to_csv(&self) -> String {
        csv::of(self)
    }
}

impl NamedFigures {
    /// The figure at this path, if any replication has it.
    pub fn get(&self, path: &str) -> Option<Estimate> {
        self.figures.iter().find(|figure| figure.meta.path == path).and_then(|figure| figure.value)
    }
}

/// Each figure of the rows, over the replications.
fn over_replications(rows: &[&Row]) -> Vec<MeasuredFigure> {
    let Some(first) = rows.first() else { return Vec::new() };
    let figure = |(place, (meta, _)): (usize, (&'static Meta, Option<f64>))| {
        let values: Vec<Option<f64>> = rows.iter().map(|row| row.values().get(place).copied().flatten()).collect();
        MeasuredFigure { meta, value: estimate(&values) }
    };
    first.iter().enumerate().map(figure).collect()
}

/// One value as it is, several as their mean and interval.
fn estimate(values: &[Option<f64>]) -> Option<Estimate> {
    match values {
        [single] => single.map(Estimate::Single),
        several => mean_interval_of(several, Level::PERCENT_95).map(Estimate::Several),
    }
}

fn named_figures(first: &[Named], all: &[&[Named]], labels: &[String]) -> Vec<NamedFigures> {
    let figures = |(place, named): (usize, &Named)| {
        let rows: Vec<&Row> = all.iter().filter_map(|rows| rows.get(place)).map(|named| &named.row).collect();
        let label = labels.get(place).unwrap_or(&named.name).clone();
        NamedFigures { name: named.name.clone(), label, figures: over_replications(&rows) }
    };
    first.iter().enumerate().map(figures).collect()
}

/// Where escapes led. A pair that a replication does not have counts as 0 there.
fn moves(results: &[Results]) -> Vec<MoveFigures> {
    let mut pairs: Vec<_> =
        results.iter().flat_map(|result| &result.moves).map(|entry| (entry.from, entry.to)).collect();
    pairs.sort_unstable();
    pairs.dedup();
    let name = |account: crate::ids::AccountIx| {
        let known = results.first().and_then(|result| result.figures.accounts.get(account.at()));
        known.map_or_else(|| format!("#{}", account.at()), |named| named.name.clone())
    };
    let figures = |&pair: &_| {
        let found = |result: &Results| {
            result.moves.iter().find(|entry| (entry.from, entry.to) == pair).map_or((0, 0), |e| (e.moves, e.returns))
        };
        let values = |of: fn((u64, u64)) -> u64| {
            let values: Vec<_> = results.iter().map(|result| Some(of(found(result)) as f64)).collect();
            estimate(&values).unwrap_or(Estimate::Single(0.0))
        };
        MoveFigures { from: name(pair.0), to: name(pair.1), moves: values(|m| m.0), returns: values(|m| m.1) }
    };
    let mut all: Vec<MoveFigures> = pairs.iter().map(figures).collect();
    all.sort_by(|a, b| b.moves.mean().total_cmp(&a.moves.mean()));
    all
}

/// All remarks, those of several replications once.
fn remarks(about: &About, results: &[Results]) -> Vec<Merged> {
    let of_all = |note: &Note| Merged { note: note.clone(), runs: results.len(), means: false };
    let mut all: Vec<Merged> = about.notes.iter().map(of_all).collect();
    all.extend(Merged::of(results.iter().map(|result| result.notes.as_slice())));
    all
}

#[cfg(test)]
mod tests;
