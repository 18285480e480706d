//! Step 6: how a forward ends, what is reported of it and what its client gets; failover and its limits.

use crate::world::{World, broken, limited, ok, passing, status, transport};
use stickysim::workload::RecordedAttempt;

#[test]
fn a_result_is_reported_when_the_answer_is_complete_and_after_its_slot_is_free() {
    let mut world = World::new(&[1]);
    world.ask(0.0, &[ok(16_000.0, 60_000.0)]).session(1);
    world.ask(59_999.0, &[ok(16_000.0, 16_001.0)]).session(1); // those 16 s are not known yet
    world.ask(61_000.0, &[ok(1.0, 2.0)]).session(1);
    let seen = world.play();
    assert_eq!(seen.reported()[0], (60_000.0, 1, true, Some(16_000)));
    assert_eq!(seen.selects[1].escape, Some("concurrency_full"), "not ttft");
    assert_eq!(seen.selects[2].escape, Some("ttft"));
}

#[test]
fn a_broken_stream_is_reported_unless_its_error_would_have_failed_over() {
    for (would_fail_over, reported) in [(true, vec![]), (false, vec![(90.0, 1, false, None)])] {
        let mut world = World::new(&[1, 1]);
        world.ask(0.0, &[broken(50.0, 90.0, would_fail_over), ok(1.0, 2.0)]);
        let seen = world.play();
        let end = &seen.ends[0];
        assert_eq!((end.status, end.http, end.at, end.felt), ("stream_broken", 200, 90.0, Some(50.0)));
        assert_eq!((seen.reported(), seen.path(0)), (reported, vec![1]), "no failover");
    }
}

#[test]
fn a_transport_error_or_a_break_before_the_first_token_is_a_502_without_failover() {
    let before_its_token = RecordedAttempt::Broken {
        ttft: Some(crate::world::ms(100.0)),
        end: crate::world::ms(90.0),
        would_fail_over: false,
    };
    for attempt in [transport(90.0), before_its_token] {
        let mut world = World::new(&[1, 1]);
        world.ask(0.0, &[attempt, ok(1.0, 2.0)]);
        let seen = world.play();
        let end = &seen.ends[0];
        assert_eq!((end.status, end.http, end.at, end.failed), ("upstream_error", 502, 90.0, 90.0));
        assert_eq!((seen.reported(), seen.path(0)), (vec![(90.0, 1, false, None)], vec![1]));
        assert!(seen.states.is_empty());
    }
}

#[test]
fn only_some_statuses_fail_over() {
    for code in [400, 404, 408, 409, 413, 422, 499] {
        let mut world = World::new(&[1, 1]);
        world.ask(0.0, &[status(code, 90.0), ok(1.0, 2.0)]);
        let seen = world.play();
        assert_eq!((seen.ends[0].status, seen.ends[0].http, seen.path(0)), ("upstream_error", 502, vec![1]), "{code}");
        assert_eq!((seen.reported(), seen.states.len()), (vec![(90.0, 1, false, None)], 0), "{code}");
    }
    for code in [401, 402, 403, 429, 500, 501, 502, 503, 504, 520, 529, 599] {
        let mut world = World::new(&[1, 1]);
        world.ask(0.0, &[status(code, 90.0), ok(1.0, 2.0)]);
        let seen = world.play();
        let end = &seen.ends[0];
        assert_eq!((end.status, seen.starts(0), seen.path(0)), ("ok", vec![0.0, 90.0], vec![1, 2]), "{code}");
        assert_eq!((end.failed, end.felt, end.switches, end.failed_attempts), (90.0, Some(91.0), 1, 1), "{code}");
        assert_eq!(seen.reported(), [(90.0, 1, false, None), (92.0, 2, true, Some(1))], "{code}");
    }
}

#[test]
fn a_400_with_a_passing_trouble_fails_over_and_does_nothing_to_the_account() {
    let mut world = World::new(&[1, 1]);
    world.ask(0.0, &[passing(90.0), ok(1.0, 2.0)]);
    let seen = world.play();
    assert_eq!((seen.statuses(), seen.path(0), seen.states.len()), (vec!["ok"], vec![1, 2], 0));
    assert_eq!(seen.metrics[0].account_switch_total, 1);
    let mut alone = World::new(&[1]);
    alone.ask(0.0, &[passing(90.0)]);
    assert_eq!(alone.play().ends[0].http, 502);
}

#[test]
fn a_request_that_runs_out_of_accounts_is_exhausted_and_one_that_finds_none_is_not_served() {
    let mut world = World::new(&[1, 1]);
    world.ask(0.0, &[status(402, 10.0)]);
    world.ask(100.0, &[ok(1.0, 2.0)]);
    let seen = world.play();
    let ends: Vec<_> = seen.ends.iter().map(|end| (end.status, end.http, end.at, end.account)).collect();
    assert_eq!(ends, [("failover_exhausted", 502, 20.0, None), ("no_available_accounts", 503, 100.0, None)]);
    assert_eq!((seen.path(0), seen.metrics[0].account_switch_total), (vec![1, 2], 2));
}

#[test]
fn what_the_client_of_an_exhausted_request_gets_is_the_last_upstreams_word() {
    for (last, http) in [(429, 429), (529, 503), (500, 502), (401, 502), (403, 502), (503, 502)] {
        let mut world = World::new(&[1, 1]);
        world.ask(0.0, &[status(if last == 429 { 529 } else { 429 }, 10.0), status(last, 10.0)]);
        let seen = world.play();
        assert_eq!((seen.ends[0].status, seen.ends[0].http), ("failover_exhausted", http), "{last}");
    }
}

#[test]
fn a_request_switches_at_most_max_account_switches_times() {
    for most in [0, 1, 3] {
        let mut world = World::new(&[1; 6]);
        world.config.max_account_switches = most;
        world.ask(0.0, &[status(500, 10.0)]);
        let seen = world.play();
        let tried: Vec<u32> = (1..=most + 1).collect();
        assert_eq!((seen.ends[0].status, seen.path(0)), ("failover_exhausted", tried));
        assert_eq!(seen.ends[0].selects, most + 1);
        // the failure that is one too many is still reported as a switch
        assert_eq!(seen.metrics[0].account_switch_total, u64::from(most) + 1);
    }
}

#[test]
fn an_account_that_failed_is_excluded_for_this_request_only() {
    let mut world = World::new(&[1, 1]);
    world.ask(0.0, &[status(500, 10.0), status(500, 10.0)]);
    world.ask(100.0, &[ok(1.0, 2.0)]);
    let seen = world.play();
    assert_eq!((seen.path(0), seen.path(1)), (vec![1, 2], vec![1]));
}

#[test]
fn a_failover_binds_the_session_to_the_next_account_even_after_an_escape() {
    let mut world = World::new(&[1, 1, 1]);
    world.ask(0.0, &[status(500, 10.0), ok(20_000.0, 20_001.0)]).session(1); // bound to 1, then to 2, which is slow
    world.ask(30_000.0, &[status(500, 10.0), ok(1.0, 2.0)]).session(1); // escapes to 1, which fails; 2 is not excluded
    world.ask(40_000.0, &[status(500, 10.0), status(500, 10.0), ok(1.0, 2.0)]).session(1);
    let seen = world.play();
    assert_eq!(seen.ends[0].binding, Some(2));
    assert_eq!(seen.selects[2].escape, Some("ttft"));
    // the second select of request 1 finds the binding to 2 again, and escapes again: 1 is excluded, 2 may serve
    assert_eq!((seen.path(1), seen.ends[1].binding), (vec![1, 2], Some(2)));
    // request 2: 1 fails, 2 fails (an escape each time), then 2 is excluded: no escape, so load balance binds
    assert_eq!((seen.path(2), seen.ends[2].binding), (vec![1, 2, 3], Some(3)));
    assert_eq!(seen.selects.last().unwrap().escape, None);
}

fn oauth_pool() -> World {
    // in pool mode without retries: 429s leave the accounts as they are
    let mut world = World::new(&[0, 0, 0]).pool_mode(1, 0, &[]).pool_mode(2, 0, &[]);
    world.config.accounts[0].credential = stickysim::gateway::Credential::OAuth;
    world
}

#[test]
fn the_twentieth_429_of_oauth_accounts_within_ten_seconds_ends_its_request() {
    let mut world = oauth_pool();
    for i in 0..22 {
        world.ask(f64::from(i) * 100.0, &[status(429, 10.0), ok(1.0, 2.0)]);
    }
    // the window began with the 429 at 10: one more just inside it, and two from 10 s after its start on
    for millis in [9_999.0, 10_000.0, 10_001.0] {
        world.ask(millis, &[status(429, 10.0), ok(1.0, 2.0)]);
    }
    let seen = world.play();
    assert!(seen.ends[..19].iter().all(|end| end.status == "ok"));
    for end in &seen.ends[19..=22] {
        assert_eq!((end.status, end.http, end.switches, end.selects), ("failover_exhausted", 429, 1, 1));
    }
    assert!(seen.ends[23..].iter().all(|end| end.status == "ok"), "a new window, at count 1");
    assert_eq!(seen.metrics[0].account_switch_total, 25, "a switch is counted for each");
}

#[test]
fn a_window_is_not_prolonged_by_what_falls_into_it() {
    let mut world = oauth_pool();
    // 19 at the end of the first window: the next window begins with the first 429 after it
    world.ask(0.0, &[status(429, 10.0), ok(1.0, 2.0)]);
    for i in 0..18 {
        world.ask(9_000.0 + f64::from(i), &[status(429, 10.0), ok(1.0, 2.0)]);
    }
    for i in 0..19 {
        world.ask(10_000.0 + f64::from(i), &[status(429, 10.0), ok(1.0, 2.0)]);
    }
    assert!(world.play().statuses().iter().all(|&status| status == "ok"));
}

#[test]
fn api_keys_and_other_statuses_make_no_storm() {
    let mut keys = oauth_pool();
    keys.config.accounts[0].credential = stickysim::gateway::Credential::ApiKey;
    let mut others = oauth_pool();
    for i in 0..40 {
        keys.ask(f64::from(i), &[status(429, 10.0), ok(1.0, 2.0)]);
        others.ask(f64::from(i), &[status(500, 10.0), ok(1.0, 2.0)]);
    }
    for world in [keys, others] {
        assert!(world.play().statuses().iter().all(|&status| status == "ok"));
    }
}

#[test]
fn during_a_storm_only_a_429_of_an_oauth_account_ends_a_request() {
    let mut world = oauth_pool();
    for i in 0..20 {
        world.ask(f64::from(i), &[status(429, 10.0), ok(1.0, 2.0)]);
    }
    world.ask(100.0, &[status(500, 10.0), status(429, 10.0), ok(1.0, 2.0)]); // 429 by the API key
    world.ask(200.0, &[status(500, 10.0), ok(1.0, 2.0)]);
    let seen = world.play();
    assert_eq!(seen.ends[19].status, "failover_exhausted");
    assert_eq!((seen.path(20), seen.ends[20].status), (vec![1, 2, 3], "ok"));
    assert_eq!((seen.path(21), seen.ends[21].status), (vec![1, 2], "ok"));
}

#[test]
fn every_gateway_process_counts_its_own_storm() {
    let mut world = oauth_pool();
    world.config.replicas = 2;
    for i in 0..38 {
        world.ask(f64::from(i), &[status(429, 10.0), ok(1.0, 2.0)]);
    }
    world.ask(100.0, &[status(429, 10.0), ok(1.0, 2.0)]);
    let seen = world.play();
    assert!(seen.ends[..38].iter().all(|end| end.status == "ok"), "19 each");
    assert_eq!(seen.ends[38].status, "failover_exhausted");
}

#[test]
fn failed_attempts_count_in_what_the_client_feels() {
    let mut world = World::new(&[1, 1, 1]);
    world.ask(0.0, &[status(500, 12.5), limited(7.25, 1_000.0), ok(3.0, 4.0)]);
    let seen = world.play();
    let end = &seen.ends[0];
    assert_eq!((end.failed, end.ttft, end.felt, end.attempts), (19.75, Some(3.0), Some(22.75), 3));
}

#[test]
fn a_forward_without_a_first_output_in_time_is_given_up_as_a_504_and_tried_on_another_account() {
    let world = |timeout: f64| {
        let mut world = World::new(&[1, 1]);
        world.config.first_output_limit = crate::world::ms(timeout);
        world.ask(0.0, &[ok(30_000.0, 40_000.0), ok(1_000.0, 2_000.0)]).session(1);
        world
    };
    let seen = world(20_000.0).play();
    assert_eq!(seen.path(0), [1, 2]);
    assert_eq!(seen.reported(), [(20_000.0, 1, false, None), (22_000.0, 2, true, Some(1_000))], "no TTFT is learnt");
    let end = &seen.ends[0];
    assert_eq!((end.status, end.felt, end.switches, end.failed), ("ok", Some(21_000.0), 1, 20_000.0));
    assert!(seen.states.is_empty(), "a 504 does nothing to the account");
    for never in [0.0, 30_000.0] {
        let seen = world(never).play();
        assert_eq!((seen.path(0), seen.ends[0].felt), (vec![1], Some(30_000.0)), "{never}: in time, or no limit");
    }
    // errors that come in time keep their own status; a transport error that comes later is one of these timeouts
    let mut slow = World::new(&[1, 1]);
    slow.config.first_output_limit = crate::world::ms(1_000.0);
    slow.ask(0.0, &[transport(5_000.0), ok(1.0, 2.0)]);
    assert_eq!(slow.play().path(0), [1, 2]);
    let mut everywhere = World::new(&[1, 1]);
    everywhere.config.first_output_limit = crate::world::ms(1_000.0);
    everywhere.ask(0.0, &[ok(5_000.0, 6_000.0)]);
    let seen = everywhere.play();
    assert_eq!((seen.ends[0].status, seen.ends[0].http, seen.ends[0].at), ("failover_exhausted", 502, 2_000.0));
}
