//! The scenarios that we ship: each loads without a remark, runs, and shows what its first lines say.

use std::path::{Path, PathBuf};

use stickysim::measure::Results;
use stickysim::scenario::{Set, load};
use stickysim::simulation::{lower, simulate};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

fn run(name: &str, sets: &[&str]) -> Results {
    let sets: Vec<Set> = sets.iter().map(|set| Set::parse(set).unwrap()).collect();
    let loaded = load(&folder().join(format!("{name}.yaml")), &sets).unwrap_or_else(|error| panic!("{error}"));
    let lowered = lower(&loaded.scenario).unwrap();
    simulate(&lowered, lowered.seed).unwrap().results
}

/// A figure that must be there.
fn figure(results: &Results, path: &str) -> f64 {
    results.figures.get(path).and_then(|(_, value)| value).unwrap_or_else(|| panic!("no figure {path}"))
}

fn with_and_without_escape(name: &str) -> (Results, Results) {
    (run(name, &[]), run(name, &["sticky_escape_enabled=false"]))
}

#[test]
fn every_shipped_scenario_opens_with_what_it_shows_and_loads_without_a_remark() {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# ") && text.contains("\n# Look at: "), "{}", path.display());
        let loaded = load(&path, &[]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(loaded.notes, Vec::<String>::new());
        assert_eq!(loaded.ignored_gateway_keys, Vec::<String>::new());
        assert!(!loaded.scenario.description.is_empty());
        names.push(loaded.scenario.name);
    }
    names.sort();
    let shipped =
        "all-slow brownout error-burst flapping full-account healthy quota-429 slow-account slow-relays websocket";
    assert_eq!(names.join(" "), shipped);
}

#[test]
fn slow_account_with_escape_spares_sessions_the_worst() {
    let (on, off) = with_and_without_escape("slow-account");
    let requests = figure(&on, "requests.total");
    assert!((50_000.0..300_000.0).contains(&requests), "{requests}");
    let worst = |results: &Results| figure(results, "sessions.worst_ttft_ms.p99");
    assert!(worst(&on) * 1.4 < worst(&off), "{} {}", worst(&on), worst(&off));
    assert!(figure(&on, "sessions.stuck") * 5.0 < figure(&off, "sessions.stuck"));
    assert!(figure(&on, "escapes.by_reason.ttft") > 1_000.0);
    assert_eq!(figure(&off, "escapes.total"), 0.0);
    assert_eq!(figure(&on, "detection.detected"), 1.0);
    for account in 1..=8 {
        let utilisation = figure(&on, &format!("accounts.{account}.utilisation_ratio"));
        assert!((0.3..0.7).contains(&utilisation), "account {account}: {utilisation}");
    }
}

#[test]
fn error_burst_is_escaped_for_its_error_rate_and_users_see_no_error() {
    let (on, off) = with_and_without_escape("error-burst");
    assert!(figure(&on, "escapes.by_reason.error_rate") > 300.0);
    assert!(figure(&on, "outcomes.failed_attempts") * 2.0 < figure(&off, "outcomes.failed_attempts"));
    assert_eq!(figure(&on, "statuses.ok"), figure(&on, "requests.total"));
}

#[test]
fn full_account_is_escaped_for_want_of_slots_or_else_its_sessions_are_refused() {
    let (on, off) = with_and_without_escape("full-account");
    assert!(figure(&on, "escapes.by_reason.concurrency_full") > 1_000.0);
    assert_eq!(figure(&on, "statuses.wait_queue_full"), 0.0);
    assert!(figure(&off, "statuses.wait_queue_full") > 200.0);
    assert!(figure(&on, "cost.cold_turns") > figure(&off, "cost.cold_turns") + 1_000.0);
}

#[test]
fn flapping_sends_sessions_to_and_fro() {
    let (on, off) = with_and_without_escape("flapping");
    assert!(figure(&on, "escapes.returns") > 200.0);
    assert!(figure(&on, "detection.false_escapes") > 200.0);
    assert!(figure(&on, "sessions.worst_ttft_ms.p99") < figure(&off, "sessions.worst_ttft_ms.p99"));
}

#[test]
fn brownout_of_half_the_pool_is_helped_by_the_other_half() {
    let (on, off) = with_and_without_escape("brownout");
    assert!(figure(&on, "escapes.by_reason.ttft") > 3_000.0);
    assert!(figure(&on, "sessions.stuck") < figure(&off, "sessions.stuck") * 0.8);
    assert!(figure(&off, "statuses.client_gone") > 0.0);
}

#[test]
fn quota_429_keeps_accounts_out_of_load_balance_for_longer_than_they_are_blocked() {
    let often = run("quota-429", &["full_rebuild_interval_seconds=30"]);
    let on = run("quota-429", &[]);
    for account in [1, 2] {
        let blocked = figure(&on, &format!("accounts.{account}.blocked_s"));
        let away = |results: &Results| figure(results, &format!("accounts.{account}.away_s"));
        assert!(blocked > 10.0 && away(&on) > 5.0 * blocked, "{blocked} {}", away(&on));
        assert!(away(&often) < away(&on) / 2.0);
    }
    assert!(figure(&on, "accounts.3.blocked_s") > 600.0, "its quota ran out");
}

#[test]
fn all_slow_gets_no_faster_answers_by_escaping_but_sessions_wait_less_for_full_accounts() {
    let (on, off) = with_and_without_escape("all-slow");
    assert!(figure(&on, "escapes.by_reason.ttft") > 5_000.0);
    let unanswered = |results: &Results| figure(results, "felt_ttft_ms.without_token");
    assert!(unanswered(&on) < unanswered(&off), "{} {}", unanswered(&on), unanswered(&off));
    let worst = |results: &Results| figure(results, "sessions.answered_worst_ttft_ms.p95");
    assert!(worst(&on) > worst(&off) * 0.95, "{} {}", worst(&on), worst(&off));
    assert!(figure(&on, "cost.cold_turns") > figure(&off, "cost.cold_turns") + 3_000.0);
}

#[test]
fn healthy_escapes_in_vain_now_and_then_and_far_more_often_at_a_low_threshold() {
    let (on, off) = with_and_without_escape("healthy");
    let low = run("healthy", &["sticky_escape_ttft_ms=6000"]);
    assert_eq!(figure(&on, "escapes.by_reason.error_rate"), 0.0);
    let vain = |results: &Results| figure(results, "detection.false_escapes");
    assert!(vain(&on) < figure(&on, "requests.total") * 0.001, "{}", vain(&on));
    assert!(vain(&low) > 20.0 * vain(&on).max(10.0), "{} {}", vain(&low), vain(&on));
    let cold = |results: &Results| figure(results, "cost.cold_turns");
    assert!(cold(&on) <= cold(&off) + 200.0, "{} {}", cold(&on), cold(&off));
}

#[test]
fn websocket_connections_are_closed_where_no_slot_is_free() {
    let (on, off) = with_and_without_escape("websocket");
    assert!(figure(&off, "statuses.account_busy") > 50.0);
    assert!(figure(&on, "statuses.account_busy") < figure(&off, "statuses.account_busy") / 5.0);
    let pinned = run("websocket", &["workload.synth.previous_response=true"]);
    assert_eq!(figure(&pinned, "escapes.total"), 0.0, "a response id never asks the gate");
    assert!(figure(&pinned, "scheduler.sticky_previous_hit_total") > 10_000.0);
}

/// The answer that the program gives with these arguments.
fn answer(arguments: &[&str]) -> serde_json::Value {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_stickysim"))
        .args(arguments)
        .args(["--output", "json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    document["answer"].clone()
}

/// The number after these words in a sentence.
fn after(sentence: &str, words: &str) -> f64 {
    let rest = sentence.split_once(words).unwrap_or_else(|| panic!("{words:?} is not in {sentence:?}")).1;
    rest.split_whitespace().next().unwrap().replace(',', "").parse().unwrap()
}

#[test]
fn a_run_in_which_most_requests_fail_is_bad_news_and_says_so_first() {
    let all = ["accounts=[1,2,3,4,5,6,7,8]", "effect.error_rate=0.95", "when={scheduled: {at: 1h, for: 1h}}"];
    let sets = all.map(|set| format!("conditions[0].{set}"));
    let mut arguments = vec!["run", "scenarios/error-burst.yaml", "--set", "duration=2h"];
    arguments.extend(["--set", "workload.synth.sessions_per_hour=54"]);
    sets.iter().for_each(|set| arguments.extend(["--set", set.as_str()]));
    let answer = answer(&arguments);
    assert_eq!(answer["tone"], "bad", "{answer}");
    let sentence = answer["sentence"].as_str().unwrap();
    let share: f64 = sentence.split(' ').next().unwrap().parse().unwrap();
    assert!(share > 50.0 && sentence.contains("of the requests failed"), "{sentence}");
}

#[test]
fn the_comparison_of_brownout_says_that_more_sessions_are_over_the_slo() {
    let answer = answer(&["compare", "scenarios/brownout.yaml", "--replications", "10"]);
    let sentence = answer["sentence"].as_str().unwrap();
    let rose = sentence.split("sessions over the SLO ").nth(1).unwrap_or_else(|| panic!("{sentence}"));
    let (from, to) = (after(rose, "rose from "), after(rose, " % to "));
    assert!(from < to && to < from + 5.0, "{sentence}");
    let points = answer["points"].as_array().unwrap();
    let worse = |point: &serde_json::Value| {
        point["text"].as_str().is_some_and(|text| text.starts_with("Worse: sessions over the SLO"))
    };
    assert!(points.iter().any(worse), "{answer}");
    assert_ne!(answer["tone"], "good");
}

#[test]
fn the_comparison_of_all_slow_says_that_the_price_rises_by_a_third_for_nothing() {
    let answer = answer(&["compare", "scenarios/all-slow.yaml", "--replications", "5"]);
    let sentence = answer["sentence"].as_str().unwrap();
    let by = after(sentence, "the price rose by ");
    assert!((25.0..45.0).contains(&by), "{sentence}");
    assert_ne!(answer["tone"], "good", "{answer}");
}
