//! The request loop of 0.1.179 where it differs from 0.1.133 (spec scheduler-modes.md, section 7). loop-modes.jsonl
//! holds most of it; these tests tell it by name, and hold what the vectors do not reach.

use stickysim::gateway::Credential;
use stickysim::scheduler::{Mode, Revision};
use stickysim::units::Span;
use stickysim::workload::{RecordedAttempt, Says};

use crate::world::{World, broken, ms, ok, passing, saying, status, transport};

fn world(concurrency: &[i64]) -> World {
    newer(World::new(concurrency))
}

fn newer(mut world: World) -> World {
    (world.config.scheduler.revision, world.config.scheduler.mode) = (Revision::V0_1_179, Mode::Advanced);
    world
}

fn oauth(mut world: World) -> World {
    for (traits, account) in world.config.accounts.iter_mut().zip(&mut world.accounts) {
        (traits.credential, account.credential) = (Credential::OAuth, Credential::OAuth);
    }
    world
}

const TEN_MINUTES: f64 = 600_000.0;

#[test]
fn transport_errors_fail_over_and_those_that_last_take_the_account_out() {
    let mut one = world(&[1, 1]);
    one.ask(0.0, &[transport(10.0), ok(1.0, 2.0)]);
    let seen = one.play();
    assert_eq!((seen.path(0), seen.ends[0].status, seen.states.len()), (vec![1, 2], "ok", 0));
    let mut lasting = world(&[1, 1]);
    lasting.ask(0.0, &[RecordedAttempt::Transport { end: ms(10.0), durable: true }, ok(1.0, 2.0)]);
    let seen = lasting.pool_mode(1, 3, &[401]).play();
    assert_eq!(seen.states, [(10.0, 1, 0, Some(TEN_MINUTES), TEN_MINUTES)], "in pool mode, too");
    assert_eq!(seen.path(0), [1, 2]);
}

#[test]
fn a_405_and_a_413_fail_over_and_a_404_does_not() {
    for (code, path, http) in [(405, vec![1, 2], 502), (413, vec![1, 2], 413), (404, vec![1], 502)] {
        let mut world = world(&[1, 1]);
        world.ask(0.0, &[status(code, 10.0)]);
        let seen = world.play();
        assert_eq!((seen.path(0), seen.ends[0].http), (path, http), "{code}");
    }
}

#[test]
fn what_is_the_requests_own_fault_does_not_fail_over() {
    for (code, http) in [(503, 502), (400, 400), (429, 429)] {
        let mut world = world(&[1, 1]);
        world.ask(0.0, &[saying(code, Says::ContextTooLong, 10.0)]);
        let seen = world.play();
        let end = &seen.ends[0];
        assert_eq!((seen.path(0), end.status, end.http), (vec![1], "upstream_error", http), "{code}");
        assert!(seen.states.is_empty(), "{code}");
    }
}

#[test]
fn overloaded_servers_are_asked_again_with_growing_pauses() {
    let mut world = world(&[1]);
    world.ask(0.0, &[saying(503, Says::Overloaded, 10.0)]);
    let seen = world.play();
    assert_eq!(seen.starts(0), [0.0, 510.0, 1_520.0, 3_530.0], "0.5, 1 and 2 s");
    assert_eq!((seen.ends[0].status, seen.ends[0].http), ("failover_exhausted", 503));
    assert!(seen.states.is_empty());
}

#[test]
fn a_429_of_an_oauth_account_opens_two_minutes_in_which_it_is_asked_again() {
    let mut world = oauth(world(&[1]));
    world.ask(0.0, &[status(429, 10.0), status(429, 10.0), ok(1.0, 2.0)]);
    let seen = world.play();
    assert_eq!((seen.path(0), seen.starts(0)), (vec![1, 1, 1], vec![0.0, 510.0, 1_020.0]));
    assert!(seen.states.is_empty() && seen.ends[0].status == "ok");
    assert_eq!(seen.metrics[0].account_switch_total, 0);
}

#[test]
fn the_header_of_a_429_says_how_long_up_to_eight_seconds() {
    for (seconds, next) in [(3, 3_010.0), (60, 8_010.0), (0, 510.0)] {
        let mut world = oauth(world(&[1]));
        let limited = RecordedAttempt::Status {
            status: 429,
            end: ms(10.0),
            reset_after: None,
            retry_after: Some(Span::from_secs(seconds)),
            says: Says::Nothing,
        };
        world.ask(0.0, &[limited, ok(1.0, 2.0)]);
        assert_eq!(world.play().starts(0), [0.0, next], "{seconds} s");
    }
}

#[test]
fn after_the_two_minutes_the_next_429_blocks() {
    let mut world = oauth(world(&[1, 1]));
    // the second client leaves in the pause, so nothing closes the window
    world.ask(0.0, &[status(429, 10.0)]).patience(100.0);
    world.ask(120_020.0, &[status(429, 10.0), ok(1.0, 2.0)]);
    let seen = world.play();
    assert_eq!(seen.ends[0].status, "client_gone");
    assert_eq!(seen.states, [(120_030.0, 1, 429, Some(5_000.0), 5_000.0)]);
    assert_eq!(seen.path(1), [1, 2]);
}

#[test]
fn a_failure_that_would_fail_over_is_not_reported_when_its_client_has_left() {
    for (attempt, reported) in [(status(500, 50.0), 0), (status(404, 50.0), 1), (ok(40.0, 50.0), 1)] {
        let mut world = world(&[1]);
        world.ask(0.0, &[attempt]).patience(5.0);
        let seen = world.play();
        assert_eq!((seen.ends[0].status, seen.reported().len()), ("client_gone", reported), "{attempt:?}");
    }
}

#[test]
fn an_html_page_is_no_403_of_the_account() {
    let mut world = world(&[1, 1]);
    world.ask(0.0, &[saying(403, Says::HtmlPage, 10.0), ok(1.0, 2.0)]);
    let seen = world.play();
    assert_eq!((seen.path(0), seen.states.len()), (vec![1, 2], 0));
}

#[test]
fn a_401_switches_off_a_login_that_cannot_be_renewed() {
    for (refresh_token, says, until) in
        [(true, Says::Nothing, Some(TEN_MINUTES)), (false, Says::Nothing, None), (true, Says::TokenRevoked, None)]
    {
        let mut world = oauth(world(&[1]));
        world.config.accounts[0].refresh_token = refresh_token;
        world.ask(0.0, &[saying(401, says, 10.0)]);
        let seen = world.play();
        assert_eq!(seen.states[0].3, until, "{refresh_token} {says:?}");
    }
}

#[test]
fn a_temporary_end_that_would_not_move_later_changes_nothing() {
    let mut world = world(&[2]);
    world.ask(0.0, &[status(403, 20.0)]);
    world.ask(0.0, &[status(403, 20.0)]);
    let seen = world.play();
    assert_eq!(seen.states.len(), 1, "both end at the same instant");
}

#[test]
fn a_stream_that_closes_before_its_first_token_fails_over() {
    let mut world = world(&[1, 1]);
    let closed = RecordedAttempt::Broken { ttft: None, end: ms(10.0), would_fail_over: false };
    world.ask(0.0, &[closed, ok(1.0, 2.0)]);
    world.ask(100.0, &[broken(5.0, 10.0, false)]);
    let seen = world.play();
    assert_eq!((seen.path(0), seen.ends[1].status), (vec![1, 2], "stream_broken"));
}

#[test]
fn twenty_may_wait_for_a_users_slot_whatever_its_limit() {
    let mut world = world(&[30]);
    world.config.user_concurrency = Some(3);
    for i in 0..24 {
        world.ask(f64::from(i), &[ok(10.0, 60_000.0)]).user(0);
    }
    let seen = world.play();
    let full: Vec<usize> = (0..24).filter(|&i| seen.ends[i].status == "wait_queue_full").collect();
    assert_eq!(full, [23]);
}

#[test]
fn a_response_is_continued_over_http_by_api_keys_only() {
    let ask = |world: &mut World| {
        world.config.http_continuations = true;
        world.ask(0.0, &[ok(1.0, 2.0)]).session(1);
        world.ask(10.0, &[ok(1.0, 2.0)]).session(1).turn(1).continuing();
    };
    let mut keys = world(&[1, 1]);
    ask(&mut keys);
    let seen = keys.play();
    assert_eq!(seen.chosen(1), [("previous_response_id", Some(1))]);
    let mut logins = oauth(world(&[1, 1]));
    ask(&mut logins);
    let seen = logins.play();
    assert_eq!((seen.ends[0].status, seen.ends[1].status, seen.ends[1].http), ("ok", "invalid_request", 400));
    assert!(seen.path(1).is_empty(), "their slots are given back before any forward");
}

#[test]
fn pool_mode_retries_a_passing_400_as_before() {
    let mut world = world(&[1]);
    world.ask(0.0, &[passing(10.0), ok(1.0, 2.0)]);
    let seen = world.pool_mode(1, 3, &[]).play();
    assert_eq!((seen.path(0), seen.starts(0)), (vec![1, 1], vec![0.0, 510.0]));
}

#[test]
fn over_websocket_a_rate_limited_login_is_asked_again_on_the_same_connection() {
    let mut world = oauth(newer(World::websocket(&[1, 1])));
    world.ask(0.0, &[status(429, 10.0), ok(1.0, 2.0)]).session(1);
    let seen = world.play();
    assert_eq!((seen.path(0), seen.starts(0)), (vec![1, 1], vec![0.0, 510.0]));
    assert!(seen.states.is_empty() && seen.ends[0].status == "ok");
}

#[test]
fn in_legacy_nothing_is_learnt_and_nothing_counted() {
    let mut world = world(&[1, 1]);
    world.config.scheduler.mode = Mode::Legacy;
    world.ask(0.0, &[status(500, 10.0), ok(1.0, 2.0)]).session(1);
    let seen = world.play();
    assert_eq!((seen.ends[0].status, seen.path(0).len()), ("ok", 2));
    assert_eq!((seen.metrics[0].select_total, seen.metrics[0].account_switch_total), (0, 0));
}
