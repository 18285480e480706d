//! The cells of a search: those that a journal has, and those that are run when they are asked for.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::{Tune, TuneError};
use crate::experiment::cell::{Cell, Figure};
use crate::experiment::choice::{self, Bill, Field};
use crate::experiment::jobs::{Job, Progress};
use crate::experiment::journal::Journal;

/// The cells so far, by number, and where they are kept.
pub(super) struct Store<'a> {
    pub tune: &'a Tune,
    pub cells: BTreeMap<usize, Cell>,
    pub journal: Option<Mutex<Journal<Cell>>>,
    pub runner: Runner<'a>,
    /// Replications of the search so far, for each arm.
    pub asked: Vec<usize>,
}

/// Where cells come from that are not there yet.
#[derive(Clone, Copy)]
pub(super) enum Runner<'a> {
    /// They are run.
    Threads(&'a rayon::ThreadPool, &'a dyn Progress),
    /// Nowhere: they should all be in this journal.
    Nothing(&'a Path),
}

impl<'a> Store<'a> {
    /// With these cells.
    pub fn new(
        tune: &'a Tune,
        cells: BTreeMap<usize, Cell>,
        journal: Option<Mutex<Journal<Cell>>>,
        runner: Runner<'a>,
    ) -> Self {
        Self { tune, cells, journal, runner, asked: vec![0; tune.arms()] }
    }

    /// Tells the progress that so many runs are still to come at most.
    pub fn at_most(&self, runs: usize) {
        if let Runner::Threads(_, progress) = self.runner {
            progress.at_most(runs);
        }
    }

    /// The number of a cell. An arm that is what there is has the cells of that.
    fn number(&self, arm: usize, scenario: usize, replication: usize) -> usize {
        let (scenarios, replications) = (self.tune.scenarios.len(), self.tune.room());
        let arm = if self.tune.is_what_there_is(arm) { self.tune.grid.size() } else { arm };
        (arm * scenarios + scenario) * replications + replication
    }

    /// Runs what is not there yet of these arms in all scenarios.
    ///
    /// # Errors
    /// When a trace cannot be read, the journal cannot be written, or runs are missing and none may be made.
    pub fn fill(&mut self, arms: &[usize], replications: std::ops::Range<usize>) -> Result<(), TuneError> {
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
    pub fn cells(&self, arm: usize, scenario: usize, range: std::ops::Range<usize>) -> Vec<Cell> {
        range.map_while(|replication| self.cells.get(&self.number(arm, scenario, replication)).cloned()).collect()
    }

    /// The cells of an arm in a scenario, of those replications that the search has asked for by now: a journal may
    /// hold further ones, of rounds that are yet to come.
    pub fn asked(&self, arm: usize, scenario: usize) -> impl Iterator<Item = &Cell> {
        let asked = 0..self.asked[arm];
        asked.map_while(move |at| self.cells.get(&self.number(arm, scenario, at)))
    }

    /// What the arms did in a scenario.
    pub fn field(&self, scenario: usize, bill: Bill) -> Field {
        let (tune, size) = (self.tune, self.tune.grid.size());
        let of_bill = Figure::of_run(bill.path());
        let bills = |arm: usize| -> Vec<Option<f64>> {
            self.asked(arm, scenario).map(|cell| of_bill.as_ref().and_then(|bill| bill.of(cell))).collect()
        };
        let losses = |arm: usize| choice::losses(&tune.objective, self.asked(arm, scenario));
        let of_all = |of: &dyn Fn(usize) -> Vec<Option<f64>>| (0..tune.arms()).map(of).collect();
        Field::new(of_all(&losses), of_all(&bills), Some(size))
    }
}
