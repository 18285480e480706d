//! What a result document does not hold is simulated once more: a run is a pure function of its scenario and its seed.
//!
//! The document holds both. The first replication is run again and held against what the document says of it; only if
//! it is the same run, what its accounts and sessions went through is drawn. Files that the scenario names are looked
//! for in several folders, since paths in it are relative to where the scenario was, not to where its results are.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Recording, Sides};
use crate::report::ComparisonReport;
use crate::report::document::{About, ResultDocument, scenario_of};
use crate::simulation::{LowerError, Lowered, RunError, lower, simulate_seen_by};

/// Why a run cannot be had again.
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

fn same_version(made_by: &str) -> Result<(), NotAgain> {
    if made_by == env!("CARGO_PKG_VERSION") {
        return Ok(());
    }
    let made_by = if made_by.is_empty() { "an unknown version".to_owned() } else { made_by.to_owned() };
    Err(NotAgain::OtherVersion { made_by })
}

/// Tries folder after folder; gives the error of the first if none will do.
fn in_any<T>(folders: &[PathBuf], one: impl Fn(&Path) -> Result<T, NotAgain>) -> Result<T, NotAgain> {
    let mut first = None;
    for folder in folders {
        match one(folder) {
            Ok(found) => return Ok(found),
            // that a trace lies elsewhere is less telling than that it differs
            Err(error @ NotAgain::Differs(_)) => return Err(error),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.unwrap_or_else(|| NotAgain::Scenario("there is no folder to look for its files".to_owned())))
}

fn lowered(scenario: &Value, name: &str, folder: &Path) -> Result<Lowered, NotAgain> {
    let scenario = scenario_of(scenario, name, folder).map_err(|error| NotAgain::Scenario(error.to_string()))?;
    Ok(lower(&scenario)?)
}

/// Runs the first replication of a run's document again and records it. Completes in the document what only the
/// scenario's files tell. `json` is the document as it was read, `folders` where to look for files that the scenario
/// names.
///
/// With one replication every figure is compared. With several only their means are in the document: then the state of
/// the accounts over time is compared, which is there of the first one (of up to 64 accounts).
///
/// # Errors
/// When it cannot be had again, or is not the same run.
pub fn run_again(
    document: &mut ResultDocument,
    json: &Value,
    made_by: &str,
    folders: &[PathBuf],
) -> Result<Recording, NotAgain> {
    same_version(made_by)?;
    let (recording, baseline) = in_any(folders, |folder| {
        let about = &document.about;
        let lowered = lowered(&about.scenario, &about.name, folder)?;
        let eyes = Recording::new(&lowered.measure, &lowered.accounts, &lowered.account_names);
        let (run, recording) = simulate_seen_by(&lowered, about.seed, eyes)?;
        let seed = about.seed;
        let about = About { account_names: lowered.account_names.clone(), ..about.clone() };
        let again = ResultDocument::new(about, std::slice::from_ref(&run.results));
        let again: Value = serde_json::from_str(&again.to_json()).unwrap_or_default();
        compare(json, &again, document.replications)?;
        let without = Recording::without_escape(&lowered, seed)?;
        Ok((recording.against(without), lowered.healthy_ttft_ms()))
    })?;
    document.about.baseline_ms = baseline;
    Ok(recording)
}

/// Runs the first replication of both sides of a comparison again.
///
/// # Errors
/// When it cannot be had again, or the decisions are not those of the comparison.
pub fn comparison_again(report: &ComparisonReport, made_by: &str, folders: &[PathBuf]) -> Result<Sides, NotAgain> {
    same_version(made_by)?;
    in_any(folders, |folder| {
        let [a, b] = &report.scenarios;
        let (sides, first) = Sides::record(&lowered(a, &report.name, folder)?, &lowered(b, &report.name, folder)?)?;
        if first != report.comparison.first {
            return Err(NotAgain::Differs("its decisions are other ones".to_owned()));
        }
        Ok(sides)
    })
}

/// Whether a run is that of a document.
fn compare(document: &Value, again: &Value, replications: usize) -> Result<(), NotAgain> {
    let differs = |what: &str, there: &Value, here: &Value| {
        let short = |value: &Value| value.to_string().chars().take(40).collect::<String>();
        NotAgain::Differs(format!("{what} is {} and not {}", short(here), short(there)))
    };
    if replications == 1 {
        for (key, there) in document.as_object().into_iter().flatten() {
            if matches!(key.as_str(), "answer" | "engine" | "notes" | "scenario") {
                continue;
            }
            let here = again.get(key).unwrap_or(&Value::Null);
            if there != here {
                return Err(differs(key, there, here));
            }
        }
        return Ok(());
    }
    let accounts = |of: &Value| of.get("accounts").and_then(Value::as_array).cloned().unwrap_or_default();
    for (there, here) in accounts(document).iter().zip(&accounts(again)) {
        let over_time = |of: &Value| of.get("over_time").cloned().unwrap_or_default();
        if over_time(there) != over_time(here) {
            return Err(NotAgain::Differs(format!("account {} went another way", there["id"])));
        }
    }
    Ok(())
}
