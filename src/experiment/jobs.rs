//! Many cells at once: each job is one cell, threads take them as they come, answers are in the order of the jobs.

use rayon::prelude::*;

use super::cell::Cell;
use crate::gateway::RunError;
use crate::simulation::Lowered;

/// One cell to run.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The scenario.
    pub lowered: &'a Lowered,
    /// The seed of the experiment.
    pub seed: u64,
    /// Which replication.
    pub replication: u64,
}

impl Job<'_> {
    /// Runs it.
    ///
    /// # Errors
    /// When the scenario's trace cannot be read.
    pub fn run(&self) -> Result<Cell, RunError> {
        Cell::run(self.lowered, self.seed, self.replication)
    }
}

/// Told how far an experiment is: `begun(n)` more cells are to come, `done()` after each. From any thread.
pub trait Progress: Sync {
    /// There will be at most so many cells, all stages together. Told once, first, where it is known.
    fn at_most(&self, _cells: usize) {}
    /// So many cells are to be run next.
    fn begin(&self, _cells: usize) {}
    /// One is done.
    fn done(&self) {}
}

/// Nobody asks.
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
    // one job at a time: a cell takes long, and the last ones shall not wait behind each other
    let cells: Vec<Result<Cell, RunError>> = threads.install(|| jobs.par_iter().with_max_len(1).map(one).collect());
    cells.into_iter().collect()
}
