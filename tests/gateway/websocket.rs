//! Turns on WebSocket connections. A request's connection is its session's.

use crate::world::{World, broken, limited, ms, ok, status, transport};
use stickysim::measure::BindingCause;
use stickysim::scheduler::Account;
use stickysim::units::Span;

#[test]
fn a_turn_behind_a_busy_one_waits_for_its_connection() {
    let mut world = World::websocket(&[1]);
    world.ask(0.0, &[ok(50.0, 1_000.0)]).session(1);
    world.ask(100.0, &[ok(30.0, 500.0)]).session(1).turn(1);
    world.ask(200.0, &[ok(20.0, 100.0)]).session(1).turn(2);
    let seen = world.play();
    assert_eq!([seen.starts(1), seen.starts(2)], [vec![1_000.0], vec![1_500.0]], "in order, one after the other");
    let ends: Vec<_> = seen.ends.iter().map(|end| (end.waited, end.felt)).collect();
    assert_eq!(ends, [(0.0, Some(50.0)), (900.0, Some(930.0)), (1_300.0, Some(1_320.0))]);
    assert_eq!(seen.selects.len(), 1, "only the first turn selects");
}

#[test]
fn patience_begins_when_a_queued_turn_is_sent() {
    let mut world = World::websocket(&[1]);
    world.ask(0.0, &[ok(50.0, 1_000.0)]).session(1);
    world.ask(100.0, &[ok(99.0, 500.0)]).session(1).turn(1).patience(100.0);
    assert_eq!(world.play().statuses(), ["ok", "ok"]);
}

#[test]
fn turns_behind_one_that_closed_the_connection_open_a_new_one() {
    let mut world = World::websocket(&[1, 1]);
    world.ask(0.0, &[transport(1_000.0)]).session(1);
    world.ask(100.0, &[ok(1.0, 500.0)]).session(1).turn(1);
    world.ask(200.0, &[ok(1.0, 500.0)]).session(1).turn(2);
    let seen = world.play();
    assert_eq!(seen.statuses(), ["upstream_error", "ok", "ok"]);
    assert_eq!([seen.starts(1), seen.starts(2)], [vec![1_000.0], vec![1_500.0]]);
    assert_eq!([seen.chosen(1).len(), seen.chosen(2).len()], [1, 0]);
}

#[test]
fn an_idle_connection_is_closed_and_the_next_turn_opens_another() {
    let mut world = World::websocket(&[1]);
    world.config.connection_idle = Span::from_secs(60);
    world.ask(0.0, &[ok(1.0, 1_000.0)]).session(1);
    world.ask(60_999.0, &[ok(1.0, 1.0)]).session(1).turn(1);
    world.ask(121_000.0, &[ok(1.0, 2.0)]).session(1).turn(2); // 60 s after the end of the last turn
    let seen = world.play();
    assert_eq!([seen.chosen(1), seen.chosen(2)], [vec![], vec![("session_hash", Some(1))]]);
}

#[test]
fn turns_without_a_session_have_a_connection_each() {
    let mut world = World::websocket(&[2]);
    world.ask(0.0, &[ok(1.0, 100.0)]);
    world.ask(10.0, &[ok(1.0, 2.0)]);
    let seen = world.play();
    assert_eq!((seen.starts(1), seen.selects.len(), seen.bound.len()), (vec![10.0], 2, 0));
}

#[test]
fn a_first_turn_that_finds_no_slot_is_closed_as_busy_and_nothing_is_reported() {
    let mut world = World::websocket(&[1]);
    world.ask(0.0, &[ok(1.0, 1_000.0)]).session(1);
    world.ask(10.0, &[ok(1.0, 2.0)]).session(2);
    let seen = world.play();
    assert_eq!((seen.ends[1].status, seen.ends[1].at, seen.ends[1].waited), ("account_busy", 10.0, 0.0));
    assert_eq!(seen.reports, [(1_000.0, 0, 1, true, Some(1))]);
    assert_eq!((seen.waits.len(), seen.ends[1].binding), (0, None), "no waiting, no binding");
}

#[test]
fn a_later_turn_that_finds_no_slot_counts_as_a_failure_of_the_account() {
    let mut world = World::websocket(&[1]);
    world.ask(0.0, &[ok(1.0, 100.0)]).session(1);
    world.ask(200.0, &[ok(1.0, 1_000.0)]).session(2);
    world.ask(300.0, &[ok(1.0, 2.0)]).session(1).turn(1);
    let seen = world.play();
    assert_eq!((seen.ends[2].status, seen.ends[2].at), ("account_busy", 300.0));
    assert_eq!(seen.reported()[1], (300.0, 1, false, None));
    assert_eq!(seen.chosen(2), []);
}

#[test]
fn a_later_turn_stays_on_its_account_whatever_its_health() {
    let mut world = World::websocket(&[2, 2]);
    world.ask(0.0, &[ok(20_000.0, 20_001.0)]).session(1); // over the threshold
    world.ask(21_000.0, &[limited(10.0, 60_000.0), ok(1.0, 2.0)]).session(2); // and limited
    world.ask(22_000.0, &[ok(1.0, 2.0)]).session(1).turn(1);
    let seen = world.play();
    assert_eq!((seen.path(1), seen.path(2), seen.chosen(2)), (vec![1, 2], vec![1], vec![]));
}

#[test]
fn the_session_is_bound_on_every_selection_that_got_a_slot_escaped_or_not() {
    let mut world = World::websocket(&[1, 1]);
    world.config.connection_idle = Span::SECOND;
    world.ask(0.0, &[ok(1.0, 30_000.0)]); // holds account 1
    world.config.scheduler.lb_top_k = 2;
    world.config.scheduler.weights.priority = 1e9;
    world.ask(1.0, &[ok(20_000.0, 20_001.0)]).session(1); // so 2, which is slow
    world.ask(40_000.0, &[ok(1.0, 2.0)]).session(1).turn(1); // escapes to 1
    world.ask(50_000.0, &[ok(1.0, 2.0)]).session(1).turn(2); // finds the new binding
    let seen = world.play();
    assert_eq!((seen.selects[2].escape, seen.selects[2].account), (Some("ttft"), Some(1)));
    assert_eq!((seen.ends[1].binding, seen.ends[2].binding), (Some(2), Some(1)));
    assert_eq!(seen.chosen(3), [("session_hash", Some(1))]);
    let bound: Vec<_> = seen.bound.iter().map(|bound| (bound.0, bound.2, bound.3)).collect();
    assert_eq!(bound, [1.0, 40_000.0, 50_000.0].map(|at| (at, if at == 1.0 { 2 } else { 1 }, BindingCause::WebSocket)));
}

#[test]
fn a_rate_limit_moves_the_connection_at_the_same_instant() {
    let mut world = World::websocket(&[1, 1]);
    world.ask(0.0, &[limited(10.0, 60_000.0), ok(30.0, 40.0)]).session(1);
    world.ask(100.0, &[ok(1.0, 2.0)]).session(1).turn(1);
    let seen = world.play();
    assert_eq!((seen.path(0), seen.starts(0), seen.path(1)), (vec![1, 2], vec![0.0, 10.0], vec![2]));
    assert_eq!(seen.states, [(10.0, 1, 429, Some(59_990.0), 59_990.0)]);
    assert_eq!(seen.reported()[..2], [(10.0, 1, false, None), (50.0, 2, true, Some(30))]);
    assert_eq!((seen.ends[0].failed, seen.ends[0].felt), (10.0, Some(40.0)));
    assert_eq!((seen.ends[0].binding, seen.metrics[0].account_switch_total), (Some(2), 1));
}

#[test]
fn a_rate_limit_in_a_later_turn_selects_with_what_the_connection_began_with() {
    let mut world = World::websocket(&[1, 1]);
    world.config.connection_idle = Span::from_secs(60);
    world.ask(0.0, &[ok(1.0, 2.0)]).session(1); // resp_1_0 by account 1
    world.ask(100_000.0, &[ok(1.0, 2.0)]).session(1).turn(1).continuing(); // a new connection that continues it
    world.ask(101_000.0, &[limited(10.0, 60_000.0), ok(1.0, 2.0)]).session(1).turn(2).continuing();
    let seen = world.play();
    assert_eq!(seen.chosen(1), [("previous_response_id", Some(1))]);
    // resp_1_0 is still asked for: it is bound to account 1, which is excluded, so load balance binds to 2
    assert_eq!(seen.chosen(2), [("load_balance", Some(2))]);
    assert_eq!((seen.path(2), seen.ends[2].binding), (vec![1, 2], Some(2)));
}

#[test]
fn switches_and_exclusions_are_counted_per_connection() {
    let mut world = World::websocket(&[1, 1, 1, 1]);
    world.config.max_account_switches = 2;
    world.ask(0.0, &[limited(10.0, 20.0), ok(1.0, 2.0)]).session(1); // 1 fails, over at 30
    world.ask(1_000.0, &[limited(10.0, 20.0), ok(1.0, 2.0)]).session(1).turn(1); // 2 fails: 1 is fit and listed, but excluded
    world.ask(2_000.0, &[limited(10.0, 20.0), ok(1.0, 2.0)]).session(1).turn(2); // 3 fails: a third switch is one too many
    world.ask(3_000.0, &[ok(1.0, 2.0)]).session(1).turn(3); // a new connection excludes nobody
    let seen = world.play();
    assert_eq!([seen.path(0), seen.path(1), seen.path(2)], [vec![1, 2], vec![2, 3], vec![3]]);
    assert_eq!(seen.ends[2].status, "failover_exhausted");
    assert_eq!(seen.metrics[0].account_switch_total, 2, "the one too many is no switch here");
    assert_eq!(seen.chosen(3), [("session_hash", Some(3))], "account 3, bound and fit again");
}

#[test]
fn a_connection_that_runs_out_of_accounts_is_exhausted_and_one_that_finds_none_is_not_served() {
    let mut world = World::websocket(&[1]);
    world.ask(0.0, &[limited(10.0, 60_000.0)]).session(1);
    world.ask(100.0, &[ok(1.0, 2.0)]).session(2);
    let seen = world.play();
    assert_eq!(seen.statuses(), ["failover_exhausted", "no_available_accounts"]);
}

#[test]
fn a_move_to_a_busy_account_closes_the_connection_and_reports_nothing_of_it() {
    let mut world = World::websocket(&[1, 1]);
    world.ask(0.0, &[limited(10.0, 60_000.0), ok(1.0, 2.0)]).session(1);
    world.ask(0.0, &[ok(1.0, 1_000.0)]).session(2);
    world.config.scheduler.lb_top_k = 2;
    world.config.scheduler.weights.priority = 1e9;
    let seen = world.play();
    assert_eq!((seen.path(1), seen.ends[0].status, seen.ends[0].at), (vec![2], "account_busy", 10.0));
    assert_eq!(seen.reported(), [(10.0, 1, false, None), (1_000.0, 2, true, Some(1))]);
}

#[test]
fn any_other_early_end_closes_the_connection_without_failover_and_without_effect_on_the_account() {
    for (attempt, name) in [
        (status(401, 90.0), "upstream_error"),
        (status(403, 90.0), "upstream_error"),
        (status(503, 90.0), "upstream_error"),
        (status(529, 90.0), "upstream_error"),
        (transport(90.0), "upstream_error"),
        (broken(50.0, 90.0, true), "stream_broken"),
        (broken(50.0, 90.0, false), "stream_broken"),
    ] {
        let mut world = World::websocket(&[1, 1]);
        world.ask(0.0, &[attempt, ok(1.0, 2.0)]).session(1);
        world.ask(100.0, &[ok(1.0, 2.0)]).session(1).turn(1);
        let seen = world.play();
        assert_eq!((seen.ends[0].status, seen.path(0)), (name, vec![1]));
        assert_eq!(seen.reported()[0], (90.0, 1, false, None), "a failure, whatever the kind");
        assert_eq!((seen.states.len(), seen.metrics[0].account_switch_total), (0, 0));
        assert_eq!(seen.chosen(1).len(), 1, "the connection was closed");
    }
}

#[test]
fn a_turn_whose_client_left_keeps_its_slot_until_its_end() {
    let mut world = World::websocket(&[1]);
    world.ask(0.0, &[ok(900.0, 1_000.0)]).session(1).patience(50.0);
    world.ask(999.0, &[ok(1.0, 2.0)]).session(2);
    world.ask(1_000.0, &[ok(1.0, 2.0)]).session(2).turn(1);
    let seen = world.play();
    assert_eq!((seen.ends[0].status, seen.ends[0].at), ("client_gone", 50.0));
    assert_eq!(seen.statuses()[1..], ["account_busy", "ok"]);
    assert_eq!(seen.slots[..2], [(0.0, 1, 1), (1_000.0, 1, 0)]);
    assert_eq!(seen.reported()[0], (1_000.0, 1, true, Some(900)));
}

#[test]
fn a_rate_limit_after_the_client_left_changes_the_account_and_ends_it() {
    let mut world = World::websocket(&[1, 1]);
    world.ask(0.0, &[limited(1_000.0, 60_000.0), ok(1.0, 2.0)]).session(1).patience(50.0);
    let seen = world.play();
    assert_eq!((seen.path(0), seen.states.len(), seen.reports.len()), (vec![1], 1, 1));
    assert_eq!(seen.metrics[0].account_switch_total, 0);
}

#[test]
fn a_session_continues_the_last_response_that_it_heard_of() {
    let mut world = World::websocket(&[2, 2]);
    world.config.connection_idle = Span::SECOND;
    world.ask(0.0, &[ok(1.0, 2.0)]).session(1).continuing(); // there is none yet
    world.ask(10_000.0, &[limited(10.0, 1_000.0), ok(1.0, 2.0)]).session(1).turn(1).continuing(); // moves to 2
    world.ask(20_000.0, &[transport(10.0)]).session(1).turn(2).continuing(); // completes nothing
    world.ask(30_000.0, &[ok(1.0, 2.0)]).session(1).turn(3).continuing();
    world.ask(31_000.0, &[ok(1.0, 2.0)]).session(2).continuing(); // another session
    let seen = world.play();
    assert_eq!(seen.chosen(0), [("load_balance", Some(1))]);
    assert_eq!(seen.chosen(1), [("previous_response_id", Some(1)), ("load_balance", Some(2))]);
    assert_eq!(
        [seen.chosen(2), seen.chosen(3)],
        [vec![("previous_response_id", Some(2))], vec![("previous_response_id", Some(2))]]
    );
    assert_eq!(seen.chosen(4)[0].0, "load_balance");
}

#[test]
fn a_client_that_left_cannot_continue_the_response_that_it_never_saw() {
    let mut world = World::websocket(&[2]);
    world.ask(0.0, &[ok(900.0, 1_000.0)]).session(1).patience(50.0);
    world.ask(2_000.0, &[ok(1.0, 2.0)]).session(1).turn(1).continuing();
    assert_eq!(world.play().chosen(1), [("session_hash", Some(1))]);
}

#[test]
fn a_response_binding_expires_and_is_refreshed_by_a_hit_that_got_a_slot() {
    let mut world = World::websocket(&[2, 2]);
    world.config.connection_idle = Span::SECOND;
    world.config.scheduler.response_ttl = ms(10_000.0);
    world.ask(0.0, &[ok(1.0, 2.0)]).session(1); // bound at 2
    world.ask(10_001.0, &[transport(1.0)]).session(1).turn(1).continuing(); // a hit: bound until 20001
    world.ask(20_000.0, &[transport(1.0)]).session(1).turn(2).continuing(); // a hit: bound until 30000
    world.ask(30_000.0, &[ok(1.0, 2.0)]).session(1).turn(3).continuing(); // over at its end
    let seen = world.play();
    let layers: Vec<_> = seen.selects.iter().map(|select| select.layer).collect();
    assert_eq!(layers, ["load_balance", "previous_response_id", "previous_response_id", "session_hash"]);
}

#[test]
fn a_hit_of_previous_response_id_binds_the_session_even_if_the_account_is_busy() {
    let mut world = World::websocket(&[1, 1]);
    world.config.connection_idle = Span::SECOND;
    world.config.scheduler.session_ttl = Span::from_secs(5);
    world.ask(0.0, &[ok(1.0, 2.0)]).session(1);
    world.ask(9_000.0, &[ok(1.0, 2_000.0)]).session(2); // holds account 1; the binding of session 1 is over
    world.ask(10_000.0, &[ok(1.0, 2.0)]).session(1).turn(1).continuing();
    let seen = world.play();
    assert_eq!(seen.chosen(2), [("previous_response_id", Some(1))]);
    assert_eq!((seen.ends[2].status, seen.ends[2].binding), ("account_busy", Some(1)));
    assert_eq!(seen.reports.len(), 2, "the first turn of a connection: nothing is reported");
}

#[test]
fn accounts_must_speak_websocket_v2() {
    let mut world = World::websocket(&[1, 1]);
    world.accounts[0].websocket_v2 = false;
    world.ask(0.0, &[ok(1.0, 2.0)]).session(1);
    assert_eq!(world.play().path(0), [2]);
    let mut none = World::websocket(&[1]);
    none.accounts[0] = Account { websocket_v2: false, ..Account::new(1, 1) };
    none.ask(0.0, &[ok(1.0, 2.0)]).session(1);
    assert_eq!(none.play().statuses(), ["no_available_accounts"]);
    let mut http = World::new(&[1]);
    http.accounts[0].websocket_v2 = false;
    http.ask(0.0, &[ok(1.0, 2.0)]);
    assert_eq!(http.play().statuses(), ["ok"], "over HTTP that says nothing");
}

#[test]
fn there_is_no_retry_in_pool_mode() {
    let mut world = World::websocket(&[1, 1]).pool_mode(1, 3, &[429]);
    world.ask(0.0, &[limited(10.0, 60_000.0), ok(1.0, 2.0)]).session(1);
    let seen = world.play();
    assert_eq!((seen.path(0), seen.starts(0), seen.states.len()), (vec![1, 2], vec![0.0, 10.0], 0));
}

#[test]
fn the_turns_of_a_connection_stay_with_the_replica_that_it_was_opened_to() {
    let mut world = World::websocket(&[4]);
    world.config.replicas = 2;
    world.ask(0.0, &[ok(1.0, 2.0)]).session(1);
    world.ask(100.0, &[ok(1.0, 2.0)]).session(1).turn(1);
    world.ask(200.0, &[ok(1.0, 2.0)]).session(2);
    world.ask(300.0, &[ok(1.0, 2.0)]).session(3);
    let seen = world.play();
    assert_eq!(seen.reports.iter().map(|report| report.1).collect::<Vec<_>>(), [0, 0, 0, 1]);
}

#[test]
fn previous_response_id_is_not_sent_over_http() {
    let mut world = World::new(&[1]);
    world.ask(0.0, &[ok(1.0, 2.0)]).session(1);
    world.ask(100.0, &[ok(1.0, 2.0)]).session(1).turn(1).continuing();
    assert_eq!(world.play().chosen(1), [("session_hash", Some(1))]);
}
