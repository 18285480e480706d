//! The observer that makes every figure: the groups that are on, side by side.

use super::figures::Figures;
use super::latency::Latency;
use super::outcomes::Outcomes;
use super::{AccountInfo, ConditionInfo, Finished, Observer, Settings};
use crate::units::Time;
use crate::workload::Request;

/// All groups of figures that were asked for.
#[derive(Clone, Debug)]
pub struct Panel {
    latency: Latency,
    outcomes: Outcomes,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    /// Every figure by path.
    pub figures: Figures,
    /// What the reader must know to read them, beside the figures that it touches.
    pub notes: Vec<Note>,
    /// Violations of the invariants (the first few), when they were checked.
    pub violations: Vec<String>,
}

/// A remark on a figure: what is missing, assumed or not to be relied on, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The path that it touches, or the start of several.
    pub figure: &'static str,
    /// The remark, one sentence for people.
    pub text: String,
}

impl Panel {
    /// Ready for a run over these accounts (in order of `AccountIx`) and conditions (as `HealthChange` counts them).
    pub fn new(settings: &Settings, _accounts: &[AccountInfo], _conditions: &[ConditionInfo]) -> Self {
        Self { latency: Latency::new(settings), outcomes: Outcomes::new(settings) }
    }

    /// The figures, once the run is over.
    pub fn into_results(mut self) -> Results {
        let mut figures = Figures::new();
        self.latency.put(&mut figures);
        self.outcomes.put(&mut figures);
        Results { figures, notes: Vec::new(), violations: Vec::new() }
    }
}

impl Observer for Panel {
    #[inline]
    fn arrived(&mut self, now: Time, number: u64, request: &Request) {
        self.outcomes.arrived(now, number, request);
    }

    #[inline]
    fn finished(&mut self, finished: &Finished<'_>) {
        self.latency.finished(finished);
        self.outcomes.finished(finished);
    }

    fn run_over(&mut self, now: Time) {
        self.outcomes.run_over(now);
    }
}
