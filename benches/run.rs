//! What a whole run costs: `cargo bench --bench run`. Its throughput is in requests per second, on one core, from the
//! workload to the figures, all of which are on.
//!
//! Pools like that of scenarios/slow-account.yaml, with so many sessions that about half of the slots are in use once
//! the pool has filled (sessions last about two and a half hours), and one account in eight that is slow for a while.
//!
//! The limits (issue 3): 1.47 million requests a second with 8 accounts, 0.765 million with 20, 0.225 million with 100,
//! 15 times what an event loop in plain Python does.

use std::path::Path;

use divan::Bencher;
use divan::counter::ItemsCount;
use stickysim::scenario::Document;
use stickysim::simulation::{Lowered, lower, simulate};

fn main() {
    divan::main();
}

/// Sessions per hour and account at which half of 24 slots are in use.
const SESSIONS_PER_HOUR: u32 = 90;

fn pool(accounts: u32, hours: u32) -> Lowered {
    let slow: Vec<_> = (1..=accounts).step_by(8).map(|id| id.to_string()).collect();
    let text = format!(
        "
duration: {hours}h
account_defaults:
  concurrency: 24
  ttft: {{lognormal: {{p50: 1.3s, p90: 3s}}}}
  decode: {{tokens_per_second: {{lognormal: {{p50: 58, p90: 90}}}}}}
  prefill_tokens_per_second: 15000
  price: {{input: 1.25, cached_input: 0.125, output: 10}}
accounts:
  - count: {accounts}
conditions:
  - name: slow
    accounts: [{slow}]
    when: {{scheduled: {{at: 2h, for: 20m}}}}
    effect: {{ttft_factor: 20}}
workload:
  synth:
    preset: agentic
    sessions_per_hour: {sessions}
",
        slow = slow.join(", "),
        sessions = accounts * SESSIONS_PER_HOUR,
    );
    let document = Document::parse(&text, Path::new("bench.yaml"), Path::new(".")).expect("a map");
    let loaded = document.resolve(&[]).unwrap_or_else(|error| panic!("{error}"));
    lower(&loaded.scenario).expect("a scenario without files")
}

#[divan::bench(args = [(8, 8), (20, 5), (100, 3)], sample_count = 10, sample_size = 1)]
fn requests(bencher: Bencher<'_, '_>, (accounts, hours): (u32, u32)) {
    let lowered = pool(accounts, hours);
    let run = || simulate(&lowered, lowered.seed).expect("a synthetic workload cannot fail").totals.requests;
    bencher.counter(ItemsCount::new(run())).bench_local(run);
}
