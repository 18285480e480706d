//! The search itself: rounds of runs, their regrets, the choice, and what is done about it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::confirm::{Gain, Looks, Together, together};
use super::rounds::Searched;
use super::store::{Runner, Store};
use super::{Advice, Arm, Confirmed, ConfirmedRow, Constraint, Tune, TuneError, Tuned};
use crate::experiment::cell::{Cell, Figure, notes};
use crate::experiment::choice::{self, Bill, Choice};
use crate::experiment::criterion::Evidence;
use crate::experiment::identity;
use crate::experiment::jobs::Progress;
use crate::experiment::journal::{Durability, Header, Journal};
use crate::experiment::stats::best::Place;
use crate::experiment::stats::halving::Fate;
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

/// What a journal's header says where the length of runs decides.
pub(super) const BY_LENGTH: &str = "by the length of runs";

impl Tune {
    /// The header of its journal.
    fn header(&self) -> Result<Header, TuneError> {
        let mut parts = vec![
            identity::of_program(),
            self.objective.path.clone(),
            format!("{:?} {:?} {} {}", self.against, self.budget, self.first, self.most),
            format!("{} {:?} {} {:?}", self.confirm, self.confirm_most, self.smallest, self.over),
            self.axes_text.join(" "),
            self.constraints.iter().map(|criterion| criterion.text.clone()).collect::<Vec<_>>().join("; "),
        ];
        for scenario in &self.scenarios {
            parts.extend(identity::of(&scenario.arms)?);
        }
        let cells = self.arms() * self.scenarios.len() * self.room();
        let said = |number: Option<usize>| number.map_or_else(|| BY_LENGTH.to_owned(), |number| number.to_string());
        let mut about = vec![
            ("command".to_owned(), "tune".to_owned()),
            ("scenarios".to_owned(), self.names().join(", ")),
            ("minimise".to_owned(), self.objective.path.clone()),
            ("against".to_owned(), self.against.name().to_owned()),
            ("budget".to_owned(), said(self.budget)),
            ("replications".to_owned(), self.confirm.to_string()),
            ("max replications".to_owned(), said(self.confirm_most)),
            ("smallest".to_owned(), self.smallest.to_string()),
        ];
        if let choice::Over::Mean(weights) = &self.over {
            let texts: Vec<String> = weights.iter().map(f64::to_string).collect();
            about.push(("weights".to_owned(), texts.join(",")));
        }
        let constraints = self.constraints.iter().enumerate();
        about.extend(constraints.map(|(at, criterion)| (format!("subject to {}", at + 1), criterion.text.clone())));
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

    /// The search from the cells that are there.
    pub(super) fn search(
        &self,
        cells: BTreeMap<usize, Cell>,
        journal: Option<Mutex<Journal<Cell>>>,
        runner: Runner<'_>,
    ) -> Result<Tuned, TuneError> {
        let mut store = Store::new(self, cells, journal, runner);
        let effort = self.effort(self.length(&mut store)?);
        let confirmation = self.scenarios.len() * (2 * effort.confirm + self.confirm);
        store.at_most(self.scenarios.len() * effort.search + confirmation);
        let searched = self.searched(&mut store, effort)?;
        let choice = searched.choose(self, &store, &|_| true);
        let is_good = |place: Place| matches!(place, Place::Best | Place::AsGood);
        let stands = choice.as_ref().is_some_and(|choice| {
            (0..self.arms()).any(|arm| self.is_what_there_is(arm) && is_good(choice.standings[arm].place))
        });
        // what there is needs no change to be kept: then the best of the others is held against it
        // (escape off is no value of the key: while no value has changed a decision, one of them is held against it)
        let alike = self.alike(&store);
        let is_other = |arm: usize| !self.is_what_there_is(arm) && (!alike || arm < self.grid.size());
        let other = searched.choose(self, &store, &is_other);
        let challenger = match (&choice, &other) {
            (Some(choice), _) if !stands => Some(choice.chosen),
            (_, Some(other)) => Some(other.chosen),
            // all others left the search before its end
            (Some(_), None) => searched.last_to_leave(&store, &is_other),
            (None, None) => None,
        };
        let confirmed = match challenger {
            Some(challenger) => {
                store.at_most(confirmation);
                self.confirm(&mut store, challenger, self.looks(effort.confirm))?
            }
            None => Vec::new(),
        };
        let Searched { regrets, fates, bill, spent, .. } = searched;
        let arms = (0..self.arms())
            .map(|arm| self.arm(&store, arm, &regrets.columns[arm], fates[arm], choice.as_ref()))
            .collect();
        let advice = self.advice(&store, challenger, stands, choice.is_some(), &confirmed);
        let fresh = confirmed.first().map_or(0, |found| found.replications);
        let spent = (spent * self.scenarios.len(), self.spent_on(challenger, fresh));
        if let Some(journal) = store.journal {
            journal.into_inner().unwrap_or_else(PoisonError::into_inner).finish()?;
        }
        let best = choice.as_ref().map(|choice| choice.best);
        let (means, gain) = (regrets.means, regrets.gain);
        let mut plateau: Vec<usize> = (0..self.grid.size())
            .filter(|&arm| choice.as_ref().is_some_and(|c| is_good(c.standings[arm].place)))
            .collect();
        plateau.sort_unstable();
        Ok(Tuned { best, challenger, stands, arms, plateau, confirmed, advice, spent, bill, gain, regrets: means })
    }

    fn looks(&self, last: usize) -> Looks {
        let level = self.level.shared_by(self.scenarios.len());
        Looks { first: self.confirm, last, level, smallest: self.smallest }
    }

    /// Fresh replications of the challenger and of what there is until it is decided; of escape off for orientation.
    fn confirm(&self, store: &mut Store<'_>, challenger: usize, looks: Looks) -> Result<Vec<Confirmed>, TuneError> {
        let size = self.grid.size();
        let fresh = |n: usize| self.most..self.most + n;
        store.fill(&[challenger, size, size + 1], fresh(self.confirm))?;
        let mut replications = self.confirm;
        for look in looks.all() {
            replications = look;
            store.fill(&[challenger, size], fresh(look))?;
            let gains: Vec<Gain> =
                (0..self.scenarios.len()).map(|s| self.gain(store, challenger, s, looks, fresh(look))).collect();
            if together(&gains, self.smallest) != Together::GoOn {
                break;
            }
        }
        let confirmed = |s: usize| self.confirmed(store, challenger, s, looks, fresh(replications));
        Ok((0..self.scenarios.len()).map(confirmed).collect())
    }

    fn gain(
        &self,
        store: &Store<'_>,
        challenger: usize,
        scenario: usize,
        looks: Looks,
        fresh: std::ops::Range<usize>,
    ) -> Gain {
        let losses = |arm: usize| choice::losses(&self.objective, &store.cells(arm, scenario, fresh.clone()));
        let both = choice::capped(vec![losses(self.grid.size()), losses(challenger)]);
        looks.gain(&both[0], &both[1])
    }

    fn confirmed(
        &self,
        store: &Store<'_>,
        challenger: usize,
        scenario: usize,
        looks: Looks,
        fresh: std::ops::Range<usize>,
    ) -> Confirmed {
        let size = self.grid.size();
        let mut figures = vec![self.objective.clone()];
        let more = self.constraints.iter().map(|criterion| criterion.figure.as_str()).chain(ALSO);
        for path in more {
            if figures.iter().all(|figure| figure.path != path) {
                figures.extend(Figure::of_run(path));
            }
        }
        let [own, default, off] = [challenger, size, size + 1].map(|arm| store.cells(arm, scenario, fresh.clone()));
        // without prices everything costs nothing
        let priced = |figure: &Figure| default.iter().chain(&own).any(|cell| figure.of(cell).is_some_and(|p| p > 0.0));
        figures.retain(|figure| figure.path != Bill::Price.path() || priced(figure));
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
        let judged = self.constraints.iter().filter_map(|criterion| {
            Some(Constraint {
                criterion: criterion.clone(),
                best: self.judge(criterion, &own, reference, self.level)?,
                default: self.judge(criterion, &default, reference, self.level)?.evidence,
            })
        });
        Confirmed {
            notes: notes(&own),
            scenario: self.scenarios[scenario].name.clone(),
            rows: figures.iter().map(row).collect(),
            constraints: judged.collect(),
            differing: own.iter().zip(&default).filter(|(a, b)| a.decisions != b.decisions).count(),
            replications: fresh.len(),
            gain: self.gain(store, challenger, scenario, looks, fresh),
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
            dearer: choice.is_some_and(|choice| choice.dearer.get(arm).copied().unwrap_or(false)),
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
