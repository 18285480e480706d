//! Replications: runs the same scenario on several seeds in parallel; the results are in the order of the seeds.
//!
//! Replication 0 runs on the seed itself, so a single replication is the same as a run. The results do not depend on
//! the number of threads: every run is a pure function of its seed, and they are collected by index.

use std::ops::Range;

use rayon::prelude::*;

use crate::engine::Luck;
use crate::gateway::RunError;
use crate::simulation::{Lowered, Run, simulate};

/// The seed of replication `index` of an experiment on `seed`.
pub const fn seed_of(seed: u64, index: u64) -> u64 {
    Luck::new(seed).replication(index).seed()
}

/// Some replications of a scenario.
#[derive(Clone, Debug)]
pub struct Replications<'a> {
    /// The scenario to run.
    pub lowered: &'a Lowered,
    /// The replications to run.
    pub range: Range<u64>,
}

impl Replications<'_> {
    /// Runs them. `done` is called after each one, from any thread and in any order.
    ///
    /// # Errors
    /// The error of the first one (by index) that failed.
    pub fn run(&self, threads: &rayon::ThreadPool, done: &(dyn Fn() + Sync)) -> Result<Vec<Run>, RunError> {
        let one = |index: u64| {
            let run = simulate(self.lowered, seed_of(self.lowered.seed, index));
            done();
            run
        };
        let runs: Vec<Result<Run, RunError>> =
            threads.install(|| self.range.clone().into_par_iter().map(one).collect());
        runs.into_iter().collect()
    }
}

/// A pool of worker threads, as `threads` makes it.
pub type Threads = rayon::ThreadPool;

/// Calls `one` for every index in parallel. The results are in the order of the indices, whatever the number of
/// threads.
pub fn in_parallel<T: Send>(range: Range<u64>, threads: &Threads, one: &(dyn Fn(u64) -> T + Sync)) -> Vec<T> {
    threads.install(|| range.into_par_iter().map(one).collect())
}

/// A pool of worker threads; 0 takes as many as the machine has cores.
///
/// # Errors
/// When the system gives no threads.
pub fn threads(count: usize) -> Result<rayon::ThreadPool, rayon::ThreadPoolBuildError> {
    rayon::ThreadPoolBuilder::new().num_threads(count).build()
}
