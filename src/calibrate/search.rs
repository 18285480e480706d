//! Where sessions are unknown: how many there may have been, judged by what sessions bring about.

use super::backtest::{distance, replicate};
use super::observed::{Seen, Watch};
use super::options::CalibrateError;
use crate::engine::Distribution;
use crate::experiment::replicate::Threads;
use crate::simulation::Lowered;
use crate::workload::Error;
use crate::workload::config::{AssumedSessions, Sessions, WorkloadConfig};

/// The search for how many sessions there may have been.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// What was recorded.
    pub record: &'a Seen,
    /// How simulations are looked at.
    pub watch: &'a Watch,
    /// Ids of the accounts.
    pub ids: &'a [i64],
    /// Requests a second.
    pub rate: f64,
    /// How many requests there are.
    pub requests: usize,
}

/// Simulations for each number tried.
const TRIALS: u64 = 6;
/// Requests that are enough for the search.
const ENOUGH: u64 = 30_000;

impl Search<'_> {
    /// The mean time between turns in s with which simulations are nearest to the record.
    ///
    /// # Errors
    /// When the trace cannot be played.
    pub fn best(&self, lowered: &Lowered, threads: &Threads) -> Result<f64, CalibrateError> {
        let most = (self.requests as f64 / 3.0).max(3.0);
        let mut best = (f64::INFINITY, 60.0);
        let mut live = 3.0;
        while live < most {
            let think = live / self.rate.max(1e-6);
            let mut tried = lowered.clone();
            if let WorkloadConfig::Replay(replay) = &mut tried.workload {
                let exponential = Distribution::exponential(think).map_err(Error::from)?;
                let turns = Distribution::constant(1e9).map_err(Error::from)?;
                replay.sessions = Sessions::Assume(AssumedSessions { turns, think_s: exponential });
                replay.limits.requests.get_or_insert(ENOUGH);
            }
            let runs = replicate(&tried, self.watch, 0..TRIALS, threads)?;
            let off = distance(self.record, &runs, self.ids);
            if off < best.0 {
                best = (off, think);
            }
            live *= 1.26;
        }
        Ok(best.1)
    }
}
