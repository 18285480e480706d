//! A stored experiment is simulated once more: a run is a pure function of its scenario and its seed, and a result
//! document holds both.
//!
//! Files that the scenario names are looked for in several folders, since paths in it are relative to where the
//! scenario was, not to where its results are. The caller holds the new run against what it has stored, and rejects it
//! with [`NotAgain::Differs`] when a file has changed in the meantime.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::cell::DecisionDigest;
use crate::measure::Observer;
use crate::scenario::{Document, Scenario};
use crate::simulation::{LowerError, Lowered, Run, RunError, lower, simulate_seen_by};

/// Why a stored run cannot be simulated again.
#[derive(Debug, thiserror::Error)]
pub enum NotAgain {
    /// Another version may simulate otherwise.
    #[error("it was made by stickysim {made_by}, and another version may simulate otherwise")]
    OtherVersion {
        /// The version that made the document.
        made_by: String,
    },
    /// The scenario cannot be read back.
    #[error("{0}")]
    Scenario(String),
    /// The scenario names a file that cannot be used.
    #[error(transparent)]
    Lower(#[from] LowerError),
    /// The trace cannot be read.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The run is another one.
    #[error("run again, {0}: a file that the scenario names has changed")]
    Differs(String),
}

/// What is known of an experiment that was stored.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'a> {
    /// The name of its scenario.
    pub name: &'a str,
    /// The version of stickysim that made it; empty where that is unknown.
    pub made_by: &'a str,
    /// The folders in which the files that the scenario names may lie.
    pub folders: &'a [PathBuf],
}

impl Stored<'_> {
    /// Lowers these effective scenarios with the files of one folder after another, until `one` accepts them. Gives
    /// the error of the first folder if no folder will do.
    ///
    /// # Errors
    /// When another version made it, when a scenario or a file of it cannot be used, and when `one` rejects the run.
    pub fn again<const N: usize, T>(
        &self,
        scenarios: [&Value; N],
        one: impl Fn(&[Lowered; N]) -> Result<T, NotAgain>,
    ) -> Result<T, NotAgain> {
        self.same_version()?;
        let mut first = None;
        for folder in self.folders {
            match self.lowered(scenarios, folder).and_then(|lowered| one(&lowered)) {
                Ok(found) => return Ok(found),
                // that a trace lies in another folder says less than that it differs
                Err(error @ NotAgain::Differs(_)) => return Err(error),
                Err(error) => first = first.or(Some(error)),
            }
        }
        Err(first.unwrap_or_else(|| NotAgain::Scenario("there is no folder to look for its files".to_owned())))
    }

    fn same_version(&self) -> Result<(), NotAgain> {
        if self.made_by == env!("CARGO_PKG_VERSION") {
            return Ok(());
        }
        let made_by = if self.made_by.is_empty() { "an unknown version" } else { self.made_by };
        Err(NotAgain::OtherVersion { made_by: made_by.to_owned() })
    }

    fn lowered<const N: usize>(&self, scenarios: [&Value; N], folder: &Path) -> Result<[Lowered; N], NotAgain> {
        let mut all = Vec::with_capacity(N);
        for scenario in scenarios {
            all.push(lower(&stored_scenario(scenario, self.name, folder)?)?);
        }
        <[Lowered; N]>::try_from(all).map_err(|_| NotAgain::Scenario("it has no scenario".to_owned()))
    }
}

/// The effective scenario that a document holds; paths in it are relative to `base`.
///
/// # Errors
/// When it is not a valid scenario of this version.
pub fn stored_scenario(scenario: &Value, name: &str, base: &Path) -> Result<Scenario, NotAgain> {
    let file = Document::parse(&scenario.to_string(), Path::new(name), base);
    let loaded = file.and_then(|file| file.resolve(&[]));
    let valid = loaded.map(|loaded| loaded.scenario);
    valid.map_err(|error| NotAgain::Scenario(format!("its scenario is not valid: {error}")))
}

/// A first replication that an observer has seen.
#[derive(Clone, Debug)]
pub struct Seen<O> {
    /// The figures of the run.
    pub run: Run,
    /// The observer after the run.
    pub observer: O,
    /// What all decisions of the scheduler amount to, by which one knows that two runs are the same.
    pub decisions: String,
}

/// Runs the first replication of an experiment on this seed before an observer.
///
/// # Errors
/// When the trace cannot be read.
pub fn first_replication<O: Observer>(lowered: &Lowered, seed: u64, observer: O) -> Result<Seen<O>, RunError> {
    let (run, (observer, digest)) = simulate_seen_by(lowered, seed, (observer, DecisionDigest::default()))?;
    Ok(Seen { run, observer, decisions: digest.digest().to_string() })
}

/// The same scenario with escape off; `None` where it has no gate that is on.
pub fn without_escape(lowered: &Lowered) -> Option<Lowered> {
    lowered.measure.gate.enabled.then(|| {
        let mut off = lowered.clone();
        off.gateway.scheduler.sticky_escape_enabled = false;
        off.measure.gate.enabled = false;
        off
    })
}
