//! The rounds of a search: halving, and then more replications of those that may be chosen until it is settled which
//! is.

use super::effort::Effort;
use super::store::Store;
use super::{Tune, TuneError};
use crate::experiment::cell::{Cell, Figure};
use crate::experiment::choice::{self, Bill, Candidates, Choice, Field, Regrets};
use crate::experiment::stats::best::{Place, Question};
use crate::experiment::stats::halving::{Fate, Halving, Plan, Standing};

/// So many values of one key go on to the last round: they inform each other.
const KEPT_ON_A_CURVE: usize = 7;
/// So many combinations do: one may be as good as the best, and cheaper.
const KEPT_OF_A_GRID: usize = 4;

impl Tune {
    const fn question(&self) -> Question {
        choice::question(self.smallest, self.level)
    }

    /// How many requests one replication of an arm takes in all scenarios together.
    pub(super) fn length(&self, store: &mut Store<'_>) -> Result<f64, TuneError> {
        let size = self.grid.size();
        store.fill(&[size], 0..1)?;
        let requests = Figure::of_run("requests.total");
        let of = |s: usize| store.cells(size, s, 0..1).first().and_then(|cell| requests.as_ref()?.of(cell));
        Ok((0..self.scenarios.len()).filter_map(of).sum())
    }

    /// All rounds: halving, then more replications while it is not settled which value to take.
    pub(super) fn searched(&self, store: &mut Store<'_>, effort: Effort) -> Result<Searched, TuneError> {
        let (halving, infeasible) = self.halved(store, effort.rounds)?;
        let (regrets, fields) = self.regrets(store, &infeasible)?;
        let (bill, bills) = self.bills(store, &fields);
        let (fates, spent) = (halving.fates().to_vec(), halving.spent());
        let mut found = Searched { regrets, bills, bill, infeasible, fates, spent };
        while let Some(open) = found.unsettled(self, store) {
            let done = store.asked[self.grid.size()];
            // half as many again, as far as the effort reaches
            let affordable = effort.search.saturating_sub(found.spent) / open.len();
            let more = done.div_ceil(2).min(affordable).min(self.most - done);
            if more == 0 {
                break;
            }
            store.fill(&open, done..done + more)?;
            open.iter().for_each(|&arm| store.asked[arm] = done + more);
            found.spent += open.len() * more;
            found.infeasible.retain(|arm| !open.contains(arm));
            found.infeasible.extend(self.infeasible(store, &open, done + more));
            let (regrets, fields) = self.regrets(store, &found.infeasible)?;
            (found.bills, found.regrets) = (self.bills(store, &fields).1, regrets);
        }
        Ok(found)
    }

    /// The arms that are never dropped: what there is, and what relative constraints are relative to.
    fn pinned(&self) -> Vec<usize> {
        let mut pinned: Vec<usize> = (0..self.arms()).filter(|&arm| self.is_what_there_is(arm)).collect();
        pinned.push(self.grid.size() + self.reference());
        pinned.sort_unstable();
        pinned.dedup();
        pinned
    }

    /// The rounds of halving, and which arms are shown to break a constraint.
    fn halved(&self, store: &mut Store<'_>, budget: usize) -> Result<(Halving, Vec<usize>), TuneError> {
        let on_a_curve = self.places().iter().flatten().count() >= KEPT_ON_A_CURVE;
        let mut search = Halving::new(Plan {
            arms: self.arms(),
            pinned: self.pinned(),
            budget,
            first: self.first,
            most: self.most,
            keep_one_in: 2,
            keep_at_least: if on_a_curve { KEPT_ON_A_CURVE } else { KEPT_OF_A_GRID },
            level: self.level,
            smallest: self.question().smallest,
        })?;
        let mut infeasible = Vec::new();
        while let Some(round) = search.next() {
            store.fill(&round.arms, round.replications.clone())?;
            for &arm in &round.arms {
                store.asked[arm] = round.replications.end;
            }
            infeasible.retain(|arm| !round.arms.contains(arm));
            infeasible.extend(self.infeasible(store, &round.arms, round.replications.end));
            let (regrets, fields) = self.regrets(store, &infeasible)?;
            let (bill, bills) = self.bills(store, &fields);
            let moves = self.all_moves();
            let candidates = Candidates { regrets: &regrets.columns, bills: &bills, bill, moves: &moves };
            let excess = |arm: usize| choice::mean(&regrets.columns[arm]).unwrap_or(f64::INFINITY);
            search.close(
                |arm| match infeasible.contains(&arm) {
                    true => Standing::Infeasible,
                    false => Standing::Losses(&regrets.columns[arm]),
                },
                |near| candidates.preferred(near, &excess, self.level),
            );
        }
        Ok((search, infeasible))
    }

    /// The regrets of all arms, and what they did.
    fn regrets(&self, store: &Store<'_>, infeasible: &[usize]) -> Result<(Regrets, Vec<Field>), TuneError> {
        let size = self.grid.size();
        let bill = self.bill(store);
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

    /// The bill that decides among equals, and that of each arm.
    fn bills(&self, store: &Store<'_>, fields: &[Field]) -> (Bill, Vec<Vec<Option<f64>>>) {
        let bill = self.bill(store);
        (bill, choice::bills(fields, bill))
    }

    fn bill(&self, store: &Store<'_>) -> Bill {
        let cells = |s: usize| -> Vec<Cell> { store.asked(self.grid.size(), s).cloned().collect() };
        let as_it_stands: Vec<Vec<Cell>> = (0..self.scenarios.len()).map(cells).collect();
        Bill::of(as_it_stands.iter().map(Vec::as_slice))
    }

    fn all_moves(&self) -> Vec<f64> {
        (0..self.arms()).map(|arm| self.moves(arm)).collect()
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
}

/// What the rounds came to.
pub(super) struct Searched {
    pub regrets: Regrets,
    pub bill: Bill,
    bills: Vec<Vec<Option<f64>>>,
    infeasible: Vec<usize>,
    /// What became of each arm in halving.
    pub fates: Vec<Fate>,
    /// Runs: an arm in one replication of all scenarios.
    pub spent: usize,
}

impl Searched {
    /// The choice among the arms that were measured to the end, break no constraint and are wanted.
    pub fn choose(&self, tune: &Tune, store: &Store<'_>, wanted: &dyn Fn(usize) -> bool) -> Option<Choice> {
        let moves = tune.all_moves();
        self.candidates(&moves).choose(tune.question(), &|arm| self.may_win(tune, store, arm) && wanted(arm))
    }

    /// The best of the wanted arms that left the search last and break no constraint.
    pub fn last_to_leave(&self, store: &Store<'_>, wanted: &dyn Fn(usize) -> bool) -> Option<usize> {
        let arms = (0..self.regrets.columns.len()).filter(|arm| wanted(*arm) && !self.infeasible.contains(arm));
        let known = arms.filter_map(|arm| Some((arm, store.asked[arm], choice::mean(&self.regrets.columns[arm])?)));
        known.min_by(|x, y| y.1.cmp(&x.1).then(x.2.total_cmp(&y.2))).map(|(arm, ..)| arm)
    }

    fn candidates<'a>(&'a self, moves: &'a [f64]) -> Candidates<'a> {
        Candidates { regrets: &self.regrets.columns, bills: &self.bills, bill: self.bill, moves }
    }

    fn may_win(&self, tune: &Tune, store: &Store<'_>, arm: usize) -> bool {
        store.asked[arm] == store.asked[tune.grid.size()] && !self.infeasible.contains(&arm)
    }

    /// The arms that are to be measured further: those that may be as good as the best, and the references. `None`
    /// where it is settled which to take: the chosen one is known to be as good, and so is no other that would be
    /// preferred, or it is known not to be.
    fn unsettled(&self, tune: &Tune, store: &Store<'_>) -> Option<Vec<usize>> {
        let choice = self.choose(tune, store, &|_| true)?;
        let near = |arm: &usize| {
            let standing = &choice.standings[*arm];
            self.may_win(tune, store, *arm)
                && standing.place != Place::Worse
                && standing.excess.is_none_or(|excess| excess.mean <= tune.smallest)
        };
        let mut open: Vec<usize> = (0..tune.arms()).filter(near).collect();
        let moves = tune.all_moves();
        let candidates = self.candidates(&moves);
        let excess = |arm: usize| choice.standings[arm].excess.map_or(0.0, |excess| excess.mean);
        let preferred =
            |arm: usize| candidates.preferred(&[choice.chosen, arm], &excess, tune.level).first() == Some(&arm);
        let known = choice.standings[choice.chosen].at_most.is_some_and(|at_most| at_most <= tune.question().smallest);
        let few = |arm: &usize| choice.standings[*arm].place == Place::TooFew && preferred(*arm);
        if known && !open.iter().any(few) {
            return None;
        }
        open.extend(tune.pinned());
        open.sort_unstable();
        open.dedup();
        Some(open)
    }
}
