//! What-ifs of the request loop: sketches of later revisions, known from release notes only
//! (docs/reference/scenario.md, What if).

use std::collections::BTreeSet;

use stickysim::scheduler::{Account, AnyScheduler, Config, Mode, Pool, Query, ResponseKey, Revision, SessionKey};
use stickysim::units::{Span, Time};

use crate::world::{World, ok, status};

fn world(slots: &[i64], timeout_ms: u64) -> World {
    let mut world = World::new(slots);
    (world.config.scheduler.revision, world.config.scheduler.mode) = (Revision::V0_1_179, Mode::Legacy);
    world.config.first_output_timeout = Some(Span::from_millis(timeout_ms));
    world
}

#[test]
fn a_forward_without_output_is_given_up_and_the_request_goes_elsewhere() {
    let mut one = world(&[1, 1], 500);
    one.ask(0.0, &[ok(2_000.0, 3_000.0), ok(30.0, 40.0)]).session(1);
    let seen = one.play();
    assert_eq!((seen.path(0), seen.starts(0)), (vec![1, 2], vec![0.0, 500.0]));
    let end = &seen.ends[0];
    assert_eq!((end.status, end.switches, end.felt), ("ok", 1, Some(530.0)));
}

#[test]
fn it_is_given_up_once_a_request_and_only_without_output_in_time() {
    let mut once = world(&[1, 1, 1], 500);
    once.ask(0.0, &[ok(2_000.0, 3_000.0), ok(2_000.0, 3_000.0)]);
    let seen = once.play();
    assert_eq!((seen.path(0).len(), seen.ends[0].status, seen.ends[0].felt), (2, "ok", Some(2_500.0)));
    let mut in_time = world(&[1, 1], 500);
    in_time.ask(0.0, &[ok(500.0, 9_000.0)]);
    in_time.ask(20_000.0, &[status(500, 400.0), ok(1.0, 2.0)]);
    let seen = in_time.play();
    assert_eq!((seen.path(0).len(), seen.path(1).len()), (1, 2), "exactly in time, and an error before");
}

#[test]
fn the_older_revision_and_websocket_know_no_such_timeout() {
    let play = |change: fn(&mut World)| {
        let mut world = world(&[1, 1], 500);
        change(&mut world);
        world.ask(0.0, &[ok(2_000.0, 3_000.0)]);
        world.play().ends[0].felt
    };
    assert_eq!(play(|world| world.config.scheduler.revision = Revision::V0_1_133), Some(2_000.0));
    assert_eq!(play(|world| world.config.transport = stickysim::gateway::Transport::WebSocket), Some(2_000.0));
}

#[test]
fn with_a_stable_seed_a_session_draws_alike_whatever_it_continues() {
    let chosen = |stable: bool| -> BTreeSet<u32> {
        let of = |turn: u64| {
            let config = Config { seed_without_previous: stable, ..Config::default() };
            let mut pool = Pool::new((1..=5).map(|id| Account::new(id, 1)).collect());
            let text = format!("resp_1_{turn}");
            let query = Query {
                session: Some(SessionKey { key: 7, hash: b"session" }),
                previous: Some(ResponseKey { key: turn, text: text.as_bytes() }),
                ..Query::default()
            };
            AnyScheduler::new(config, 5).select(&mut pool, &query, Time::ZERO).account().unwrap().0
        };
        (0..50).map(of).collect()
    };
    assert_eq!((chosen(true).len(), chosen(false).len()), (1, 5));
}

#[test]
fn a_client_that_leaves_ends_its_upstream_request_and_nothing_is_learnt() {
    let play = |cancel: bool| {
        let mut world = World::new(&[1]);
        world.config.accounts[0].http1 = true;
        world.config.cancel_upstream = cancel;
        world.ask(0.0, &[ok(5_000.0, 9_000.0)]).patience(1_000.0);
        world.ask(2_000.0, &[ok(10.0, 20.0)]);
        world.play()
    };
    let kept = play(false);
    assert_eq!((kept.ends[1].ttft, kept.reported().len()), (Some(7_010.0), 2), "it waits for the connection");
    let cancelled = play(true);
    assert_eq!(cancelled.statuses(), ["client_gone", "ok"]);
    assert_eq!((cancelled.ends[1].ttft, cancelled.reported().len()), (Some(10.0), 1));
}

#[test]
fn a_client_that_leaves_the_queue_for_a_connection_leaves_nothing_behind() {
    let mut world = World::new(&[1]);
    world.config.accounts[0].http1 = true;
    world.config.cancel_upstream = true;
    // the first client stays, and its connection is busy beyond its slot's life
    world.config.scheduler.slot_ttl = Span::from_secs(2);
    world.ask(0.0, &[ok(9_000.0, 9_500.0)]);
    world.ask(4_000.0, &[ok(10.0, 20.0)]).patience(1_000.0);
    world.ask(10_000.0, &[ok(10.0, 20.0)]);
    let seen = world.play();
    assert_eq!(seen.statuses(), ["ok", "client_gone", "ok"]);
    assert_eq!((seen.path(1).len(), seen.ends[2].ttft), (0, Some(10.0)));
}
