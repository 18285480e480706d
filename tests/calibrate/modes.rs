//! Recordings of the newer gateway in its three modes, put into the shape of its export: which mode it was is found
//! out, and the log is back-tested against that.

use std::fmt::Write as _;
use std::io::Read as _;

use serde_json::{Value, json};
use stickysim::scenario::{GatewayVersion, Mode, Set};

use super::*;

fn unpacked(path: &Path) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

/// A request as the gateway's database would have it.
fn row(request: &Value) -> Value {
    const START_MS: f64 = 1_790_000_000_000.0;
    let recorded = &request["recorded"];
    let at_ms = START_MS + request["at_s"].as_f64().unwrap() * 1e3;
    let ms = |value: f64| (value).round() as i64;
    let visits = recorded["visits"].as_array().unwrap();
    let begins = |visit: &Value| START_MS + visit["start_s"].as_f64().unwrap() * 1e3;
    let took = |visit: &Value, key: &str| visit[key].as_f64().unwrap_or(0.0) / 1e3;
    let mut row = json!({
        "arrival_ms": ms(at_ms), "arrival_src": "access",
        "completed_ms": ms(at_ms + recorded["end_ms"].as_f64().unwrap()),
        "group_id": 1, "user_id": 1, "api_key_id": 1, "model": "gpt-5", "ua_hash": "0",
        "account_id": recorded["account"],
    });
    if let Some(session) = request["session"].as_str().filter(|session| !session.is_empty()) {
        row["session"] = json!(format!("sid:{session}"));
    }
    match visits.last().filter(|visit| visit["kind"] == "ok") {
        Some(last) => {
            row["outcome"] = json!("ok");
            row["pre_forward_ms"] = json!(ms(begins(last) - at_ms));
            row["ttft_ms"] = json!(ms(took(last, "ttft_us")));
            row["duration_ms"] = json!(ms(took(last, "end_us")));
            row["input_tokens"] = json!(1000);
            row["output_tokens"] = json!(100);
        }
        None => {
            row["outcome"] = json!("error");
            row["status"] = json!(recorded["http"].as_u64().filter(|&status| status >= 400).unwrap_or(429));
        }
    }
    let failed = visits.iter().filter(|visit| visit["kind"] != "ok").map(|visit| {
        json!({
            "at_ms": ms(begins(visit) + took(visit, "end_us")), "account_id": visit["account"],
            "status": visit["status"], "kind": "failover",
        })
    });
    let failed: Vec<Value> = failed.collect();
    if !failed.is_empty() {
        row["attempts"] = json!(failed);
    }
    row
}

/// A recording as an operator would export it; the escape log stays out, so that the mode must be found by other means.
fn exported_recording(case: &str, out: &Path) -> Options {
    let runs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real-runs").join(case);
    let about: Value = serde_json::from_str(&std::fs::read_to_string(runs.join("case.json")).unwrap()).unwrap();
    let requests = unpacked(&runs.join("requests.jsonl.gz"));
    let mut log = String::new();
    for line in requests.lines() {
        writeln!(log, "{}", row(&serde_json::from_str(line).unwrap())).unwrap();
    }
    for (id, account) in about["accounts"].as_object().unwrap() {
        let line = json!({
            "account_id": id.parse::<i64>().unwrap(), "type": "apikey", "status": "active", "schedulable": true,
            "priority": account["priority"], "concurrency": account["concurrency"], "groups": [1],
        });
        writeln!(log, "{line}").unwrap();
    }
    std::fs::write(out.join("log.jsonl"), log).unwrap();
    Options { escape_log: Vec::new(), accounts: None, log: out.join("log.jsonl"), ..recording("slow-on", true, out) }
}

fn settled(case: &str) -> Calibrated {
    let out = folder(case);
    let calibrated = run(&exported_recording(case, &out));
    println!("{case}: {}; {:?}", calibrated.gateway, calibrated.verdict);
    std::fs::remove_dir_all(out).unwrap();
    calibrated
}

#[test]
fn the_mode_of_a_log_of_the_newer_gateway_is_found_and_the_log_back_tested_against_it() {
    for (case, mode) in [("slow-legacy", Mode::Legacy), ("slow-advanced", Mode::Advanced)] {
        let calibrated = settled(case);
        assert_eq!(calibrated.input.settings.version(), GatewayVersion::V0_1_179, "{case}");
        assert_eq!(calibrated.mode, mode, "{case}: {}", calibrated.gateway);
        assert_eq!(calibrated.verdict, Agreement::Agrees, "{case}:\n{}", report::markdown(&calibrated));
        assert!(report::summary(&calibrated).contains(&format!("0.1.179 in the mode {}", mode.name())), "{case}");
    }
}

#[test]
#[ignore = "simulates a lot"]
fn the_mode_of_every_recording_of_the_newer_gateway_is_found_or_said_to_be_open() {
    for case in ["slow-weighted", "slow-advanced-again", "errors-legacy", "errors-advanced", "errors-weighted"] {
        let calibrated = settled(case);
        let (_, mode) = case.rsplit_once('-').unwrap();
        let mode = if mode == "again" { "advanced" } else { mode };
        let said = &calibrated.gateway;
        let among = said.contains("does not distinguish") && said.contains(mode);
        assert!(among || calibrated.mode.name() == mode, "{case}: {said}");
    }
}

#[test]
fn a_mode_that_is_said_is_not_looked_for() {
    let out = folder("said");
    let said =
        Options { sets: vec![Set::parse("mode=weighted").unwrap()], ..exported_recording("slow-weighted", &out) };
    let calibrated = run(&said);
    assert_eq!(calibrated.mode, Mode::Weighted);
    assert!(calibrated.gateway.contains("as you say"), "{}", calibrated.gateway);
    let written = std::fs::read_to_string(said.out.join("scenario.yaml")).unwrap();
    assert!(written.contains("gateway_version: \"0.1.179\"") && written.contains("mode: weighted"), "{written}");
    std::fs::remove_dir_all(out).unwrap();
}
