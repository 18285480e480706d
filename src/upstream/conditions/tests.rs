use super::super::config::{Capacity, Counted, State};
use super::super::testing::{START, at};
use super::*;
use crate::engine::Distribution;
use crate::units::Span;

const A: AccountIx = AccountIx(0);
const B: AccountIx = AccountIx(1);
const FOR_EVER: Span = Span::MAX;

fn secs(seconds: u64) -> Span {
    Span::from_secs(seconds)
}

fn slow(factor: f64) -> Effect {
    Effect { ttft_factor: factor, ..Effect::default() }
}

fn scheduled(from: u64, lasting: u64, effect: Effect) -> Course {
    Course::Scheduled { at: secs(from), lasting: secs(lasting), ramp_in: Span::ZERO, ramp_out: Span::ZERO, effect }
}

/// Two accounts; each condition is on those given.
fn conditions(courses: Vec<(&[AccountIx], Course)>) -> Conditions {
    let condition = |(accounts, course): (&[AccountIx], Course)| Condition {
        name: String::new(),
        accounts: accounts.to_vec(),
        course,
    };
    let conditions: Vec<Condition> = courses.into_iter().map(condition).collect();
    Conditions::new(&conditions, 2, Luck::new(9), START)
}

fn chance() -> Chance {
    Chance::draw(&mut Luck::new(1).stream(1, 2, 3))
}

fn meet(conditions: &Conditions, account: AccountIx, second: f64) -> Influence<'_> {
    conditions.meet(Start { at: at(second), account, model: ModelId::BLANK, busy: 0 }, &mut chance())
}

/// The TTFT factor that an attempt meets.
fn factor(conditions: &mut Conditions, account: AccountIx, second: f64) -> f64 {
    conditions.advance(at(second), &mut Vec::new());
    meet(conditions, account, second).slowness.ttft_factor
}

/// (second, account, condition, degraded) of all changes up to `second`.
fn changes(conditions: &mut Conditions, second: f64) -> Vec<(f64, u32, u32, bool)> {
    let mut changes = Vec::new();
    conditions.advance(at(second), &mut changes);
    changes.iter().map(|c| (c.at.since(START).secs(), c.account.0, c.condition, c.degraded)).collect()
}

#[test]
fn a_scheduled_condition_counts_for_attempts_that_start_inside_it() {
    let mut conditions = conditions(vec![(&[A], scheduled(10, 20, slow(5.0)))]);
    for (second, expected) in [(0.0, 1.0), (9.999, 1.0), (10.0, 5.0), (29.999, 5.0), (30.0, 1.0), (99.0, 1.0)] {
        assert_eq!(factor(&mut conditions, A, second), expected, "at {second}");
        assert_eq!(conditions.is_degraded(A), expected > 1.0);
        assert_eq!(factor(&mut conditions, B, second), 1.0);
    }
}

#[test]
fn onsets_and_ends_are_told_once_for_each_account() {
    let mut conditions = conditions(vec![(&[B, A, B], scheduled(10, 20, slow(5.0)))]);
    assert_eq!(conditions.next(), at(10.0));
    assert_eq!(changes(&mut conditions, 15.0), [(10.0, 0, 0, true), (10.0, 1, 0, true)]);
    assert_eq!(conditions.next(), at(30.0));
    assert_eq!(changes(&mut conditions, 99.0), [(30.0, 0, 0, false), (30.0, 1, 0, false)]);
    assert_eq!(conditions.next(), Time::NEVER);
}

#[test]
fn conditions_without_effect_or_length_are_told_by_nobody() {
    let mut conditions = conditions(vec![
        (&[A], scheduled(10, 20, Effect::default())),
        (&[A], scheduled(10, 0, slow(5.0))),
        (&[A], scheduled(10, 20, slow(0.5))),
    ]);
    assert_eq!(changes(&mut conditions, 15.0), []);
    assert_eq!(factor(&mut conditions, A, 15.0), 0.5, "a better account is no degraded one");
}

#[test]
fn ramps_scale_the_effect_and_count_as_degraded() {
    let effect = Effect { ttft_factor: 5.0, ttft_add: secs(8), ..Effect::default() };
    let mut conditions = conditions(vec![(
        &[A],
        Course::Scheduled { at: secs(100), lasting: secs(100), ramp_in: secs(20), ramp_out: secs(40), effect },
    )]);
    for (second, expected) in [(99.0, 1.0), (100.0, 1.0), (105.0, 2.0), (120.0, 5.0), (160.0, 5.0), (190.0, 2.0)] {
        assert_eq!(factor(&mut conditions, A, second), expected, "at {second}");
        let influence = meet(&conditions, A, second);
        assert_eq!(influence.degraded, second >= 100.0);
        assert_eq!(influence.slowness.ttft_add, secs(2).scale(expected - 1.0));
    }
}

#[test]
fn overlapping_conditions_multiply_factors_and_fail_independently() {
    let failing = |rate| Effect { error_rate: rate, ttft_factor: 3.0, ttft_add: secs(1), ..Effect::default() };
    let conditions = {
        let mut all =
            conditions(vec![(&[A], scheduled(0, 100, failing(0.2))), (&[A], scheduled(0, 100, failing(0.5)))]);
        all.advance(at(1.0), &mut Vec::new());
        all
    };
    let start = Start { at: at(1.0), account: A, model: ModelId::BLANK, busy: 0 };
    let n = 100_000;
    let failed = (0..n)
        .filter(|&i| {
            let mut chance = Chance::draw(&mut Luck::new(1).stream(1, i, 0));
            conditions.meet(start, &mut chance).fault.is_some()
        })
        .count();
    // 1 - 0.8 * 0.5 = 0.6, within 4.5 standard errors: 4.5 * sqrt(0.24 / n) = 0.007
    assert!((failed as f64 / n as f64 - 0.6).abs() < 0.007, "{failed}");
    let influence = meet(&conditions, A, 1.0);
    assert_eq!((influence.slowness.ttft_factor, influence.slowness.ttft_add), (9.0, secs(2)));
}

#[test]
fn a_condition_for_some_models_leaves_the_others_alone() {
    let effect = Effect { only_models: vec![ModelId(2), ModelId(5)], ..slow(4.0) };
    let mut conditions = conditions(vec![(&[A], scheduled(0, 100, effect))]);
    assert_eq!(changes(&mut conditions, 1.0), [(0.0, 0, 0, true)]);
    for (model, expected) in [(2, 4.0), (5, 4.0), (0, 1.0), (3, 1.0)] {
        let start = Start { at: at(1.0), account: A, model: ModelId(model), busy: 0 };
        let influence = conditions.meet(start, &mut chance());
        assert_eq!((influence.slowness.ttft_factor, influence.degraded), (expected, expected > 1.0), "{model}");
    }
}

#[test]
fn beyond_its_capacity_an_upstream_shares_or_refuses_and_the_smallest_capacity_holds() {
    let capacity = |forwards, beyond| Effect { capacity: Some(Capacity { forwards, beyond }), ..Effect::default() };
    let met = |effects: Vec<Effect>, busy| {
        let mut all = conditions(effects.into_iter().map(|e| (&[A][..], scheduled(0, 100, e))).collect());
        all.advance(at(1.0), &mut Vec::new());
        let influence = all.meet(Start { at: at(1.0), account: A, model: ModelId::BLANK, busy }, &mut chance());
        (influence.slowness.sharing, influence.fault.is_some(), influence.degraded)
    };
    let slower = || capacity(4, Beyond::Slower);
    let refused = |forwards| capacity(forwards, Beyond::Refused(Fault::status(429)));
    assert_eq!(met(vec![slower()], 3), (1.0, false, true));
    assert_eq!(met(vec![slower()], 5), (1.5, false, true));
    assert_eq!(met(vec![refused(4)], 3), (1.0, false, true));
    assert_eq!(met(vec![refused(4)], 4), (1.0, true, true));
    assert_eq!(met(vec![slower(), refused(2)], 5), (1.0, true, true));
    assert_eq!(met(vec![refused(8), slower()], 9), (2.5, false, true));
}

#[test]
fn flapping_goes_on_and_off_until_it_ends() {
    let course = Course::Flapping { at: secs(10), on: secs(5), off: secs(15), until: secs(33), effect: slow(2.0) };
    let mut conditions = conditions(vec![(&[A], course)]);
    let expected = [(10.0, 0, 0, true), (15.0, 0, 0, false), (30.0, 0, 0, true), (33.0, 0, 0, false)];
    assert_eq!(changes(&mut conditions, 1_000.0), expected);
}

#[test]
fn flapping_without_pauses_is_one_pulse_and_without_pulses_nothing() {
    let course = |on, off| Course::Flapping { at: secs(1), on, off, until: secs(50), effect: slow(2.0) };
    let mut all = conditions(vec![(&[A], course(secs(5), Span::ZERO)), (&[B], course(Span::ZERO, secs(5)))]);
    assert_eq!(changes(&mut all, 1_000.0), [(1.0, 0, 0, true), (50.0, 0, 0, false)]);
}

#[test]
fn a_replayed_condition_follows_its_steps_and_is_degraded_from_its_threshold_on() {
    let steps = vec![(secs(10), 1.2), (secs(20), 8.0), (secs(30), 2.5), (secs(40), 1.0)];
    let effect = Effect { decode_factor: 3.0, ..Effect::default() };
    let course = Course::Replayed { steps, degraded_from: 2.0, effect };
    let mut conditions = conditions(vec![(&[A], course)]);
    for (second, ttft, decode) in
        [(5.0, 1.0, 1.0), (10.0, 1.2, 1.0), (25.0, 8.0, 3.0), (39.0, 2.5, 3.0), (40.0, 1.0, 1.0), (99.0, 1.0, 1.0)]
    {
        assert_eq!(factor(&mut conditions, A, second), ttft, "at {second}");
        let influence = meet(&conditions, A, second);
        assert_eq!((influence.slowness.decode_factor, influence.degraded), (decode, decode > 1.0), "at {second}");
    }
    assert!(!conditions.is_degraded(A));
}

fn walk(weights: [Vec<f64>; 3]) -> Course {
    let state = |name: &str, mean, effect, next: &[f64]| State {
        name: name.into(),
        sojourn_s: Distribution::exponential(mean).unwrap(),
        effect,
        next: next.to_vec(),
    };
    let [healthy, slow_next, down] = weights;
    Course::Markov {
        states: vec![
            state("healthy", 300.0, Effect::default(), &healthy),
            state("slow", 100.0, slow(10.0), &slow_next),
            state("down", 50.0, Effect { error_rate: 1.0, ..Effect::default() }, &down),
        ],
    }
}

#[test]
fn a_random_condition_spends_its_time_as_its_chain_says() {
    // healthy -> slow (3 of 4) or down; both back to healthy: a cycle is 300 s + 0.75 * 100 s + 0.25 * 50 s = 387.5 s
    let course = walk([vec![0.0, 3.0, 1.0], vec![1.0], vec![1.0, 0.0, 0.0]]);
    let mut conditions = conditions(vec![(&[A], course)]);
    let horizon = 387.5 * 10_000.0;
    let mut health = changes(&mut conditions, horizon);
    health.push((horizon, 0, 0, false));
    let degraded: f64 =
        health.windows(2).filter(|pair| pair[0].3).map(|pair| pair[1].0 - pair[0].0).sum::<f64>() / horizon;
    let cycles = health.len() as f64 / 2.0;
    // 10,000 cycles; a cycle's degraded part has cv about 1.1 and its length 0.8: 4.5 standard errors are below 5 %
    assert!((degraded / (87.5 / 387.5) - 1.0).abs() < 0.05, "{degraded}");
    assert!((cycles / 10_000.0 - 1.0).abs() < 0.04, "{cycles}");
}

#[test]
fn neighbouring_bad_states_of_a_random_condition_are_one_degradation() {
    let course = walk([vec![0.0, 1.0], vec![0.0, 0.0, 1.0], vec![1.0]]);
    let mut conditions = conditions(vec![(&[A], course)]);
    let health = changes(&mut conditions, 100_000.0);
    assert!(health.len() > 100);
    assert!(health.iter().zip([true, false].iter().cycle()).all(|(change, &expected)| change.3 == expected));
}

#[test]
fn a_random_condition_without_a_way_out_stays() {
    let course = walk([vec![0.0, 1.0], vec![0.0, 0.0, 0.0], vec![]]);
    let mut conditions = conditions(vec![(&[A], course)]);
    assert_eq!(changes(&mut conditions, 1e6).len(), 1);
    assert_eq!(conditions.next(), Time::NEVER);
}

#[test]
fn a_random_condition_on_several_accounts_has_one_luck_and_two_conditions_have_two() {
    let course = || walk([vec![0.0, 1.0, 1.0], vec![1.0], vec![1.0]]);
    let mut shared = conditions(vec![(&[A, B], course())]);
    let health = changes(&mut shared, 1e5);
    let of = |health: &[(f64, u32, u32, bool)], account| -> Vec<(f64, bool)> {
        health.iter().filter(|c| c.1 == account).map(|c| (c.0, c.3)).collect()
    };
    assert!(health.len() > 200);
    assert_eq!(of(&health, 0), of(&health, 1));
    let mut single = conditions(vec![(&[A], course()), (&[B], course())]);
    let health_of_two = changes(&mut single, 1e5);
    assert_ne!(of(&health_of_two, 0), of(&health_of_two, 1));
    assert_eq!(of(&health, 0), of(&health_of_two, 0), "and another account does not change the luck of the first");
}

fn throttle(counted: Counted, most: u64) -> Course {
    Course::Triggered { counted, most, window: secs(60), lasting: secs(100), effect: slow(3.0) }
}

#[test]
fn throttling_sets_in_with_the_forward_that_is_too_many_and_lasts_from_the_last_such_one() {
    let mut conditions = conditions(vec![(&[A], throttle(Counted::Requests, 3))]);
    let mut told = Vec::new();
    let mut carry = |conditions: &mut Conditions, second: f64| {
        conditions.advance(at(second), &mut told);
        conditions.carried(A, 8_100, at(second), &mut told);
        meet(conditions, A, second).slowness.ttft_factor
    };
    assert_eq!([0.0, 30.0, 59.0].map(|second| carry(&mut conditions, second)), [1.0; 3]);
    assert_eq!(carry(&mut conditions, 61.0), 1.0, "the first one has left the window");
    assert_eq!(carry(&mut conditions, 62.0), 3.0, "four in the window");
    assert_eq!(carry(&mut conditions, 63.0), 3.0, "still too many: lasts until 163");
    assert_eq!(carry(&mut conditions, 162.9), 3.0);
    assert_eq!(carry(&mut conditions, 163.0), 1.0);
    let told: Vec<(f64, bool)> = told.iter().map(|c| (c.at.since(START).secs(), c.degraded)).collect();
    assert_eq!(told, [(62.0, true), (163.0, false)]);
}

#[test]
fn throttling_by_tokens_counts_tokens_and_shared_throttling_counts_all_its_accounts() {
    let mut conditions = conditions(vec![(&[A, B], throttle(Counted::Tokens, 10_000))]);
    let mut told = Vec::new();
    conditions.carried(A, 6_000, at(1.0), &mut told);
    conditions.carried(B, 4_000, at(2.0), &mut told);
    assert!(told.is_empty());
    conditions.carried(B, 1, at(3.0), &mut told);
    assert_eq!(told.iter().map(|c| c.account).collect::<Vec<_>>(), [A, B]);
    assert_eq!(conditions.next(), at(103.0));
}

#[test]
fn throttling_forgets_what_was_carried_long_ago() {
    let mut conditions = conditions(vec![(&[A], throttle(Counted::Requests, 3))]);
    let mut told = Vec::new();
    for i in 0..100 {
        conditions.carried(A, 1, at(f64::from(i) * 25.0), &mut told);
    }
    assert!(told.is_empty(), "never more than 3 in any 60 s");
}

#[test]
fn a_condition_for_ever_ends_never() {
    let course = Course::Scheduled {
        at: secs(5),
        lasting: FOR_EVER,
        ramp_in: Span::ZERO,
        ramp_out: Span::ZERO,
        effect: slow(2.0),
    };
    let mut conditions = conditions(vec![(&[A], course)]);
    assert_eq!(changes(&mut conditions, 1e9), [(5.0, 0, 0, true)]);
    assert_eq!(conditions.next(), Time::NEVER);
}
