//! Teaches: put an upstream of your own behind the gateway.
//!
//! Here every account answers after a fixed time that grows with its number, so the figures can be worked out by hand.
//!
//!     cargo run --release --example own_upstream

use std::path::Path;

use stickysim::engine::Luck;
use stickysim::gateway::Gateway;
use stickysim::ids::SessionRef;
use stickysim::measure::Panel;
use stickysim::scenario::Document;
use stickysim::simulation::lower;
use stickysim::units::{Span, Time};
use stickysim::upstream::{Attempt, Forward, HealthChange, Upstream};
use stickysim::workload::{RecordedAttempt, Source};

const SCENARIO: &str = "
    duration: 1h
    accounts: [{count: 3, concurrency: 50}]
    workload: {synth: {preset: chat, sessions_per_hour: 200}}
";

/// Account 1 takes one second to its first token, account 2 two, account 3 three; the answer ends a second later.
struct Fixed;

impl Upstream for Fixed {
    fn begin(&mut self, forward: &Forward<'_>, _changes: &mut Vec<HealthChange>) -> Attempt {
        let ttft = Span::from_secs(1 + forward.account.at() as u64);
        let fate = RecordedAttempt::Ok { ttft, end: ttft + Span::SECOND };
        Attempt { fate, cached_tokens: 0, degraded: false, message: 0 }
    }

    fn end(&mut self, _forward: &Forward<'_>, _attempt: &Attempt, _now: Time) {}

    fn next_change(&self) -> Option<Time> {
        None
    }

    fn advance(&mut self, _now: Time, _changes: &mut Vec<HealthChange>) {}

    fn forget(&mut self, _session: SessionRef) {}
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let document = Document::parse(SCENARIO, Path::new("example.yaml"), Path::new(""))?;
    let lowered = lower(&document.resolve(&[])?.scenario)?;
    let luck = Luck::new(lowered.seed);
    let mut workload = Source::open(lowered.workload.clone(), luck, lowered.start)?;
    let panel = Panel::new(&lowered.measure, &lowered.accounts, &lowered.conditions);
    let mut gateway =
        Gateway::new(lowered.gateway.clone(), lowered.pool.clone(), luck, &mut workload, Fixed, (panel, ()));
    gateway.run()?;
    let ((panel, ()), _) = gateway.into_parts();
    let figures = panel.into_results().figures.run;
    let (median, longest) = (figures.get("felt_ttft_ms.p50").flatten(), figures.get("felt_ttft_ms.max").flatten());
    println!("median {median:?} ms, longest {longest:?} ms");
    assert_eq!(longest, Some(3_000.0), "no account takes longer than three seconds, and none is full");
    assert!(median.is_some_and(|median| [1_000.0, 2_000.0].contains(&median)), "the faster accounts get more requests");
    Ok(())
}

#[test]
fn it_says_what_it_claims() {
    main().unwrap();
}
