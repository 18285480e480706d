//! The search itself: rounds of runs, their regrets, the choice, and what is done about it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::confirm::{Gain, Looks, Together, together};
use super::{Advice, Arm, Confirmed, ConfirmedRow, Constraint, Tune, TuneError, Tuned};
use crate::experiment::cell::{Cell, Figure, notes};
use crate::experiment::choice::{self, Bill, Candidates, Choice, Field, Regrets};
use crate::experiment::gate::Evidence;
use crate::experiment::identity;
use crate::experiment::jobs::{Job, Progress};
use crate::experiment::journal::{Durability, Header, Journal};
use crate::experiment::stats::best::{Place, Question};
use crate::experiment::stats::halving::{Fate, Halving, Plan, Standing};
use crate::experiment::stats::{Verdict, mean_interval, mean_interval_of, paired_of};

/// Figures of the confirmation besides the objective and the constraints.
const ALSO: [&str; 6] = [
    "sessions.worst_ttft_ms.p99",
    "felt_ttft_ms.p99",
    "sessions.stuck",
    "escapes.total",
    "cost.cold_turn_ratio",
    "cost.price",
];

/// So many values of one key go on to the last round: they inform each other.
const KEPT_ON_A_CURVE: usize = 7;
/// So many combinations do: one may be as good as the best, and cheaper.
const KEPT_OF_A_GRID: usize = 4;

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
    /// The number of a cell. An arm that is what there is has the cells of that.
    fn number(&self, arm: usize, scenario: usize, replication: usize) -> usize {
        let (scenarios, replications) = (self.tune.scenarios.len(), self.tune.most + self.tune.confirm_most);
        let arm = if self.tune.is_what_there_is(arm) { self.tune.grid.size() } else { arm };
        (arm * scenarios + scenario) * replications + replication
    }

    /// Runs what is not there yet of these arms in all scenarios.
    fn fill(&mut self, arms: &[usize], replications: std::ops::Range<usize>) -> Result<(), TuneError> {
        let (mut open, mut numbers) = (Vec::new(), std::collections::BTreeSet::new());
        for &arm in arms {
            for scenario in 0..self.tune.scenarios.len() {
                for replication in replications.clone() {
                    let number = self.number(arm, scenario, replication);
                    let known = self.cells.contains_key(&number);
                    if !known && numbers.insert(number) {
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

    /// The cells of an arm in a scenario, of those replications that the search has asked for by now: a journal may hold
    /// further ones, of rounds that are yet to come.
    fn asked(&self, arm: usize, scenario: usize) -> impl Iterator<Item = &Cell> {
        let asked = 0..self.asked[arm];
        asked.map_while(move |at| self.cells.get(&self.number(arm, scenario, at)))
    }

    /// What the arms did in a scenario.
    fn field(&self, scenario: usize, bill: Bill) -> Field {
        let (tune, size) = (self.tune, self.tune.grid.size());
        let of_bill = Figure::of_run(bill.path());
        let bills = |arm: usize| -> Vec<Option<f64>> {
            self.asked(arm, scenario).map(|cell| of_bill.as_ref().and_then(|bill| bill.of(cell))).collect()
        };
        let losses = |arm: usize| choice::losses(&tune.objective, self.asked(arm, scenario));
        let mean = |column: &[Option<f64>]| mean_interval_of(column, tune.level).map(|mean| mean.mean);
        Field {
            losses: (0..tune.arms()).map(losses).collect(),
            bills: (0..tune.arms()).map(bills).collect(),
            as_it_stands: mean(&losses(size)),
            bill: mean(&bills(size)),
        }
    }
}

impl Tune {
    /// The header of its journal.
    fn header(&self) -> Result<Header, TuneError> {
        let mut parts = vec![
            identity::of_program(),
            self.objective.path.clone(),
            format!("{:?} {} {} {}", self.against, self.budget, self.first, self.most),
            format!("{} {} {} {:?}", self.confirm, self.confirm_most, self.smallest, self.over),
            self.axes_text.join(" "),
            self.constraints.iter().map(|condition| condition.text.clone()).collect::<Vec<_>>().join("; "),
        ];
        for scenario in &self.scenarios {
            parts.extend(identity::of(&scenario.arms)?);
        }
        let cells = self.arms() * self.scenarios.len() * (self.most + self.confirm_most);
        let mut about = vec![
            ("command".to_owned(), "tune".to_owned()),
            ("scenarios".to_owned(), self.names().join(", ")),
            ("minimise".to_owned(), self.objective.path.clone()),
            ("against".to_owned(), self.against.name().to_owned()),
            ("budget".to_owned(), self.budget.to_string()),
            ("replications".to_owned(), self.confirm.to_string()),
            ("max replications".to_owned(), self.confirm_most.to_string()),
            ("smallest".to_owned(), self.smallest.to_string()),
        ];
        if let choice::Over::Mean(weights) = &self.over {
            let texts: Vec<String> = weights.iter().map(f64::to_string).collect();
            about.push(("weights".to_owned(), texts.join(",")));
        }
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
            let opened = Journal::open(path, &self.header()?, Durability::EveryLine)?;
            cells.extend(opened.finished);
            journal = Some(Mutex::new(opened.journal));
        }
        self.search(cells, journal, Runner::Threads(threads, progress))
    }

    /// How many runs there are at most.
    pub fn runs(&self) -> usize {
        self.budget + self.scenarios.len() * (2 * self.confirm_most.max(self.confirm) + self.confirm)
    }

    /// The search from the cells that are there.
    pub(super) fn search(
        &self,
        cells: BTreeMap<usize, Cell>,
        journal: Option<Mutex<Journal<Cell>>>,
        runner: Runner<'_>,
    ) -> Result<Tuned, TuneError> {
        if let Runner::Threads(_, progress) = runner {
            progress.at_most(self.runs());
        }
        let mut store = Store { tune: self, cells, journal, runner, asked: vec![0; self.arms()] };
        let (searched, infeasible) = self.rounds(&mut store)?;
        let regrets = self.regrets(&store, &infeasible)?;
        let fullest = store.asked[self.grid.size()];
        let may_win = |arm: usize| store.asked[arm] == fullest && !infeasible.contains(&arm);
        let candidates = self.candidates(&store, &regrets.1);
        let choose = |wanted: &dyn Fn(usize) -> bool| {
            Candidates { regrets: &regrets.0.columns, ..candidates.borrow() }
                .choose(self.question(), &|arm| may_win(arm) && wanted(arm))
        };
        let choice = choose(&|_| true);
        let is_good = |place: Place| matches!(place, Place::Best | Place::AsGood);
        let stands = choice.as_ref().is_some_and(|choice| {
            (0..self.arms()).any(|arm| self.is_what_there_is(arm) && is_good(choice.standings[arm].place))
        });
        // what there is needs no change to be kept: then the best of the others is held against it
        // (escape off is no value of the key: while no value has changed a decision, one of them is held against it)
        let alike = self.alike(&store);
        let other = choose(&|arm| !self.is_what_there_is(arm) && (!alike || arm < self.grid.size()));
        let challenger = match (&choice, &other) {
            (Some(choice), _) if !stands => Some(choice.chosen),
            (_, other) => other.as_ref().map(|other| other.chosen),
        };
        let confirmed = match challenger {
            Some(challenger) => self.confirm(&mut store, challenger)?,
            None => Vec::new(),
        };
        let arms = (0..self.arms())
            .map(|arm| self.arm(&store, arm, &regrets.0.columns[arm], searched.fates()[arm], choice.as_ref()))
            .collect();
        let advice = self.advice(&store, challenger, stands, choice.is_some(), &confirmed);
        let fresh = confirmed.first().map_or(0, |found| found.replications);
        let spent = (searched.spent() * self.scenarios.len(), self.spent_on(challenger, fresh));
        if let Some(journal) = store.journal {
            journal.into_inner().unwrap_or_else(PoisonError::into_inner).finish()?;
        }
        let best = choice.as_ref().map(|choice| choice.best);
        let means = regrets.0.means;
        let mut plateau: Vec<usize> = (0..self.grid.size())
            .filter(|&arm| choice.as_ref().is_some_and(|c| is_good(c.standings[arm].place)))
            .collect();
        plateau.sort_unstable();
        let (bill, gain) = (candidates.bill, regrets.0.gain);
        Ok(Tuned { best, challenger, stands, arms, plateau, confirmed, advice, spent, bill, gain, regrets: means })
    }

    const fn question(&self) -> Question {
        Question { smallest: self.smallest, level: self.level }
    }

    /// The rounds of halving, and which arms are shown to break a constraint.
    fn rounds(&self, store: &mut Store<'_>) -> Result<(Halving, Vec<usize>), TuneError> {
        let (size, scenarios) = (self.grid.size(), self.scenarios.len());
        let mut pinned: Vec<usize> = (0..self.arms()).filter(|&arm| self.is_what_there_is(arm)).collect();
        pinned.push(size + self.reference());
        let on_a_curve = self.places().iter().flatten().count() >= KEPT_ON_A_CURVE;
        let mut search = Halving::new(Plan {
            arms: self.arms(),
            pinned,
            budget: self.budget / scenarios.max(1),
            first: self.first,
            most: self.most,
            keep_one_in: 2,
            keep_at_least: if on_a_curve { KEPT_ON_A_CURVE } else { KEPT_OF_A_GRID },
            level: self.level,
        })?;
        let mut infeasible = Vec::new();
        while let Some(round) = search.next() {
            store.fill(&round.arms, round.replications.clone())?;
            for &arm in &round.arms {
                store.asked[arm] = round.replications.end;
            }
            infeasible.retain(|arm| !round.arms.contains(arm));
            infeasible.extend(self.infeasible(store, &round.arms, round.replications.end));
            let (regrets, _) = self.regrets(store, &infeasible)?;
            search.close(|arm| {
                if infeasible.contains(&arm) { Standing::Infeasible } else { Standing::Losses(&regrets.columns[arm]) }
            });
        }
        Ok((search, infeasible))
    }

    /// The regrets of all arms, and what they did.
    fn regrets(&self, store: &Store<'_>, infeasible: &[usize]) -> Result<(Regrets, Vec<Field>), TuneError> {
        let size = self.grid.size();
        let as_it_stands: Vec<Vec<Cell>> =
            (0..self.scenarios.len()).map(|s| store.asked(size, s).cloned().collect()).collect();
        let bill = Bill::of(as_it_stands.iter().map(Vec::as_slice));
        let fields: Vec<Field> = (0..self.scenarios.len()).map(|s| store.field(s, bill)).collect();
        let found = choice::regrets(&fields, &self.places(), &self.over, &|arm| !infeasible.contains(&arm));
        let mut found = found.ok_or_else(|| TuneError::NoObjective { path: self.objective.path.clone() })?;
        // a value that is what there is has no place of its own on the curve
        for arm in (0..size).filter(|&arm| self.is_what_there_is(arm)) {
            found.columns[arm] = found.columns[size].clone();
            found.means.iter_mut().for_each(|means| means[arm] = means[size]);
        }
        Ok((found, fields))
    }

    fn candidates(&self, store: &Store<'_>, fields: &[Field]) -> Owned {
        let size = self.grid.size();
        let as_it_stands: Vec<Vec<Cell>> =
            (0..self.scenarios.len()).map(|s| store.asked(size, s).cloned().collect()).collect();
        let bill = Bill::of(as_it_stands.iter().map(Vec::as_slice));
        Owned { bills: choice::bills(fields, bill), bill, moves: (0..self.arms()).map(|arm| self.moves(arm)).collect() }
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

    fn looks(&self) -> Looks {
        let level = self.level.shared_by(self.scenarios.len());
        Looks { first: self.confirm, last: self.confirm_most, level, smallest: self.smallest }
    }

    /// Fresh replications of the challenger and of what there is until it is decided; of escape off for orientation.
    fn confirm(&self, store: &mut Store<'_>, challenger: usize) -> Result<Vec<Confirmed>, TuneError> {
        let (size, looks) = (self.grid.size(), self.looks());
        let fresh = |n: usize| self.most..self.most + n;
        store.fill(&[challenger, size, size + 1], fresh(self.confirm))?;
        let mut replications = self.confirm;
        for look in looks.all() {
            replications = look;
            store.fill(&[challenger, size], fresh(look))?;
            let gains: Vec<Gain> =
                (0..self.scenarios.len()).map(|s| self.gain(store, challenger, s, fresh(look))).collect();
            if together(&gains, self.smallest) != Together::GoOn {
                break;
            }
        }
        Ok((0..self.scenarios.len()).map(|s| self.confirmed(store, challenger, s, fresh(replications))).collect())
    }

    fn gain(&self, store: &Store<'_>, challenger: usize, scenario: usize, fresh: std::ops::Range<usize>) -> Gain {
        let losses = |arm: usize| choice::losses(&self.objective, &store.cells(arm, scenario, fresh.clone()));
        let both = choice::capped(vec![losses(self.grid.size()), losses(challenger)]);
        self.looks().gain(&both[0], &both[1])
    }

    fn confirmed(
        &self,
        store: &Store<'_>,
        challenger: usize,
        scenario: usize,
        fresh: std::ops::Range<usize>,
    ) -> Confirmed {
        let size = self.grid.size();
        let mut figures = vec![self.objective.clone()];
        let more = self.constraints.iter().map(|condition| condition.figure.as_str()).chain(ALSO);
        for path in more {
            if figures.iter().all(|figure| figure.path != path) {
                figures.extend(Figure::of_run(path));
            }
        }
        let [own, default, off] = [challenger, size, size + 1].map(|arm| store.cells(arm, scenario, fresh.clone()));
        // without prices everything costs nothing
        let priced = |figure: &Figure| default.iter().chain(&own).any(|cell| figure.of(cell).is_some_and(|p| p > 0.0));
        figures.retain(|figure| figure.path != Bill::Price.path() || priced(figure));
        let looks = self.looks();
        let row = |figure: &Figure| {
            // the objective decides, and does so at several looks, once a scenario
            let decides = figure.path == self.objective.path;
            let level = if decides { looks.level_at(fresh.len()) } else { self.level };
            let against = |reference: &[Cell]| paired_of(&figure.column(reference), &figure.column(&own), level);
            let default = against(&default);
            ConfirmedRow {
                figure: figure.clone(),
                verdict: Verdict::of(default.as_ref(), figure.direction()),
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
            scenario: self.scenarios[scenario].name.clone(),
            rows: figures.iter().map(row).collect(),
            constraints: judged.collect(),
            differing: own.iter().zip(&default).filter(|(a, b)| a.decisions != b.decisions).count(),
            replications: fresh.len(),
            gain: self.gain(store, challenger, scenario, fresh),
        }
    }

    fn arm(&self, store: &Store<'_>, arm: usize, regrets: &[Option<f64>], fate: Fate, choice: Option<&Choice>) -> Arm {
        let mean = |s: usize| {
            let values: Vec<f64> = store.asked(arm, s).filter_map(|cell| self.objective.of(cell)).collect();
            mean_interval(&values, self.level)
        };
        let (name, sets) = &self.arms[arm];
        let standing = choice.and_then(|choice| choice.standings.get(arm));
        Arm {
            name: name.clone(),
            sets: sets.clone(),
            fate,
            replications: store.asked[arm],
            means: (0..self.scenarios.len()).map(mean).collect(),
            regret: mean_interval_of(regrets, self.level).map(|mean| mean.mean),
            place: standing.map(|standing| standing.place),
            at_most: standing.and_then(|standing| standing.at_most),
            dearer_by: choice.and_then(|choice| choice.dearer_by.get(arm).copied().flatten()),
        }
    }

    /// Whether no value of the key changed a decision in the search.
    fn alike(&self, store: &Store<'_>) -> bool {
        let size = self.grid.size();
        (0..self.scenarios.len()).all(|s| {
            let decided = |arm: usize, replications: usize| -> Vec<_> {
                store.cells(arm, s, 0..replications).into_iter().map(|cell| cell.decisions).collect()
            };
            (0..size).all(|arm| decided(arm, store.asked[arm]) == decided(size, store.asked[arm]))
        })
    }

    fn advice(
        &self,
        store: &Store<'_>,
        challenger: Option<usize>,
        stands: bool,
        feasible: bool,
        confirmed: &[Confirmed],
    ) -> Advice {
        if !feasible {
            return Advice::NothingFeasible;
        }
        if self.alike(store) && confirmed.iter().all(|found| found.differing == 0) {
            return Advice::Inert;
        }
        let gains: Vec<Gain> = confirmed.iter().map(|found| found.gain).collect();
        let constraints = || confirmed.iter().flat_map(|found| &found.constraints);
        let breaks = constraints().any(|constraint| constraint.best.evidence == Evidence::Refuted);
        let take = !confirmed.is_empty() && together(&gains, self.smallest) == Together::Take;
        match challenger {
            Some(_) if !breaks && take && !stands => Advice::Change,
            Some(_) if !breaks && constraints().any(Constraint::is_why) => Advice::Change,
            _ => Advice::Keep,
        }
    }

    /// Runs of a confirmation with so many replications: of the challenger and what there is, and the first ones of
    /// escape off.
    fn spent_on(&self, challenger: Option<usize>, replications: usize) -> usize {
        let off = self.grid.size() + 1;
        let Some(challenger) = challenger else { return 0 };
        let of_off = if challenger == off || self.is_what_there_is(off) { 0 } else { self.confirm };
        self.scenarios.len() * (2 * replications + of_off)
    }
}

/// What candidates are made of.
struct Owned {
    bills: Vec<Vec<Option<f64>>>,
    bill: Bill,
    moves: Vec<f64>,
}

impl Owned {
    fn borrow(&self) -> Candidates<'_> {
        Candidates { regrets: &[], bills: &self.bills, bill: self.bill, moves: &self.moves }
    }
}
