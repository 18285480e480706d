//! Measures the error rates of what stickysim says, on models whose truth can be simulated: `make validity`.
//!
//! Exit status 0 when intervals hold the truth 92 to 98 times in 100 at 20 and at 50 replications and a mere re-deal is
//! called different at most 7 times in 100 (as far as the number of experiments lets one say); 1 when not; 2 when a
//! model cannot be run.

mod calibrate;
mod coverage;
mod model;
mod page;
mod redeal;
mod search;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;

use model::Model;

/// Measures the error rates of intervals, comparisons and searches.
#[derive(Parser)]
struct Options {
    /// Experiments on the small pool; each of the other parts takes a share of it.
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u64).range(20..))]
    experiments: u64,
    /// The program whose searches are measured; none: they are not.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Searches of each case [default: a twentieth of the experiments].
    #[arg(long)]
    searches: Option<u64>,
    /// Logs whose calibrated model is judged [default: a tenth of the experiments].
    #[arg(long)]
    logs: Option<u64>,
    /// Threads; 0 takes all cores.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Write the page here; without it nothing is written.
    #[arg(long)]
    write: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<bool> {
    let threads = stickysim::experiment::replicate::threads(options.threads)?;
    let pool = Model::open("tests/validity/pool.yaml", &[], &threads)?;
    // the shipped one is larger: fewer experiments, and of at most 20 replications
    let shipped = Model::open("scenarios/slow-account.yaml", &["duration=2h", "warmup=30m"], &threads)?;
    let runs = pool.runs(options.experiments, 50)?;
    let of_shipped = shipped.runs((options.experiments / 20).max(20), 20)?;
    let coverages = [coverage::measure(&pool.name, &runs), coverage::measure(&shipped.name, &of_shipped)];
    // every part of the page is shown as soon as it is measured; further ones come at the end
    let mut parts: Vec<String> = Vec::new();
    let mut part = |text: String| {
        print!("{text}");
        parts.push(text);
    };
    coverages.iter().for_each(|found| part(page::coverage(found)));
    let redeal = redeal::measure(&pool, &runs)?;
    part(page::redeal(&redeal));
    let searches = options.searches.unwrap_or((options.experiments / 20).max(4));
    part(page::searches(&search::measure(options.program.as_deref(), searches, &threads)?));
    let verdicts = calibrate::measure(options.logs.unwrap_or((options.experiments / 10).max(8)), &threads)?;
    part(verdicts.chapter());
    if let Some(path) = &options.write {
        let beside = path.with_extension("md.new");
        std::fs::write(&beside, page::render(&parts)).with_context(|| format!("cannot write {}", beside.display()))?;
        std::fs::rename(&beside, path)?;
    }
    Ok(coverages[0].holds() && redeal.holds() && verdicts.hold())
}
