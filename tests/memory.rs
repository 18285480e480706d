//! Memory follows what is in flight and the live sessions, not the number of requests (issue 3).
//!
//! The only test of its file, so that it has a process of its own: the peak is the run's.

use std::path::Path;

use stickysim::scenario::{Set, load};
use stickysim::simulation::{lower, simulate};

/// The most memory that this process ever had, in MB, where the system tells.
fn peak_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1_024.0)
}

#[test]
#[ignore = "ten million requests"]
fn ten_million_requests_of_slow_account_stay_under_150_mb() {
    let Some(before) = peak_mb() else {
        println!("skipped: no /proc/self/status, so no peak memory");
        return;
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/slow-account.yaml");
    let longer = [Set::parse("duration=270h").unwrap()];
    let lowered = lower(&load(&path, &longer).unwrap().scenario).unwrap();
    let run = simulate(&lowered, lowered.seed).unwrap();
    let peak = peak_mb().unwrap();
    println!("{} requests, peak {peak:.1} MB ({before:.1} MB before the run)", run.totals.requests);
    assert!(run.totals.requests >= 10_000_000, "{} requests", run.totals.requests);
    assert!(peak < 150.0, "{peak} MB");
}
