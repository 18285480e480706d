//! What a calibration is asked for, and why it may fail.

use std::path::{Path, PathBuf};

use super::spans::Limits;
use crate::gateway::RunError;
use crate::scenario::{ScenarioError, Set};
use crate::simulation::LowerError;
use crate::workload::Error;
use crate::workload::replay::Format;

/// What to calibrate from, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The log: a gateway log, or what `format` says.
    pub log: PathBuf,
    /// Its format; `None`: it is recognised by its content.
    pub format: Option<Format>,
    /// The account snapshot.
    pub accounts: Option<PathBuf>,
    /// The gateway's own log with its escapes: files, and folders of files; none: escapes are not compared.
    pub escape_log: Vec<PathBuf>,
    /// The gateway's config.yaml; `None`: its defaults.
    pub gateway_config: Option<PathBuf>,
    /// Further settings (`--set`) on top of it.
    pub sets: Vec<Set>,
    /// Hold the log against this scenario instead of one that is fitted to it.
    pub against: Option<PathBuf>,
    /// The folder to write to.
    pub out: PathBuf,
    /// Whether results of an earlier calibration there may be replaced.
    pub force: bool,
    /// How far beyond the interval a figure may lie, as a share.
    pub tolerance: f64,
    /// How many simulations.
    pub replications: u64,
    /// What counts as a span.
    pub limits: Limits,
    /// All luck comes from this.
    pub seed: u64,
}

impl Options {
    /// As the command line has them where nothing else is said: this log alone, results to `out`.
    pub fn of(log: &Path, out: &Path) -> Self {
        Self {
            log: log.to_path_buf(),
            format: None,
            accounts: None,
            escape_log: Vec::new(),
            gateway_config: None,
            sets: Vec::new(),
            against: None,
            out: out.to_path_buf(),
            force: false,
            tolerance: 0.1,
            replications: 40,
            limits: Limits::default(),
            seed: 1,
        }
    }
}

/// Why a calibration failed.
#[derive(Debug, thiserror::Error)]
pub enum CalibrateError {
    /// A log or a trace.
    #[error(transparent)]
    Log(#[from] Error),
    /// A config file, an override, or the scenario.
    #[error("{0}")]
    Scenario(#[from] ScenarioError),
    /// A file that the scenario names.
    #[error(transparent)]
    Lower(#[from] LowerError),
    /// A simulation of the period failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A fit that is no fit.
    #[error(transparent)]
    Fit(#[from] super::fit::NoNumber),
    /// The folder to write to.
    #[error(transparent)]
    Folder(#[from] super::staged::FolderError),
}
