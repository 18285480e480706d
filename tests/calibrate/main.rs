//! Calibration held against known truths: simulations exported in the log's shape, recordings of the running gateway,
//! sessions of the WEKA corpus and Codex rollouts, broken logs, and the export queries on a real PostgreSQL.

mod anonymous;
#[path = "../common/shared.rs"]
mod beside;
mod broken;
mod cache;
mod escape_logs;
mod little;
#[path = "../../examples/validity/calibrate.rs"]
mod measured;
#[path = "../common/missing.rs"]
mod missing;
mod modes;
mod other_formats;
mod pictures;
mod pools;
mod queries;
mod recordings;
mod sessions;
mod traces;
mod usage;
mod verbs;
mod verdicts;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use recordings::recording;
use stickysim::calibrate::backtest::{Compared, FigureAgreement};
use stickysim::calibrate::export::LogExport;
use stickysim::calibrate::handed::Handed;
use stickysim::calibrate::spans::Limits;
use stickysim::calibrate::tries::Fault;
use stickysim::calibrate::{Agreement, Calibrated, Options, calibrate, gateway_log, report};
use stickysim::engine::Luck;
use stickysim::experiment::replicate::threads;
use stickysim::scenario::Document;
use stickysim::simulation::{lower, simulate_seen_by};
use stickysim::workload::replay::Format;

/// A folder of its own, empty.
fn folder(name: &str) -> PathBuf {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("stickysim-calibrate-{}-{number}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn options(log: &Path, out: &Path) -> Options {
    Options::of(log, &out.join("out"))
}

fn run(options: &Options) -> Calibrated {
    calibrate(options, &threads(0).unwrap()).unwrap_or_else(|error| panic!("{error}"))
}

/// The log of a simulation of this scenario (accounts 1, 2, ...), and when it started, in Unix seconds.
fn exported(text: &str) -> (String, f64) {
    let document = Document::parse(text, Path::new("pool.yaml"), Path::new(".")).unwrap();
    let scenario = document.resolve(&[]).unwrap_or_else(|error| panic!("{error}")).scenario;
    let lowered = lower(&scenario).unwrap();
    let ids = (1..=lowered.accounts.len() as i64).collect();
    let export = LogExport::new(ids, Some(1), |model| format!("m{model}"));
    let (_, export) = simulate_seen_by(&lowered, lowered.seed, export).unwrap();
    (export.lines(), lowered.start.unix_nanos() as f64 / 1e9)
}
