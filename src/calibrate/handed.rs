//! A simulated run in the files in which an operator hands over reality: the export, the account snapshot, the escape
//! log and the gateway's config. What calibration makes of them can be held against the truth.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::export::LogExport;
use super::options::{CalibrateError, Options};
use super::scenario::yaml;
use super::staged::FolderError;
use crate::scenario::{AccountType, Scenario, Set};
use crate::simulation::{lower, simulate_seen_by};

/// The files of a run.
#[derive(Clone, Debug)]
pub struct Handed {
    /// The export of the requests.
    pub log: PathBuf,
    /// The account snapshot.
    pub accounts: PathBuf,
    /// The gateway's log of its escapes.
    pub escape_log: PathBuf,
    /// The gateway's config.
    pub gateway_config: PathBuf,
    /// The gateway's revision and mode, as overrides.
    pub revision: Vec<Set>,
}

impl Handed {
    /// Runs `scenario` once with its own seed and writes the files to `folder`, which must be there.
    ///
    /// # Errors
    /// When the scenario cannot be run or a file cannot be written.
    pub fn over(scenario: &Scenario, folder: &Path) -> Result<Self, CalibrateError> {
        let lowered = lower(scenario)?;
        let ids: Vec<i64> = (1..=scenario.accounts.len() as i64).collect();
        let export = LogExport::new(ids.clone(), Some(1), |model| format!("m{model}"));
        let (_, export) = simulate_seen_by(&lowered, lowered.seed, export)?;
        let snapshot: String = ids
            .iter()
            .zip(&scenario.accounts)
            .map(|(id, account)| {
                let oauth = account.kind == AccountType::Oauth;
                let line = json!({
                    "account_id": id, "type": if oauth { "oauth" } else { "apikey" }, "status": "active",
                    "schedulable": true, "priority": account.priority, "concurrency": account.concurrency,
                    "load_factor": account.load_factor, "groups": [1],
                });
                format!("{line}\n")
            })
            .collect();
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            match std::fs::write(&path, text) {
                Ok(()) => Ok(path),
                Err(source) => Err(FolderError::Io { doing: "write", path, source }),
            }
        };
        let config = yaml(&json!({"gateway": scenario.gateway}), "What the gateway was set to.");
        let (version, mode) = (scenario.version().name(), scenario.scheduler_mode().name());
        let revision = [format!("gateway_version={version}"), format!("mode={mode}")];
        Ok(Self {
            revision: revision.iter().map(|set| Set::parse(set)).collect::<Result<_, _>>()?,
            escape_log: write("escapes.log", &export.escapes)?,
            log: write("log.jsonl", &export.lines())?,
            accounts: write("accounts.jsonl", &snapshot)?,
            gateway_config: write("config.yaml", &config)?,
        })
    }

    /// Calibrates from them.
    pub fn options(&self, out: &Path) -> Options {
        Options {
            accounts: Some(self.accounts.clone()),
            escape_log: vec![self.escape_log.clone()],
            gateway_config: Some(self.gateway_config.clone()),
            sets: self.revision.clone(),
            ..Options::of(&self.log, out)
        }
    }
}
