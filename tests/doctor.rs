//! `stickysim doctor`: what an operator has is told by its content, held together, and the next command can be pasted.

#[path = "common/calls.rs"]
mod calls;

use calls::{Folder, command, done, said};

const SAMPLE: [&str; 4] =
    ["traces/gateway-log.jsonl", "traces/accounts.jsonl", "traces/gateway.log", "traces/config.yaml"];

/// That each of these stands in the text, wherever its lines are broken.
fn has(text: &str, parts: &[&str]) {
    let words: Vec<&str> = text.split_whitespace().filter(|word| *word != "\\").collect();
    calls::has(&words.join(" "), parts);
}

/// What a call prints that ends with this status.
fn ends(status: i32, arguments: &[&str]) -> String {
    let output = command(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", said(&output));
    said(&output)
}

fn doctor(status: i32, files: &[&str]) -> String {
    ends(status, &[&["doctor"], files].concat())
}

#[test]
fn the_sample_fits_together_whatever_the_order_and_the_next_command_is_that_of_the_readme() {
    let text = doctor(0, &SAMPLE);
    has(
        &text,
        &[
            "traces/gateway-log.jsonl: the export of the gateway's requests",
            "traces/accounts.jsonl: the account snapshot",
            "traces/gateway.log: the gateway's own log",
            "traces/config.yaml: the gateway's config",
            "mode advanced; sticky escape over 6000 ms or 50 % errors",
            "verdict: they fit together, and nothing is missing",
            "stickysim calibrate traces/gateway-log.jsonl",
            "--gateway-config traces/config.yaml",
        ],
    );
    assert!(!text.contains("WRONG") && !text.contains("missing:"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let mut turned = SAMPLE;
    turned.reverse();
    assert_eq!(doctor(0, &turned).split("\n\nlog").nth(1), text.split("\n\nlog").nth(1));
    let named = ["--accounts", SAMPLE[1], "--escape-log", SAMPLE[2], "--gateway-config", SAMPLE[3]];
    has(&doctor(0, &[&[SAMPLE[0]], &named[..]].concat()), &["as was said", "nothing is missing"]);
}

#[test]
fn the_next_command_works_as_it_is_printed() {
    let folder = Folder::new("doctor-next");
    let text = doctor(0, &SAMPLE);
    let (_, next) = text.split_once("next:\n").unwrap();
    let next =
        next.replace("\\\n", " ").replace("--out calibrated", &format!("--out {}", folder.0.join("c").display()));
    let words: Vec<&str> = next.split_whitespace().skip(1).chain(["--replications", "5"]).collect();
    let output = command(&words).output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1 | 3)), "{words:?}: {}", said(&output));
    assert!(folder.0.join("c/scenario.yaml").exists());
}

#[test]
fn what_is_missing_is_said_with_the_command_that_gets_it() {
    let text = doctor(0, &SAMPLE[..1]);
    has(
        &text,
        &[
            "missing: there is no account snapshot",
            "sub2api-export-accounts.sql",
            "missing: there is no log of escapes",
            "docker compose logs",
            "missing: there is no config of the gateway",
            "config.yaml > config.yaml",
            "3 things missing",
        ],
    );
    has(&doctor(3, &SAMPLE[1..2]), &["there is no log of requests", "sub2api-export.sql > log.jsonl"]);
}

#[test]
fn a_folder_is_looked_through_and_what_is_not_used_is_named() {
    let folder = Folder::new("doctor-folder");
    for file in SAMPLE {
        folder.write(file.rsplit('/').next().unwrap(), std::fs::read(file).unwrap());
    }
    folder.write("notes.txt", "buy milk\n");
    folder.write("table.parquet", b"PAR1\x15\0");
    let text = doctor(0, &[folder.0.to_str().unwrap()]);
    has(&text, &["notes.txt: not used", "table.parquet: not used: a Parquet file", "nothing is missing"]);
}

#[test]
fn files_of_another_gateway_or_another_time_do_not_fit() {
    let folder = Folder::new("doctor-foreign");
    let foreign = "{\"account_id\":901,\"concurrency\":5}\n{\"account_id\":902,\"concurrency\":5}\n";
    let accounts = folder.write("accounts.jsonl", foreign);
    has(&doctor(1, &[SAMPLE[0], &accounts]), &["WRONG: 2 accounts", "of different gateways", "do not fit together"]);
    let log = std::fs::read_to_string(SAMPLE[2]).unwrap().replace("2026-01-05", "2025-01-05");
    let log = folder.write("gateway.log", log);
    has(&doctor(1, &[SAMPLE[0], SAMPLE[1], &log]), &["WRONG:", "outside the log's time"]);
    let off = folder.write("off.yaml", "gateway: {openai_scheduler: {sticky_escape_enabled: false}}\n");
    has(&doctor(1, &[SAMPLE[0], SAMPLE[1], SAMPLE[2], &off]), &["by the config sticky escape is off"]);
    let small = |id: u32| format!("{{\"account_id\":{id},\"concurrency\":1}}\n");
    let small = folder.write("small.jsonl", (1..4).map(small).collect::<String>());
    has(&doctor(1, &[SAMPLE[0], &small]), &["at once in the log and has 1 slot here"]);
}

#[test]
fn configs_that_the_gateway_would_not_read_as_meant_are_wrong() {
    let folder = Folder::new("doctor-config");
    let typo = folder.write("config.yaml", "gateway: {openai_scheduler: {sticky_escape_ttft: 5000}}\n");
    has(&doctor(1, &[SAMPLE[0], &typo]), &["WRONG:", "did you mean", "sticky_escape_ttft_ms"]);
    let flat = folder.write("flat.yaml", "openai_scheduler: {sticky_escape_ttft_ms: 5000}\n");
    has(&doctor(1, &[SAMPLE[0], &flat]), &["stands at the top of the gateway's config"]);
    let env = folder.write(".env", "GATEWAY_OPENAI_SCHEDULER_STICKY_ESCAPE_TTFT_MS=8000\nPORT=1\n");
    has(&doctor(0, &[SAMPLE[0], &env]), &["sticky escape over 8000 ms", "gateway_env="]);
}

#[test]
fn too_little_is_told_and_a_trace_without_times_can_still_be_replayed() {
    let folder = Folder::new("doctor-little");
    let rows: String =
        std::fs::read_to_string(SAMPLE[0]).unwrap().lines().take(30).map(|row| format!("{row}\n")).collect();
    let short = folder.write("short.jsonl", rows);
    has(&doctor(3, &[&short]), &["little:", "200 are needed", "export a longer period"]);
    let text = doctor(3, &["traces/mooncake.jsonl"]);
    has(&text, &["a trace (mooncake)", "stickysim run scenarios/slow-account.yaml --trace traces/mooncake.jsonl"]);
    has(&doctor(0, &["scenarios/healthy.yaml"]), &["is valid", "stickysim run scenarios/healthy.yaml"]);
}

#[test]
fn the_document_for_machines_says_the_same_and_bad_arguments_are_refused() {
    let document: serde_json::Value =
        serde_json::from_str(&done(&[&["doctor", "--output", "json"], &SAMPLE[..]].concat())).unwrap();
    assert_eq!(document["verdict"], "fits");
    assert_eq!(document["files"].as_array().unwrap().len(), 4);
    assert!(document["findings"].as_array().unwrap().iter().all(|finding| finding["text"].is_string()));
    assert!(document["next"].as_str().unwrap().starts_with("stickysim calibrate"));
    has(&ends(2, &["doctor"]), &["required"]);
    has(&ends(2, &["doctor", "nowhere.jsonl"]), &["nowhere.jsonl: cannot read it"]);
}
