//! Turns a scenario into the plain settings of the rooms, with one file for each room.
//!
//! The rooms know nothing of scenario files, and a scenario knows nothing of the rooms; they meet here. Files that a
//! scenario names (samples, recorded factors) are read here.

mod distribution;
mod files;
mod gateway;
mod measure;
mod models;
mod service;
mod upstream;
mod workload;

#[cfg(test)]
mod key_tests;
#[cfg(test)]
mod tests;

pub use measure::settings;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::engine::BadParameter;
use crate::ids::AccountIx;
use crate::scenario::{Scenario, Service};
use crate::scheduler;
use crate::units::Time;
use crate::workload::{Expected, WorkloadConfig};

/// Everything that one run is made from.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// The seed of all luck.
    pub seed: u64,
    /// When virtual time starts.
    pub start: Time,
    /// The pool in order of account ids: `AccountIx(i)` is `pool[i]`.
    pub pool: Vec<scheduler::Account>,
    /// The request loop's settings, the scheduler's among them.
    pub gateway: crate::gateway::Config,
    /// The accounts' models and the conditions that degrade them.
    pub upstream: crate::upstream::Config,
    /// Whether recorded attempts answer where the trace has them.
    pub recorded_service: bool,
    /// Where requests come from.
    pub workload: WorkloadConfig,
    /// How the run is measured. `check` is off, all groups are on.
    pub measure: crate::measure::Settings,
    /// What the observers know of the accounts.
    pub accounts: Vec<crate::measure::AccountInfo>,
    /// What the observers know of the conditions, as `HealthChange` counts them.
    pub conditions: Vec<crate::measure::ConditionInfo>,
    /// The names of the accounts in reports: their own, or otherwise their ids.
    pub account_names: Vec<String>,
}

/// Why a checked scenario still cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum LowerError {
    /// A file that the scenario names is missing or has no usable content.
    #[error("{}{}: {message} (named by `{key}`)", file.display(), line_of(*line))]
    BadFile {
        /// The scenario's key that names it.
        key: String,
        /// The file.
        file: PathBuf,
        /// The line in it, from 1; 0: the file as a whole.
        line: u64,
        /// What is wrong and what was expected.
        message: String,
    },
    /// The run would begin with more sessions under way than memory holds.
    #[error(
        "in equilibrium {sessions:.3e} sessions are under way, more than 5,000,000: `sessions_per_hour`, `turns` and \
         `think_time` of the workload, or `ttft`, `decode` and `prefill_tokens_per_second` of the accounts, make that \
         many; give smaller ones, or begin without sessions (`workload.synth.start: empty`)"
    )]
    TooManySessions {
        /// Sessions under way that are expected.
        sessions: f64,
    },
    /// A distribution that cannot be drawn from.
    #[error("`{key}`: {source}")]
    BadParameter {
        /// The scenario's key.
        key: String,
        /// What is wrong.
        source: BadParameter,
    },
}

impl Lowered {
    /// The TTFT of the healthy pool in ms, before the effects of size, prefill and load: the median over the accounts
    /// of their medians. `None` if the pool is empty.
    pub fn healthy_ttft_ms(&self) -> Option<f64> {
        let mut medians: Vec<f64> =
            self.upstream.accounts.iter().map(|account| account.ttft_s.median() * 1e3).collect();
        medians.sort_by(f64::total_cmp);
        medians.get(medians.len() / 2).copied()
    }
}

impl Lowered {
    /// What to expect of a synthetic workload in its stationary state, while all is well; `None` for a trace.
    pub fn expected(&self) -> Option<Expected> {
        match &self.workload {
            WorkloadConfig::Synth(config) => {
                Some(config.expected(service::mean_service_s(config, &self.upstream.accounts)))
            }
            WorkloadConfig::Replay(_) => None,
        }
    }
}

fn line_of(line: u64) -> String {
    if line == 0 { String::new() } else { format!(":{line}") }
}

/// Turns a scenario into the settings of the rooms.
///
/// # Errors
/// When a file that it names cannot be used.
pub fn lower(scenario: &Scenario) -> Result<Lowered, LowerError> {
    let models = models::Models::of(scenario);
    let upstream = upstream::lower(scenario, &models)?;
    Ok(Lowered {
        seed: scenario.seed,
        start: scenario.epoch.0,
        pool: gateway::pool(scenario),
        gateway: gateway::lower(scenario),
        recorded_service: scenario.service == Service::Recorded,
        workload: workload::lower(scenario, &models, &upstream.accounts)?,
        measure: measure::settings(scenario),
        accounts: measure::accounts(scenario),
        conditions: measure::conditions(&upstream.conditions),
        account_names: account_names(scenario),
        upstream,
    })
}

/// The accounts' own names, or otherwise their ids. Accounts that share a name are distinguished by a number: `plus-1`,
/// `plus-2`.
fn account_names(scenario: &Scenario) -> Vec<String> {
    let named = |name: &str| scenario.accounts.iter().filter(|account| account.name == name).count();
    let mut given: BTreeMap<&str, (bool, usize)> = BTreeMap::new();
    let mut names = Vec::with_capacity(scenario.accounts.len());
    for account in &scenario.accounts {
        let name = account.name.as_str();
        if name.is_empty() {
            names.push(account.id.unwrap_or_default().to_string());
            continue;
        }
        let (is_shared, met) = given.entry(name).or_insert_with(|| (named(name) > 1, 0));
        *met += 1;
        names.push(if *is_shared { format!("{name}-{met}") } else { name.to_owned() });
    }
    names
}

/// The index in the pool of an account id.
fn index_of(scenario: &Scenario, id: i64) -> Option<AccountIx> {
    let at = scenario.accounts.binary_search_by_key(&Some(id), |account| account.id).ok()?;
    u32::try_from(at).ok().map(AccountIx)
}
