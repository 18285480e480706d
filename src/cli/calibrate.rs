//! `stickysim calibrate`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::gateway_files::GatewayFiles;
use super::picture_args::PictureArgs;
use super::places::{Kept, Places};
use super::{End, terminal};
use crate::calibrate::{Agreement, Options, advice, calibrate, report, spans};
use crate::experiment::replicate;
use crate::report::calibration;
use crate::scenario::Set;
use crate::workload::replay::Format;

/// Make a scenario and a trace from the gateway's own logs, and say how far to trust them.
///
/// Fits healthy accounts, finds when they were slow or failed, and compares simulations of the period with the record.
/// Writes DIR/scenario.yaml, DIR/trace.jsonl.gz and DIR/report.md. Exit status 1 when a figure is off by more than the
/// tolerance, 3 when there is too little data to decide. docs/guide/calibrate.md says how to export the logs.
#[derive(Args)]
pub(crate) struct Calibrate {
    /// The log (- for standard input), as docs/export/sub2api-export.sql gives it, the CSV or Excel file of the
    /// gateway's usage page, or any trace with accounts and times to first token (plain, .gz or .zst); or what
    /// --format says.
    #[arg(value_name = "LOG")]
    log: PathBuf,
    /// What the log is; by default it is recognised by its content.
    #[arg(long, value_enum)]
    format: Option<Kind>,
    #[command(flatten)]
    files: GatewayFiles,
    /// The gateway's revision at that time; by default it is inferred from the log (an export with session ids is of
    /// 0.1.179).
    #[arg(long, value_name = "VERSION", value_parser = ["0.1.133", "0.1.179"])]
    gateway_version: Option<String>,
    /// The mode of the gateway's scheduler at that time; by default it is inferred from the log, or from simulations of
    /// each mode.
    #[arg(long, value_name = "MODE", value_parser = ["legacy", "advanced", "weighted"])]
    mode: Option<String>,
    /// A setting on top of that, for example --set sticky_escape_enabled=false; may be given several times.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Fit nothing, and compare the log with this scenario.
    #[arg(long, value_name = "SCENARIO")]
    against: Option<PathBuf>,
    /// The folder to write to.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Replace the results of an earlier calibration in that folder.
    #[arg(long)]
    force: bool,
    /// How far beyond the interval of the simulations a figure may lie, as a share.
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    tolerance: f64,
    /// How many simulations the record is compared with.
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u64).range(5..=10_000))]
    replications: u64,
    /// The least factor on the time to first token that makes a span slow.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.5)]
    least_factor: f64,
    /// All luck comes from this number.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    pictures: PictureArgs,
    /// Worker threads, at most 1024; 0: as many as there are cores.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = super::experiment_args::thread_count)]
    threads: usize,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// The gateway's log.
    Gateway,
    /// Codex rollouts: a file or a folder.
    Codex,
    /// Claude Code sessions of the WEKA corpus: a file, a folder, or a CSV table of requests with their TTFT.
    Weka,
}

impl Calibrate {
    pub(crate) fn run(self) -> anyhow::Result<End> {
        anyhow::ensure!(self.tolerance >= 0.0, "--tolerance is a share, 0 or more");
        anyhow::ensure!(self.least_factor > 1.0, "--least-factor must be above 1");
        let inputs = std::iter::once(&self.log).chain(self.files.paths());
        anyhow::ensure!(
            inputs.filter(|path| path.as_os_str() == "-").count() < 2,
            "standard input (-) can be only one of the log, --accounts, --escape-log and --gateway-config"
        );
        let beside = self.out.parent().unwrap_or(Path::new(".")).to_owned();
        let log = Kept::of(&self.log, &beside)?;
        let files = self.files.kept(&beside)?;
        let known = [("gateway_version", &self.gateway_version), ("mode", &self.mode)];
        let known = known.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", value.as_ref()?)));
        let sets: Vec<String> = known.chain(self.sets).collect();
        let options = Options {
            log: log.path().to_owned(),
            format: match self.format {
                None => None,
                Some(Kind::Gateway) => Some(Format::GatewayLog),
                Some(Kind::Codex) => Some(Format::Codex),
                Some(Kind::Weka) => Some(Format::Weka),
            },
            accounts: files.accounts(),
            escape_log: files.escape_log(),
            gateway_config: files.config(),
            sets: sets.iter().map(|set| Set::parse(set)).collect::<Result<_, _>>()?,
            against: self.against,
            out: self.out,
            force: self.force,
            tolerance: self.tolerance,
            replications: self.replications,
            limits: spans::Limits { least_factor: self.least_factor, ..spans::Limits::default() },
            seed: self.seed,
        };
        // an interrupt leaves nothing unfinished behind
        let places = Places::default().reads("the log", &options.log).writes("--out", Some(&options.out));
        self.pictures.places(places).check()?;
        let pictures = self.pictures.open()?;
        let calibrated = calibrate(&options, &replicate::threads(self.threads)?)?;
        pictures.write(|| calibration::charts(&calibrated), |command| calibration::page(&calibrated, command))?;
        for note in &calibrated.input.notes {
            terminal::remark(terminal::wrapped(&format!("note: {note}")).trim_end());
        }
        terminal::print(&terminal::wrapped(&report::summary(&calibrated).replace("**", "")))?;
        let scenario = options.against.clone().unwrap_or_else(|| options.out.join("scenario.yaml"));
        let next = advice::next(&calibrated, &scenario);
        // a command is one line, so that it can be copied
        let is_command = next.starts_with("next: stickysim ");
        terminal::print(&if is_command { format!("{next}\n") } else { terminal::wrapped(&next) })?;
        terminal::remark(&format!("the whole report: {}", options.out.join("report.md").display()));
        Ok(match calibrated.verdict {
            Agreement::Agrees => End::Done,
            Agreement::Off => End::Failed,
            Agreement::TooLittle => End::NotDecidable,
        })
    }
}
