//! Step 4: waiting for a slot.

use crate::world::{World, broken, ms, ok};
use stickysim::measure::BindingCause;

/// When a request that entered the counter at 0 gets a slot that is free from `free` on, with the real jitter.
fn got(free: f64, seed: u64) -> f64 {
    let mut world = World::new(&[1]);
    (world.config.wait_jitter, world.seed) = (0.2, seed);
    world.config.scheduler.fallback_wait_timeout = ms(100_000.0);
    world.ask(0.0, &[ok(1.0, free)]);
    world.ask(0.0, &[ok(1.0, 2.0)]);
    let seen = world.play();
    assert_eq!(seen.waits, [(0.0, 1, 1), (seen.starts(1)[0], 1, 0)]);
    seen.starts(1)[0]
}

fn range(times: &[f64]) -> (f64, f64) {
    times.iter().fold((f64::MAX, f64::MIN), |(low, high), &t| (low.min(t), high.max(t)))
}

#[test]
fn the_first_poll_comes_after_100_ms_without_jitter() {
    assert!((0..100).all(|seed| got(50.0, seed) == 100.0));
}

#[test]
fn the_second_pause_is_150_ms_times_a_uniform_factor_of_0_8_to_1_2() {
    let times: Vec<f64> = (0..2_000).map(|seed| got(101.0, seed)).collect();
    let (low, high) = range(&times);
    assert!((220.0..220.6).contains(&low) && (279.4..=280.0).contains(&high), "{low} to {high}");
    // uniform on 220 to 280: mean 250, standard deviation 17.32; five standard errors of 2000 are 1.94
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    assert!((mean - 250.0).abs() < 1.94, "{mean}");
}

#[test]
fn each_pause_grows_from_the_one_that_was_waited() {
    // second poll at 220 to 280; the third pause is 1.5 times the second (120 to 180), times 0.8 to 1.2
    let times: Vec<f64> = (0..2_000).map(|seed| got(281.0, seed)).collect();
    let (low, high) = range(&times);
    assert!((364.0..375.0).contains(&low) && (585.0..=604.0).contains(&high), "{low} to {high}");
    assert!(high > 100.0 + 180.0 + 225.0 * 1.2, "a pause grows from the drawn one, not from 150 ms");
}

#[test]
fn no_pause_is_longer_than_two_seconds() {
    let after: Vec<f64> = (0..500).map(|seed| got(60_000.0, seed) - 60_000.0).collect();
    let (low, high) = range(&after);
    assert!(low > 0.0 && low < 50.0 && high <= 2_000.0 && high > 1_800.0, "{low} to {high}");
}

#[test]
fn a_wait_ends_exactly_at_its_timeout_without_a_last_try() {
    let mut world = World::new(&[1]);
    world.config.scheduler.fallback_wait_timeout = ms(3_000.0);
    world.ask(0.0, &[ok(1.0, 3_010.0)]);
    world.ask(10.0, &[ok(1.0, 2.0)]); // its timeout falls on the instant at which the slot is freed
    world.ask(3_010.0, &[ok(1.0, 2.0)]);
    let seen = world.play();
    let end = &seen.ends[1];
    assert_eq!((end.status, end.http, end.at, end.waited), ("wait_timeout", 429, 3_010.0, 3_000.0));
    assert_eq!((seen.ends[0].at, seen.starts(2)[0]), (3_010.0, 3_010.0));
    assert_eq!(seen.waits, [(10.0, 1, 1), (3_010.0, 1, 0)]);
}

#[test]
fn a_timeout_that_falls_on_a_poll_goes_first() {
    let mut world = World::new(&[1]);
    world.config.scheduler.fallback_wait_timeout = ms(250.0); // polls at 100 and 250
    world.ask(0.0, &[ok(1.0, 200.0)]);
    world.ask(0.0, &[ok(1.0, 2.0)]);
    assert_eq!(world.play().statuses(), ["ok", "wait_timeout"]);
}

#[test]
fn a_sticky_wait_plan_and_one_of_load_balance_have_their_own_limits() {
    let mut world = World::new(&[1]);
    world.config.scheduler.sticky_escape_enabled = false;
    world.config.scheduler.sticky_wait_timeout = ms(2_000.0);
    world.config.scheduler.fallback_wait_timeout = ms(1_000.0);
    world.config.scheduler.sticky_max_waiting = 1;
    world.config.scheduler.fallback_max_waiting = 2;
    world.ask(0.0, &[ok(1.0, 9_000.0)]).session(1);
    world.ask(1.0, &[ok(1.0, 2.0)]).session(1);
    world.ask(2.0, &[ok(1.0, 2.0)]).session(1);
    world.ask(3.0, &[ok(1.0, 2.0)]).session(2);
    world.ask(4.0, &[ok(1.0, 2.0)]).session(2);
    let seen = world.play();
    let ends: Vec<_> = seen.ends[1..].iter().map(|end| (end.status, end.at, end.http)).collect();
    assert_eq!(
        ends,
        [
            ("wait_timeout", 2_001.0, 429),
            ("wait_queue_full", 2.0, 429), // one waits already
            ("wait_timeout", 1_003.0, 429),
            ("wait_queue_full", 4.0, 429), // two wait already
        ]
    );
    assert_eq!(seen.chosen(2), [("session_hash", Some(1))]);
    assert_eq!(seen.chosen(3), [("load_balance", Some(1))]);
}

#[test]
fn whoever_polls_first_after_a_release_gets_the_slot() {
    let mut world = World::new(&[1]);
    world.ask(0.0, &[ok(1.0, 500.0)]);
    world.ask(10.0, &[ok(1.0, 2.0)]); // polls at 110, 260, 485, 822.5
    world.ask(300.0, &[ok(1.0, 2.0)]); // polls at 400, 550
    let seen = world.play();
    assert_eq!((seen.starts(1), seen.starts(2)), (vec![822.5], vec![550.0]));
}

#[test]
fn a_client_that_goes_away_leaves_the_counter() {
    let mut world = World::new(&[1]);
    world.ask(0.0, &[ok(1.0, 2_000.0)]);
    world.ask(10.0, &[ok(1.0, 2.0)]).patience(300.0);
    let seen = world.play();
    let end = &seen.ends[1];
    assert_eq!((end.status, end.http, end.at, end.waited), ("client_gone", 499, 310.0, 300.0));
    assert_eq!(seen.waits, [(10.0, 1, 1), (310.0, 1, 0)]);
    assert_eq!(seen.reports.len(), 1, "nothing is reported of who only waited");
}

#[test]
fn a_session_is_bound_to_the_account_that_it_waited_for() {
    let mut world = World::new(&[1]);
    world.ask(0.0, &[ok(1.0, 200.0)]);
    world.ask(10.0, &[ok(1.0, 2.0)]).session(1);
    let seen = world.play();
    assert_eq!(seen.bound, [(260.0, Some(1), 1, BindingCause::Waited)], "not by the select: it got no slot");
    assert_eq!(seen.ends[1].binding, Some(1));
}

/// Session 1 comes to be bound to account 2, whose one answer is slow; account 1 is full when it asks again.
fn escaped_from_a_slow_account(slots: i64) -> World {
    let mut world = World::new(&[slots, 1]);
    world.config.scheduler.lb_top_k = 2;
    world.config.scheduler.weights.priority = 1e9; // as good as one candidate, but a full one is passed over
    world.ask(0.0, &[ok(1.0, 30_000.0)]);
    world.ask(1.0, &[ok(20_000.0, 20_001.0)]).session(1);
    world
}

#[test]
fn an_escape_that_gets_a_slot_leaves_the_binding_alone() {
    let mut world = escaped_from_a_slow_account(1);
    world.ask(40_000.0, &[ok(1.0, 2.0)]).session(1);
    let seen = world.play();
    assert_eq!(seen.ends[1].binding, Some(2));
    assert_eq!(seen.selects[2].escape, Some("ttft"));
    assert_eq!((seen.ends[2].account, seen.ends[2].binding), (Some(1), Some(2)));
}

#[test]
fn an_escape_that_had_to_wait_is_bound_to_where_it_waited() {
    let mut world = escaped_from_a_slow_account(1);
    world.ask(39_000.0, &[ok(1.0, 2_000.0)]);
    world.ask(39_001.0, &[ok(1.0, 2_000.0)]);
    world.ask(40_000.0, &[ok(1.0, 2.0)]).session(1);
    let seen = world.play();
    let select = seen.selects.last().unwrap();
    assert_eq!((select.escape, select.account, select.acquired), (Some("ttft"), Some(1), false));
    // account 1 is free at 41,000; polls at 40,100, 250, 475, 812.5, 41,318.75
    assert_eq!((seen.starts(4), seen.ends[4].binding), (vec![41_318.75], Some(1)));
    assert_eq!(seen.bound.last(), Some(&(41_318.75, Some(1), 1, BindingCause::Waited)));
}

#[test]
fn waiting_counts_in_what_the_client_feels_and_not_in_what_the_scheduler_learns() {
    let mut world = World::new(&[1]);
    world.ask(0.0, &[ok(1.0, 200.0)]);
    world.ask(10.0, &[ok(30.9, 40.0)]);
    world.ask(400.0, &[broken(7.0, 8.0, false)]);
    let seen = world.play();
    assert_eq!((seen.ends[1].waited, seen.ends[1].ttft, seen.ends[1].felt), (250.0, Some(30.9), Some(280.9)));
    assert_eq!(seen.reported()[1], (300.0, 1, true, Some(30)), "whole milliseconds, rounded down");
}
