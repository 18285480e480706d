//! The table of statuses: what each does to the account, seen through the loop.

use crate::world::{World, limited, ok, status, transport};
use stickysim::gateway::{Credential, Rule};
use stickysim::workload::RecordedAttempt;

const TEN_MINUTES: f64 = 600_000.0;
const TWO_MINUTES: f64 = 120_000.0;

fn effects(world: World, attempt: RecordedAttempt) -> Vec<(f64, u32, u16, Option<f64>, f64)> {
    let mut world = world;
    world.ask(0.0, &[attempt]);
    let seen = world.play();
    assert_eq!(seen.ends[0].status, "failover_exhausted");
    seen.states
}

#[test]
fn every_status_does_what_the_table_says() {
    let (key, login) = (Credential::ApiKey, Credential::OAuth);
    for (credential, attempt, expected) in [
        (key, limited(10.0, 30_000.0), Some((429, Some(29_990.0), 29_990.0))),
        (key, status(429, 10.0), Some((429, Some(5_000.0), 5_000.0))),
        (login, status(429, 10.0), Some((429, Some(5_000.0), 5_000.0))),
        (key, status(529, 10.0), Some((529, Some(TEN_MINUTES), TEN_MINUTES))),
        (login, status(401, 10.0), Some((401, Some(TEN_MINUTES), TEN_MINUTES))),
        (key, status(401, 10.0), Some((401, None, TWO_MINUTES))),
        (key, status(402, 10.0), Some((402, None, TWO_MINUTES))),
        (login, status(402, 10.0), Some((402, None, TWO_MINUTES))),
        (key, status(403, 10.0), Some((403, Some(TEN_MINUTES), TEN_MINUTES))),
        (login, status(403, 10.0), Some((403, Some(TEN_MINUTES), TEN_MINUTES))),
        (key, status(500, 10.0), None),
        (key, status(503, 10.0), None),
    ] {
        let world = || {
            let mut world = World::new(&[1]);
            world.config.accounts[0].credential = credential;
            world
        };
        let expected: Vec<_> = expected.iter().map(|&(code, until, block)| (10.0, 1, code, until, block)).collect();
        assert_eq!(effects(world(), attempt), expected, "{credential:?} {attempt:?}");
        assert_eq!(effects(world().pool_mode(1, 0, &[]), attempt), [], "{credential:?} {attempt:?} in pool mode");
    }
}

#[test]
fn the_overload_cooldown_is_a_setting() {
    let mut world = World::new(&[1]);
    world.config.overload_cooldown = crate::world::ms(60_000.0);
    assert_eq!(effects(world, status(529, 10.0)), [(10.0, 1, 529, Some(60_000.0), 60_000.0)]);
}

#[test]
fn a_503_cools_down_as_a_529_does_where_that_is_set_and_no_cooldown_is_none() {
    use stickysim::scheduler::{Mode, Revision};
    let world = |newer: bool, cooldown: f64| {
        let mut world = World::new(&[1]);
        world.config.overload_cooldown = crate::world::ms(cooldown);
        world.config.overload_on_503 = true;
        if newer {
            (world.config.scheduler.revision, world.config.scheduler.mode) = (Revision::V0_1_179, Mode::Advanced);
        }
        world
    };
    for newer in [false, true] {
        for code in [503, 529] {
            assert_eq!(
                effects(world(newer, 20_000.0), status(code, 10.0)),
                [(10.0, 1, code, Some(20_000.0), 20_000.0)]
            );
            assert_eq!(effects(world(newer, 0.0), status(code, 10.0)), [], "switched off");
        }
        assert_eq!(effects(world(newer, 20_000.0), status(502, 10.0)), []);
    }
}

#[test]
fn every_limit_is_over_at_its_end() {
    let mut world = World::new(&[1]);
    world.ask(0.0, &[status(429, 10.0)]);
    world.ask(5_009.0, &[ok(1.0, 2.0)]); // it finds an empty list, which holds nobody yet
    world.ask(5_010.0, &[ok(1.0, 2.0)]);
    assert_eq!(world.play().statuses(), ["failover_exhausted", "no_available_accounts", "ok"]);
}

#[test]
fn the_last_429_sets_the_end_and_the_block_only_moves_later() {
    let mut world = World::new(&[2]);
    world.ask(0.0, &[limited(10.0, 60_000.0)]);
    world.ask(0.0, &[limited(20.0, 1_000.0)]);
    let seen = world.play();
    assert_eq!(seen.states, [(10.0, 1, 429, Some(59_990.0), 59_990.0), (20.0, 1, 429, Some(980.0), 59_980.0)]);
}

#[test]
fn a_429_does_not_shorten_what_a_403_or_529_set() {
    for first in [403, 529] {
        let mut world = World::new(&[2]);
        world.ask(0.0, &[status(first, 10.0)]);
        world.ask(0.0, &[limited(20.0, 1_000.0)]);
        world.ask(599_000.0, &[ok(1.0, 2.0)]);
        world.ask(600_010.0, &[ok(1.0, 2.0)]);
        assert_eq!(world.play().statuses()[2..], ["no_available_accounts", "ok"], "{first}");
    }
}

#[test]
fn the_third_403_within_three_hours_switches_off() {
    let hours = |h: f64| h * 3_600_000.0;
    let mut world = World::new(&[1]);
    for at in [0.0, hours(1.0), hours(2.0)] {
        world.ask(at, &[status(403, 10.0)]);
    }
    world.ask(hours(50.0), &[ok(1.0, 2.0)]);
    let seen = world.play();
    let until: Vec<_> = seen.states.iter().map(|state| (state.3, state.4)).collect();
    assert_eq!(until, [(Some(TEN_MINUTES), TEN_MINUTES), (Some(TEN_MINUTES), TEN_MINUTES), (None, TWO_MINUTES)]);
    assert_eq!(seen.ends[3].status, "no_available_accounts", "until an operator acts");
}

#[test]
fn a_success_sets_the_count_of_403s_back_also_one_whose_client_had_left() {
    let hours = |h: f64| h * 3_600_000.0;
    for patience in [60_000.0, 50.0] {
        let mut world = World::new(&[1]);
        world.ask(0.0, &[status(403, 10.0)]);
        world.ask(hours(0.5), &[status(403, 10.0)]);
        world.ask(hours(1.0), &[ok(100.0, 200.0)]).patience(patience);
        world.ask(hours(1.5), &[status(403, 10.0)]);
        world.ask(hours(2.0), &[status(403, 10.0)]);
        let seen = world.play();
        assert!(seen.states.iter().all(|state| state.3 == Some(TEN_MINUTES)), "{:?}", seen.states);
        assert_eq!(seen.states.len(), 4);
    }
}

#[test]
fn an_account_may_carry_rules_of_its_own() {
    let rule = |status, words: &[&str], minutes| Rule {
        status,
        words: words.iter().map(|&word| word.to_owned()).collect(),
        span: crate::world::ms(minutes * 60_000.0),
    };
    let rules = vec![rule(503, &["maintenance", "quota"], 3.0), rule(500, &[], 7.0), rule(429, &[], 30.0)];
    let with = |code: u16, message| {
        let mut world = World::new(&[1]);
        (world.config.accounts[0].rules, world.message) = (rules.clone(), message);
        effects(world, status(code, 10.0)).iter().map(|state| (state.3, state.4)).collect::<Vec<_>>()
    };
    let minutes = |minutes: f64| vec![(Some(minutes * 60_000.0), minutes * 60_000.0)];
    assert_eq!(with(503, "planned Maintenance until noon"), minutes(3.0), "in any case");
    assert_eq!(with(503, "something else"), [], "none of the words");
    assert_eq!(with(500, ""), minutes(7.0), "a rule without words");
    assert_eq!(with(502, "maintenance"), [], "another status");
    assert_eq!(with(429, ""), [(Some(5_000.0), 5_000.0)], "a row of the table comes before a rule");
}

#[test]
fn a_rule_is_about_statuses_that_fail_over() {
    let mut world = World::new(&[1]);
    world.config.accounts[0].rules = vec![Rule { status: 404, words: Vec::new(), span: crate::world::ms(60_000.0) }];
    world.ask(0.0, &[status(404, 10.0)]);
    world.ask(20.0, &[transport(10.0)]);
    let seen = world.play();
    assert_eq!((seen.statuses(), seen.states.len()), (vec!["upstream_error"; 2], 0));
}

#[test]
fn what_is_runtime_blocked_is_known_to_the_process_that_saw_it_only() {
    // a limit that ended early: unschedulable for 1 s (the last 429), blocked for 60 s on the first process
    let mut world = World::new(&[2]);
    world.config.replicas = 2;
    world.ask(0.0, &[limited(10.0, 60_000.0)]); // process 0
    world.ask(1.0, &[limited(19.0, 1_000.0)]); // process 1
    world.ask(2_000.0, &[ok(1.0, 2.0)]); // process 0
    world.ask(2_001.0, &[ok(1.0, 2.0)]); // process 1
    let seen = world.play();
    assert_eq!(seen.states, [(10.0, 1, 429, Some(59_990.0), 59_990.0), (20.0, 1, 429, Some(980.0), 980.0)]);
    assert_eq!(seen.statuses()[2..], ["no_available_accounts", "ok"]);
}
