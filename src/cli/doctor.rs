//! `stickysim doctor`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::gateway_files::GatewayFiles;
use super::places::Kept;
use super::{End, terminal};
use crate::calibrate::doctor::{Diagnosed, Given, diagnose};

/// Say whether your gateway's config, log and account snapshot fit together, what is missing, and what to type next.
///
/// Give what you have, in any order: each file is recognised by its content, and a folder is searched. A file that is
/// given by an option is taken for what the option says, whatever it looks like. Nothing is simulated or fitted, and
/// nothing is written.
#[derive(Args)]
#[command(after_help = "Exit status: 0 they fit, 1 they do not, 2 bad input, 3 too little to calibrate by.\n\n\
    Examples:\n  \
    stickysim doctor log.jsonl accounts.jsonl gateway.log config.yaml\n  \
    stickysim doctor my-gateway-files/\n  \
    stickysim doctor log.jsonl --escape-log /var/log/sub2api --output json")]
pub(crate) struct Doctor {
    /// Logs of requests, account snapshots, the gateway's own log, its config.yaml or .env, scenarios; or folders of
    /// them.
    #[arg(value_name = "FILE|DIR", required_unless_present_any = NAMED)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    files: GatewayFiles,
    /// The gateway's environment (.env, or a compose file).
    #[arg(long, value_name = "FILE")]
    gateway_env: Option<PathBuf>,
    /// What to print.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// The options that name files.
const NAMED: [&str; 4] = ["accounts", "escape_log", "gateway_config", "gateway_env"];

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// Files, findings, verdict and the next command, for machines.
    Json,
}

impl Doctor {
    pub(crate) fn run(self) -> anyhow::Result<End> {
        let kept = self.paths.iter().map(|path| Kept::of(path, Path::new("."))).collect::<Result<Vec<_>, _>>()?;
        let diagnosis = diagnose(&Given {
            paths: kept.iter().map(|kept| kept.path().to_owned()).collect(),
            accounts: self.files.accounts,
            escape_log: self.files.escape_log,
            gateway_config: self.files.gateway_config,
            gateway_env: self.gateway_env,
        })?;
        match self.output {
            Output::Text => terminal::print(&terminal::wrapped(&diagnosis.to_string()))?,
            Output::Json => terminal::print(&serde_json::to_string_pretty(&diagnosis)?)?,
        }
        Ok(match diagnosis.verdict {
            Diagnosed::Fits => End::Done,
            Diagnosed::DoesNotFit => End::Failed,
            Diagnosed::TooLittle => End::NotDecidable,
        })
    }
}
