//! Step 1: the slots of users.

use crate::world::{World, broken, ms, ok, status, transport};

fn world() -> World {
    let mut world = World::new(&[0]);
    world.config.user_concurrency = Some(1);
    world
}

#[test]
fn a_user_slot_is_taken_at_once_or_waited_for_by_polls() {
    let mut world = world();
    world.ask(0.0, &[ok(50.0, 300.0)]).user(7);
    world.ask(10.0, &[ok(50.0, 80.0)]).user(7);
    world.ask(20.0, &[ok(50.0, 80.0)]).user(8);
    world.ask(30.0, &[ok(50.0, 80.0)]);
    let seen = world.play();
    assert_eq!(seen.starts(0), [0.0]);
    // entered at 10, polls 100, 250 and 475 ms later; free since 300
    assert_eq!(seen.starts(1), [485.0]);
    assert_eq!((seen.ends[1].waited, seen.ends[1].felt), (475.0, Some(525.0)));
    assert_eq!((seen.starts(2), seen.starts(3)), (vec![20.0], vec![30.0]), "another user, and nobody");
    assert!(seen.waits.is_empty(), "no account's wait counter is touched");
}

#[test]
fn a_user_with_two_slots_holds_two() {
    let mut world = world();
    world.config.user_concurrency = Some(2);
    for i in 0..3 {
        world.ask(f64::from(i), &[ok(10.0, 50.0)]).user(0);
    }
    let seen = world.play();
    assert_eq!([seen.starts(0), seen.starts(1), seen.starts(2)], [vec![0.0], vec![1.0], vec![102.0]]);
}

#[test]
fn concurrency_plus_twenty_may_wait_and_the_next_one_gets_429() {
    for limit in [1, 3] {
        let mut world = world();
        world.config.user_concurrency = Some(limit);
        let (held, most) = (limit as usize, limit as usize + 20);
        for i in 0..held + most + 2 {
            world.ask(i as f64, &[ok(10.0, 60_000.0)]).user(0);
        }
        let seen = world.play();
        let waited = &seen.ends[held..held + most];
        assert!(waited.iter().all(|end| end.status == "wait_timeout" && end.http == 200 && end.selects == 0));
        for (end, number) in seen.ends[held + most..].iter().zip(held + most..) {
            assert_eq!((end.status, end.http, end.at, end.waited), ("wait_queue_full", 429, number as f64, 0.0));
        }
        assert_eq!(seen.selects.len(), held, "only who holds a slot selects");
    }
}

#[test]
fn waiting_for_a_user_slot_ends_after_thirty_seconds_exactly_without_a_last_try() {
    let mut world = world();
    world.ask(0.0, &[ok(50.0, 30_010.0)]).user(0);
    world.ask(10.0, &[ok(50.0, 80.0)]).user(0);
    world.ask(30_010.0, &[ok(50.0, 80.0)]).user(0);
    let seen = world.play();
    // the slot is free at the very instant of the timeout
    assert_eq!((seen.ends[0].at, seen.ends[1].at), (30_010.0, 30_010.0));
    assert_eq!((seen.ends[1].status, seen.ends[1].http, seen.ends[1].waited), ("wait_timeout", 200, 30_000.0));
    assert_eq!(seen.starts(2), [30_010.0]);
}

#[test]
fn whoever_polls_first_gets_the_user_slot() {
    let mut world = world();
    world.ask(0.0, &[ok(50.0, 500.0)]).user(0);
    world.ask(10.0, &[ok(50.0, 80.0)]).user(0); // polls at 110, 260, 485, 822.5
    world.ask(300.0, &[ok(50.0, 80.0)]).user(0); // polls at 400, 550
    let seen = world.play();
    assert_eq!((seen.starts(1), seen.starts(2)), (vec![822.5], vec![550.0]));
}

#[test]
fn a_user_slot_is_free_at_the_end_of_every_kind() {
    let ends = [
        ("ok", ok(10.0, 100.0)),
        ("stream_broken", broken(10.0, 100.0, true)),
        ("upstream_error", transport(100.0)),
        ("upstream_error", status(404, 100.0)),
        ("failover_exhausted", status(500, 100.0)),
    ];
    for (name, attempt) in ends {
        let mut world = world();
        world.ask(0.0, &[attempt]).user(0);
        world.ask(101.0, &[ok(1.0, 2.0)]).user(0);
        let seen = world.play();
        assert_eq!((seen.ends[0].status, seen.starts(1)), (name, vec![101.0]));
    }
    // no account: the first request took the only one away
    let mut world = world();
    world.ask(0.0, &[status(402, 100.0)]).user(0);
    world.ask(101.0, &[ok(1.0, 2.0)]).user(0);
    world.ask(102.0, &[ok(1.0, 2.0)]).user(0);
    assert_eq!(world.play().statuses(), ["failover_exhausted", "no_available_accounts", "no_available_accounts"]);
    // a wait for an account that times out
    let mut world = World::new(&[1]);
    world.config.user_concurrency = Some(1);
    world.config.scheduler.fallback_wait_timeout = ms(1_000.0);
    world.ask(0.0, &[ok(1.0, 5_000.0)]);
    world.ask(10.0, &[ok(1.0, 2.0)]).user(0);
    world.ask(1_011.0, &[ok(1.0, 2.0)]).user(0);
    let seen = world.play();
    assert_eq!((seen.ends[1].at, seen.ends[1].status), (1_010.0, "wait_timeout"));
    assert_eq!(seen.selects[2].at, 1_011.0, "the third has the slot of the second at once");
}

#[test]
fn a_user_slot_is_free_when_its_client_leaves_although_the_upstream_runs_on() {
    let mut world = world();
    world.ask(0.0, &[ok(5_000.0, 6_000.0)]).user(0).patience(100.0);
    world.ask(100.0, &[ok(1.0, 2.0)]).user(0);
    let seen = world.play();
    assert_eq!((seen.ends[0].status, seen.ends[0].at, seen.starts(1)), ("client_gone", 100.0, vec![100.0]));
    assert_eq!(seen.attempts.last(), Some(&(6_000.0, 0, 1, false)));
}

#[test]
fn a_client_leaves_the_queue_of_its_user() {
    let mut world = world();
    world.ask(0.0, &[ok(1.0, 60_000.0)]).user(0);
    for i in 1..=21 {
        world.ask(f64::from(i), &[ok(1.0, 2.0)]).user(0).patience(if i == 5 { 400.0 } else { 50_000.0 });
    }
    world.ask(404.0, &[ok(1.0, 2.0)]).user(0);
    world.ask(406.0, &[ok(1.0, 2.0)]).user(0);
    world.ask(407.0, &[ok(1.0, 2.0)]).user(0);
    let seen = world.play();
    let gone = &seen.ends[5];
    assert_eq!((gone.status, gone.http, gone.at, gone.waited), ("client_gone", 499, 405.0, 400.0));
    assert_eq!(seen.ends[22].status, "wait_queue_full", "21 waited until 405");
    assert_eq!(seen.ends[23].status, "wait_timeout", "its place was free");
    assert_eq!(seen.ends[24].status, "wait_queue_full");
}
