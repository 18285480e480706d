//! What a search found: the recommended value, its plateau, what it buys and costs, and the lines to paste.

mod answer;
mod document;
mod printed;
mod sections;

use serde_json::Value;

pub(in crate::report) use document::Document;

use crate::experiment::cell::Figure;
use crate::experiment::stats::Level;
use crate::experiment::tune::screen::Screened;
use crate::experiment::tune::{Arm, Tune, Tuned};
use crate::experiment::vary::Axis;

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
