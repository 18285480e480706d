//! What a search found: the recommended value, its plateau, what it buys and costs, and the lines to paste.

mod answer;
mod document;
mod sections;

use std::fmt::Write as _;

use serde::Deserialize as _;
use serde_json::Value;

pub(in crate::report) use document::Document;

use super::bad_document::BadDocument;
use super::comparison::csv_ends;
use super::printed::{Report, json};
use super::summary::Section;
use crate::experiment::cell::Figure;
use crate::experiment::stats::Level;
use crate::experiment::stats::best::Place;
use crate::experiment::stats::halving::Fate;
use crate::experiment::tune::screen::Screened;
use crate::experiment::tune::{Advice, Arm, Tune, Tuned};
use crate::experiment::vary::Axis;
use crate::scenario::full_key;

/// A search and how it was asked for.
#[derive(Clone, Debug)]
pub struct TuneReport {
    /// What was found.
    pub tuned: Tuned,
    /// The figure that was searched by.
    pub objective: Figure,
    /// The names of the scenarios.
    pub scenarios: Vec<String>,
    /// Their seeds; replications beyond the first are derived from them.
    pub seeds: Vec<u64>,
    /// The effective scenarios as they stand, without where their files lie.
    pub effective: Vec<Value>,
    /// The keys that were varied, with their values.
    pub axes: Vec<Axis>,
    /// The smallest difference that matters, as a share of the objective as it stands.
    pub smallest: f64,
    /// Of all intervals.
    pub level: Level,
    /// If no key was named, the gateway's keys and how much they matter here; otherwise empty.
    pub screened: Vec<Screened>,
}

impl Report for TuneReport {
    fn sections(&self) -> Vec<Section> {
        sections::of(self)
    }

    /// Every arm and the confirmation.
    fn json(&self) -> Value {
        json(&Document::of(self))
    }

    /// One row an arm.
    fn to_csv(&self) -> String {
        let mut writer = ::csv::Writer::from_writer(Vec::new());
        let mut header: Vec<String> =
            ["arm", "fate", "stands", "replications", "regret", "dearer_by"].map(str::to_owned).to_vec();
        header.extend(self.scenarios.iter().flat_map(|name| ["mean", "lo", "hi"].map(|part| format!("{name}:{part}"))));
        // writing to memory cannot fail, and every row has as many fields as the header
        let _ = writer.write_record(&header);
        let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        for arm in &self.tuned.arms {
            let mut row = vec![arm.name.clone(), fate(arm).to_owned(), stands(arm).to_owned()];
            row.extend([arm.replications.to_string(), number(arm.regret), number(arm.dearer_by)]);
            row.extend(arm.means.iter().flat_map(|&mean| csv_ends(mean)));
            let _ = writer.write_record(&row);
        }
        writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// The lines of the gateway's config that make the recommended values; `None` when nothing shall be changed, or
    /// what was varied is no key of the gateway.
    fn config(&self) -> Option<String> {
        if self.tuned.advice != Advice::Change {
            return None;
        }
        let mut root = serde_json::Map::new();
        for set in &self.challenger()?.sets {
            let (key, value) = set.split_once('=')?;
            let full = full_key(key.trim());
            let path: Vec<&str> = full.split('.').collect();
            if !matches!(path.first(), Some(&("gateway" | "rate_limit"))) {
                continue;
            }
            let mut node = &mut root;
            for part in &path[..path.len() - 1] {
                let inner = node.entry((*part).to_owned()).or_insert_with(|| Value::Object(serde_json::Map::new()));
                node = inner.as_object_mut()?;
            }
            node.insert((*path.last()?).to_owned(), Value::String(value.trim().to_owned()));
        }
        let mut text = String::new();
        lines(&root, 0, &mut text);
        (!text.is_empty()).then_some(text)
    }
}

impl TuneReport {
    /// What a search found.
    pub fn new(tune: &Tune, tuned: Tuned) -> Self {
        Self {
            tuned,
            objective: tune.objective.clone(),
            scenarios: tune.names().into_iter().map(str::to_owned).collect(),
            seeds: tune.seeds(),
            effective: tune.effective(),
            axes: tune.grid.axes().to_vec(),
            smallest: tune.smallest,
            level: tune.level,
            screened: Vec::new(),
        }
    }

    /// Reads back what [`Report::json`] made.
    ///
    /// # Errors
    /// What of it is missing or has another form.
    pub fn from_json(document: &Value) -> Result<Self, BadDocument> {
        Document::deserialize(document)?.report()
    }

    /// The keys that were varied, as written.
    pub fn keys(&self) -> Vec<&str> {
        self.axes.iter().map(|axis| axis.key.as_str()).collect()
    }

    /// The arm that was held against what there is: that to be set, or the best of the others.
    pub fn challenger(&self) -> Option<&Arm> {
        self.tuned.challenger.and_then(|at| self.tuned.arms.get(at))
    }

    /// Whether the challenger is the scenario with escape off.
    pub fn challenger_is_off(&self) -> bool {
        self.tuned.challenger.is_some_and(|at| at + 1 == self.tuned.arms.len())
    }
}

/// Where an arm stands, in a word or two.
const fn stands(arm: &Arm) -> &'static str {
    match arm.place {
        Some(Place::Best) => "best",
        Some(Place::AsGood) => "as good",
        Some(Place::Worse) => "worse",
        Some(Place::TooFew) => "too few to say",
        None => "",
    }
}

const fn fate(arm: &Arm) -> &'static str {
    match arm.fate {
        Fate::In => "to the end",
        Fate::ShownWorse { .. } => "shown worse",
        Fate::Ranked { .. } => "ranked low",
        Fate::Infeasible { .. } => "infeasible",
    }
}

/// A tree of keys as YAML.
fn lines(map: &serde_json::Map<String, Value>, depth: usize, out: &mut String) {
    for (key, value) in map {
        let indent = "  ".repeat(depth);
        // writing to a string cannot fail
        let _ = match value {
            Value::Object(inner) => {
                let done = writeln!(out, "{indent}{key}:");
                lines(inner, depth + 1, out);
                done
            }
            Value::String(text) => writeln!(out, "{indent}{key}: {text}"),
            other => writeln!(out, "{indent}{key}: {other}"),
        };
    }
}
