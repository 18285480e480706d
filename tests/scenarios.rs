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
