//! Teaches: look at every step of a run with an observer of your own.
//!
//! This one finds the longest wait for a first token among the sessions' requests, and the account that served it.
//!
//!     cargo run --release --example own_observer

use std::path::Path;

use stickysim::measure::{Finished, Observer};
use stickysim::scenario::Document;
use stickysim::simulation::{lower, simulate_seen_by};
use stickysim::units::Span;

const SCENARIO: &str = "
    duration: 1h
    accounts: [{count: 3, concurrency: 20, ttft: {lognormal: {p50: 1s, p90: 3s}}}]
    conditions:
      - {name: slow, accounts: [2], when: {scheduled: {at: 20m, for: 20m}}, effect: {ttft_factor: 30}}
    workload: {synth: {preset: chat, sessions_per_hour: 400}}
";

/// Every method of `Observer` has an empty body by default: implement those that you want to hear of.
#[derive(Default)]
struct Worst {
    felt: Span,
    account: Option<usize>,
    requests: u64,
}

impl Observer for Worst {
    fn finished(&mut self, finished: &Finished<'_>) {
        self.requests += 1;
        if let Some(felt) = finished.felt_ttft().filter(|&felt| felt > self.felt) {
            self.felt = felt;
            self.account = finished.account.map(|account| account.at());
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let document = Document::parse(SCENARIO, Path::new("example.yaml"), Path::new(""))?;
    let lowered = lower(&document.resolve(&[])?.scenario)?;
    let (run, worst) = simulate_seen_by(&lowered, lowered.seed, Worst::default())?;
    println!("{} requests; the longest wait was {} on account {:?}", worst.requests, worst.felt, worst.account);
    assert_eq!(worst.requests, run.totals.requests, "the observer hears of every request");
    assert_eq!(worst.account, Some(1), "account 2 has index 1: it is the one that turned slow");
    Ok(())
}

#[test]
fn it_says_what_it_claims() {
    main().unwrap();
}
