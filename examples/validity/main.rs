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
    coverages.iter().for_each(|found| print!("{}", page::coverage(found)));
    let redeal = redeal::measure(&pool, &runs)?;
    print!("{}", page::redeal(&redeal));
    let searches = search::measure(options.program.as_deref(), (options.experiments / 20).max(4), &threads)?;
    print!("{}", page::searches(&searches));
    let verdicts = calibrate::measure((options.experiments / 10).max(8), &threads)?;
    print!("{}", verdicts.chapter());
    if let Some(path) = &options.write {
        let beside = path.with_extension("md.new");
        std::fs::write(&beside, page::render(&coverages, &redeal, &searches) + "\n" + &verdicts.chapter())
            .with_context(|| format!("cannot write {}", beside.display()))?;
        std::fs::rename(&beside, path)?;
    }
    Ok(coverages[0].holds() && redeal.holds() && verdicts.hold())
}
