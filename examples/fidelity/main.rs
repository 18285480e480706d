//! Holds the simulator against recordings of the running gateway: `make fidelity`.
//!
//! Exit status 0 when at least 95 % of all figures are inside, no felt percentile is off by more than 10 % and the
//! step-by-step cases agree; 1 when not; 2 when a recording cannot be read.

mod case;
mod exact;
mod judge;
mod page;
mod play;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;

use case::Case;
use page::Verdict;

/// Holds the simulator against recordings of the running gateway.
#[derive(Parser)]
struct Options {
    /// Folder of recordings, one folder a case.
    #[arg(long, default_value = "tests/real-runs")]
    runs: PathBuf,
    /// How often each case is played.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    repetitions: u64,
    /// Write the page here; without it nothing is written.
    #[arg(long)]
    write: Option<PathBuf>,
    /// Text about what is outside, put into the page.
    #[arg(long)]
    notes: Option<PathBuf>,
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
    let folder = &options.runs;
    let mut cases: Vec<PathBuf> = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder of recordings {}", folder.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.join("case.json").exists())
        .collect();
    cases.sort();
    anyhow::ensure!(!cases.is_empty(), "{} holds no recording (folders with a case.json)", folder.display());
    let mut verdicts = Vec::new();
    let read =
        |path: &PathBuf| Case::read(path).with_context(|| format!("cannot read the recording {}", path.display()));
    let cases: Vec<Case> = cases.iter().map(read).collect::<Result<_>>()?;
    for case in &cases {
        let plays: Vec<&Case> = cases.iter().filter(|other| other.is_a_play_of(case)).collect();
        let figures = judge::judge(case, &plays, options.repetitions);
        let exact = exact::check(case, options.repetitions);
        let inside = figures.iter().filter(|figure| figure.inside()).count();
        println!("{:24} {} requests, {inside} of {} figures inside", case.name, case.requests.len(), figures.len());
        for figure in figures.iter().filter(|figure| !figure.inside()) {
            let (low, high) = figure.range;
            println!(
                "    outside: {}: {} not in {low} to {high}",
                figure.name,
                page::recorded(figure, usize::from(6_u8))
            );
        }
        if let Some(exact) = &exact {
            println!("    {}: {}", if exact.passed { "passed" } else { "FAILED" }, exact.text);
        }
        verdicts.push(Verdict {
            name: case.name.clone(),
            manner: case.manner(),
            requests: case.requests.len(),
            figures,
            exact,
        });
    }
    if let Some(path) = &options.write {
        let notes = options.notes.as_ref().map(std::fs::read_to_string).transpose()?.unwrap_or_default();
        let beside = path.with_extension("md.new");
        std::fs::write(&beside, page::render(&verdicts, options.repetitions, &notes))?;
        std::fs::rename(&beside, path)?;
    }
    let figures = || verdicts.iter().flat_map(|verdict| &verdict.figures);
    let (all, inside) = (figures().count(), figures().filter(|figure| figure.inside()).count());
    let far = figures().any(|figure| figure.percentile && figure.off() > 0.10);
    let exact = verdicts.iter().filter_map(|verdict| verdict.exact.as_ref()).all(|exact| exact.passed);
    println!("{inside} of {all} figures inside");
    Ok(inside * 100 >= all * 95 && !far && exact)
}
