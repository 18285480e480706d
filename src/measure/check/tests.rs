use super::*;
use crate::measure::testing::{Turn, at, by_load_balance, escape, forward, left, request, select, sticky};
use crate::scheduler::{Decision, Health, LeaveReason};

fn check(enabled: bool) -> Check {
    let gate = EscapeGate { enabled, ..EscapeGate::default() };
    let accounts = [(1, 2), (2, 0)].map(|(id, concurrency)| AccountInfo::new(id, concurrency));
    Check::new(&Settings { gate, replicas: 2, ..Settings::default() }, &accounts)
}

fn report(check: &mut Check, ms: u64, first_token_ms: Option<u64>, error_rate: f64, ttft_ms: Option<f64>) {
    let success = first_token_ms.is_some();
    check.reported(&Reported {
        now: at(ms),
        replica: 1,
        account: AccountIx(0),
        success,
        first_token_ms,
        health: Health { error_rate, ttft_ms, shut: None },
    });
}

/// The numbers of the invariants that are violated, in order.
fn violated(check: Check) -> Vec<u8> {
    check.into_violations().iter().map(|text| text.as_bytes()[10] - b'0').collect()
}

#[test]
fn a_sound_run_violates_nothing() {
    let mut seen = check(true);
    let turn = Turn::at(1_000).waited(200).failed(1, 300).ttft(900);
    turn.arrives(&mut seen);
    select(&mut seen, 1_000, None, &by_load_balance(Some(0)));
    seen.slots(at(1_000), AccountIx(0), 1);
    forward(&mut seen, 1_000, None, 0, 1, 0, true);
    seen.slots(at(2_000), AccountIx(0), 0);
    report(&mut seen, 2_000, Some(500), 0.0, Some(500.0));
    turn.ends(&mut seen);
    seen.run_over(at(3_000));
    assert_eq!(violated(seen), [0_u8; 0]);
}

#[test]
fn requests_end_once_and_none_is_lost() {
    let told = |steps: fn(&mut Check)| {
        let mut seen = check(true);
        Turn::at(1_000).tell(&mut seen);
        steps(&mut seen);
        seen.run_over(at(9_000));
        violated(seen)
    };
    let none: Vec<u8> = Vec::new();
    assert_eq!(told(|seen| Turn::at(5_000).arrives(seen)), none, "under way at the end");
    // each is seen at once, and again in the sum at the end
    assert_eq!(told(|seen| Turn::at(1_000).number(7).ends(seen)), [1, 1]);
    assert_eq!(told(|seen| (0..2).for_each(|_| Turn::at(5_000).arrives(seen))), [1, 1]);
}

#[test]
fn slots_and_waiting_stay_within_their_limits_and_end_at_zero() {
    let mut seen = check(true);
    seen.slots(at(1), AccountIx(0), 3);
    seen.slots(at(1), AccountIx(1), 1); // it has no limit: nothing is held there
    seen.waiting(at(1), AccountIx(0), u32::MAX); // one less than none
    seen.run_over(at(2));
    assert_eq!(violated(seen), [2, 2, 2, 2]);
}

#[test]
fn time_goes_forward() {
    let mut seen = check(true);
    seen.list_built(at(5), &[true, true]);
    seen.restarted(at(4), 0);
    seen.arrived(at(6), 1, &request(7, None));
    assert_eq!(violated(seen), [3, 3]);
}

#[test]
fn felt_ttft_is_the_sum_of_its_parts() {
    for (parts, expected) in [(100, vec![]), (101, vec![4]), (99, vec![4])] {
        let mut seen = check(true);
        let turn = Turn::at(1_000).ttft(600).waited(200).failed(1, 300).upstream(parts);
        turn.tell(&mut seen);
        assert_eq!(violated(seen), expected);
    }
}

#[test]
fn escapes_need_a_reason() {
    let with = |reason, error_rate, ttft_ms| {
        let mut decision = escape(0, reason, Some(1));
        if let Some(escape) = &mut decision.escape {
            (escape.error_rate, escape.ttft_ms) = (error_rate, ttft_ms);
        }
        decision
    };
    let after_slow_report = |enabled, decision: &Decision| {
        let mut seen = check(enabled);
        report(&mut seen, 1, Some(20_000), 0.0, Some(20_000.0));
        Turn::at(2).arrives(&mut seen);
        let request = request(2, None);
        seen.selected(&Selected { now: at(2), request: &request, number: 2, earlier: 0, replica: 1, decision });
        violated(seen)
    };
    let none: Vec<u8> = Vec::new();
    assert_eq!(after_slow_report(true, &with(EscapeReason::Ttft, 0.0, 20_000.0)), none);
    assert_eq!(after_slow_report(false, &with(EscapeReason::Ttft, 0.0, 20_000.0)), [5]);
    assert_eq!(after_slow_report(true, &with(EscapeReason::Ttft, 0.0, 20_000.1)), [5]);
    assert_eq!(after_slow_report(true, &with(EscapeReason::ErrorRate, 0.0, 20_000.0)), [5]);
    assert_eq!(after_slow_report(true, &sticky(0)), [5]);
    assert_eq!(after_slow_report(false, &sticky(0)), none);
    // for want of a slot: only when all are taken
    for (held, expected) in [(1, vec![5]), (2, vec![])] {
        let mut seen = check(true);
        Turn::at(2).arrives(&mut seen);
        seen.slots(at(2), AccountIx(0), held);
        select(&mut seen, 2, None, &escape(0, EscapeReason::ConcurrencyFull, Some(1)));
        assert_eq!(violated(seen), expected);
    }
}

#[test]
fn runtime_stats_are_what_the_reports_make_them() {
    let mut seen = check(true);
    report(&mut seen, 1, Some(1_000), 0.0, Some(1_000.0));
    report(&mut seen, 2, Some(0), 0.0, Some(1_000.0)); // no sample
    report(&mut seen, 3, None, 0.2, Some(1_000.0));
    report(&mut seen, 4, Some(2_000), 0.2 * 0.0 + 0.8 * 0.2, Some(0.2 * 2_000.0 + 0.8 * 1_000.0));
    assert_eq!(seen.count(), 0);
    report(&mut seen, 5, Some(1_200), 0.5, Some(1_200.0));
    seen.restarted(at(6), 1);
    report(&mut seen, 7, None, 0.2, None);
    assert_eq!(violated(seen), [6]);
}

#[test]
fn each_mode_decides_as_it_can() {
    let told = |mode, decision: &Decision| {
        let mut seen = Check::new(&Settings { mode, ..Settings::default() }, &[AccountInfo::new(1, 2)]);
        Turn::at(2).arrives(&mut seen);
        select(&mut seen, 2, None, decision);
        violated(seen)
    };
    let of = |decision: &Decision| Mode::ALL.map(|mode| told(mode, decision).len());
    let plain = Decision { candidate_count: 0, ..by_load_balance(Some(0)) };
    assert_eq!(of(&plain), [0, 0, 0]);
    assert_eq!(of(&by_load_balance(Some(0))), [1, 0, 0], "legacy counts no candidates");
    assert_eq!(of(&sticky(0)), [1, 0, 1], "the layer session_hash is of advanced only");
    let balanced = Decision { sticky_session_hit: true, bound: Some(AccountIx(0)), ..plain };
    assert_eq!(of(&balanced), [1, 1, 0], "a hit by load balance is of weighted only");
    assert_eq!(
        told(Mode::Weighted, &Decision { bound: None, ..balanced }),
        [5],
        "on another account than the bound one"
    );
    let gone = Decision { candidate_count: 0, ..left(1, LeaveReason::Cooldown, 0) };
    assert_eq!(of(&gone), [0, 1, 0], "a session leaves advanced by an escape");
    assert_eq!(told(Mode::Weighted, &left(0, LeaveReason::Score, 0)), [5], "left, and stayed");
}
