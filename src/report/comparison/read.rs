//! A comparison read back from its JSON document, so that charts and pages may be drawn of it later.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::ComparisonReport;
use crate::experiment::cell::Figure;
use crate::experiment::compare::precision::{Precision, Reached};
use crate::experiment::compare::split::Step;
use crate::experiment::compare::{Comparison, Gate, Row};
use crate::experiment::criterion::{Criterion, Evidence, Judgement};
use crate::experiment::stats::sequential::Target;
use crate::experiment::stats::{Interval, Level, Paired, Verdict};
use crate::report::bad_document::BadDocument;
use crate::scheduler::EscapeReason;

#[derive(Deserialize)]
struct Document {
    comparison: About,
    gates: Vec<GateRow>,
    figures: Map<String, Value>,
    notes: Vec<String>,
    scenarios: Sides<Value>,
    #[serde(default)]
    escape_reasons: Vec<Rung>,
    precision: Option<PrecisionRow>,
}

#[derive(Deserialize)]
struct About {
    scenario: String,
    a: String,
    b: String,
    seed: u64,
    replications: u64,
    level: f64,
    decisions_differed_in: u64,
    first_decisions: Sides<String>,
    shown: Vec<String>,
}

#[derive(Deserialize)]
struct Sides<T> {
    a: T,
    b: T,
}

#[derive(Deserialize)]
struct GateRow {
    fail_if: String,
    figure: String,
    measured: Option<Interval>,
    a_is_zero: bool,
    condition: Evidence,
}

#[derive(Deserialize)]
struct Rung {
    reason: String,
    figures: Map<String, Value>,
}

#[derive(Deserialize)]
struct PrecisionRow {
    figure: String,
    wanted: Target,
    most_replications: u64,
    half_width: Option<f64>,
    reached: bool,
}

/// A figure under A and under B, as the document has it.
#[derive(Deserialize)]
struct Pair {
    a: Option<Interval>,
    b: Option<Interval>,
    difference: Option<Interval>,
    change: Option<Interval>,
    changed_in: usize,
    p: Option<f64>,
    variance_reduction: Option<f64>,
    #[serde(default)]
    only_a: usize,
    #[serde(default)]
    only_b: usize,
}

#[derive(Deserialize)]
struct Judged {
    verdict: Verdict,
    #[serde(default)]
    stands_among_all: Option<bool>,
    noise: Option<Interval>,
    a_alone: Option<Interval>,
    b_alone: Option<Interval>,
}

impl Pair {
    /// Both with their difference; `identical` is what the verdict says.
    fn paired(self, verdict: Verdict) -> Option<Paired> {
        Some(Paired {
            a: self.a?,
            b: self.b?,
            difference: self.difference?,
            change: self.change,
            changed: self.changed_in,
            p: self.p,
            variance_reduction: self.variance_reduction,
            identical: verdict == Verdict::Identical,
            only_a: self.only_a,
            only_b: self.only_b,
        })
    }
}

/// The figure at this path of a document.
pub(in crate::report) fn at(path: &str) -> Result<Figure, BadDocument> {
    Figure::at(path).ok_or_else(|| BadDocument(format!("it has a figure `{path}` that this version does not know")))
}

pub(super) fn comparison(document: &Value) -> Result<ComparisonReport, BadDocument> {
    let document = Document::deserialize(document)?;
    let about = document.comparison;
    let level = Level::new(about.level).ok_or_else(|| BadDocument(format!("{} is not a level", about.level)))?;
    let row = |(path, value): (&String, &Value)| -> Result<Row, BadDocument> {
        let judged = Judged::deserialize(value)?;
        Ok(Row {
            figure: at(path)?,
            paired: Pair::deserialize(value)?.paired(judged.verdict),
            alone: [judged.a_alone, judged.b_alone],
            verdict: judged.verdict,
            stands: judged.stands_among_all,
            noise: judged.noise,
        })
    };
    let gate = |gate: GateRow| -> Result<Gate, BadDocument> {
        let condition = Criterion::parse(&gate.fail_if, &[&gate.figure]);
        let condition = condition.map_err(|error| BadDocument(error.to_string()))?;
        let judgement = Judgement { evidence: gate.condition, measured: gate.measured, a_is_zero: gate.a_is_zero };
        Ok(Gate { figure: at(&gate.figure)?.meta, condition, judgement })
    };
    let step = |rung: Rung| -> Result<Step, BadDocument> {
        let reason = EscapeReason::ALL.into_iter().find(|reason| reason.name() == rung.reason);
        let row = |(path, value): (&String, &Value)| -> Result<_, BadDocument> {
            let verdict = Judged::deserialize(value)?.verdict;
            Ok((at(path)?, Pair::deserialize(value)?.paired(verdict), verdict))
        };
        Ok(Step {
            reason: reason.ok_or_else(|| BadDocument(format!("`{}` is not an escape reason", rung.reason)))?,
            rows: rung.figures.iter().map(row).collect::<Result<_, _>>()?,
        })
    };
    let reached = |row: PrecisionRow| -> Result<Reached, BadDocument> {
        let precision = Precision { figure: at(&row.figure)?, target: row.wanted, most: row.most_replications };
        Ok(Reached { precision, half_width: row.half_width, enough: row.reached })
    };
    let comparison = Comparison {
        a: about.a,
        b: about.b,
        seed: about.seed,
        replications: about.replications,
        differing: about.decisions_differed_in,
        first: [about.first_decisions.a, about.first_decisions.b],
        rows: document.figures.iter().map(row).collect::<Result<_, _>>()?,
        gates: document.gates.into_iter().map(gate).collect::<Result<_, _>>()?,
        steps: document.escape_reasons.into_iter().map(step).collect::<Result<_, _>>()?,
        reached: document.precision.map(reached).transpose()?,
        notes: document.notes,
        level,
    };
    let scenarios = [document.scenarios.a, document.scenarios.b];
    Ok(ComparisonReport { name: about.scenario, comparison, also: about.shown, all: false, scenarios })
}
