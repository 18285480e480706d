//! From a file to the effective scenario: defaults, presets, overrides, the gateway's own config, and back again.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{Document, ErrorKind, Set};
use super::load;

const EVERYTHING: &str = include_str!("everything.yaml");

fn effective(text: &str, sets: &[&str]) -> Value {
    serde_json::to_value(load(text, sets).unwrap_or_else(|error| panic!("{error}")).scenario).unwrap()
}

#[test]
fn the_effective_scenario_is_a_scenario_that_means_the_same() {
    for text in [EVERYTHING, "accounts: [{count: 3}]", "accounts: [{}]\nworkload: {replay: {file: a.csv}}"] {
        let first = effective(text, &[]);
        let again = effective(&first.to_string(), &[]);
        assert_eq!(first, again);
        assert_eq!(effective(&serde_json::to_string_pretty(&first).unwrap(), &[]), first);
    }
}

#[test]
fn defaults_are_filled_in_everywhere() {
    let scenario = effective("accounts: [{count: 2, name: x}]", &[]);
    assert_eq!(scenario["name"], "a");
    assert_eq!(scenario["duration"], "1h");
    assert_eq!(scenario["epoch"], "2026-01-01T00:00:00Z");
    assert_eq!(scenario["gateway"]["openai_scheduler"]["sticky_escape_ttft_ms"], 15_000);
    assert_eq!(scenario["accounts"][1]["id"], 2);
    assert_eq!(scenario["accounts"][1]["ttft"], json!({"preset": "claude_code"}));
    assert_eq!(scenario["accounts"][1]["persistence"], json!({"correlation": 0.22, "lone_share": 0.017}));
    let codex = effective("accounts: [{ttft: {preset: codex}}]", &[]);
    assert_eq!(codex["accounts"][0]["persistence"], json!(null), "of the measured sessions only");
    assert_eq!(scenario["workload"]["synth"]["preset"], "agentic");
    assert!(scenario.get("account_defaults").is_none() && scenario.get("gateway_config").is_none());
}

#[test]
fn account_defaults_go_key_by_key_into_accounts_that_do_not_say_otherwise() {
    let text = "account_defaults: {concurrency: 5, ttft: {constant: 1s}}\n\
                accounts: [{count: 2}, {id: 9, ttft: {gamma: {mean: 2s, cv: 1}}}]";
    let scenario = effective(text, &[]);
    let ids: Vec<_> = scenario["accounts"].as_array().unwrap().iter().map(|account| account["id"].clone()).collect();
    assert_eq!(ids, [1, 2, 9]);
    assert_eq!(scenario["accounts"][0]["ttft"], json!({"constant": "1s"}));
    assert_eq!(scenario["accounts"][2]["ttft"], json!({"gamma": {"mean": "2s", "cv": 1.0}}));
    assert_eq!(scenario["accounts"][2]["concurrency"], 5);
}

#[test]
fn a_preset_fills_in_what_the_workload_does_not_say() {
    let scenario = effective("accounts: [{}]\nworkload: {synth: {preset: chat, input_tokens: {limit: 9}}}", &[]);
    let synth = &scenario["workload"]["synth"];
    assert_eq!(synth["turns"], json!({"geometric": {"mean": 1.8}}));
    assert_eq!(synth["input_tokens"]["limit"], 9);
    assert_eq!(synth["input_tokens"]["growth"], json!({"exponential": {"mean": 250.0}}));
}

#[test]
fn overrides_reach_keys_items_accounts_and_short_names() {
    let text = "accounts: [{count: 4}, {id: 9, name: big}]\n\
                conditions: [{name: slow, accounts: [2], when: {scheduled: {at: 1m}}}]";
    let scenario = effective(
        text,
        &[
            "seed=7",
            "sticky_escape_ttft_ms=5000",
            "ewma_alpha=0.4",
            "scheduler_score_weights.ttft=2",
            "gateway.advanced_scheduler.lb_top_k=3",
            "accounts.2.concurrency=3",
            "accounts[0].count=5",
            "accounts.big.priority=4",
            "accounts.5.ttft={constant: 9s}",
            "conditions.slow.effect.ttft_factor=12.5",
            "conditions[0].when.scheduled.for=1h 30m",
            "workload.synth.sessions_per_hour=12",
            "clients.patience={constant: 20s}",
            "description='a = b'",
        ],
    );
    assert_eq!(scenario["seed"], 7);
    assert_eq!(scenario["gateway"]["openai_scheduler"]["sticky_escape_ttft_ms"], 5_000);
    assert_eq!(scenario["gateway"]["openai_ws"]["lb_top_k"], 3);
    assert_eq!(scenario["gateway"]["openai_ws"]["scheduler_score_weights"]["ttft"], 2.0);
    assert_eq!(scenario["what_if"]["ewma_alpha"], 0.4);
    let accounts = scenario["accounts"].as_array().unwrap();
    assert_eq!(accounts.iter().map(|a| a["id"].as_i64().unwrap()).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 9]);
    assert_eq!(
        accounts.iter().map(|a| a["concurrency"].as_i64().unwrap()).collect::<Vec<_>>(),
        [10, 3, 10, 10, 10, 10]
    );
    assert_eq!(accounts[4]["ttft"], json!({"constant": "9s"}));
    assert_eq!(accounts[5]["priority"], 4);
    assert_eq!(scenario["conditions"][0]["effect"]["ttft_factor"], 12.5);
    assert_eq!(scenario["conditions"][0]["when"]["scheduled"]["for"], "1h30m");
    assert_eq!(scenario["clients"]["patience"], json!({"constant": "20s"}));
    assert_eq!(scenario["description"], "a = b");
}

#[test]
fn zero_means_not_set_for_the_escape_gate_only() {
    let text = "accounts: [{}]\ngateway: {openai_scheduler: {sticky_escape_ttft_ms: 0, sticky_escape_error_rate: 0}}";
    let loaded = load(text, &[]).unwrap();
    let escape = loaded.scenario.gateway.openai_scheduler;
    assert_eq!((escape.sticky_escape_ttft_ms, escape.sticky_escape_error_rate), (15_000, 0.5));
    assert_eq!(loaded.notes.len(), 2, "{:?}", loaded.notes);
}

#[test]
fn keys_of_the_gateway_that_change_nothing_are_listed() {
    let text = "
accounts: [{}]
gateway:
  Max_Account_Switches: 4
  max_body_size: 1
  openai_ws: {enabled: true, LB_TOP_K: '9', scheduler_score_weights: {ttft: 1, mood: 3}}
  scheduling: {load_batch_size: 9, fallback_wait_timeout: 1m}
  advanced_scheduler: {sticky_escape_enabled: 'off', other: 1}
";
    let loaded = load(text, &[]).unwrap();
    assert_eq!(
        loaded.ignored_gateway_keys,
        [
            "gateway.max_body_size",
            "gateway.openai_ws.enabled",
            "gateway.openai_ws.scheduler_score_weights.mood",
            "gateway.scheduling.load_batch_size",
            "gateway.advanced_scheduler.other",
        ]
    );
    let gateway = loaded.scenario.gateway;
    assert_eq!((gateway.max_account_switches, gateway.openai_ws.lb_top_k), (4, 9));
    assert!(!gateway.openai_scheduler.sticky_escape_enabled);
    assert_eq!(gateway.openai_ws.scheduler_score_weights.ttft, 1.0);
}

#[test]
fn two_spellings_must_agree_unless_an_override_decides() {
    let text = "accounts: [{}]\ngateway: {openai_ws: {lb_top_k: 3}, advanced_scheduler: {lb_top_k: 4}}";
    let error = load(text, &[]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("line 2, column 23"), "{error}");
    assert_eq!(load(&text.replace('4', "3"), &[]).unwrap().scenario.gateway.openai_ws.lb_top_k, 3);
    for set in ["lb_top_k=6", "gateway.advanced_scheduler.lb_top_k=6"] {
        assert_eq!(load(text, &[set]).unwrap().scenario.gateway.openai_ws.lb_top_k, 6, "{set}");
    }
}

/// A folder of its own for files, gone when the test is over.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let path = std::env::temp_dir().join(format!("stickysim-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        for (file, text) in files {
            std::fs::write(path.join(file), text).unwrap();
        }
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_whole_config_of_the_gateway_lies_below_what_the_scenario_says() {
    let config = "
server: {port: 8080}
rate_limit: {overload_cooldown_minutes: 3, other: 1}
gateway:
  advanced_scheduler: {lb_top_k: 4, sticky_escape_ttft_ms: 9000}
  scheduling: {fallback_wait_timeout: 45s}
  unknown: {a: 1}
";
    let scenario = "
gateway_config: config.yaml
gateway: {openai_scheduler: {sticky_escape_ttft_ms: 2000}}
accounts: [{}]
";
    let folder = Folder::new("config", &[("config.yaml", config), ("s.yaml", scenario)]);
    let loaded = super::super::load(&folder.0.join("s.yaml"), &[]).unwrap();
    let gateway = &loaded.scenario.gateway;
    assert_eq!(gateway.openai_ws.lb_top_k, 4);
    assert_eq!(gateway.openai_scheduler.sticky_escape_ttft_ms, 2_000);
    assert_eq!(gateway.scheduling.fallback_wait_timeout.to_string(), "45s");
    assert_eq!(loaded.scenario.rate_limit.overload_cooldown_minutes, 3);
    let file = folder.0.join("config.yaml").display().to_string();
    assert_eq!(loaded.ignored_gateway_keys, [format!("gateway.unknown ({file})")]);
    assert_eq!(loaded.scenario.name, "s");

    let bad = config.replace("45s", "45");
    std::fs::write(folder.0.join("config.yaml"), bad).unwrap();
    let error = super::super::load(&folder.0.join("s.yaml"), &[]).unwrap_err();
    assert_eq!(error.at(), Some((file, 6, 39)), "{error}");
    std::fs::remove_file(folder.0.join("config.yaml")).unwrap();
    let error = super::super::load(&folder.0.join("s.yaml"), &[]).unwrap_err();
    assert_eq!((error.kind(), error.at().map(|at| at.1)), (ErrorKind::Unreadable, Some(2)));
}

#[test]
fn files_that_cannot_be_read_are_errors() {
    let folder = Folder::new("files", &[]);
    for path in [folder.0.clone(), folder.0.join("none.yaml")] {
        assert_eq!(super::super::load(&path, &[]).unwrap_err().kind(), ErrorKind::Unreadable);
    }
    std::fs::write(folder.0.join("latin.yaml"), b"name: \xe9").unwrap();
    let error = super::super::load(&folder.0.join("latin.yaml"), &[]).unwrap_err();
    assert!(error.to_string().contains("not UTF-8 text (byte 7)"), "{error}");
}

#[test]
fn a_trace_takes_the_place_of_the_workload() {
    let document = Document::parse(
        "accounts: [{}]\nworkload: {synth: {preset: chat}, rate_scale: 2}",
        Path::new("a.yaml"),
        Path::new("/base"),
    );
    let loaded = document.unwrap().with_trace(Path::new("/tmp/a \"b\": c.csv")).unwrap().resolve(&[]).unwrap();
    let workload = loaded.scenario.workload;
    assert_eq!(workload.replay.unwrap().file, Path::new("/tmp/a \"b\": c.csv"));
    assert_eq!((workload.synth, workload.rate_scale, loaded.scenario.duration), (None, 2.0, None));
}

#[test]
fn the_largest_pool_reads_back() {
    let first = effective("accounts: [{count: 10000}]", &[]);
    assert_eq!(first["accounts"].as_array().unwrap().len(), 10_000);
    assert_eq!(effective(&first.to_string(), &[]), first);
}

#[test]
fn anchors_merges_and_their_places() {
    let text = "
account_defaults: &d {concurrency: 5}
accounts:
  - {<<: *d, priority: 2}
  - {ttft: &t {constant: 2s}}
  - {ttft: *t}
";
    let accounts = load(text, &[]).unwrap().scenario.accounts;
    assert_eq!((accounts[0].concurrency, accounts[0].priority), (5, 2));
    assert_eq!(accounts[1].ttft, accounts[2].ttft);
    let error = load(&text.replace("2s", "2"), &[]).unwrap_err();
    assert_eq!(error.at(), Some(("a.yaml".to_owned(), 5, 26)), "{error}");
}

#[test]
fn bombs_and_depths_are_refused() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, inner) in "bcdefghij".chars().zip("abcdefghi".chars()) {
        bomb += &format!("{name}: &{name} [{}]\n", vec![format!("*{inner}"); 9].join(", "));
    }
    for text in
        [bomb, format!("a: {}", "[".repeat(100_000)), format!("a: {}", "{b: ".repeat(100_000)), "- ".repeat(100_000)]
    {
        assert_eq!(load(&text, &[]).unwrap_err().kind(), ErrorKind::Syntax);
    }
}

#[test]
fn a_cell_of_a_sweep_costs_next_to_nothing() {
    let document = Document::parse(EVERYTHING, Path::new("a.yaml"), Path::new("")).unwrap();
    for cell in 0..1_000 {
        let set = Set::new("sticky_escape_ttft_ms", &(1_000 + cell).to_string()).unwrap();
        let scenario = document.resolve(&[set]).unwrap().scenario;
        assert_eq!(scenario.gateway.openai_scheduler.sticky_escape_ttft_ms, 1_000 + cell);
    }
}

/// Values that a scenario should never hold, and some that it may.
fn odd_values() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "null",
        "-1",
        "0",
        "1",
        "1e308",
        "-1e308",
        ".nan",
        ".inf",
        "99999999999999999999999",
        "4e9",
        "true",
        "''",
        "x",
        "1s",
        "-1s",
        "1000000000h",
        "[]",
        "{}",
        "[1, 2]",
        "{a: b}",
        "{constant: 1s}",
        "{constant: 1}",
        "[{}]",
        "*a",
        "\"\\u0000\"",
        "{lognormal: {}}",
        "0.5",
        "9007199254740993",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_override_makes_it_panic(
        key in "[a-z_]{1,12}(\\.[a-z_]{1,12}|\\[[0-9]{1,20}\\]|\\.[0-9]{1,20}){0,4}",
        value in odd_values(),
    ) {
        if let Ok(set) = Set::new(&key, value) {
            let document = Document::parse(EVERYTHING, Path::new("a.yaml"), Path::new("")).unwrap();
            if let Err(error) = document.resolve(&[set]) {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }

    #[test]
    fn no_value_anywhere_makes_it_panic(line in 0_usize..150, value in odd_values()) {
        // Replaces the value of one line, or one value within a flow map.
        let mut lines: Vec<String> = EVERYTHING.lines().map(str::to_owned).collect();
        let count = lines.len();
        let line = &mut lines[line % count];
        if let Some((key, _)) = line.split_once(": ") {
            *line = format!("{key}: {value}");
        }
        let text = lines.join("\n");
        match load(&text, &[]) {
            Err(error) => prop_assert!(!error.to_string().is_empty()),
            Ok(loaded) => {
                let json = serde_json::to_value(&loaded.scenario).unwrap();
                prop_assert_eq!(effective(&json.to_string(), &[]), json);
                let _ = crate::simulation::lower::lower(&loaded.scenario);
            }
        }
    }

    #[test]
    fn no_text_makes_it_panic(cut in 0_usize..5_000, insert in "\\PC{0,8}|[\\[\\]{}:,&*!|>'\" \n\t-]{1,6}") {
        let mut text = EVERYTHING.to_owned();
        let mut at = cut % text.len();
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        text.insert_str(at, &insert);
        if let Err(error) = load(&text, &[]) {
            prop_assert!(error.to_string().starts_with("error: "));
        }
        let _ = load(&text[..at], &[]);
        let _ = Set::parse(&insert);
    }
}
