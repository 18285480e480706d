//! Clients that try again (spec simulator.md, "Clients").

use crate::world::{World, broken, ok, status, transport};
use stickysim::gateway::ClientRetry;
use stickysim::units::Span;

fn retrying(slots: &[i64], statuses: &[u16], limit: u32) -> World {
    let mut world = World::new(slots);
    world.config.retry = Some(ClientRetry {
        statuses: statuses.to_vec(),
        limit,
        backoff: Span::from_secs(1),
        factor: 2.0,
        longest: Span::from_secs(3),
        jitter: 0.0,
    });
    world
}

#[test]
fn pauses_grow_by_the_factor_up_to_the_longest_and_are_felt() {
    let mut world = retrying(&[1], &[502], 4);
    world.ask(0.0, &[transport(10.0), transport(10.0), transport(10.0), transport(10.0), ok(30.0, 40.0)]);
    let seen = world.play();
    assert_eq!(seen.starts(0), [0.0, 1_010.0, 3_020.0, 6_030.0, 9_040.0]);
    let end = &seen.ends[0];
    assert_eq!((end.status, end.retries, end.failed_attempts), ("ok", 4, 4));
    assert_eq!((end.failed, end.felt), (9_040.0, Some(9_070.0)));
}

#[test]
fn after_the_last_try_the_client_takes_what_it_gets() {
    for limit in [0, 1, 2] {
        let mut world = retrying(&[1], &[502], limit);
        world.ask(0.0, &[transport(10.0)]);
        let seen = world.play();
        let end = &seen.ends[0];
        assert_eq!((end.status, end.retries, end.attempts), ("upstream_error", limit, limit + 1));
    }
}

#[test]
fn only_the_named_statuses_are_tried_again() {
    // 503: no account; 429: exhausted by a 429; 502: a transport error
    let tries = |statuses: &[u16]| {
        let mut world = retrying(&[1], statuses, 1);
        world.ask(0.0, &[transport(10.0)]);
        world.ask(5_000.0, &[status(429, 10.0)]);
        world.ask(7_000.0, &[ok(1.0, 2.0)]);
        let seen = world.play();
        (seen.ends[0].retries, seen.ends[1].retries, seen.ends[2].retries)
    };
    assert_eq!(tries(&[502]), (1, 0, 0));
    assert_eq!(tries(&[503]), (0, 0, 1));
    assert_eq!(tries(&[429]), (0, 1, 0));
    assert_eq!(tries(&[]), (0, 0, 0));
}

#[test]
fn a_stream_that_broke_and_a_client_that_left_are_not_tried_again() {
    let mut world = retrying(&[1], &[200, 429, 499, 502, 503], 3);
    world.ask(0.0, &[broken(1.0, 2.0, false)]);
    world.ask(100.0, &[ok(50.0, 60.0)]).patience(10.0);
    let seen = world.play();
    assert_eq!((seen.ends[0].retries, seen.ends[1].retries), (0, 0));
    assert_eq!(seen.statuses(), ["stream_broken", "client_gone"]);
}

#[test]
fn patience_is_counted_anew_for_each_try() {
    let mut world = retrying(&[1], &[502], 1);
    world.ask(0.0, &[transport(90.0), ok(95.0, 100.0)]).patience(100.0);
    world.ask(5_000.0, &[transport(90.0), ok(105.0, 110.0)]).patience(100.0);
    let seen = world.play();
    assert_eq!((seen.ends[0].status, seen.ends[0].felt), ("ok", Some(1_185.0)), "patience is not for the pause");
    assert_eq!((seen.ends[1].status, seen.ends[1].at), ("client_gone", 6_190.0));
}

#[test]
fn each_try_excludes_switches_and_retries_in_pool_mode_anew() {
    let mut world = retrying(&[1, 1], &[502], 1).pool_mode(1, 1, &[500]);
    world.config.max_account_switches = 1;
    world.ask(0.0, &[status(500, 10.0)]);
    let seen = world.play();
    assert_eq!(seen.path(0), [1, 1, 2, 1, 1, 2]);
    assert_eq!((seen.ends[0].switches, seen.metrics[0].account_switch_total), (4, 4));
}

#[test]
fn the_user_slot_is_given_back_for_the_pause() {
    let mut world = retrying(&[0], &[502], 1);
    world.config.user_concurrency = Some(1);
    world.ask(0.0, &[transport(10.0), ok(1.0, 2.0)]).user(0);
    world.ask(500.0, &[ok(1.0, 1_000.0)]).user(0);
    let seen = world.play();
    assert_eq!(seen.starts(1), [500.0]);
    // back at 1010, polls at 1110, 1260, 1485, 1822.5; free since 1500
    assert_eq!((seen.starts(0), seen.ends[0].waited), (vec![0.0, 1_822.5], 812.5));
}

#[test]
fn a_wait_that_failed_may_be_tried_again() {
    let mut world = retrying(&[1], &[429], 1);
    world.config.scheduler.fallback_wait_timeout = Span::from_secs(1);
    world.ask(0.0, &[ok(1.0, 2_005.0)]);
    world.ask(10.0, &[ok(1.0, 2.0)]);
    let seen = world.play();
    // timed out at 1010, back at 2010
    let end = &seen.ends[1];
    assert_eq!((end.waited, end.failed, end.felt, end.retries), (1_000.0, 1_000.0, Some(2_001.0), 1));
}

#[test]
fn a_pause_has_its_jitter_and_each_try_its_own() {
    let mut pauses = Vec::new();
    for seed in 0..500 {
        let mut world = retrying(&[1], &[502], 2);
        world.config.retry.as_mut().unwrap().jitter = 0.25;
        world.seed = seed;
        world.ask(0.0, &[transport(0.0)]);
        let starts = world.play().starts(0);
        pauses.push((starts[1], starts[2] - starts[1]));
    }
    for (low, high, pick) in [(750.0, 1_250.0, 0), (1_500.0, 2_500.0, 1)] {
        let of = |&(first, second): &(f64, f64)| if pick == 0 { first } else { second };
        let (least, most) = pauses.iter().map(of).fold((f64::MAX, 0.0_f64), |(l, h), p| (l.min(p), h.max(p)));
        let edge = (high - low) / 50.0;
        assert!((low..low + edge).contains(&least) && (high - edge..=high).contains(&most), "{least} to {most}");
    }
    assert!(pauses.iter().any(|(first, second)| (second / first - 2.0).abs() > 0.1));
}
