//! The files of a gateway that `calibrate` and `doctor` take.

use std::path::{Path, PathBuf};

use clap::Args;

use super::places::Kept;

/// The options that name files of the gateway.
#[derive(Args)]
pub(crate) struct GatewayFiles {
    /// The account snapshot, as docs/export/sub2api-export-accounts.sql gives it.
    #[arg(long, value_name = "FILE")]
    pub accounts: Option<PathBuf>,
    /// The gateway's own log with its sticky_escape_triggered lines: a file or a folder of rotated ones, plain, .gz or
    /// .zst, as docker, kubectl, journalctl or Loki give it; may be given several times.
    #[arg(long, value_name = "FILE|DIR")]
    pub escape_log: Vec<PathBuf>,
    /// The gateway's config.yaml of that time; without it a calibration assumes the gateway's defaults.
    #[arg(long, value_name = "FILE")]
    pub gateway_config: Option<PathBuf>,
}

/// The same files, each of which can be read more than once.
pub(crate) struct KeptFiles {
    accounts: Option<Kept>,
    escape_log: Vec<Kept>,
    config: Option<Kept>,
}

impl GatewayFiles {
    /// Every file that was named.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.accounts.iter().chain(&self.escape_log).chain(&self.gateway_config)
    }

    /// Copies what can be read only once, such as standard input, into a folder.
    pub(crate) fn kept(&self, folder: &Path) -> anyhow::Result<KeptFiles> {
        let kept = |path: &PathBuf| Kept::of(path, folder);
        Ok(KeptFiles {
            accounts: self.accounts.as_ref().map(kept).transpose()?,
            escape_log: self.escape_log.iter().map(kept).collect::<Result<_, _>>()?,
            config: self.gateway_config.as_ref().map(kept).transpose()?,
        })
    }
}

impl KeptFiles {
    pub(crate) fn accounts(&self) -> Option<PathBuf> {
        self.accounts.as_ref().map(|kept| kept.path().to_owned())
    }

    pub(crate) fn escape_log(&self) -> Vec<PathBuf> {
        self.escape_log.iter().map(|kept| kept.path().to_owned()).collect()
    }

    pub(crate) fn config(&self) -> Option<PathBuf> {
        self.config.as_ref().map(|kept| kept.path().to_owned())
    }
}
