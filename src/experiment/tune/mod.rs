//! Tuning: which value of a key to take, over one or several scenarios at once, for as few runs as decide it.
//!
//! Every point of the grid is an arm of a search by successive halving (`stats::halving`) on common luck; the default
//! (the scenario as it stands) is never dropped. Over several scenarios the loss of an arm is its worst *regret*: how
//! far it lies from the best arm of that scenario, as a share of what the default has there. So a value wins that holds
//! for a slow account and for a brownout and costs nothing when all is healthy.
//!
//! Of the values that are as good as the best the cheapest is taken (`choice`). It came out of many, partly by luck, so
//! what it buys is measured once more on seeds that the search has not seen, against the default and against off, until
//! it is decided or a smallest difference that matters is ruled out (`confirm`).

pub mod confirm;
mod effort;
mod replay;
mod rounds;
pub mod screen;
mod search;
mod store;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cell::{Cell, Figure};
use super::choice::{Bill, Over, SMALLEST};
use super::criterion::{Criterion, Evidence, Judgement};
use super::current;
use super::stats::best::Place;
use super::stats::halving::{Fate, PlanError};
use super::stats::{Interval, Level, Paired, Verdict};
use super::variant::{Base, ESCAPE_OFF, Variant, VariantError};
use super::vary::Axis;
use crate::experiment::grid::{BadGrid, Grid};
use crate::gateway::RunError;

/// What relative constraints are relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// The scenario as it stands.
    Default,
    /// The scenario with escape off.
    Off,
}

impl Against {
    /// As journals say it.
    const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Off => "off",
        }
    }
}

/// A search, ready to run.
#[derive(Clone, Debug)]
pub struct Tune {
    /// The values searched.
    pub grid: Grid,
    /// The figure to make small (or large, where that is better).
    pub objective: Figure,
    /// What a value must keep to, in every scenario.
    pub constraints: Vec<Criterion>,
    /// What relative constraints are relative to.
    pub against: Against,
    /// How many runs the search may take, all scenarios together; `None`: as the length of a run lets one wait for.
    pub budget: Option<usize>,
    /// Replications of every arm in the first round.
    pub first: usize,
    /// The most replications of an arm.
    pub most: usize,
    /// Fresh replications on which the challenger is held against the default and off at first.
    pub confirm: usize,
    /// The most of them; `None`: as the length of a run lets one wait for.
    pub confirm_most: Option<usize>,
    /// The smallest difference of the objective that matters, as a share of what it is as it stands.
    pub smallest: f64,
    /// How several scenarios are weighed.
    pub over: Over,
    /// Of all intervals.
    pub level: Level,
    scenarios: Vec<Scenario>,
    /// Each arm's name and the overrides that make it.
    arms: Vec<(String, Vec<String>)>,
    axes_text: Vec<String>,
    /// For each arm how far it is from what there is.
    moved: Vec<f64>,
}

/// One of the scenarios with its arms.
#[derive(Clone, Debug)]
struct Scenario {
    name: String,
    seed: u64,
    /// Ready to run; none where a search is only read back from its journal.
    arms: Vec<Variant>,
    /// The effective scenario as it stands, without where its files lie.
    effective: Value,
}

/// Why a search cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum TuneError {
    /// An arm is no valid scenario.
    #[error(transparent)]
    Variant(#[from] VariantError),
    /// The axes make no grid.
    #[error(transparent)]
    Grid(#[from] BadGrid),
    /// A run failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The budget is too small.
    #[error("{0}; give a larger --budget or fewer values")]
    Plan(#[from] PlanError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] super::journal::JournalError),
    /// A file of a scenario cannot be read.
    #[error(transparent)]
    Unreadable(#[from] super::identity::Unreadable),
    /// Nothing to search by.
    #[error("no replication of any scenario has the figure `{path}`; minimise another one")]
    NoObjective {
        /// The path of the figure.
        path: String,
    },
    /// The journal is not of a search.
    #[error("{} is not the journal of a search", .0.display())]
    NotASearch(std::path::PathBuf),
    /// Runs are missing.
    #[error(
        "{} is not finished: {there} runs are in it, and at least {missing} are missing; start `stickysim tune` again \
         with the same arguments", path.display()
    )]
    Unfinished {
        /// The journal.
        path: std::path::PathBuf,
        /// Runs that are in it.
        there: usize,
        /// Runs of the round that is next.
        missing: usize,
    },
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Tuned {
    /// The arm with the least regret; `None` when every arm violates a constraint.
    pub best: Option<usize>,
    /// The arm that was held against what there is: the cheapest of those that are as good as the best, or, where what
    /// there is is one of those, the best of the others. `None`: there is no other.
    pub challenger: Option<usize>,
    /// Whether what there is is as good as the best, by the search.
    pub stands: bool,
    /// Each arm: the grid's points first, then the default, then off.
    pub arms: Vec<Arm>,
    /// The arms of the grid that are as good as the best, itself included.
    pub plateau: Vec<usize>,
    /// The challenger on fresh luck, a scenario each.
    pub confirmed: Vec<Confirmed>,
    /// What is to be done.
    pub advice: Advice,
    /// Runs that the search took, and those of the confirmation.
    pub spent: (usize, usize),
    /// The bill by which the cheapest is found.
    pub bill: Bill,
    /// So many times the replications would say as much, had neighbours not informed each other; `None`: they did not.
    pub gain: Option<f64>,
    /// For each scenario each arm's mean regret there.
    pub regrets: Vec<Vec<Option<f64>>>,
}

/// An arm of the search.
#[derive(Clone, Debug)]
pub struct Arm {
    /// `sticky_escape_ttft_ms=8000`, `as it stands`, `escape off`.
    pub name: String,
    /// The overrides that make it.
    pub sets: Vec<String>,
    /// What became of it.
    pub fate: Fate,
    /// Its replications in each scenario.
    pub replications: usize,
    /// The mean of the objective in each scenario, with its interval.
    pub means: Vec<Option<Interval>>,
    /// Its worst (or weighted mean) regret over the scenarios, as a share.
    pub regret: Option<f64>,
    /// Where it stands against the best; `None`: every arm violates a constraint.
    pub place: Option<Place>,
    /// Its regret is at most this much over that of whichever arm is best.
    pub at_most: Option<f64>,
    /// Its bill less that of the arm that is chosen: a share of the price as it stands, or of turns.
    pub dearer_by: Option<f64>,
    /// Whether it is shown to be dearer than that.
    pub dearer: bool,
}

/// The challenger against the references on fresh luck.
#[derive(Clone, Debug)]
pub struct Confirmed {
    /// The name of the scenario.
    pub scenario: String,
    /// Figures of the challenger (B) against the default (A), and against off (A).
    pub rows: Vec<ConfirmedRow>,
    /// The constraints, each with what the fresh runs say of it.
    pub constraints: Vec<Constraint>,
    /// Replications in which a decision differed from the default's.
    pub differing: usize,
    /// What the reader must know of the challenger's runs, each remark once.
    pub notes: Vec<String>,
    /// How many fresh replications there are.
    pub replications: usize,
    /// What they say.
    pub gain: confirm::Gain,
}

/// A constraint on fresh luck.
#[derive(Clone, Debug)]
pub struct Constraint {
    /// What must hold.
    pub criterion: Criterion,
    /// Whether it does for the best.
    pub best: Judgement,
    /// Whether it does for the scenario as it stands.
    pub default: Evidence,
}

impl Constraint {
    /// Whether it is a reason to leave what there is: that breaks it, and the best keeps to it.
    pub fn is_why(&self) -> bool {
        self.default == Evidence::Refuted && self.best.evidence == Evidence::Holds
    }
}

/// One figure of the best against the references.
#[derive(Clone, Debug)]
pub struct ConfirmedRow {
    /// The figure that is compared.
    pub figure: Figure,
    /// Against the default.
    pub default: Option<Paired>,
    /// The verdict on that.
    pub verdict: Verdict,
    /// Against escape off.
    pub off: Option<Paired>,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Advice {
    /// Take the best: shown better than the default somewhere, and worse nowhere; or the default breaks a constraint
    /// that the best keeps to.
    Change,
    /// Keep what there is: the default is the best, or the best is not shown to be better on fresh luck.
    Keep,
    /// Nothing keeps to the constraints.
    NothingFeasible,
    /// No value changed any decision.
    Inert,
}

/// The name of the arm that is the scenario as it stands.
pub const DEFAULT: &str = "as it stands";
/// The name of the arm with escape off.
pub const OFF: &str = "escape off";

impl Tune {
    /// Prepares all arms in all scenarios.
    ///
    /// # Errors
    /// When an arm is no valid scenario, or the axes make no grid.
    pub fn new(
        bases: &[Base],
        axes: Vec<Axis>,
        axes_text: Vec<String>,
        objective: Figure,
        level: Level,
    ) -> Result<Self, TuneError> {
        let grid = Grid::new(axes)?;
        let points = points(&grid);
        let scenario = |base: &Base| -> Result<Scenario, TuneError> {
            let mut arms: Vec<Variant> =
                points.iter().map(|sets| base.variant_of("--vary", sets.join(" "), sets)).collect::<Result<_, _>>()?;
            arms.push(base.variant(DEFAULT, &[])?);
            arms.push(base.variant(OFF, &[ESCAPE_OFF.to_owned()])?);
            let whole = &arms[grid.size()];
            let effective = super::identity::scenario(whole);
            Ok(Scenario { name: whole.scenario.name.clone(), seed: whole.lowered.seed, arms, effective })
        };
        let scenarios = bases.iter().map(scenario).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::of_parts(grid, points, axes_text, objective, level, scenarios))
    }

    /// Over scenarios that are prepared; `points` are the overrides of each point of the grid.
    fn of_parts(
        grid: Grid,
        points: Vec<Vec<String>>,
        axes_text: Vec<String>,
        objective: Figure,
        level: Level,
        scenarios: Vec<Scenario>,
    ) -> Self {
        let mut arms: Vec<(String, Vec<String>)> = points.into_iter().map(|sets| (sets.join(" "), sets)).collect();
        arms.push((DEFAULT.to_owned(), Vec::new()));
        arms.push((OFF.to_owned(), vec![ESCAPE_OFF.to_owned()]));
        let moved = moved(&grid, &scenarios);
        Self {
            objective,
            constraints: Vec::new(),
            against: Against::Default,
            budget: None,
            first: 4,
            most: 10_000,
            confirm: 20,
            confirm_most: None,
            smallest: SMALLEST,
            over: Over::Worst,
            level,
            scenarios,
            arms,
            grid,
            axes_text,
            moved,
        }
    }

    /// How many arms there are: the grid's points, the default and off.
    pub fn arms(&self) -> usize {
        self.grid.size() + 2
    }

    /// Whether an arm is the scenario as it stands, in every one of them.
    pub fn is_what_there_is(&self, arm: usize) -> bool {
        self.moves(arm) == 0.0
    }

    /// How far an arm is from what there is, the mean over the scenarios.
    fn moves(&self, arm: usize) -> f64 {
        self.moved.get(arm).copied().unwrap_or(f64::INFINITY)
    }

    /// Where arms lie along the key, where one alone is varied, over numbers: by their logarithm where all are above 0.
    fn places(&self) -> Vec<Option<f64>> {
        let mut places = vec![None; self.arms()];
        let [axis] = self.grid.axes() else { return places };
        let Some(numbers) = axis.points.iter().map(|point| point.number).collect::<Option<Vec<f64>>>() else {
            return places;
        };
        let mut own: Vec<Option<f64>> =
            self.scenarios.iter().map(|s| current::lookup(&s.effective, &axis.key).and_then(Value::as_f64)).collect();
        own.dedup();
        let own = if let [Some(own)] = own.as_slice() { Some(*own) } else { None };
        let log = numbers.iter().chain(&own).all(|&number| number > 0.0);
        let place = |number: f64| if log { libm::log(number) } else { number };
        for (at, &number) in numbers.iter().enumerate() {
            places[at] = Some(place(number)).filter(|_| !self.is_what_there_is(at));
        }
        places[self.grid.size()] = own.map(place);
        places
    }

    /// The names of the scenarios.
    pub fn names(&self) -> Vec<&str> {
        self.scenarios.iter().map(|scenario| scenario.name.as_str()).collect()
    }

    /// The effective scenarios as they stand, without where their files lie.
    pub fn effective(&self) -> Vec<Value> {
        self.scenarios.iter().map(|scenario| scenario.effective.clone()).collect()
    }

    /// The seed of each scenario; replications beyond the first are derived from it.
    pub fn seeds(&self) -> Vec<u64> {
        self.scenarios.iter().map(|scenario| scenario.seed).collect()
    }

    const fn reference(&self) -> usize {
        // the grid's points come first
        match self.against {
            Against::Default => 0,
            Against::Off => 1,
        }
    }

    /// Whether an arm is shown to violate a constraint, from its cells and those of the reference in each scenario.
    fn violates(&self, of_arm: &[Vec<Cell>], of_reference: &[Vec<Cell>]) -> bool {
        // asked again in every round of halving, of every constraint in every scenario: an arm at its limit shall stay
        let rounds = 1 + self.arms().next_power_of_two().trailing_zeros() as usize;
        let level = self.level.shared_by(rounds * self.constraints.len() * self.scenarios.len());
        self.constraints.iter().any(|criterion| {
            of_arm.iter().zip(of_reference).any(|(arm, reference)| {
                self.judge(criterion, arm, reference, level).is_some_and(|found| found.evidence == Evidence::Refuted)
            })
        })
    }

    fn judge(&self, criterion: &Criterion, arm: &[Cell], reference: &[Cell], level: Level) -> Option<Judgement> {
        let figure = Figure::at(&criterion.figure)?;
        Some(criterion.judge(&figure.column(reference), &figure.column(arm), level))
    }
}

/// The overrides of each point of a grid.
fn points(grid: &Grid) -> Vec<Vec<String>> {
    let sets = |at: usize| {
        grid.combination(at).into_iter().map(|(axis, point)| format!("{}={}", axis.key, point.text)).collect()
    };
    (0..grid.size()).map(sets).collect()
}

/// How far each arm is from what the scenarios have as they stand.
fn moved(grid: &Grid, scenarios: &[Scenario]) -> Vec<f64> {
    let mean = |of: &dyn Fn(&Value) -> f64| {
        scenarios.iter().map(|scenario| of(&scenario.effective)).sum::<f64>() / scenarios.len().max(1) as f64
    };
    let mut all: Vec<f64> =
        (0..grid.size()).map(|at| mean(&|scenario| current::moves(scenario, grid.combination(at)))).collect();
    all.push(0.0);
    let is_off = |scenario: &Value| current::text(scenario, "sticky_escape_enabled").as_deref() == Some("false");
    all.push(mean(&|scenario| if is_off(scenario) { 0.0 } else { 1.5 }));
    all
}
