//! The list of candidates is a snapshot.

use crate::world::{START, World, limited, ms, ok, status};
use stickysim::units::Span;

#[test]
fn the_first_list_is_built_at_the_start_and_the_next_at_the_first_poll_after_a_change() {
    let mut world = World::new(&[1, 1]);
    world.config.process_start = START + ms(250.0); // polls at 1250, 2250, ...
    world.ask(3_000.0, &[limited(100.0, 60_000.0), ok(1.0, 2.0)]); // a change at 3100
    world.ask(9_000.0, &[ok(1.0, 2.0)]);
    let seen = world.play();
    assert_eq!(seen.lists, [(250.0, vec![1, 2]), (3_250.0, vec![2])], "one change, one poll that builds");
}

#[test]
fn the_poll_interval_is_a_setting_and_a_change_at_a_poll_waits_for_the_next() {
    let mut world = World::new(&[1, 1]);
    world.config.outbox_poll_interval = Span::from_secs(3);
    world.ask(5_900.0, &[limited(100.0, 60_000.0), ok(1.0, 2.0)]); // a change at 6000
    world.ask(20_000.0, &[ok(1.0, 2.0)]);
    assert_eq!(world.play().built(), [0.0, 9_000.0]);
}

#[test]
fn a_repeated_change_builds_again_and_nothing_else_does() {
    let mut world = World::new(&[2, 2, 1, 1]).pool_mode(2, 0, &[]);
    world.ask(100.0, &[limited(10.0, 60_000.0), ok(1.0, 2.0)]); // 1: a change at 110
    world.ask(100.0, &[limited(1_400.0, 60_000.0), ok(1.0, 2.0)]); // 1: the same again at 1500
    world.ask(2_500.0, &[status(429, 10.0), status(500, 10.0), ok(1.0, 2.0)]); // 2 in pool mode, 3 without a rule
    world.ask(9_000.0, &[ok(1.0, 2.0)]);
    let seen = world.play();
    assert_eq!(seen.path(2), [2, 3, 4]);
    assert_eq!(seen.built(), [0.0, 1_000.0, 2_000.0]);
}

#[test]
fn that_a_limit_runs_out_triggers_nothing() {
    let mut world = World::new(&[1, 1]);
    world.ask(100.0, &[limited(10.0, 5_000.0), ok(1.0, 2.0)]);
    for seconds in 5..300 {
        world.ask(f64::from(seconds) * 1_000.0 + 200.0, &[ok(1.0, 2.0)]);
    }
    let seen = world.play();
    assert_eq!(seen.lists, [(0.0, vec![1, 2]), (1_000.0, vec![2])]);
    assert!((1..seen.ends.len()).all(|request| seen.path(request) == [2]), "away long after 5110");
}

#[test]
fn an_account_comes_back_when_another_one_changes() {
    let mut world = World::new(&[1, 1, 1]);
    world.ask(100.0, &[limited(10.0, 5_000.0), ok(1.0, 2.0)]);
    world.ask(20_000.0, &[limited(10.0, 5_000.0), ok(1.0, 2.0)]); // of account 2
    world.ask(21_500.0, &[ok(1.0, 2.0)]);
    let seen = world.play();
    assert_eq!((seen.path(1), seen.path(2)), (vec![2, 3], vec![1]));
    assert_eq!(seen.lists[2], (21_000.0, vec![1, 3]));
}

#[test]
fn the_list_is_built_every_full_interval_from_the_start_of_the_process() {
    let mut world = World::new(&[1, 1]);
    world.config.process_start = START + ms(250.0);
    world.config.full_rebuild_interval = Span::from_secs(300);
    world.ask(1_100.0, &[limited(10.0, 5_000.0), ok(1.0, 2.0)]);
    world.ask(300_249.0, &[ok(1.0, 2.0)]);
    world.ask(300_251.0, &[ok(1.0, 2.0)]);
    world.ask(700_000.0, &[ok(1.0, 2.0)]);
    let seen = world.play();
    assert_eq!(seen.built(), [250.0, 1_250.0, 300_250.0, 600_250.0]);
    assert_eq!((seen.path(1), seen.path(2)), (vec![2], vec![1]));
}

#[test]
fn with_an_interval_of_zero_it_is_never_built_by_the_clock() {
    let mut world = World::new(&[1, 1]); // the worlds of these tests have zero
    world.ask(100.0, &[limited(10.0, 5_000.0), ok(1.0, 2.0)]);
    world.ask(10_000_000.0, &[ok(1.0, 2.0)]);
    let seen = world.play();
    assert_eq!((seen.built(), seen.path(1)), (vec![0.0, 1_000.0], vec![2]));
}

#[test]
fn an_empty_list_is_built_when_load_balance_asks_for_it() {
    let mut world = World::new(&[1]);
    world.ask(0.0, &[ok(1.0, 2.0)]).session(1);
    world.ask(100.0, &[limited(10.0, 5_000.0)]); // the poll at 1000 leaves the list without an entry
    world.ask(6_000.0, &[ok(1.0, 2.0)]).session(1); // served by its binding: nobody asks the list
    world.ask(7_000.0, &[ok(1.0, 2.0)]);
    let seen = world.play();
    assert_eq!(seen.lists, [(0.0, vec![1]), (1_000.0, vec![]), (7_000.0, vec![1])]);
    assert_eq!((seen.chosen(2), seen.chosen(3)), (vec![("session_hash", Some(1))], vec![("load_balance", Some(1))]));
}

#[test]
fn a_list_whose_entries_are_all_unusable_is_not_empty() {
    let mut world = World::new(&[1, 1]);
    world.ask(100.0, &[limited(10.0, 2_000.0), ok(1.0, 2.0)]); // 1 leaves the list at 1000
    world.ask(3_000.0, &[limited(10.0, 60_000.0)]); // 2, the last one listed, at 3010
    world.ask(3_500.0, &[ok(1.0, 2.0)]); // 1 could serve again, but only 2 is listed
    world.ask(4_500.0, &[ok(1.0, 2.0)]);
    let seen = world.play();
    assert_eq!(seen.statuses()[1..], ["failover_exhausted", "no_available_accounts", "ok"]);
    assert_eq!((seen.built(), seen.path(3)), (vec![0.0, 1_000.0, 4_000.0], vec![1]));
}

#[test]
fn leaving_is_immediate_though_the_account_is_still_listed() {
    let mut world = World::new(&[1, 1]);
    world.ask(100.0, &[limited(10.0, 60_000.0), ok(1.0, 2.0)]);
    world.ask(120.0, &[ok(1.0, 2.0)]);
    let seen = world.play();
    assert_eq!((seen.built(), seen.path(1)), (vec![0.0], vec![2]), "before any poll");
}

#[test]
fn an_account_that_is_blocked_and_schedulable_is_listed_and_passed_over() {
    let mut world = World::new(&[2, 1]);
    world.ask(100.0, &[limited(10.0, 60_000.0), ok(1.0, 2.0)]);
    world.ask(100.0, &[limited(20.0, 500.0), ok(1.0, 2.0)]); // unschedulable until 620, blocked until 60110
    world.ask(2_000.0, &[ok(1.0, 2.0)]);
    world.ask(60_110.0, &[ok(1.0, 2.0)]);
    let seen = world.play();
    assert_eq!(seen.lists, [(0.0, vec![1, 2]), (1_000.0, vec![1, 2])]);
    assert_eq!((seen.path(2), seen.path(3)), (vec![2], vec![1]));
}

#[test]
fn after_a_block_an_account_serves_its_sessions_again_and_no_others() {
    let mut world = World::new(&[2, 2]);
    world.ask(0.0, &[ok(1.0, 2.0)]).session(1);
    world.ask(0.0, &[ok(1.0, 2.0)]).session(2);
    world.ask(100.0, &[limited(10.0, 5_000.0), ok(1.0, 2.0)]);
    world.ask(4_000.0, &[ok(1.0, 2.0)]).session(2); // finds 1 unschedulable: loses its binding
    world.ask(6_000.0, &[ok(1.0, 2.0)]).session(1); // does not: still bound
    world.ask(6_010.0, &[ok(1.0, 2.0)]).session(2);
    world.ask(6_020.0, &[ok(1.0, 2.0)]);
    let seen = world.play();
    assert_eq!(seen.chosen(3), [("load_balance", Some(2))]);
    assert_eq!(seen.chosen(4), [("session_hash", Some(1))]);
    assert_eq!(seen.chosen(5), [("session_hash", Some(2))]);
    assert_eq!(seen.chosen(6), [("load_balance", Some(2))]);
}

#[test]
fn every_replica_polls_for_the_list_that_all_share() {
    let mut world = World::new(&[1, 1]);
    world.config.replicas = 4; // they started 250 ms after one another
    world.ask(1_300.0, &[limited(10.0, 60_000.0), ok(1.0, 2.0)]);
    world.ask(2_000.0, &[ok(1.0, 2.0)]);
    assert_eq!(world.play().built(), [0.0, 1_500.0]);
}
