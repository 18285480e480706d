//! A search read back from its JSON document.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::TuneReport;
use crate::experiment::cell::Figure;
use crate::experiment::choice::Bill;
use crate::experiment::criterion::{Criterion, Evidence, Judgement};
use crate::experiment::stats::best::Place;
use crate::experiment::stats::halving::Fate;
use crate::experiment::stats::{Interval, Level, Paired, Verdict};
use crate::experiment::tune::confirm::Gain;
use crate::experiment::tune::screen::Screened;
use crate::experiment::tune::{Advice, Arm, Confirmed, ConfirmedRow, Constraint, Tuned};
use crate::experiment::vary::Axis;
use crate::report::bad_document::BadDocument;
use crate::report::comparison::figure_at;

#[derive(Deserialize)]
struct Document {
    objective: String,
    scenarios: Vec<String>,
    seeds: Vec<u64>,
    axes: Vec<Axis>,
    level: f64,
    advice: Advice,
    best: Option<String>,
    challenger: Option<ArmRow>,
    as_it_stands_is_as_good: bool,
    smallest: f64,
    #[serde(default)]
    screening: Vec<Screened>,
    bill: Bill,
    neighbours_gain: Option<f64>,
    plateau: Vec<String>,
    confirmed: Vec<ConfirmedIn>,
    arms: Vec<ArmRow>,
    runs: Runs,
    regrets: Vec<Vec<Option<f64>>>,
    effective_scenarios: Vec<Value>,
}

#[derive(Deserialize)]
struct ArmRow {
    name: String,
    sets: Vec<String>,
    fate: Fate,
    replications: usize,
    intervals: Vec<Option<Interval>>,
    regret: Option<f64>,
    place: Option<Place>,
    at_most: Option<f64>,
    dearer_by: Option<f64>,
    #[serde(default)]
    dearer: bool,
}

#[derive(Deserialize)]
struct Runs {
    search: usize,
    confirmation: usize,
}

#[derive(Deserialize)]
struct ConfirmedIn {
    scenario: String,
    figures: Map<String, Value>,
    constraints: Vec<ConstraintRow>,
    notes: Vec<String>,
    decisions_differed_in: usize,
    replications: usize,
    gain: Gain,
}

#[derive(Deserialize)]
struct FigureRow {
    against_default: Option<Against>,
    against_off: Option<Against>,
    verdict: Verdict,
}

#[derive(Deserialize)]
struct Against {
    reference: Interval,
    challenger: Interval,
    difference: Interval,
    change: Option<Interval>,
    changed_in: usize,
    p: Option<f64>,
    variance_reduction: Option<f64>,
    identical: bool,
    #[serde(default)]
    only_a: usize,
    #[serde(default)]
    only_b: usize,
}

#[derive(Deserialize)]
struct ConstraintRow {
    constraint: String,
    figure: String,
    evidence: Evidence,
    measured: Option<Interval>,
    a_is_zero: bool,
    as_it_stands: Evidence,
}

impl Against {
    fn paired(self) -> Paired {
        Paired {
            a: self.reference,
            b: self.challenger,
            difference: self.difference,
            change: self.change,
            changed: self.changed_in,
            p: self.p,
            variance_reduction: self.variance_reduction,
            identical: self.identical,
            only_a: self.only_a,
            only_b: self.only_b,
        }
    }
}

pub(super) fn tune(document: &Value) -> Result<TuneReport, BadDocument> {
    let document = Document::deserialize(document)?;
    let level = Level::new(document.level).ok_or_else(|| BadDocument(format!("{} is not a level", document.level)))?;
    let scenarios = document.scenarios.len();
    let grid: usize = document.axes.iter().map(|axis| axis.points.len()).product();
    if scenarios == 0
        || document.seeds.len() != scenarios
        || document.axes.is_empty()
        || document.arms.len() != grid + 2
    {
        return Err(BadDocument("its scenarios, keys and arms do not fit together".to_owned()));
    }
    let place = |name: &str| {
        let at = document.arms.iter().position(|arm| arm.name == name);
        at.ok_or_else(|| BadDocument(format!("there is no arm `{name}`")))
    };
    let best = document.best.as_ref().map(|name| place(name)).transpose()?;
    let challenger = document.challenger.as_ref().map(|arm| place(&arm.name)).transpose()?;
    let plateau = document.plateau.iter().map(|name| place(name)).collect::<Result<_, _>>()?;
    if document.arms.iter().any(|arm| arm.intervals.len() != scenarios) {
        return Err(BadDocument("an arm has not one mean a scenario".to_owned()));
    }
    let arm = |row: ArmRow| Arm {
        name: row.name,
        sets: row.sets,
        fate: row.fate,
        replications: row.replications,
        means: row.intervals,
        regret: row.regret,
        place: row.place,
        at_most: row.at_most,
        dearer_by: row.dearer_by,
        dearer: row.dearer,
    };
    let row = |(path, value): (&String, &Value)| -> Result<ConfirmedRow, BadDocument> {
        let row = FigureRow::deserialize(value)?;
        Ok(ConfirmedRow {
            figure: figure_at(path)?,
            default: row.against_default.map(Against::paired),
            verdict: row.verdict,
            off: row.against_off.map(Against::paired),
        })
    };
    let constraint = |row: ConstraintRow| -> Result<Constraint, BadDocument> {
        let condition = Criterion::parse(&row.constraint, &[&row.figure]);
        let condition = condition.map_err(|error| BadDocument(error.to_string()))?;
        let best = Judgement { evidence: row.evidence, measured: row.measured, a_is_zero: row.a_is_zero };
        Ok(Constraint { condition, best, default: row.as_it_stands })
    };
    let confirmed = |found: ConfirmedIn| -> Result<Confirmed, BadDocument> {
        Ok(Confirmed {
            scenario: found.scenario,
            rows: found.figures.iter().map(row).collect::<Result<_, _>>()?,
            constraints: found.constraints.into_iter().map(constraint).collect::<Result<_, _>>()?,
            differing: found.decisions_differed_in,
            replications: found.replications,
            gain: found.gain,
            notes: found.notes,
        })
    };
    let objective: Figure = figure_at(&document.objective)?;
    Ok(TuneReport {
        tuned: Tuned {
            best,
            challenger,
            stands: document.as_it_stands_is_as_good,
            bill: document.bill,
            gain: document.neighbours_gain,
            regrets: document.regrets,
            plateau,
            arms: document.arms.into_iter().map(arm).collect(),
            confirmed: document.confirmed.into_iter().map(confirmed).collect::<Result<_, _>>()?,
            advice: document.advice,
            spent: (document.runs.search, document.runs.confirmation),
        },
        objective,
        scenarios: document.scenarios,
        seeds: document.seeds,
        effective: document.effective_scenarios,
        axes: document.axes,
        smallest: document.smallest,
        screened: document.screening,
        level,
    })
}
