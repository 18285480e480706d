//! Step 6: accounts in pool mode, and one-off sessions.

use std::collections::BTreeSet;

use crate::world::{World, ok, passing, status};
use stickysim::gateway::ClientRetry;
use stickysim::scheduler::Account;
use stickysim::units::Span;

#[test]
fn a_listed_status_is_retried_on_the_same_account_after_half_a_second() {
    for code in [401, 403, 429] {
        let mut world = World::new(&[1, 1]);
        world.config.accounts[0].pool_mode = true; // default codes, default count
        world.ask(0.0, &[status(code, 10.0), status(code, 10.0), ok(30.0, 40.0)]);
        let seen = world.play();
        assert_eq!((seen.path(0), seen.starts(0)), (vec![1, 1, 1], vec![0.0, 510.0, 1_020.0]), "{code}");
        let end = &seen.ends[0];
        assert_eq!((end.failed, end.felt, end.switches), (1_020.0, Some(1_050.0), 0), "the pauses are felt");
        assert_eq!((seen.states.len(), seen.metrics[0].account_switch_total), (0, 0));
        assert_eq!(seen.reports.len(), 3, "every attempt is reported");
    }
}

#[test]
fn other_statuses_of_a_pool_mode_account_fail_over_at_once() {
    for code in [402, 500, 529] {
        let mut world = World::new(&[1, 1]);
        world.config.accounts[0].pool_mode = true;
        world.ask(0.0, &[status(code, 10.0), ok(1.0, 2.0)]);
        let seen = world.play();
        assert_eq!((seen.path(0), seen.starts(0), seen.states.len()), (vec![1, 2], vec![0.0, 10.0], 0), "{code}");
    }
}

#[test]
fn the_list_of_codes_may_be_empty_or_another() {
    let path = |codes: &[u16], code| {
        let mut world = World::new(&[1, 1]).pool_mode(1, 3, codes);
        world.ask(0.0, &[status(code, 10.0), ok(1.0, 2.0)]);
        world.play().path(0)
    };
    assert_eq!(path(&[], 429), [1, 2]);
    assert_eq!(path(&[500], 500), [1, 1]);
    assert_eq!(path(&[500], 429), [1, 2]);
}

#[test]
fn a_status_that_does_not_fail_over_is_never_retried() {
    for code in [400, 404] {
        let mut world = World::new(&[1, 1]).pool_mode(1, 3, &[400, 404]);
        world.ask(0.0, &[status(code, 10.0), ok(1.0, 2.0)]);
        let seen = world.play();
        assert_eq!((seen.path(0), seen.ends[0].status), (vec![1], "upstream_error"));
    }
}

#[test]
fn a_passing_400_is_retried_whatever_the_codes() {
    let mut world = World::new(&[1, 1]).pool_mode(1, 1, &[]);
    world.ask(0.0, &[passing(10.0), passing(10.0), ok(1.0, 2.0)]);
    let seen = world.play();
    assert_eq!((seen.path(0), seen.starts(0)), (vec![1, 1, 2], vec![0.0, 510.0, 520.0]));
}

#[test]
fn retries_are_counted_per_account_within_the_request() {
    for count in [0, 1, 3] {
        let mut world = World::new(&[1, 1]).pool_mode(1, count, &[500]).pool_mode(2, count, &[500]);
        world.ask(0.0, &[status(500, 10.0)]);
        world.ask(20_000.0, &[status(500, 10.0), ok(1.0, 2.0)]);
        let seen = world.play();
        let tries = count as usize + 1;
        assert_eq!(seen.path(0), [vec![1; tries], vec![2; tries]].concat());
        assert_eq!((seen.ends[0].status, seen.ends[0].switches), ("failover_exhausted", 2));
        // the next request counts anew
        assert_eq!(seen.path(1), if count == 0 { [1, 2] } else { [1, 1] });
    }
}

#[test]
fn a_retry_is_a_select_like_any_other_and_may_have_to_wait() {
    let mut world = World::new(&[1]).pool_mode(1, 3, &[500]);
    world.ask(0.0, &[status(500, 10.0), ok(1.0, 2.0)]);
    world.ask(20.0, &[ok(1.0, 700.0)]);
    let seen = world.play();
    // comes back at 510; the slot is free at 720; polls at 610 and 760
    assert_eq!((seen.statuses(), seen.starts(0), seen.ends[0].waited), (vec!["ok", "ok"], vec![0.0, 760.0], 250.0));
}

#[test]
fn a_client_that_leaves_in_the_pause_gets_no_further_try() {
    let mut world = World::new(&[1]).pool_mode(1, 3, &[500]);
    world.ask(0.0, &[status(500, 10.0), ok(1.0, 2.0)]).patience(300.0);
    let seen = world.play();
    let end = &seen.ends[0];
    assert_eq!((end.status, end.at, end.failed, seen.path(0)), ("client_gone", 300.0, 300.0, vec![1]));
    assert_eq!(seen.reports, [(10.0, 0, 1, false, None)]);
}

#[test]
fn a_request_without_a_session_gets_one_from_a_pool_mode_account_from_then_on() {
    let layers = |pool: bool| {
        let world = World::new(&[1, 1]);
        let mut world = if pool { world.pool_mode(1, 3, &[500]) } else { world };
        world.ask(0.0, &[status(500, 10.0), status(500, 10.0), ok(1.0, 2.0)]);
        let seen = world.play();
        assert!(seen.bound.iter().all(|bound| bound.1.is_none()), "it is nobody's session");
        (seen.chosen(0).iter().map(|c| c.0).collect::<Vec<_>>(), seen.bound.len())
    };
    // the first select had none; the second one's load balance binds it; the third finds the binding
    assert_eq!(layers(true), (vec!["load_balance", "load_balance", "session_hash"], 1));
    assert_eq!(layers(false), (vec!["load_balance", "load_balance", "load_balance"], 0));
}

#[test]
fn a_one_off_session_is_bound_by_waiting() {
    let mut world = World::new(&[1]).pool_mode(1, 3, &[500]);
    world.ask(0.0, &[ok(1.0, 150.0)]);
    world.ask(10.0, &[status(500, 10.0), ok(1.0, 2.0)]);
    let seen = world.play();
    assert_eq!(seen.chosen(1), [("load_balance", Some(1)), ("session_hash", Some(1))]);
    assert_eq!(seen.bound.iter().map(|b| b.0).collect::<Vec<_>>(), [260.0]);
}

#[test]
fn a_session_of_its_own_keeps_its_hash() {
    let mut world = World::new(&[1]).pool_mode(1, 3, &[500]);
    world.ask(0.0, &[status(500, 10.0), ok(1.0, 2.0)]).session(4);
    let seen = world.play();
    assert_eq!((seen.bound.len(), seen.bound[0].1), (1, Some(4)));
    assert_eq!(seen.chosen(0)[1].0, "session_hash");
}

#[test]
fn a_clients_next_try_is_a_request_of_its_own_without_the_one_off_session() {
    let mut world = World::new(&[1]).pool_mode(1, 2, &[500]);
    world.config.scheduler.sticky_escape_error_rate = 1.0; // all these failures shall not make it escape
    world.config.retry = Some(ClientRetry {
        statuses: vec![502],
        limit: 1,
        backoff: Span::SECOND,
        factor: 1.0,
        longest: Span::SECOND,
        jitter: 0.0,
    });
    world.ask(0.0, &[status(500, 10.0)]);
    let seen = world.play();
    let layers: Vec<_> = seen.chosen(0).iter().map(|c| c.0).collect();
    // per try: no session, bound by the retry's load balance, found by the second retry; then the account is excluded
    let once = ["load_balance", "load_balance", "session_hash", "load_balance"];
    assert_eq!(layers, [once, once].concat());
}

/// Equal accounts, and whom the second select of one request without a session takes, by the run's seed.
fn second_choice(pool: bool, seed: u64) -> u32 {
    let mut world = World::new(&[1; 12]);
    world.seed = seed;
    world.config.scheduler.lb_top_k = 12;
    for (account, id) in world.accounts.iter_mut().zip(1..) {
        *account = Account::new(id, 1);
    }
    for traits in &mut world.config.accounts {
        traits.pool_mode = pool;
        traits.pool_mode_retry_status_codes = vec![500];
    }
    world.ask(0.0, &[status(500, 10.0), ok(1.0, 2.0)]);
    world.play().path(0)[1]
}

#[test]
fn the_draw_of_a_one_off_session_differs_from_any_others() {
    let choices = |pool| (0..60).map(|seed| second_choice(pool, seed)).collect::<BTreeSet<_>>();
    assert_eq!(choices(false).len(), 1, "without a session the time alone decides");
    assert!(choices(true).len() > 6, "random text");
}
