//! The search itself: rounds of runs, their losses, the confirmation on fresh luck.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::{Advice, Arm, Confirmed, ConfirmedRow, Constraint, Tune, TuneError, Tuned};
use crate::experiment::cell::{Cell, Figure, notes};
use crate::experiment::compare::direction;
use crate::experiment::gate::Evidence;
use crate::experiment::identity;
use crate::experiment::jobs::{Job, Progress};
use crate::experiment::journal::{Header, Journal, Sync as Syncing};
use crate::experiment::stats::halving::{Halving, Plan, Standing};
use crate::experiment::stats::plateau::plateau_around;
use crate::experiment::stats::{Direction, Verdict, mean_interval, mean_interval_of, paired_of};

/// Figures of the confirmation besides the objective and the constraints.
const ALSO: [&str; 5] =
    ["sessions.worst_ttft_ms.p99", "felt_ttft_ms.p99", "sessions.stuck", "escapes.total", "cost.cold_turn_ratio"];

/// The cells so far, by number, and where they are kept.
struct Store<'a> {
    tune: &'a Tune,
    cells: BTreeMap<usize, Cell>,
    journal: Option<Mutex<Journal<Cell>>>,
    runner: Runner<'a>,
    /// Replications of the search so far, for each arm.
    asked: Vec<usize>,
}

/// Where cells come from that are not there yet.
#[derive(Clone, Copy)]
pub(super) enum Runner<'a> {
    /// They are run.
    Threads(&'a rayon::ThreadPool, &'a dyn Progress),
    /// Nowhere: they should all be in this journal.
    Nothing(&'a Path),
}

impl Store<'_> {
    fn number(&self, arm: usize, scenario: usize, replication: usize) -> usize {
        let (scenarios, replications) = (self.tune.scenarios.len(), self.tune.most + self.tune.confirm);
        (arm * scenarios + scenario) * replications + replication
    }

    /// Runs what is not there yet of these arms in all scenarios.
    fn fill(&mut self, arms: &[usize], replications: std::ops::Range<usize>) -> Result<(), TuneError> {
        let mut open = Vec::new();
        for &arm in arms {
            for scenario in 0..self.tune.scenarios.len() {
                for replication in replications.clone() {
                    let number = self.number(arm, scenario, replication);
                    if !self.cells.contains_key(&number) {
                        open.push((number, arm, scenario, replication));
                    }
                }
            }
        }
        let (threads, progress) = match self.runner {
            Runner::Threads(threads, progress) => (threads, progress),
            Runner::Nothing(_) if open.is_empty() => return Ok(()),
            Runner::Nothing(path) => {
                let (there, missing) = (self.cells.len(), open.len());
                return Err(TuneError::Unfinished { path: path.to_owned(), there, missing });
            }
        };
        progress.begin(open.len());
        let (tune, journal) = (self.tune, &self.journal);
        let one = |&(number, arm, scenario, replication): &(usize, usize, usize, usize)| {
            let of = &tune.scenarios[scenario];
            let job = Job { lowered: &of.arms[arm].lowered, seed: of.seed, replication: replication as u64 };
            let cell = job.run()?;
            if let Some(journal) = journal {
                journal.lock().unwrap_or_else(PoisonError::into_inner).append(number, &cell)?;
            }
            progress.done();
            Ok((number, cell))
        };
        let ran: Result<Vec<(usize, Cell)>, TuneError> =
            threads.install(|| open.par_iter().with_max_len(1).map(one).collect());
        self.cells.extend(ran?);
        Ok(())
    }

    /// The cells of an arm in a scenario from `range`, as far as they are there.
    fn cells(&self, arm: usize, scenario: usize, range: std::ops::Range<usize>) -> Vec<Cell> {
        range.map_while(|replication| self.cells.get(&self.number(arm, scenario, replication)).cloned()).collect()
    }

    /// The losses of an arm in a scenario, of those replications that the search has asked for by now: a journal may
    /// hold further ones, of rounds that are yet to come.
    fn column(&self, figure: &Figure, arm: usize, scenario: usize) -> Vec<Option<f64>> {
        let asked = 0..self.asked[arm];
        let numbers = asked.map_while(|at| self.cells.get(&self.number(arm, scenario, at)));
        let direction = direction(figure.meta);
        numbers.map(|cell| figure.of(cell).map(|value| direction.loss(value))).collect()
    }
}

impl Tune {
    /// The header of its journal.
    fn header(&self) -> Result<Header, TuneError> {
        let mut parts = vec![
            identity::of_program(),
            self.objective.path.clone(),
            format!("{:?} {} {} {} {}", self.against, self.budget, self.first, self.most, self.confirm),
            self.axes_text.join(" "),
            self.constraints.iter().map(|condition| condition.text.clone()).collect::<Vec<_>>().join("; "),
        ];
        for scenario in &self.scenarios {
            parts.extend(identity::of(&scenario.arms)?);
        }
        let cells = self.arms() * self.scenarios.len() * (self.most + self.confirm);
        let mut about = vec![
            ("command".to_owned(), "tune".to_owned()),
            ("scenarios".to_owned(), self.names().join(", ")),
            ("minimise".to_owned(), self.objective.path.clone()),
            ("against".to_owned(), self.against.name().to_owned()),
            ("budget".to_owned(), self.budget.to_string()),
            ("replications".to_owned(), self.confirm.to_string()),
        ];
        let constraints = self.constraints.iter().enumerate();
        about.extend(constraints.map(|(at, condition)| (format!("subject to {}", at + 1), condition.text.clone())));
        about.extend(self.axes_text.iter().enumerate().map(|(at, text)| (format!("vary {}", at + 1), text.clone())));
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        Ok(Header { scenarios: self.effective(), ..Header::new(&parts, cells, about) })
    }

    /// Searches, and confirms on fresh luck. With `out`, finished runs are kept there and not run again.
    ///
    /// # Errors
    /// When the budget is too small, a trace cannot be read, or the journal not be written.
    pub fn run(
        &self,
        out: Option<&Path>,
        threads: &rayon::ThreadPool,
        progress: &dyn Progress,
    ) -> Result<Tuned, TuneError> {
        let (mut cells, mut journal) = (BTreeMap::new(), None);
        if let Some(path) = out {
            let opened = Journal::open(path, &self.header()?, Syncing::EveryLine)?;
            cells.extend(opened.finished);
            journal = Some(Mutex::new(opened.journal));
        }
        self.search(cells, journal, Runner::Threads(threads, progress))
    }

    /// The search from the cells that are there.
    pub(super) fn search(
        &self,
        cells: BTreeMap<usize, Cell>,
        journal: Option<Mutex<Journal<Cell>>>,
        runner: Runner<'_>,
    ) -> Result<Tuned, TuneError> {
        let mut store = Store { tune: self, cells, journal, runner, asked: vec![0; self.arms()] };
        let (size, scenarios) = (self.grid.size(), self.scenarios.len());
        let mut search = Halving::new(Plan {
            arms: self.arms(),
            pinned: vec![size, size + 1],
            budget: self.budget / scenarios.max(1),
            first: self.first,
            most: self.most,
            keep_one_in: 2,
            level: self.level,
        })?;
        let mut infeasible = Vec::new();
        while let Some(round) = search.next() {
            store.fill(&round.arms, round.replications.clone())?;
            for &arm in &round.arms {
                store.asked[arm] = round.replications.end;
            }
            infeasible.retain(|arm| !round.arms.contains(arm));
            infeasible.extend(self.infeasible(&store, &round.arms, round.replications.end));
            let losses = self.losses(&store, &round.arms, &infeasible)?;
            search.close(|arm| {
                let at = round.arms.iter().position(|&other| other == arm).unwrap_or(0);
                if infeasible.contains(&arm) { Standing::Infeasible } else { Standing::Losses(&losses[at]) }
            });
        }
        let all: Vec<usize> = (0..self.arms()).collect();
        let losses = self.losses(&store, &all, &infeasible)?;
        let best = search.best();
        let plateau = best.map_or_else(Vec::new, |best| self.plateau(best, &losses, search.fates()));
        let confirmed = match best {
            Some(best) => self.confirm(&mut store, best)?,
            None => Vec::new(),
        };
        let arms = all.iter().map(|&arm| self.arm(&store, arm, &losses[arm], search.fates()[arm])).collect();
        let advice = self.advice(&store, best, &confirmed);
        let of_confirmation = best.map_or(0, |best| self.to_confirm(best).len());
        let spent = (search.spent() * scenarios, of_confirmation * scenarios * self.confirm);
        if let Some(journal) = store.journal {
            journal.into_inner().unwrap_or_else(PoisonError::into_inner).finish()?;
        }
        Ok(Tuned { best, arms, plateau, confirmed, advice, spent })
    }

    /// For each of these arms its loss in every replication: the distance to the best arm that keeps to the constraints
    /// in the scenario in which it lies farthest from that, as a share of the default's mean there. Scenarios in which no
    /// arm has the figure say nothing.
    ///
    /// # Errors
    /// When no scenario has the figure.
    fn losses(
        &self,
        store: &Store<'_>,
        arms: &[usize],
        infeasible: &[usize],
    ) -> Result<Vec<Vec<Option<f64>>>, TuneError> {
        let size = self.grid.size();
        let of_scenario: Vec<Vec<Vec<Option<f64>>>> = (0..self.scenarios.len())
            .filter_map(|s| {
                let columns: Vec<_> = arms.iter().map(|&arm| store.column(&self.objective, arm, s)).collect();
                let fullest = columns.iter().map(Vec::len).max().unwrap_or(0);
                let mean = |column: &Vec<Option<f64>>| mean_interval_of(column, self.level).map(|mean| mean.mean);
                let least = |feasible: bool| {
                    arms.iter()
                        .zip(&columns)
                        .filter(|(arm, column)| column.len() == fullest && infeasible.contains(arm) != feasible)
                        .filter_map(|(_, column)| Some((mean(column)?, column)))
                        .min_by(|x, y| x.0.total_cmp(&y.0))
                        .map(|(_, column)| column.clone())
                };
                let best = least(true).or_else(|| least(false))?;
                let scale = mean(&store.column(&self.objective, size, s)).map_or(0.0, f64::abs);
                let scale = if scale > 0.0 { scale } else { 1.0 };
                let regret = |column: &Vec<Option<f64>>| {
                    column.iter().zip(&best).map(|(own, best)| Some(((*own)? - (*best)?) / scale)).collect()
                };
                Some(columns.iter().map(regret).collect())
            })
            .collect();
        if of_scenario.is_empty() {
            return Err(TuneError::NoObjective { path: self.objective.path.clone() });
        }
        let worst_of = (0..arms.len())
            .map(|at| {
                let worst = of_scenario.iter().map(|scenario| &scenario[at]).max_by(|x, y| {
                    let mean = |losses: &[Option<f64>]| {
                        mean_interval_of(losses, self.level).map_or(f64::INFINITY, |mean| mean.mean)
                    };
                    mean(x).total_cmp(&mean(y))
                });
                worst.cloned().unwrap_or_default()
            })
            .collect();
        Ok(worst_of)
    }

    fn infeasible(&self, store: &Store<'_>, arms: &[usize], replications: usize) -> Vec<usize> {
        if self.constraints.is_empty() {
            return Vec::new();
        }
        let cells = |arm: usize| -> Vec<Vec<Cell>> {
            (0..self.scenarios.len()).map(|s| store.cells(arm, s, 0..replications)).collect()
        };
        let reference = cells(self.grid.size() + self.reference());
        arms.iter().copied().filter(|&arm| self.violates(&cells(arm), &reference)).collect()
    }

    /// The arms of the grid that cannot be told from the best, and keep to the constraints.
    fn plateau(
        &self,
        best: usize,
        losses: &[Vec<Option<f64>>],
        fates: &[crate::experiment::stats::halving::Fate],
    ) -> Vec<usize> {
        use crate::experiment::stats::halving::Fate;
        let level = self.level.shared_by(losses.len().saturating_sub(1));
        let found = plateau_around(best, losses, Direction::LowerIsBetter, level);
        let out = |arm: usize| matches!(fates[arm], Fate::Infeasible { .. } | Fate::ShownWorse { .. });
        found.members.into_iter().filter(|&arm| arm < self.grid.size() && !out(arm)).collect()
    }

    fn confirm(&self, store: &mut Store<'_>, best: usize) -> Result<Vec<Confirmed>, TuneError> {
        let size = self.grid.size();
        let fresh = self.most..self.most + self.confirm;
        store.fill(&self.to_confirm(best), fresh.clone())?;
        let mut figures = vec![self.objective.clone()];
        let more = self.constraints.iter().map(|condition| condition.figure.as_str()).chain(ALSO);
        for path in more {
            if figures.iter().all(|figure| figure.path != path) {
                figures.extend(Figure::of_run(path));
            }
        }
        let scenario = |s: usize| {
            let [own, default, off] = [best, size, size + 1].map(|arm| store.cells(arm, s, fresh.clone()));
            let row = |figure: &Figure| {
                // the objective decides, and does so once a scenario
                let decides = figure.path == self.objective.path;
                let level = if decides { self.level.shared_by(self.scenarios.len()) } else { self.level };
                let against = |reference: &[Cell]| paired_of(&figure.column(reference), &figure.column(&own), level);
                let default = against(&default);
                ConfirmedRow {
                    figure: figure.clone(),
                    verdict: Verdict::of(default.as_ref(), direction(figure.meta)),
                    default,
                    off: against(&off),
                }
            };
            let reference = if self.reference() == 0 { &default } else { &off };
            let judged = self.constraints.iter().filter_map(|condition| {
                Some(Constraint {
                    condition: condition.clone(),
                    best: self.judge(condition, &own, reference, self.level)?,
                    default: self.judge(condition, &default, reference, self.level)?.evidence,
                })
            });
            Confirmed {
                notes: notes(&own),
                scenario: self.scenarios[s].name.clone(),
                rows: figures.iter().map(row).collect(),
                constraints: judged.collect(),
                differing: own.iter().zip(&default).filter(|(a, b)| a.decisions != b.decisions).count(),
            }
        };
        Ok((0..self.scenarios.len()).map(scenario).collect())
    }

    fn arm(
        &self,
        store: &Store<'_>,
        arm: usize,
        losses: &[Option<f64>],
        fate: crate::experiment::stats::halving::Fate,
    ) -> Arm {
        let direction = direction(self.objective.meta);
        let mean = |s: usize| {
            let values: Vec<f64> = store.column(&self.objective, arm, s).into_iter().flatten().collect();
            // a loss is its own inverse
            let values: Vec<f64> = values.into_iter().map(|loss| direction.loss(loss)).collect();
            mean_interval(&values, self.level)
        };
        let (name, sets) = &self.arms[arm];
        Arm {
            name: name.clone(),
            sets: sets.clone(),
            fate,
            replications: store.asked[arm],
            means: (0..self.scenarios.len()).map(mean).collect(),
            regret: mean_interval_of(losses, self.level).map(|mean| mean.mean),
        }
    }

    fn advice(&self, store: &Store<'_>, best: Option<usize>, confirmed: &[Confirmed]) -> Advice {
        let size = self.grid.size();
        let Some(best) = best else { return Advice::NothingFeasible };
        let inert = (0..self.scenarios.len()).all(|s| {
            let decided = |arm: usize, replications: usize| -> Vec<_> {
                store.cells(arm, s, 0..replications).into_iter().map(|cell| cell.decisions).collect()
            };
            (0..size).all(|arm| decided(arm, store.asked[arm]) == decided(size, store.asked[arm]))
        });
        if inert && confirmed.iter().all(|found| found.differing == 0) {
            return Advice::Inert;
        }
        let verdicts: Vec<Verdict> =
            confirmed.iter().filter_map(|found| found.rows.first().map(|row| row.verdict)).collect();
        let good = |verdict: &Verdict| matches!(verdict, Verdict::Better | Verdict::Lower);
        let bad = |verdict: &Verdict| matches!(verdict, Verdict::Worse | Verdict::Higher);
        let constraints = || confirmed.iter().flat_map(|found| &found.constraints);
        let breaks = constraints().any(|constraint| constraint.best.evidence == Evidence::Refuted);
        let better = verdicts.iter().any(good) && !verdicts.iter().any(bad);
        match (best == size, breaks) {
            (false, false) if better => Advice::Change,
            (false, false) if constraints().any(Constraint::is_why) => Advice::Change,
            _ => Advice::Keep,
        }
    }

    /// The arms that the confirmation runs: the best and the references, each once.
    fn to_confirm(&self, best: usize) -> Vec<usize> {
        let size = self.grid.size();
        let mut arms = vec![best, size, size + 1];
        arms.sort_unstable();
        arms.dedup();
        arms
    }
}
