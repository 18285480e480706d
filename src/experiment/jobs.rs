//! Runs many cells in parallel. Each job is one cell, threads take jobs as they become free, and the results are in the
//! order of the jobs.

use rayon::prelude::*;

use super::cell::Cell;
use crate::gateway::RunError;
use crate::simulation::Lowered;

/// One cell to run.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The scenario to run.
    pub lowered: &'a Lowered,
    /// The seed of the experiment.
    pub seed: u64,
    /// The replication, counted from 0.
    pub replication: u64,
}

impl Job<'_> {
    /// Runs the cell.
    ///
    /// # Errors
    /// When the scenario's trace cannot be read.
    pub fn run(&self) -> Result<Cell, RunError> {
        Cell::run(self.lowered, self.seed, self.replication)
    }
}

/// Is notified of the progress of an experiment, from any thread.
pub trait Progress: Sync {
    /// There will be at most this many cells in all stages together. It is called once, at the beginning, if the number
    /// is known.
    fn at_most(&self, _cells: usize) {}
    /// This many cells will be run next.
    fn begin(&self, _cells: usize) {}
    /// One cell is done.
    fn done(&self) {}
}

/// Ignores the progress.
impl Progress for () {}

/// Runs all jobs; their results do not depend on the number of threads.
///
/// # Errors
/// The error of the first job (by index) that failed.
pub fn run_all(jobs: &[Job<'_>], threads: &rayon::ThreadPool, progress: &dyn Progress) -> Result<Vec<Cell>, RunError> {
    progress.begin(jobs.len());
    let one = |job: &Job<'_>| {
        let cell = job.run();
        progress.done();
        cell
    };
    // threads take one job at a time, because a cell takes long and the last cells should not wait for each other
    let cells: Vec<Result<Cell, RunError>> = threads.install(|| jobs.par_iter().with_max_len(1).map(one).collect());
    cells.into_iter().collect()
}
