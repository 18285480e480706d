//! The real traces of ../shared/traces replay from end to end. A user's clone does not have them: then this is skipped,
//! and says so.

#[path = "common/shared.rs"]
mod beside;

use std::process::Command;

use beside::shared;
use serde_json::Value;

fn replay(trace: &str, more: &[&str]) -> Option<Value> {
    let trace = shared("traces")?.join(trace);
    let output = Command::new(env!("CARGO_BIN_EXE_stickysim"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["run", "scenarios/healthy.yaml", "--check", "--output", "json", "--trace", trace.to_str()?])
        .args(more)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn azure_mooncake_and_ragpulse_replay_to_the_last_row() {
    for (trace, rows, sessions) in [
        ("azure_llm_2023_conv.csv", 19_366, 0),
        ("mooncake_fast25_conversation.jsonl", 12_031, 0),
        ("ragpulse_0_trace.jsonl", 7_106, 4_000),
    ] {
        let Some(document) = replay(trace, &[]) else { return };
        assert_eq!(document["requests"]["total"], rows, "{trace}");
        assert!(document["sessions"]["total"].as_u64().unwrap_or(0) >= sessions, "{trace}");
        let notes = document["notes"].to_string();
        assert_eq!(sessions == 0, notes.contains("no sessions"), "{trace}: {notes}");
    }
}

#[test]
fn claude_code_sessions_replay_in_an_open_and_a_closed_loop() {
    for timing in ["recorded", "think"] {
        let set = format!("workload.replay.timing={timing}");
        let Some(document) = replay("weka_claude_code", &["--set", &set]) else { return };
        assert!(document["requests"]["total"].as_u64().unwrap() >= 110, "{document}");
        assert!(document["notes"].to_string().contains("no clock"), "its placing is said");
    }
}

#[test]
fn exports_of_the_running_gateway_replay_with_their_recorded_service() {
    let Some(runs) = shared("real-runs") else { return };
    for case in ["slow-on-newer", "errors", "overload"] {
        let export = runs.join(case).join("export.jsonl");
        let Some(document) = replay(export.to_str().unwrap(), &["--set", "service=recorded"]) else { return };
        assert!(document["requests"]["total"].as_u64().unwrap() > 2_000, "{case}");
    }
}
