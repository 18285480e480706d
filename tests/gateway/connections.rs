//! Step 5: connections over HTTP/1.1, and what becomes of an upstream request whose client has left (step 6).

use crate::world::{World, broken, limited, ok, status};

fn http1(slots: &[i64]) -> World {
    let mut world = World::new(slots);
    world.config.accounts.iter_mut().for_each(|account| account.http1 = true);
    world
}

/// A client that leaves after 50 ms while its upstream request runs until 1000.
fn left_behind(world: &mut World) {
    world.ask(0.0, &[ok(900.0, 1_000.0)]).patience(50.0);
}

#[test]
fn a_forward_with_a_slot_waits_for_a_connection_first_come_first_served() {
    let mut world = http1(&[1]);
    left_behind(&mut world);
    world.ask(60.0, &[ok(100.0, 300.0)]).patience(40.0); // has the slot until it leaves, then still the second place
    world.ask(200.0, &[ok(10.0, 20.0)]);
    let seen = world.play();
    assert_eq!(seen.slots[..5], [(0.0, 1, 1), (50.0, 1, 0), (60.0, 1, 1), (100.0, 1, 0), (200.0, 1, 1)]);
    assert_eq!(seen.forwards, [(0.0, 0, 1, 0.0), (1_000.0, 1, 1, 940.0), (1_300.0, 2, 1, 1_100.0)]);
    assert_eq!(seen.statuses(), ["client_gone", "client_gone", "ok"]);
    // the wait for the connection is inside the TTFT that the scheduler learns, of who has left as well
    let learnt = [(1_000.0, 1, true, Some(900)), (1_300.0, 1, true, Some(1_040)), (1_320.0, 1, true, Some(1_110))];
    assert_eq!(seen.reported(), learnt);
    assert_eq!((seen.ends[2].waited, seen.ends[2].ttft), (0.0, Some(1_110.0)));
}

#[test]
fn there_is_no_limit_on_connections_over_http2_or_where_slots_are_unlimited() {
    for (world, slots) in [(World::new(&[1]), 1), (http1(&[0]), 0)] {
        let mut world = world;
        left_behind(&mut world);
        world.ask(60.0, &[ok(10.0, 20.0)]);
        let seen = world.play();
        assert_eq!(seen.forwards[1], (60.0, 1, 1, 0.0), "concurrency {slots}");
    }
}

#[test]
fn every_replica_opens_its_own_connections() {
    let mut world = http1(&[1]);
    world.config.replicas = 2;
    left_behind(&mut world);
    world.ask(60.0, &[ok(10.0, 20.0)]); // on the other replica
    world.ask(90.0, &[ok(10.0, 20.0)]); // on the first one
    let seen = world.play();
    assert_eq!(seen.forwards[1..], [(60.0, 1, 1, 0.0), (1_000.0, 2, 1, 910.0)]);
}

#[test]
fn the_slot_of_a_client_that_left_is_free_at_once_and_its_result_comes_late() {
    let mut world = World::new(&[1]);
    left_behind(&mut world);
    world.ask(50.0, &[ok(10.0, 20.0)]);
    let seen = world.play();
    assert_eq!((seen.ends[0].status, seen.ends[0].at, seen.ends[0].felt), ("client_gone", 50.0, None));
    assert_eq!(seen.starts(1), [50.0]);
    assert_eq!(seen.reported(), [(70.0, 1, true, Some(10)), (1_000.0, 1, true, Some(900))]);
    assert_eq!(seen.attempts, [(70.0, 1, 1, true), (1_000.0, 0, 1, false)]);
}

#[test]
fn patience_no_longer_matters_after_the_first_token() {
    let mut world = World::new(&[1]);
    world.ask(0.0, &[ok(50.0, 1_000.0)]).patience(50.0);
    world.ask(2_000.0, &[ok(51.0, 1_000.0)]).patience(50.0);
    assert_eq!(world.play().statuses(), ["ok", "client_gone"]);
}

#[test]
fn a_429_after_the_client_left_changes_the_account_is_reported_and_ends_it() {
    let mut world = World::new(&[1, 1]);
    world.ask(0.0, &[limited(1_000.0, 60_000.0), ok(1.0, 2.0)]).session(1).patience(50.0);
    world.ask(1_500.0, &[ok(1.0, 2.0)]);
    let seen = world.play();
    assert_eq!(seen.states, [(1_000.0, 1, 429, Some(60_000.0), 60_000.0)]);
    assert_eq!(seen.reported()[0], (1_000.0, 1, false, None));
    assert_eq!((seen.path(0), seen.path(1)), (vec![1], vec![2]));
    assert_eq!((seen.ends[0].switches, seen.metrics[0].account_switch_total), (0, 0), "no switch");
    assert_eq!(seen.chosen(0).len(), 1, "no further select");
}

#[test]
fn a_failover_kind_status_after_the_client_left_is_not_retried_in_pool_mode() {
    let mut world = World::new(&[1]).pool_mode(1, 3, &[500]);
    world.ask(0.0, &[status(500, 1_000.0), ok(1.0, 2.0)]).patience(50.0);
    let seen = world.play();
    assert_eq!((seen.path(0), seen.reported()), (vec![1], vec![(1_000.0, 1, false, None)]));
    assert_eq!(seen.metrics[0].account_switch_total, 0);
}

#[test]
fn a_stream_that_breaks_after_the_client_left_keeps_its_rule() {
    for (would_fail_over, reported) in [(true, 0), (false, 1)] {
        let mut world = World::new(&[1]);
        world.ask(0.0, &[broken(900.0, 1_000.0, would_fail_over)]).patience(50.0);
        let seen = world.play();
        assert_eq!(seen.reports.len(), reported);
        assert_eq!((seen.statuses(), seen.attempts[0].0), (vec!["client_gone"], 1_000.0));
    }
}

#[test]
fn other_errors_after_the_client_left_are_reported_as_failures() {
    for attempt in [crate::world::transport(1_000.0), status(404, 1_000.0)] {
        let mut world = World::new(&[1, 1]);
        world.ask(0.0, &[attempt]).patience(50.0);
        let seen = world.play();
        assert_eq!((seen.reported(), seen.path(0)), (vec![(1_000.0, 1, false, None)], vec![1]));
    }
}
