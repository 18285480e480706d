//! Teaches: feed the gateway with requests of your own.
//!
//! Ten sessions send a request each second. With one slot an account, those that find their account full go elsewhere.
//!
//!     cargo run --release --example own_workload

use std::path::Path;

use stickysim::engine::Luck;
use stickysim::gateway::Gateway;
use stickysim::ids::{ModelId, SessionRef};
use stickysim::measure::Panel;
use stickysim::scenario::Document;
use stickysim::simulation::lower;
use stickysim::units::{Span, Time};
use stickysim::upstream::ModelledUpstream;
use stickysim::workload::{Ending, Error, Previous, Request, SessionHash, Workload};

const SCENARIO: &str = "
    accounts: [{count: 4, concurrency: 1, ttft: {lognormal: {p50: 500ms, p90: 900ms}}}]
    workload: {synth: {preset: chat}}
";

/// Session `turn % 10` sends a request at each second.
struct EverySecond {
    start: Time,
    sent: u32,
    total: u32,
}

impl Workload for EverySecond {
    fn peek(&mut self) -> Result<Option<Time>, Error> {
        Ok((self.sent < self.total).then(|| self.start + Span::from_secs(u64::from(self.sent))))
    }

    fn next(&mut self) -> Result<Option<Request>, Error> {
        let Some(at) = self.peek()? else { return Ok(None) };
        let session = self.sent % 10;
        let request = Request {
            // the request's luck: the same number under every policy
            luck: u64::from(self.sent),
            at,
            session: Some(SessionRef { slot: session, number: u64::from(session) }),
            session_hash: SessionHash::of_name(&format!("session {session}")),
            turn: self.sent / 10,
            connection: u64::from(session),
            previous: Previous::None,
            user: None,
            model: ModelId(1),
            input_tokens: 1_000,
            output_tokens: 30,
            patience: None,
            recorded: None,
        };
        self.sent += 1;
        Ok(Some(request))
    }

    fn ended(&mut self, _request: &Request, _ending: Ending) {}

    fn retired(&mut self) -> Option<SessionRef> {
        None
    }

    fn model_name(&self, _model: ModelId) -> &str {
        "gpt-5"
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let document = Document::parse(SCENARIO, Path::new("example.yaml"), Path::new(""))?;
    let lowered = lower(&document.resolve(&[])?.scenario)?;
    let luck = Luck::new(lowered.seed);
    let mut workload = EverySecond { start: lowered.start, sent: 0, total: 600 };
    let upstream = ModelledUpstream::new(lowered.upstream.clone(), luck, lowered.start);
    let panel = Panel::new(&lowered.measure, &lowered.accounts, &lowered.conditions);
    let mut gateway =
        Gateway::new(lowered.gateway.clone(), lowered.pool.clone(), luck, &mut workload, upstream, (panel, ()));
    let totals = gateway.run()?;
    let ((panel, ()), _) = gateway.into_parts();
    let escapes = panel.into_results().figures.run.get("escapes.total").flatten();
    println!("{} requests, {escapes:?} escapes", totals.requests);
    assert_eq!(totals.requests, 600, "every request arrived");
    Ok(())
}

#[test]
fn it_says_what_it_claims() {
    main().unwrap();
}
