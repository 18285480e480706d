//! A against B on the same luck: every figure with the interval of its paired difference, and a verdict in words.
//!
//! By custom A is the scenario with escape off and B the scenario as it stands. Replication i of both runs on one seed,
//! so what the seed did to both cancels in the difference (`stats::paired`). Sixty figures looked at together show
//! three "differences" where there is none, so each verdict also says whether it stands among all of them (Holm).

pub mod precision;
pub mod split;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cell::{Cell, Figure, notes};
use super::criterion::{Criterion, Evidence, Judgement};
use super::jobs::{Job, Progress, run_all};
use super::stats::verdict::stands_in_company;
use super::stats::{Interval, Level, Paired, Verdict, mean_interval_of, paired_of};
use super::variant::Variant;
use crate::gateway::RunError;
use crate::measure::figures::Meta;
use precision::{Precision, Reached};
use split::Step;

/// What is compared, and how.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The reference, by custom the scenario with escape off.
    pub a: Variant,
    /// What is held against it.
    pub b: Variant,
    /// Further variants between off and on, one escape reason more each (`split::ladder`); empty: not asked for.
    pub ladder: Vec<Variant>,
    /// Replications, at least 1.
    pub replications: u64,
    /// Goes on adding replications until a figure's interval is narrow enough.
    pub precision: Option<Precision>,
    /// Fail when one of these holds.
    pub fail_if: Vec<Criterion>,
    /// Also run A on other seeds, to show what difference means nothing.
    pub noise_floor: bool,
    /// Of all intervals.
    pub level: Level,
}

/// What a comparison found.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The name of A.
    pub a: String,
    /// The name of B.
    pub b: String,
    /// The seed; replications beyond the first are derived from it.
    pub seed: u64,
    /// How many replications there are of each.
    pub replications: u64,
    /// In how many of them a decision of the scheduler differed.
    pub differing: u64,
    /// What all decisions of A and of B amount to in the first replication, by which it is known again.
    pub first: [String; 2],
    /// Every figure that A or B may have.
    pub rows: Vec<Row>,
    /// The gates with what the evidence says.
    pub gates: Vec<JudgedCriterion>,
    /// What each escape reason adds, in the order of the ladder; empty: not asked for.
    pub steps: Vec<Step>,
    /// What became of `Plan::precision`.
    pub reached: Option<Reached>,
    /// What the reader must know.
    pub notes: Vec<String>,
    /// The level of all intervals.
    pub level: Level,
}

/// One figure under A and B.
#[derive(Clone, Debug)]
pub struct Row {
    /// The figure that is compared.
    pub figure: Figure,
    /// Both with the paired difference; `None` when no replication has it under both.
    pub paired: Option<Paired>,
    /// Where no replication has it under both: its means under A and under B alone.
    pub alone: [Option<Interval>; 2],
    /// What the evidence says.
    pub verdict: Verdict,
    /// Whether a claimed difference stands among all figures of the whole run (Holm); `None` for figures of accounts
    /// and conditions, which are not among those.
    pub stands: Option<bool>,
    /// The difference of A on other seeds from A: what means nothing without common luck; `None`: not asked for.
    pub noise: Option<Interval>,
}

/// One `--fail-if` with what the evidence says.
#[derive(Clone, Debug)]
pub struct JudgedCriterion {
    /// What must not hold.
    pub criterion: Criterion,
    /// What the limit limits.
    pub figure: &'static Meta,
    /// What the evidence says of it.
    pub judgement: Judgement,
}

/// How a comparison ends, for CI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// No gate failed.
    Passed,
    /// A gate failed.
    Failed,
    /// A gate cannot be decided at this number of replications, or a precision that was asked for was not reached.
    NotDecidable,
    /// No decision differed in any replication: the experiment shows nothing.
    Inert,
}

impl Comparison {
    /// Whether no decision differed in any replication.
    pub const fn is_inert(&self) -> bool {
        self.differing == 0
    }

    /// Whether the evidence leaves a gate open.
    pub fn has_open_gate(&self) -> bool {
        self.gates.iter().any(|gate| gate.judgement.evidence == Evidence::Open)
    }

    /// How it ends: an inert key is no evidence for anything, so it comes first.
    pub fn conclusion(&self) -> Conclusion {
        if self.is_inert() {
            Conclusion::Inert
        } else if self.gates.iter().any(|gate| gate.judgement.evidence == Evidence::Holds) {
            Conclusion::Failed
        } else if self.has_open_gate() || self.reached.as_ref().is_some_and(|reached| !reached.enough) {
            Conclusion::NotDecidable
        } else {
            Conclusion::Passed
        }
    }

    /// The row of the figure at this path.
    pub fn row(&self, path: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.figure.path == path)
    }
}

impl Plan {
    /// All figures that A or B may have.
    pub fn figures(&self) -> Vec<Figure> {
        Figure::union([&self.a.lowered, &self.b.lowered])
    }

    /// Runs both, and what else was asked for.
    ///
    /// # Errors
    /// When a trace cannot be read.
    pub fn run(&self, threads: &rayon::ThreadPool, progress: &dyn Progress) -> Result<Comparison, RunError> {
        let seed = self.a.lowered.seed;
        let variants: Vec<&Variant> = [&self.a, &self.b].into_iter().chain(&self.ladder).collect();
        let mut cells: Vec<Vec<Cell>> = vec![Vec::new(); variants.len()];
        let mut done = 0;
        let fewest = self.precision.as_ref().map_or(1, |precision| precision::FEWEST.min(precision.most));
        let mut wanted = self.replications.max(fewest);
        let reached = loop {
            let jobs: Vec<Job<'_>> = (done..wanted)
                .flat_map(|replication| variants.iter().map(move |v| Job { lowered: &v.lowered, seed, replication }))
                .collect();
            for (at, cell) in run_all(&jobs, threads, progress)?.into_iter().enumerate() {
                cells[at % variants.len()].push(cell);
            }
            done = wanted;
            let Some(precision) = &self.precision else { break None };
            let more = precision.next_step(&cells[0], &cells[1], self.level);
            if more == 0 {
                break Some(precision.reached(&cells[0], &cells[1], self.level));
            }
            wanted += more;
        };
        let noise = if self.noise_floor {
            let jobs: Vec<Job<'_>> =
                (done..2 * done).map(|replication| Job { lowered: &self.a.lowered, seed, replication }).collect();
            Some(run_all(&jobs, threads, progress)?)
        } else {
            None
        };
        Ok(self.judge(&cells, noise.as_deref(), done, reached))
    }

    fn judge(
        &self,
        cells: &[Vec<Cell>],
        noise: Option<&[Cell]>,
        replications: u64,
        reached: Option<Reached>,
    ) -> Comparison {
        let figures = self.figures();
        let (a, b) = (&cells[0], &cells[1]);
        let paired: Vec<Option<Paired>> =
            figures.iter().map(|figure| paired_of(&figure.column(a), &figure.column(b), self.level)).collect();
        let of_run: Vec<Option<Paired>> =
            figures.iter().zip(&paired).map(|(figure, paired)| paired.filter(|_| figure.is_of_run())).collect();
        let stands = stands_in_company(&of_run, self.level);
        let gates = self.fail_if.iter().filter_map(|criterion| {
            let figure = figures.iter().find(|figure| figure.path == criterion.figure)?;
            let judgement = criterion.judge(&figure.column(a), &figure.column(b), self.level);
            Some(JudgedCriterion { criterion: criterion.clone(), figure: figure.meta, judgement })
        });
        let gates = gates.collect();
        Comparison {
            a: self.a.name.clone(),
            b: self.b.name.clone(),
            seed: self.a.lowered.seed,
            replications,
            differing: a.iter().zip(b).filter(|(a, b)| a.decisions != b.decisions).count() as u64,
            first: [a, b].map(|cells| cells.first().map_or_else(String::new, |cell| cell.decisions.to_string())),
            steps: split::steps(&self.ladder, cells, &figures, self.level),
            rows: figures
                .into_iter()
                .zip(paired)
                .zip(stands)
                .map(|((figure, paired), stands)| Row {
                    verdict: Verdict::of(paired.as_ref(), figure.direction()),
                    noise: noise.and_then(|noise| {
                        paired_of(&figure.column(a), &figure.column(noise), self.level).map(|noise| noise.difference)
                    }),
                    alone: match paired {
                        Some(_) => [None, None],
                        None => [a, b].map(|cells| mean_interval_of(&figure.column(cells), self.level)),
                    },
                    figure,
                    paired,
                    stands,
                })
                .collect(),
            gates,
            reached,
            notes: self.remarks(a, b),
            level: self.level,
        }
    }

    /// What was remarked of either variant and of the runs of either side. What is true of both, to the number, is said
    /// once.
    fn remarks(&self, a: &[Cell], b: &[Cell]) -> Vec<String> {
        let mut remarks = Vec::new();
        for remark in [&self.a, &self.b].into_iter().flat_map(|variant| variant.warnings.iter().chain(&variant.notes)) {
            if !remarks.contains(remark) {
                remarks.push(remark.clone());
            }
        }
        let (of_a, of_b) = (notes(a), notes(b));
        remarks.extend(of_a.iter().map(|note| if of_b.contains(note) { note.clone() } else { format!("A: {note}") }));
        remarks.extend(of_b.iter().filter(|note| !of_a.contains(note)).map(|note| format!("B: {note}")));
        remarks
    }
}
