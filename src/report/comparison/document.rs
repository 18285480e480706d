//! The JSON document of a comparison, as it is written and read. What it says in words is written for people and
//! programs; reading makes it anew.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ComparisonReport;
use super::sections::{ended, unit_name};
use crate::experiment::compare::precision::{Precision, Reached};
use crate::experiment::compare::split::Step;
use crate::experiment::compare::{Comparison, Conclusion, JudgedCriterion, Row};
use crate::experiment::criterion::{Evidence, Judgement};
use crate::experiment::stats::sequential::Target;
use crate::experiment::stats::{Interval, Paired, Verdict};
use crate::report::answer::{Answer, of_comparison};
use crate::report::bad_document::BadDocument;
use crate::report::document::SCHEMA_VERSION;
use crate::report::form::{ByPath, Difference, criterion_of, figure_at, level_of, this_version};
use crate::scheduler::EscapeReason;

/// A comparison of two settings on common luck.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Comparison")]
pub struct Document {
    /// The version of this form.
    #[serde(default)]
    schema_version: u32,
    /// The version of stickysim that wrote it.
    #[serde(default)]
    stickysim_version: String,
    /// What was compared.
    comparison: About,
    /// What it says in short.
    #[serde(default)]
    answer: Answer,
    /// How it ended: by this the exit status is chosen.
    outcome: Conclusion,
    /// The criteria of `--fail-if`, in order.
    gates: Vec<GateForm>,
    /// Every figure that A or B may have, by its path.
    figures: ByPath<FigureForm>,
    /// Caveats on the figures.
    notes: Vec<String>,
    /// The whole effective scenarios.
    scenarios: Sides<Value>,
    /// What each escape reason adds, with `--split-reasons`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    escape_reasons: Vec<Rung>,
    /// What became of `--precision`.
    #[serde(skip_serializing_if = "Option::is_none")]
    precision: Option<PrecisionForm>,
}

/// What was compared.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Compared")]
struct About {
    /// The scenario's name.
    scenario: String,
    /// What A is.
    a: String,
    /// What B is.
    b: String,
    /// The seed of the first replication, from which the others are derived.
    seed: u64,
    /// Replications of each.
    replications: u64,
    /// The level of all intervals, such as 0.95.
    level: f64,
    /// In how many replications a decision of the scheduler differed.
    decisions_differed_in: u64,
    /// A digest of all decisions in the first replication.
    first_decisions: Sides<String>,
    /// The paths of the figures that tables show.
    shown: Vec<String>,
}

/// Something of A and of B.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "SidesOf{T}")]
struct Sides<T> {
    a: T,
    b: T,
}

/// A criterion of `--fail-if` and what the evidence says.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Gate")]
struct GateForm {
    /// The criterion as it was written.
    fail_if: String,
    /// The path of the figure that it limits.
    figure: String,
    /// What is held against the limit.
    measured: Option<Interval>,
    /// Whether A is 0, so that there is no change in percent.
    a_is_zero: bool,
    /// Why it is not decided, in words.
    #[serde(default)]
    undecided_because: Option<String>,
    /// What the evidence says of the criterion.
    condition: Evidence,
    /// How the gate ended: `failed`, `passed` or `undecided`.
    #[serde(default)]
    result: String,
}

/// A figure under A and under B.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Pair {
    /// Under A; null where no replication has it under both.
    a: Option<Interval>,
    /// Under B; null where no replication has it under both.
    b: Option<Interval>,
    #[serde(flatten)]
    difference: Difference,
}

/// A figure under A and under B with the verdict.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Figure")]
struct FigureForm {
    /// What it is, in words.
    #[serde(default)]
    title: String,
    /// Its unit: `count`, `ms`, `s`, `ratio`, `1/s`, `tokens`, `money`, or nothing.
    #[serde(default)]
    unit: String,
    #[serde(flatten)]
    pair: Pair,
    /// What the evidence says.
    verdict: Verdict,
    /// Whether the verdict stands among all figures (Holm); null where it is not among those that are corrected.
    #[serde(default)]
    stands_among_all: Option<bool>,
    /// Under A alone, where no replication has it under both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    a_alone: Option<Interval>,
    /// Under B alone, where no replication has it under both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    b_alone: Option<Interval>,
    /// The difference of A on other seeds from A, with `--noise-floor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    noise: Option<Interval>,
}

/// What one escape reason adds to those before it.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "EscapeReason")]
struct Rung {
    /// The reason, as the gateway names it.
    reason: String,
    /// Every figure of the whole run, by its path.
    figures: ByPath<Split>,
}

/// A figure without a reason (A) and with it (B).
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Split {
    #[serde(flatten)]
    pair: Pair,
    /// What the evidence says.
    verdict: Verdict,
}

/// The precision that was asked for.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Precision")]
struct PrecisionForm {
    /// The path of the figure.
    figure: String,
    /// Half the width that the interval of its difference may have.
    wanted: Target,
    /// The most replications that were allowed.
    most_replications: u64,
    /// Half the width that it has.
    half_width: Option<f64>,
    /// Whether that is narrow enough.
    reached: bool,
}

impl Pair {
    fn of(paired: Option<&Paired>) -> Self {
        Self { a: paired.map(|p| p.a), b: paired.map(|p| p.b), difference: Difference::of(paired) }
    }

    /// Both with their difference; whether they are identical is what the verdict says.
    fn paired(self, verdict: Verdict) -> Option<Paired> {
        self.difference.between(self.a, self.b, verdict == Verdict::Identical)
    }
}

impl FigureForm {
    fn of(row: &Row) -> Self {
        let [a_alone, b_alone] = row.alone;
        Self {
            title: row.figure.meta.title.to_owned(),
            unit: unit_name(row.figure.meta).to_owned(),
            pair: Pair::of(row.paired.as_ref()),
            verdict: row.verdict,
            stands_among_all: row.stands,
            a_alone,
            b_alone,
            noise: row.noise,
        }
    }

    fn row(self, path: &str) -> Result<Row, BadDocument> {
        Ok(Row {
            figure: figure_at(path)?,
            paired: self.pair.paired(self.verdict),
            alone: [self.a_alone, self.b_alone],
            verdict: self.verdict,
            stands: self.stands_among_all,
            noise: self.noise,
        })
    }
}

impl GateForm {
    fn of(gate: &JudgedCriterion) -> Self {
        Self {
            fail_if: gate.criterion.text.clone(),
            figure: gate.criterion.figure.clone(),
            measured: gate.judgement.measured,
            a_is_zero: gate.judgement.a_is_zero,
            undecided_because: gate.judgement.doubt().map(|doubt| doubt.to_string()),
            condition: gate.judgement.evidence,
            result: ended(gate.judgement.evidence).to_lowercase(),
        }
    }

    fn gate(self) -> Result<JudgedCriterion, BadDocument> {
        let criterion = criterion_of(&self.fail_if, &self.figure)?;
        let judgement = Judgement { evidence: self.condition, measured: self.measured, a_is_zero: self.a_is_zero };
        Ok(JudgedCriterion { figure: figure_at(&self.figure)?.meta, criterion, judgement })
    }
}

impl Rung {
    fn of(step: &Step) -> Self {
        let split = |paired: &Option<Paired>, verdict| Split { pair: Pair::of(paired.as_ref()), verdict };
        let rows = step.rows.iter();
        Self {
            reason: step.reason.name().to_owned(),
            figures: rows.map(|(figure, paired, verdict)| (figure.path.clone(), split(paired, *verdict))).collect(),
        }
    }

    fn step(self) -> Result<Step, BadDocument> {
        let reason = EscapeReason::ALL.into_iter().find(|reason| reason.name() == self.reason);
        let row =
            |(path, split): (String, Split)| Ok((figure_at(&path)?, split.pair.paired(split.verdict), split.verdict));
        Ok(Step {
            reason: reason.ok_or_else(|| BadDocument(format!("`{}` is not an escape reason", self.reason)))?,
            rows: self.figures.0.into_iter().map(row).collect::<Result<_, BadDocument>>()?,
        })
    }
}

impl PrecisionForm {
    fn of(reached: &Reached) -> Self {
        Self {
            figure: reached.precision.figure.path.clone(),
            wanted: reached.precision.target,
            most_replications: reached.precision.most,
            half_width: reached.half_width,
            reached: reached.enough,
        }
    }

    fn reached(self) -> Result<Reached, BadDocument> {
        let precision =
            Precision { figure: figure_at(&self.figure)?, target: self.wanted, most: self.most_replications };
        Ok(Reached { precision, half_width: self.half_width, enough: self.reached })
    }
}

impl From<&ComparisonReport> for Document {
    fn from(report: &ComparisonReport) -> Self {
        let comparison = &report.comparison;
        let [a, b] = &report.scenarios;
        let [first_a, first_b] = &comparison.first;
        Self {
            schema_version: SCHEMA_VERSION,
            stickysim_version: this_version(),
            comparison: About {
                scenario: report.name.clone(),
                a: comparison.a.clone(),
                b: comparison.b.clone(),
                seed: comparison.seed,
                replications: comparison.replications,
                level: comparison.level.fraction(),
                decisions_differed_in: comparison.differing,
                first_decisions: Sides { a: first_a.clone(), b: first_b.clone() },
                shown: report.rows().iter().map(|row| row.figure.path.clone()).collect(),
            },
            answer: of_comparison(report),
            outcome: comparison.conclusion(),
            gates: comparison.gates.iter().map(GateForm::of).collect(),
            figures: comparison.rows.iter().map(|row| (row.figure.path.clone(), FigureForm::of(row))).collect(),
            notes: comparison.notes.clone(),
            scenarios: Sides { a: a.clone(), b: b.clone() },
            escape_reasons: comparison.steps.iter().map(Rung::of).collect(),
            precision: comparison.reached.as_ref().map(PrecisionForm::of),
        }
    }
}

impl TryFrom<Document> for ComparisonReport {
    type Error = BadDocument;

    fn try_from(document: Document) -> Result<Self, BadDocument> {
        let about = document.comparison;
        let comparison = Comparison {
            level: level_of(about.level)?,
            a: about.a,
            b: about.b,
            seed: about.seed,
            replications: about.replications,
            differing: about.decisions_differed_in,
            first: [about.first_decisions.a, about.first_decisions.b],
            rows: document.figures.0.into_iter().map(|(path, form)| form.row(&path)).collect::<Result<_, _>>()?,
            gates: document.gates.into_iter().map(GateForm::gate).collect::<Result<_, _>>()?,
            steps: document.escape_reasons.into_iter().map(Rung::step).collect::<Result<_, _>>()?,
            reached: document.precision.map(PrecisionForm::reached).transpose()?,
            notes: document.notes,
        };
        let scenarios = [document.scenarios.a, document.scenarios.b];
        Ok(Self { name: about.scenario, comparison, also: about.shown, all: false, scenarios })
    }
}
