use super::*;
use crate::measure::testing::{at, by_load_balance, escape, forward, health, left, select, sticky};
use crate::scheduler::{EscapeReason, Health, LeaveReason};

fn detection(models: Vec<ModelId>) -> Detection {
    let condition = |name: &str| ConditionInfo {
        name: name.into(),
        accounts: vec![AccountIx(0), AccountIx(1)],
        models: models.clone(),
    };
    let settings = Settings { warmup_end: at(1_000), ..Settings::default() };
    Detection::new(&settings, 3, &[condition("slow"), condition("errors")])
}

fn report(seen: &mut Detection, ms: u64, account: u32, ttft_ms: f64) {
    seen.reported(&Reported {
        now: at(ms),
        replica: 0,
        account: AccountIx(account),
        success: true,
        first_token_ms: Some(1),
        health: Health {
            error_rate: 0.0,
            ttft_ms: Some(ttft_ms),
            shut: (ttft_ms > 15_000.0).then_some(EscapeReason::Ttft),
        },
    });
}

fn figures(seen: &mut Detection, end: u64) -> Figures {
    seen.run_over(at(end));
    let mut figures = Figures::new();
    seen.put(&mut figures);
    figures
}

fn check(figures: &Figures, expected: &[(&str, Option<f64>)]) {
    for &(path, value) in expected {
        assert_eq!(figures.get(path).map(|(_, value)| value), Some(value), "{path}");
    }
}

const S: Option<(u32, u64)> = Some((0, 1));

#[test]
fn an_episode_is_detected_missed_and_readmitted() {
    let mut seen = detection(Vec::new());
    select(&mut seen, 5_000, S, &escape(0, EscapeReason::Ttft, Some(2))); // nothing is wrong yet
    health(&mut seen, 10_000, 0, 0, true);
    for ms in [11_000, 12_000, 13_000] {
        select(&mut seen, ms, S, &sticky(0));
        report(&mut seen, ms + 500, 0, 14_000.0);
    }
    select(&mut seen, 13_600, S, &sticky(2)); // a healthy account
    select(&mut seen, 13_700, S, &by_load_balance(Some(0))); // not by stickiness
    select(&mut seen, 13_800, S, &escape(0, EscapeReason::ConcurrencyFull, Some(2))); // says nothing of health
    select(&mut seen, 14_000, S, &escape(0, EscapeReason::Ttft, Some(2)));
    report(&mut seen, 14_500, 0, 20_000.0);
    select(&mut seen, 15_000, S, &escape(0, EscapeReason::Ttft, Some(2)));
    health(&mut seen, 20_000, 0, 0, false);
    select(&mut seen, 21_000, S, &escape(0, EscapeReason::Ttft, Some(2))); // late
    report(&mut seen, 22_000, 0, 16_000.0);
    report(&mut seen, 25_000, 0, 15_000.0); // the gate compares strictly
    select(&mut seen, 30_000, S, &sticky(0));
    let figures = figures(&mut seen, 40_000);
    check(
        &figures,
        &[
            ("detection.onsets", Some(1.0)),
            ("detection.detected_ratio", Some(1.0)),
            ("detection.delay_s.mean", Some(4.0)),
            ("detection.completions.p50", Some(3.0)),
            ("detection.missed_turns", Some(3.0)),
            ("detection.missed_turns_ratio", Some(0.6)),
            ("detection.false_escapes", Some(2.0)),
            ("detection.false_escapes_ratio", Some(0.5)),
            ("detection.late_escapes", Some(1.0)),
            ("detection.readmission_s.max", Some(5.0)),
            ("detection.never_readmitted", Some(0.0)),
            ("conditions.slow.delay_s.min", Some(4.0)),
            ("conditions.slow.delay_s.max", Some(4.0)),
            ("conditions.slow.degraded_s", Some(10.0)),
            ("conditions.slow.missed_turns", Some(3.0)),
            ("conditions.errors.onsets", Some(0.0)),
            ("conditions.errors.delay_s.mean", None),
        ],
    );
}

#[test]
fn an_account_that_nobody_tries_again_is_never_readmitted() {
    let mut seen = detection(Vec::new());
    for (account, escapes) in [(0, true), (1, false)] {
        health(&mut seen, 10_000, account, 0, true);
        if escapes {
            select(&mut seen, 12_000, S, &escape(account, EscapeReason::ErrorRate, Some(2)));
        }
        health(&mut seen, 20_000, account, 0, false);
    }
    select(&mut seen, 30_000, S, &by_load_balance(Some(0))); // chosen, but the gate is shut as before
    let figures = figures(&mut seen, 40_000);
    check(
        &figures,
        &[
            ("detection.onsets", Some(2.0)),
            ("detection.detected", Some(1.0)),
            ("detection.never_readmitted", Some(1.0)), // the other one was never shunned
            ("detection.readmission_s.mean", None),
        ],
    );
}

#[test]
fn an_episode_seen_only_after_its_end_still_shuns_its_account() {
    let mut seen = detection(Vec::new());
    health(&mut seen, 10_000, 0, 0, true);
    health(&mut seen, 11_000, 0, 0, false);
    select(&mut seen, 11_500, S, &sticky(0));
    report(&mut seen, 12_000, 0, 40_000.0);
    select(&mut seen, 13_000, S, &escape(0, EscapeReason::Ttft, Some(1)));
    select(&mut seen, 17_000, S, &sticky(0));
    let figures = figures(&mut seen, 40_000);
    check(
        &figures,
        &[
            ("detection.detected", Some(0.0)),
            ("detection.late_escapes", Some(1.0)),
            ("detection.readmission_s.mean", Some(6.0)),
        ],
    );
}

#[test]
fn a_flapping_account_has_no_time_to_readmission_before_it_flaps_again() {
    let mut seen = detection(Vec::new());
    for start in [10_000, 20_000] {
        health(&mut seen, start, 0, 0, true);
        health(&mut seen, start, 0, 0, true); // told twice, counted once
        select(&mut seen, start + 1_000, S, &escape(0, EscapeReason::Ttft, Some(1)));
        health(&mut seen, start + 2_000, 0, 0, false);
    }
    select(&mut seen, 25_000, S, &sticky(0));
    let figures = figures(&mut seen, 40_000);
    check(
        &figures,
        &[
            ("detection.onsets", Some(2.0)),
            ("detection.degraded_again", Some(1.0)),
            ("detection.readmission_s.mean", Some(3.0)),
            ("conditions.slow.degraded_s", Some(4.0)),
        ],
    );
}

#[test]
fn turns_of_other_models_are_not_missed_and_warm_up_onsets_do_not_count() {
    let mut seen = detection(vec![ModelId(1)]);
    health(&mut seen, 500, 0, 0, true);
    select(&mut seen, 2_000, S, &sticky(0)); // the blank model
    select(&mut seen, 3_000, S, &escape(0, EscapeReason::Ttft, Some(1)));
    assert_eq!(seen.began_in_warmup(), 1);
    let figures = figures(&mut seen, 5_000);
    check(
        &figures,
        &[
            ("detection.onsets", Some(0.0)),
            ("detection.detected", Some(0.0)),
            ("detection.missed_turns", Some(0.0)),
            ("detection.false_escapes", Some(0.0)),
            ("conditions.slow.degraded_s", Some(4.0)), // of the measured time
        ],
    );
}

#[test]
fn a_turn_that_stays_on_its_connection_is_missed_too() {
    for websocket in [false, true] {
        let conditions = [ConditionInfo { name: "slow".into(), accounts: vec![AccountIx(0)], models: Vec::new() }];
        let mut seen = Detection::new(&Settings { websocket, ..Settings::default() }, 2, &conditions);
        health(&mut seen, 1_000, 0, 0, true);
        select(&mut seen, 2_000, S, &sticky(0));
        forward(&mut seen, 2_000, S, 0, 1, 0, true); // counted with its select
        forward(&mut seen, 4_000, S, 0, 1, 0, true); // no select: over HTTP it has waited for its slot
        forward(&mut seen, 6_000, S, 1, 1, 0, true); // a healthy account
        let missed = if websocket { 2.0 } else { 1.0 };
        check(&figures(&mut seen, 9_000), &[("detection.missed_turns", Some(missed))]);
    }
}

#[test]
fn without_a_gate_an_account_is_seen_when_its_score_or_a_cooldown_takes_a_session_from_it() {
    for reason in [LeaveReason::Score, LeaveReason::Cooldown] {
        let mut seen = detection(Vec::new());
        health(&mut seen, 10_000, 0, 0, true);
        select(&mut seen, 11_000, S, &by_load_balance(Some(0))); // not bound
        select(&mut seen, 13_000, S, &left(0, reason, 2));
        select(&mut seen, 14_000, S, &left(1, reason, 2)); // from a healthy one
        let figures = figures(&mut seen, 40_000);
        check(
            &figures,
            &[
                ("detection.detected", Some(1.0)),
                ("detection.delay_s.mean", Some(3.0)),
                ("detection.false_escapes", Some(1.0)),
            ],
        );
    }
}
