//! Logs in our own trace format: whatever can be converted can be calibrated.

use super::*;
use serde_json::{Value, json};

const POOL: &str = "seed: 3\nduration: 90m\ngroup_id: 1\naccount_defaults: {concurrency: 20, prompt_cache: null, \
                    ttft: {lognormal: {p50: 1200ms, sigma: 0.5}}, decode: {time: {exponential: {mean: \
                    3s}}}}\naccounts: [{count: 4}]\nconditions:\n  - {name: slow, accounts: [2], when: {scheduled: \
                    {at: 40m, for: 20m}}, effect: {ttft_factor: 8}}\nworkload:\n  synth:\n    sessions_per_hour: \
                    120\n    turns: {constant: 12}\n    think_time: {exponential: {mean: 20s}}\n";

/// The export as a native trace of JSON lines and of CSV.
fn native() -> (String, String) {
    let rows: Vec<Value> = exported(POOL).0.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    let start = rows.iter().map(|row| row["arrival_ms"].as_i64().unwrap()).min().unwrap();
    let mut sorted: Vec<&Value> = rows.iter().collect();
    sorted.sort_by_key(|row| row["arrival_ms"].as_i64());
    let mut lines = String::from("{\"stickysim_trace\":1}\n");
    let mut table = String::from(
        "# stickysim-trace 1\nat_s,session,model,input_tokens,output_tokens,account,status,ttft_ms,duration_ms\n",
    );
    for row in sorted {
        let at = (row["arrival_ms"].as_i64().unwrap() - start) as f64 / 1e3;
        let input = row["input_tokens"].as_i64().unwrap_or(0) + row["cache_read_tokens"].as_i64().unwrap_or(0);
        let recorded = json!({
            "account": row["account_id"], "status": 200, "ttft_ms": row["ttft_ms"], "duration_ms": row["duration_ms"],
            "wait_ms": row["pre_forward_ms"].as_i64().unwrap_or(0) + 1,
        });
        let line = json!({
            "at_s": at, "session": row["session"], "model": "m", "input_tokens": input, "output_tokens": row["output_tokens"],
            "recorded": recorded,
        });
        lines.push_str(&format!("{line}\n"));
        let session = row["session"].as_str().unwrap();
        let (output, account) = (&row["output_tokens"], &row["account_id"]);
        let (ttft, duration) = (&row["ttft_ms"], &row["duration_ms"]);
        table.push_str(&format!("{at},{session},m,{input},{output},{account},200,{ttft},{duration}\n"));
    }
    (lines, table)
}

#[test]
fn a_trace_of_our_own_with_accounts_is_calibrated_as_a_log_of_the_gateway_is() {
    let folder = folder("native");
    let (lines, table) = native();
    for (name, text) in [("trace.jsonl", lines), ("trace.csv", table)] {
        let log = folder.join(name);
        std::fs::write(&log, text).unwrap();
        let calibrated = run(&Options { out: folder.join(format!("out-{name}")), ..options(&log, &folder) });
        assert_eq!(calibrated.verdict, Agreement::Agrees, "{name}: {}", report::markdown(&calibrated));
        let slow = &calibrated.fit.slow;
        assert!(slow.len() == 1 && (slow[0].from_s - 2_400.0).abs() < 120.0, "{name}: {slow:?}");
        for account in &calibrated.fit.accounts {
            let median = libm::exp(account.mu);
            assert!((median / 1.2 - 1.0).abs() < 0.08, "{name}: {median} s");
        }
        let said = calibrated.input.notes.join("\n");
        assert!(said.contains("it does not say which attempts failed within a request"), "{said}");
        // JSON lines know how long requests waited, the table does not
        let knows_waits = calibrated.back_test.figures.iter().any(|f| f.name == "waited.share" && f.recorded.is_some());
        assert_eq!(knows_waits, name == "trace.jsonl", "{said}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_trace_without_times_to_first_token_has_too_little_and_says_what_is_missing() {
    let folder = folder("without");
    let log = folder.join("trace.csv");
    let rows: String = (0..300).map(|at| format!("{at},s{},{},200\n", at % 9, at % 4)).collect();
    std::fs::write(&log, format!("at_s,session,account,status\n{rows}")).unwrap();
    let calibrated = run(&Options { replications: 5, ..options(&log, &folder) });
    assert_eq!(calibrated.verdict, Agreement::TooLittle, "{}", report::markdown(&calibrated));
    assert!(calibrated.input.notes.iter().any(|note| note.starts_with("no answer has a time to first token")));
    std::fs::remove_dir_all(folder).unwrap();
}
