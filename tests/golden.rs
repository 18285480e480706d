//! The scheduler answers like the original: every expectation in the golden vectors, floats to the last bit.
//!
//! `unit.jsonl` asks single parts; `sequences.jsonl` plays random scripts on revision 0.1.133, `modes.jsonl` on the
//! three modes of 0.1.179 (spec scheduler.md, The vectors, and scheduler-modes.md, section 9).

mod common;

use common::golden_files::{Failures, read};
use common::script::{Script, Stage, positive};
use serde::Deserialize;
use serde_json::{Value, json};
use stickysim::ids::AccountIx;
use stickysim::scheduler::balance::{Candidate, Order, Ranking};
use stickysim::scheduler::gate::escape_reason;
use stickysim::scheduler::seed::{Generator, SeedTexts, selection_seed};
use stickysim::scheduler::{Config, RuntimeStats, Snapshot};
use stickysim::units::Time;

const ALPHA: f64 = 0.2;

#[test]
fn every_unit_vector_is_answered_bit_for_bit() {
    let mut failures = Failures::default();
    let lines = read("unit.jsonl");
    for (line, number) in lines.iter().zip(1..) {
        let vector = UnitVector::deserialize(line).expect("a unit vector as the spec has it");
        let (expected, got) = vector.run();
        failures.compare(&line["kind"], &format!("line {number}"), line, &expected, &got);
    }
    println!("unit.jsonl: {} cases compared", lines.len());
    assert!(!lines.is_empty());
    failures.check();
}

#[test]
fn every_step_of_the_sequences_is_answered_bit_for_bit() {
    play("sequences.jsonl");
}

#[test]
fn every_step_of_the_modes_is_answered_bit_for_bit() {
    play("modes.jsonl");
}

fn play(file: &str) {
    let mut failures = Failures::default();
    let (mut played, mut compared) = (0, 0);
    let scripts = read(file);
    for line in &scripts {
        let script = Script::deserialize(line).expect("a script as the spec has it");
        let mut stage = Stage::new(&script);
        for (step, input) in script.steps.iter().zip(line["steps"].as_array().into_iter().flatten()) {
            played += 1;
            if let Some((expected, got)) = stage.play(step) {
                compared += 1;
                failures.compare(&line["name"], &format!("step {}", step.i), input, &expected, &got);
            }
        }
        failures.compare(&line["name"], "final", &line["config"], &line["final"], &stage.final_state(&script));
    }
    let scripts = scripts.len();
    println!("{file}: {scripts} scripts, {played} steps played, {compared} steps and {scripts} ends compared");
    assert!(compared > 0);
    failures.check();
}

// ---- unit.jsonl

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum UnitVector {
    SelectionSeed {
        session_hash: String,
        previous_response_id: String,
        model: String,
        group_id: Option<i64>,
        now_ns: u64,
        seed: Value,
        next_u64: Value,
        next_f64: Value,
    },
    RuntimeStats {
        reports: Vec<ReportLine>,
        snapshots: Vec<Value>,
    },
    SelectionOrder {
        session_hash: String,
        model: String,
        candidates: Vec<CandidateLine>,
        top_k: usize,
        ranked: Value,
        order: Value,
    },
    EscapeGate {
        sticky_escape_enabled: bool,
        sticky_escape_ttft_ms: u64,
        sticky_escape_error_rate: f64,
        reports: Vec<ReportLine>,
        expect: Value,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReportLine {
    success: bool,
    first_token_ms: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CandidateLine {
    account: i64,
    score: f64,
    priority: i64,
    load_rate: i64,
    waiting: u32,
}

impl UnitVector {
    /// What it expects, and what we answer.
    fn run(self) -> (Value, Value) {
        match self {
            Self::SelectionSeed {
                session_hash,
                previous_response_id,
                model,
                group_id,
                now_ns,
                seed,
                next_u64,
                next_f64,
            } => {
                let texts = SeedTexts {
                    session: session_hash.trim().as_bytes(),
                    previous: previous_response_id.trim().as_bytes(),
                    model: model.trim().as_bytes(),
                    group: group_id,
                };
                let got = selection_seed(&texts, Time::from_unix_nanos(now_ns));
                let (mut integers, mut floats) = (Generator::new(got), Generator::new(got));
                let integers: Vec<_> = (0..4).map(|_| integers.next_u64().to_string()).collect();
                let floats: Vec<_> = (0..4).map(|_| floats.next_f64()).collect();
                (
                    json!({ "seed": seed, "next_u64": next_u64, "next_f64": next_f64 }),
                    json!({ "seed": got.to_string(), "next_u64": integers, "next_f64": floats }),
                )
            }
            Self::RuntimeStats { reports, snapshots } => {
                let mut stats = RuntimeStats::new(1);
                let got = reports.iter().map(|line| {
                    stats.report(ALPHA, AccountIx(0), line.success, positive(line.first_token_ms));
                    snapshot_json(stats.snapshot(AccountIx(0)))
                });
                (Value::Array(snapshots), Value::Array(got.collect()))
            }
            Self::SelectionOrder { session_hash, model, candidates, top_k, ranked, order } => {
                let mut ids: Vec<i64> = candidates.iter().map(|line| line.account).collect();
                ids.sort_unstable();
                let mut ranking = Ranking::new(top_k.min(ids.len()));
                for line in &candidates {
                    let ix = ids.partition_point(|&id| id < line.account) as u32;
                    ranking.offer(Candidate {
                        account: AccountIx(ix),
                        score: line.score,
                        priority: line.priority,
                        load_rate: line.load_rate,
                        waiting: line.waiting,
                    });
                }
                let texts = SeedTexts {
                    session: session_hash.trim().as_bytes(),
                    model: model.trim().as_bytes(),
                    ..SeedTexts::default()
                };
                let got_ranked: Vec<i64> = ranking.best().iter().map(|best| ids[best.account.at()]).collect();
                let drawn = Order::new(ranking.best(), selection_seed(&texts, Time::ZERO));
                let got_order: Vec<i64> = drawn.map(|account| ids[account.at()]).collect();
                (json!({ "ranked": ranked, "order": order }), json!({ "ranked": got_ranked, "order": got_order }))
            }
            Self::EscapeGate {
                sticky_escape_enabled,
                sticky_escape_ttft_ms,
                sticky_escape_error_rate,
                reports,
                expect,
            } => {
                let config = Config {
                    sticky_escape_enabled,
                    sticky_escape_ttft_ms,
                    sticky_escape_error_rate,
                    ..Config::default()
                };
                let mut stats = RuntimeStats::new(1);
                for line in &reports {
                    stats.report(ALPHA, AccountIx(0), line.success, positive(line.first_token_ms));
                }
                // Switched off, the gate looks at nothing, and the vectors show 0 for what it saw.
                let health = if sticky_escape_enabled { stats.snapshot(AccountIx(0)) } else { Snapshot::default() };
                let reason = escape_reason(&config, health);
                let got = json!({
                    "escape": reason.is_some(),
                    "reason": reason.map_or("", |reason| reason.name()),
                    "error_rate": health.error_rate,
                    "ttft_ms": health.ttft_ms,
                });
                (expect, got)
            }
        }
    }
}

fn snapshot_json(health: Snapshot) -> Value {
    json!({ "error_rate": health.error_rate, "ttft_ms": health.has_ttft.then_some(health.ttft_ms) })
}
