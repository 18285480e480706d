use super::super::config::{Condition, Counted, Course, Decode, Effect, Failure, Fault, Limit, Refill, State};
use super::super::testing::{START, at, forward, request};
use super::*;
use crate::engine::Distribution;
use crate::ids::ModelId;
use crate::workload::Request;

fn upstream(accounts: Vec<AccountModel>, conditions: Vec<Condition>) -> ModelledUpstream {
    let config = Config { accounts, conditions, messages: vec!["overloaded".into()] };
    ModelledUpstream::new(config, Luck::new(5), START)
}

fn slow_from_10_for_20(accounts: &[u32]) -> Condition {
    Condition {
        name: "slow".into(),
        accounts: accounts.iter().copied().map(AccountIx).collect(),
        course: Course::Scheduled {
            at: Span::from_secs(10),
            lasting: Span::from_secs(20),
            ramp_in: Span::ZERO,
            ramp_out: Span::ZERO,
            effect: Effect { ttft_factor: 20.0, ..Effect::default() },
        },
    }
}

fn begin(upstream: &mut ModelledUpstream, request: &Request, account: u32, second: f64) -> Attempt {
    upstream.begin(&forward(request, account, second), &mut Vec::new())
}

/// An account with a clean lognormal and sessions that are not alike.
fn light() -> AccountModel {
    let ttft_s = crate::upstream::baselines::light().unwrap();
    AccountModel { ttft_s, persistence: None, ..AccountModel::default() }
}

fn ttft(attempt: &Attempt) -> f64 {
    attempt.fate.first_token().unwrap().secs()
}

#[test]
fn a_forward_has_the_same_luck_whatever_else_happened() {
    let two = || vec![light(), light()];
    let mut busy = upstream(two(), vec![]);
    for i in 0..100 {
        begin(&mut busy, &request(i), (i % 2) as u32, 1.0);
    }
    let mut idle = upstream(two(), vec![]);
    let one = request(7_000);
    assert_eq!(begin(&mut busy, &one, 1, 2.0), begin(&mut idle, &one, 1, 2.0));
    // another visit or request: another luck
    let reference = ttft(&begin(&mut idle, &one, 1, 2.0));
    let again = Forward { visit: 1, ..forward(&one, 1, 2.0) };
    assert_ne!(ttft(&idle.begin(&again, &mut Vec::new())), reference);
    assert_ne!(ttft(&begin(&mut idle, &request(7_001), 1, 2.0)), reference);
}

#[test]
fn a_request_takes_its_luck_to_whichever_account_it_is_sent() {
    let with_median =
        |p50: f64| AccountModel { ttft_s: Distribution::lognormal_p50_p90(p50, 2.5 * p50).unwrap(), ..light() };
    let mut pool = upstream(vec![with_median(1.0), with_median(3.0)], vec![]);
    for i in 0..100 {
        let one = request(i);
        let (fast, slow) = (ttft(&begin(&mut pool, &one, 0, 1.0)), ttft(&begin(&mut pool, &one, 1, 1.0)));
        assert!((slow / fast - 3.0).abs() < 1e-6, "request {i}: {fast} {slow}");
    }
}

#[test]
fn a_degraded_forward_has_the_luck_of_the_healthy_one_times_the_factor() {
    let mut healthy = upstream(vec![light()], vec![]);
    let mut degraded = upstream(vec![light()], vec![slow_from_10_for_20(&[0])]);
    for i in 0..100 {
        let one = request(i);
        let (a, b) = (begin(&mut healthy, &one, 0, 15.0), begin(&mut degraded, &one, 0, 15.0));
        assert!((ttft(&b) / ttft(&a) - 20.0).abs() < 1e-6);
        let decode = |attempt: &Attempt| attempt.fate.end().nanos() - attempt.fate.first_token().unwrap().nanos();
        assert_eq!(decode(&a), decode(&b));
        assert!(!a.degraded && b.degraded);
    }
}

#[test]
fn times_have_the_distributions_asked_for() {
    let model = AccountModel {
        ttft_s: Distribution::lognormal_p50_p90(1.5, 4.0).unwrap(),
        decode: Decode::Seconds(Distribution::exponential(6.0).unwrap()),
        ..light()
    };
    let mut all = upstream(vec![model], vec![]);
    let n = 40_000;
    let attempts: Vec<Attempt> = (0..n).map(|i| begin(&mut all, &request(i), 0, 1.0)).collect();
    let share = |test: &dyn Fn(&Attempt) -> bool| attempts.iter().filter(|a| test(a)).count() as f64 / n as f64;
    // 4.5 standard errors of a share: 4.5 * 0.5 / sqrt n = 0.0113
    assert!((share(&|a| ttft(a) < 1.5) - 0.5).abs() < 0.0113);
    assert!((share(&|a| ttft(a) < 4.0) - 0.9).abs() < 0.0113);
    let mean = attempts.iter().map(|a| a.fate.end().secs() - ttft(a)).sum::<f64>() / n as f64;
    assert!((mean / 6.0 - 1.0).abs() < 0.0225, "mean body {mean}");
}

#[test]
fn a_raised_failure_rate_turns_successes_into_failures_and_touches_no_other_attempt() {
    let failing = |probability| {
        let failures = vec![Failure { probability, fault: Fault::status(503) }];
        upstream(vec![AccountModel { failures, ..light() }], vec![])
    };
    let (mut few, mut many) = (failing(0.1), failing(0.3));
    let mut failed = [0, 0];
    for i in 0..10_000 {
        let one = request(i);
        let (a, b) = (begin(&mut few, &one, 0, 1.0), begin(&mut many, &one, 0, 1.0));
        failed[0] += usize::from(a.fate.first_token().is_none());
        failed[1] += usize::from(b.fate.first_token().is_none());
        assert!(a == b || b.fate.first_token().is_none(), "{a:?} {b:?}");
    }
    // 4.5 standard errors: 4.5 * sqrt(0.3 * 0.7 * 10,000) = 206
    assert!(failed[0].abs_diff(1_000) < 136 && failed[1].abs_diff(3_000) < 207, "{failed:?}");
}

#[test]
fn failed_attempts_find_and_leave_nothing_in_the_prompt_cache() {
    let broken = Fault::Broken { share: Distribution::constant(0.5).unwrap(), would_fail_over: true };
    let account = |fault: Option<Fault>| AccountModel {
        failures: fault.map(|fault| Failure { probability: 1.0, fault }).into_iter().collect(),
        ..light()
    };
    let cases = [(None, 7_936), (Some(Fault::status(500)), 0), (Some(broken), 7_936)];
    for (fault, expected) in cases {
        let mut all = upstream(vec![account(fault)], vec![]);
        let one = request(1);
        let first = begin(&mut all, &one, 0, 0.0);
        assert_eq!(first.cached_tokens, 0);
        all.end(&forward(&one, 0, 0.0), &first, at(20.0));
        assert_eq!(begin(&mut all, &one, 0, 319.0).cached_tokens, expected);
        assert_eq!(begin(&mut all, &one, 0, 320.0).cached_tokens, 0, "300 s after the end of the turn");
    }
}

#[test]
fn a_turn_with_a_warm_prefix_spends_less_on_prefill() {
    let model = AccountModel { prefill_tokens_per_s: Some(1_000.0), ..light() };
    let mut all = upstream(vec![model], vec![]);
    let one = request(1);
    let cold = begin(&mut all, &one, 0, 0.0);
    all.end(&forward(&one, 0, 0.0), &cold, at(20.0));
    let warm = begin(&mut all, &one, 0, 30.0);
    assert!((ttft(&cold) - ttft(&warm) - 7.936).abs() < 1e-8);
    all.forget(one.session.unwrap());
    assert_eq!(begin(&mut all, &one, 0, 31.0).cached_tokens, 0);
}

#[test]
fn beyond_a_limit_an_account_answers_429_and_names_the_reset_if_it_does() {
    for names_reset in [true, false] {
        let limit = Limit {
            counted: Counted::Requests,
            most: 2,
            window: Span::from_secs(60),
            refill: Refill::AtOnce,
            names_reset,
        };
        let mut all = upstream(vec![AccountModel { limits: vec![limit], ..light() }], vec![]);
        let refused = |attempt: Attempt| !matches!(attempt.fate, RecordedAttempt::Ok { .. });
        assert_eq!([0.0, 1.0].map(|second| refused(begin(&mut all, &request(1), 0, second))), [false; 2]);
        let third = begin(&mut all, &request(1), 0, 10.0);
        assert_eq!(
            third.fate,
            RecordedAttempt::Status {
                status: 429,
                end: Span::from_millis(200),
                reset_after: names_reset.then_some(Span::from_millis(49_800)),
                retry_after: None,
                says: crate::workload::Says::Nothing,
            }
        );
        assert!(!third.degraded);
        assert!(!refused(begin(&mut all, &request(1), 0, 60.0)));
    }
}

#[test]
fn begin_brings_conditions_up_to_its_start_and_tells_of_them() {
    let accounts = vec![light(); 2];
    let mut all = upstream(accounts, vec![slow_from_10_for_20(&[0, 1])]);
    assert_eq!(all.next_change(), Some(at(10.0)));
    let (one, mut changes) = (request(1), Vec::new());
    assert!(all.begin(&forward(&one, 1, 10.0), &mut changes).degraded);
    let told = |account, degraded| HealthChange { at: at(10.0), account: AccountIx(account), condition: 0, degraded };
    assert_eq!(changes, [told(0, true), told(1, true)]);
    assert!(all.is_degraded(AccountIx(0)));
    assert_eq!(all.next_change(), Some(at(30.0)));
    changes.clear();
    all.advance(at(30.0), &mut changes);
    assert_eq!(changes.len(), 2);
    assert_eq!(all.next_change(), None);
}

#[test]
fn messages_are_found_by_their_number_from_1() {
    let all = upstream(vec![], vec![]);
    assert_eq!([0, 1, 2].map(|i| all.message(i)), ["", "overloaded", ""]);
}

#[test]
fn the_bits_of_an_attempt_are_pinned() {
    let mut all = upstream(vec![light(); 4], vec![slow_from_10_for_20(&[3])]);
    let one = request(4_711);
    let forward = Forward { visit: 1, ..forward(&one, 3, 15.0) };
    let fate = all.begin(&forward, &mut Vec::new()).fate;
    assert_eq!(
        fate,
        RecordedAttempt::Ok { ttft: Span::from_nanos(44_392_090_816), end: Span::from_nanos(45_970_127_415) }
    );
}

/// A random number of seconds, 0 included.
fn some_span(stream: &mut Stream) -> Span {
    Span::from_secs(stream.bits() % 40)
}

fn some_effect(stream: &mut Stream) -> Effect {
    Effect {
        ttft_factor: [0.5, 1.0, 3.0][stream.bits() as usize % 3],
        error_rate: [0.0, 0.3, 1.0][stream.bits() as usize % 3],
        only_models: if stream.chance(0.3) { vec![ModelId(1)] } else { vec![] },
        ..Effect::default()
    }
}

fn some_course(stream: &mut Stream) -> Course {
    let (at, effect) = (some_span(stream), some_effect(stream));
    let counted = if stream.chance(0.5) { Counted::Requests } else { Counted::Tokens };
    match stream.bits() % 5 {
        0 => {
            let (lasting, ramp_in, ramp_out) = (some_span(stream), some_span(stream), some_span(stream));
            Course::Scheduled { at, lasting, ramp_in, ramp_out, effect }
        }
        1 => {
            let states = (0..stream.bits() % 4).map(|i| State {
                name: i.to_string(),
                sojourn_s: Distribution::exponential(5.0).unwrap(),
                effect: some_effect(stream),
                next: (0..stream.bits() % 6).map(|_| stream.between(-1.0, 2.0)).collect(),
            });
            Course::Markov { states: states.collect() }
        }
        2 => Course::Flapping { at, on: some_span(stream), off: some_span(stream), until: some_span(stream), effect },
        3 => {
            let steps = (0..stream.bits() % 9).map(|_| (some_span(stream), stream.between(0.5, 4.0))).collect();
            Course::Replayed { steps, degraded_from: 2.0, effect }
        }
        _ => {
            let (window, lasting) = (some_span(stream), some_span(stream));
            Course::Triggered { counted, most: stream.bits() % 5, window, lasting, effect }
        }
    }
}

#[test]
fn whatever_the_conditions_health_changes_by_turns_in_order_of_time_and_attempts_agree_with_it() {
    let mut degraded_attempts = 0;
    for seed in 0..300 {
        let mut stream = Luck::new(seed).stream(1, 2, 3);
        let conditions: Vec<Condition> = (0..stream.bits() % 6)
            .map(|_| Condition {
                name: String::new(),
                accounts: (0..stream.bits() % 4).map(|_| AccountIx(stream.bits() as u32 % 3)).collect(),
                course: some_course(&mut stream),
            })
            .collect();
        let narrow = conditions.len();
        let mut all = upstream(vec![light(); 3], conditions);
        let mut bad = vec![[false; 3]; narrow];
        let mut latest = START;
        for i in 0..200 {
            let now = at(f64::from(i) * 0.31);
            let (one, mut changes) = (request(i.into()), Vec::new());
            assert!(i == 0 || all.next_change().is_none_or(|next| next > latest), "seed {seed}");
            let forward = forward(&one, i % 3, f64::from(i) * 0.31);
            let attempt = all.begin(&forward, &mut changes);
            for change in &changes {
                assert!(latest <= change.at && change.at <= now, "seed {seed}: {change:?}");
                latest = change.at;
                let bad = &mut bad[change.condition as usize][change.account.at()];
                assert_ne!(*bad, change.degraded, "seed {seed}: {change:?}");
                *bad = change.degraded;
            }
            for account in 0..3 {
                assert_eq!(all.is_degraded(AccountIx(account)), bad.iter().any(|bad| bad[account as usize]));
            }
            let account = forward.account.at();
            assert!(!attempt.degraded || bad.iter().any(|bad| bad[account]), "seed {seed}");
            degraded_attempts += u32::from(attempt.degraded);
            assert!(attempt.fate.first_token().is_none_or(|ttft| ttft <= attempt.fate.end()));
        }
    }
    assert!(degraded_attempts > 1_000, "{degraded_attempts}");
}
