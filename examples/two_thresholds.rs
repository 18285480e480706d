//! Teaches: compare two settings on the same luck, one pair of runs for each replication.
//!
//!     cargo run --release --example two_thresholds

use std::path::Path;

use stickysim::experiment::replicate::seed_of;
use stickysim::scenario::{Document, Set};
use stickysim::simulation::{Lowered, lower, simulate};

const SCENARIO: &str = "
    duration: 2h
    accounts: [{count: 5, concurrency: 20, ttft: {lognormal: {p50: 1s, p90: 3s}}}]
    conditions:
      - {name: slow, accounts: [2], when: {scheduled: {at: 30m, for: 30m}}, effect: {ttft_factor: 30}}
    workload: {synth: {preset: chat, sessions_per_hour: 1000}}
";

/// The share of requests over the scenario's SLO in one replication.
fn over_slo(lowered: &Lowered, replication: u64) -> Result<f64, Box<dyn std::error::Error>> {
    let run = simulate(lowered, seed_of(lowered.seed, replication))?;
    Ok(run.results.figures.run.get("felt_ttft_ms.over_slo_ratio").flatten().unwrap_or_default())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let document = Document::parse(SCENARIO, Path::new("example.yaml"), Path::new(""))?;
    let with = |threshold: &str| -> Result<Lowered, Box<dyn std::error::Error>> {
        let set = Set::new("sticky_escape_ttft_ms", threshold)?;
        Ok(lower(&document.resolve(&[set])?.scenario)?)
    };
    let (low, high) = (with("5000")?, with("600000")?);
    let mut lower_is_better = 0;
    for replication in 0..5 {
        let (a, b) = (over_slo(&low, replication)?, over_slo(&high, replication)?);
        println!("replication {replication}: {:.2} % over the SLO with 5 s, {:.2} % with 600 s", 100.0 * a, 100.0 * b);
        lower_is_better += u32::from(a < b);
    }
    assert_eq!(lower_is_better, 5, "a threshold that is never reached keeps sessions on the slow account");
    Ok(())
}

#[test]
fn it_says_what_it_claims() {
    main().unwrap();
}
