//! The JSON document of a search, as it is written and read. What it says in words is written for people and programs;
//! reading makes it anew.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::TuneReport;
use crate::experiment::choice::Bill;
use crate::experiment::criterion::{Evidence, Judgement};
use crate::experiment::stats::best::Place;
use crate::experiment::stats::halving::Fate;
use crate::experiment::stats::{Interval, Paired, Verdict};
use crate::experiment::tune::confirm::Gain;
use crate::experiment::tune::screen::Screened;
use crate::experiment::tune::{Advice, Arm, Confirmed, ConfirmedRow, Constraint, Tuned};
use crate::experiment::vary::Axis;
use crate::measure::figures::no_token::shown;
use crate::report::answer::{Answer, of_tune};
use crate::report::bad_document::BadDocument;
use crate::report::document::SCHEMA_VERSION;
use crate::report::form::{ByPath, Difference, criterion_of, figure_at, level_of, this_version};
use crate::report::printed::Report as _;

/// A search for the best values of some keys.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Tune")]
pub struct Document {
    /// The version of this form.
    #[serde(default)]
    schema_version: u32,
    /// The version of stickysim that wrote it.
    #[serde(default)]
    stickysim_version: String,
    /// What it says in short.
    #[serde(default)]
    answer: Answer,
    /// The path of the figure that was searched by.
    objective: String,
    /// The names of the scenarios.
    scenarios: Vec<String>,
    /// The seed of each scenario's first replication.
    seeds: Vec<u64>,
    /// The keys that were varied, with their values.
    axes: Vec<Axis>,
    /// The level of all intervals, such as 0.95.
    level: f64,
    /// What is to be done.
    advice: Advice,
    /// The same in a sentence.
    #[serde(default)]
    headline: String,
    /// Why, in sentences.
    #[serde(default)]
    details: Vec<String>,
    /// The name of the arm with the least regret; null where every arm violates a constraint.
    best: Option<String>,
    /// The arm that was held against the scenarios as they stand.
    challenger: Option<ArmForm>,
    /// Whether the scenarios as they stand are as good as the best, by the search.
    as_it_stands_is_as_good: bool,
    /// The smallest difference that matters, as a share of the objective as it stands.
    smallest: f64,
    /// The gateway's keys and how much they matter here, if no key was named.
    #[serde(default)]
    screening: Vec<Screened>,
    /// By what the cheapest of the good arms is found.
    bill: Bill,
    /// How many times the replications would say as much, had neighbouring values not informed each other.
    neighbours_gain: Option<f64>,
    /// The names of the arms that are as good as the best, the best included.
    plateau: Vec<String>,
    /// The lines for the gateway's config, where a change is recommended.
    #[serde(default)]
    yaml: Option<String>,
    /// The challenger on fresh luck, for each scenario.
    confirmed: Vec<ConfirmedForm>,
    /// Every arm: the grid's points, then the scenarios as they stand, then with escape off.
    arms: Vec<ArmForm>,
    /// How many runs it took.
    runs: Runs,
    /// For each scenario the mean regret of each arm there, a share.
    regrets: Vec<Vec<Option<f64>>>,
    /// The effective scenarios as they stand.
    effective_scenarios: Vec<Value>,
}

/// One combination of values.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Arm")]
struct ArmForm {
    /// Its name.
    name: String,
    /// The overrides that make it.
    sets: Vec<String>,
    /// What became of it in the search.
    fate: Fate,
    /// Its replications in each scenario.
    replications: usize,
    /// The mean of the objective in each scenario; null also where it falls among requests without a first token.
    #[serde(default)]
    means: Vec<Option<f64>>,
    /// The same with its interval.
    intervals: Vec<Option<Interval>>,
    /// Its regret over the scenarios, a share.
    regret: Option<f64>,
    /// Where it stands against the best; null where every arm violates a constraint.
    place: Option<Place>,
    /// Its regret is at most this much over that of whichever arm is best.
    at_most: Option<f64>,
    /// Its bill less that of the chosen arm, a share.
    dearer_by: Option<f64>,
    /// Whether it is shown to be dearer than that.
    #[serde(default)]
    dearer: bool,
}

/// How many runs a search took.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Runs {
    /// The search itself.
    search: usize,
    /// The confirmation on fresh luck.
    confirmation: usize,
}

/// The challenger on fresh luck in one scenario.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Confirmed")]
struct ConfirmedForm {
    /// The scenario's name.
    scenario: String,
    /// Its figures, by path.
    figures: ByPath<FigureForm>,
    /// The constraints.
    constraints: Vec<ConstraintForm>,
    /// In how many replications a decision of the scheduler differed from the scenario as it stands.
    decisions_differed_in: usize,
    /// Caveats on the figures.
    notes: Vec<String>,
    /// How many fresh replications there are.
    replications: usize,
    /// What they say of the objective.
    gain: Gain,
}

/// A figure of the challenger against both references.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Figure")]
struct FigureForm {
    /// Against the scenario as it stands.
    against_default: Option<Against>,
    /// Against escape off.
    against_off: Option<Against>,
    /// What the evidence says of the first.
    verdict: Verdict,
}

/// The challenger (B) against a reference (A).
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Against {
    /// The figure of the reference.
    reference: Interval,
    /// The figure of the challenger.
    challenger: Interval,
    #[serde(flatten)]
    difference: Difference,
    /// Whether they are the same in every replication.
    identical: bool,
}

/// A constraint on fresh luck.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Constraint")]
struct ConstraintForm {
    /// The criterion as it was written.
    constraint: String,
    /// The path of the figure that it limits.
    figure: String,
    /// What the evidence says of the challenger.
    evidence: Evidence,
    /// What is held against the limit.
    measured: Option<Interval>,
    /// Whether the figure of the reference is 0.
    a_is_zero: bool,
    /// What the evidence says of the scenario as it stands.
    as_it_stands: Evidence,
}

impl Against {
    fn of(paired: &Paired) -> Self {
        Self {
            reference: paired.a,
            challenger: paired.b,
            difference: Difference::of(Some(paired)),
            identical: paired.identical,
        }
    }

    fn paired(self) -> Result<Paired, BadDocument> {
        let paired = self.difference.between(Some(self.reference), Some(self.challenger), self.identical);
        paired.ok_or_else(|| BadDocument("one of its differences is null".to_owned()))
    }
}

impl ArmForm {
    fn of(arm: &Arm) -> Self {
        Self {
            name: arm.name.clone(),
            sets: arm.sets.clone(),
            fate: arm.fate,
            replications: arm.replications,
            means: arm.means.iter().map(|mean| mean.and_then(|mean| shown(mean.mean))).collect(),
            intervals: arm.means.clone(),
            regret: arm.regret,
            place: arm.place,
            at_most: arm.at_most,
            dearer_by: arm.dearer_by,
            dearer: arm.dearer,
        }
    }

    fn arm(self) -> Arm {
        Arm {
            name: self.name,
            sets: self.sets,
            fate: self.fate,
            replications: self.replications,
            means: self.intervals,
            regret: self.regret,
            place: self.place,
            at_most: self.at_most,
            dearer_by: self.dearer_by,
            dearer: self.dearer,
        }
    }
}

impl FigureForm {
    fn of(row: &ConfirmedRow) -> Self {
        Self {
            against_default: row.default.as_ref().map(Against::of),
            against_off: row.off.as_ref().map(Against::of),
            verdict: row.verdict,
        }
    }

    fn row(self, path: &str) -> Result<ConfirmedRow, BadDocument> {
        Ok(ConfirmedRow {
            figure: figure_at(path)?,
            default: self.against_default.map(Against::paired).transpose()?,
            verdict: self.verdict,
            off: self.against_off.map(Against::paired).transpose()?,
        })
    }
}

impl ConstraintForm {
    fn of(constraint: &Constraint) -> Self {
        let Constraint { criterion, best, default } = constraint;
        Self {
            constraint: criterion.text.clone(),
            figure: criterion.figure.clone(),
            evidence: best.evidence,
            measured: best.measured,
            a_is_zero: best.a_is_zero,
            as_it_stands: *default,
        }
    }

    fn constraint(self) -> Result<Constraint, BadDocument> {
        let best = Judgement { evidence: self.evidence, measured: self.measured, a_is_zero: self.a_is_zero };
        Ok(Constraint { criterion: criterion_of(&self.constraint, &self.figure)?, best, default: self.as_it_stands })
    }
}

impl ConfirmedForm {
    fn of(found: &Confirmed) -> Self {
        Self {
            scenario: found.scenario.clone(),
            figures: found.rows.iter().map(|row| (row.figure.path.clone(), FigureForm::of(row))).collect(),
            constraints: found.constraints.iter().map(ConstraintForm::of).collect(),
            decisions_differed_in: found.differing,
            notes: found.notes.clone(),
            replications: found.replications,
            gain: found.gain,
        }
    }

    fn confirmed(self) -> Result<Confirmed, BadDocument> {
        let rows = self.figures.0.into_iter();
        let constraints = self.constraints.into_iter();
        Ok(Confirmed {
            scenario: self.scenario,
            rows: rows.map(|(path, form)| form.row(&path)).collect::<Result<_, _>>()?,
            constraints: constraints.map(ConstraintForm::constraint).collect::<Result<_, _>>()?,
            differing: self.decisions_differed_in,
            replications: self.replications,
            gain: self.gain,
            notes: self.notes,
        })
    }
}

impl From<&TuneReport> for Document {
    fn from(report: &TuneReport) -> Self {
        let tuned = &report.tuned;
        let named = |at: usize| tuned.arms.get(at).map(|arm| arm.name.clone());
        let regrets = |arms: &Vec<Option<f64>>| arms.iter().map(|share| share.and_then(shown)).collect();
        Self {
            schema_version: SCHEMA_VERSION,
            stickysim_version: this_version(),
            answer: of_tune(report),
            objective: report.objective.path.clone(),
            scenarios: report.scenarios.clone(),
            seeds: report.seeds.clone(),
            axes: report.axes.clone(),
            level: report.level.fraction(),
            advice: tuned.advice,
            headline: report.headline(),
            details: report.details(),
            best: tuned.best.and_then(named),
            challenger: report.challenger().map(ArmForm::of),
            as_it_stands_is_as_good: tuned.stands,
            smallest: report.smallest,
            screening: report.screened.clone(),
            bill: tuned.bill,
            neighbours_gain: tuned.gain,
            plateau: tuned.plateau.iter().filter_map(|&at| named(at)).collect(),
            yaml: report.config(),
            confirmed: tuned.confirmed.iter().map(ConfirmedForm::of).collect(),
            arms: tuned.arms.iter().map(ArmForm::of).collect(),
            runs: Runs { search: tuned.spent.0, confirmation: tuned.spent.1 },
            regrets: tuned.regrets.iter().map(regrets).collect(),
            effective_scenarios: report.effective.clone(),
        }
    }
}

impl TryFrom<Document> for TuneReport {
    type Error = BadDocument;

    fn try_from(document: Document) -> Result<Self, BadDocument> {
        let level = level_of(document.level)?;
        document.fits_together()?;
        let best = document.best.as_ref().map(|name| document.place(name)).transpose()?;
        let challenger = document.challenger.as_ref().map(|arm| document.place(&arm.name)).transpose()?;
        let plateau = document.plateau.iter().map(|name| document.place(name)).collect::<Result<_, _>>()?;
        let confirmed = document.confirmed.into_iter();
        Ok(Self {
            tuned: Tuned {
                best,
                challenger,
                stands: document.as_it_stands_is_as_good,
                bill: document.bill,
                gain: document.neighbours_gain,
                regrets: document.regrets,
                plateau,
                arms: document.arms.into_iter().map(ArmForm::arm).collect(),
                confirmed: confirmed.map(ConfirmedForm::confirmed).collect::<Result<_, _>>()?,
                advice: document.advice,
                spent: (document.runs.search, document.runs.confirmation),
            },
            objective: figure_at(&document.objective)?,
            scenarios: document.scenarios,
            seeds: document.seeds,
            effective: document.effective_scenarios,
            axes: document.axes,
            smallest: document.smallest,
            screened: document.screening,
            level,
        })
    }
}

impl Document {
    /// Whether there are as many arms, means and seeds as the keys and scenarios say.
    fn fits_together(&self) -> Result<(), BadDocument> {
        let scenarios = self.scenarios.len();
        let grid: usize = self.axes.iter().map(|axis| axis.points.len()).product();
        if scenarios == 0 || self.seeds.len() != scenarios || self.axes.is_empty() || self.arms.len() != grid + 2 {
            return Err(BadDocument("its scenarios, keys and arms do not fit together".to_owned()));
        }
        if self.arms.iter().any(|arm| arm.intervals.len() != scenarios) {
            return Err(BadDocument("an arm has not one mean a scenario".to_owned()));
        }
        Ok(())
    }

    fn place(&self, name: &str) -> Result<usize, BadDocument> {
        let at = self.arms.iter().position(|arm| arm.name == name);
        at.ok_or_else(|| BadDocument(format!("there is no arm `{name}`")))
    }
}
