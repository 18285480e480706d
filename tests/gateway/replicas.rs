//! Several gateway processes (spec simulator.md, "Gateway replicas").

use crate::world::{World, limited, ms, ok, status, transport};
use stickysim::gateway::{ReplicaRouting, Restart};
use stickysim::scheduler::Weights;

fn replicas(slots: &[i64], count: u32) -> World {
    let mut world = World::new(slots);
    world.config.replicas = count;
    world
}

fn who_served(world: World) -> Vec<u32> {
    world.play().selects.iter().map(|select| select.replica).collect()
}

#[test]
fn requests_go_round_robin_or_by_session() {
    let ask = |routing| {
        let mut world = replicas(&[0], 3);
        world.config.routing = routing;
        for session in [Some(5), Some(5), None, Some(7), None, Some(5)] {
            let ask = world.ask(0.0, &[ok(1.0, 2.0)]);
            if let Some(session) = session {
                ask.session(session);
            }
        }
        who_served(world)
    };
    assert_eq!(ask(ReplicaRouting::RoundRobin), [0, 1, 2, 0, 1, 2]);
    // session 5 to replica 2, session 7 to replica 1, the others round robin by their number
    assert_eq!(ask(ReplicaRouting::BySession), [2, 2, 2, 1, 1, 2]);
}

#[test]
fn bindings_slots_and_wait_counters_are_shared() {
    let mut world = replicas(&[1, 1], 2);
    world.config.scheduler.fallback_max_waiting = 1;
    world.ask(0.0, &[ok(1.0, 500.0)]).session(1); // replica 0 binds
    world.ask(600.0, &[ok(1.0, 500.0)]).session(1); // replica 1 finds the binding
    world.ask(610.0, &[ok(1.0, 2.0)]); // replica 0: no slot, waits
    world.ask(620.0, &[ok(1.0, 2.0)]); // replica 1: one waits already
    let seen = world.play();
    assert_eq!((seen.selects[1].replica, seen.selects[1].layer), (1, "session_hash"));
    assert_eq!(seen.statuses(), ["ok", "ok", "ok", "wait_queue_full"]);
    assert_eq!((seen.selects[3].replica, seen.starts(2)), (1, vec![1_422.5]));
}

#[test]
fn runtime_stats_and_metrics_are_each_replicas_own() {
    let mut world = replicas(&[1], 2);
    world.ask(0.0, &[ok(20_000.0, 20_001.0)]).session(1); // replica 0 learns 20 s
    world.ask(30_000.0, &[ok(1.0, 2.0)]).session(1); // replica 1 knows nothing of it
    world.ask(40_000.0, &[ok(1.0, 2.0)]).session(1); // replica 0 does
    let seen = world.play();
    let escapes: Vec<_> = seen.selects.iter().map(|select| (select.replica, select.escape)).collect();
    assert_eq!(escapes, [(0, None), (1, None), (0, Some("ttft"))]);
    assert_eq!(seen.reports.iter().map(|report| report.1).collect::<Vec<_>>(), [0, 1, 0]);
    assert_eq!((seen.stats[0][0].ttft_ms, seen.stats[1][0].ttft_ms), (Some(0.2 * 1.0 + 0.8 * 20_000.0), Some(1.0)));
    assert_eq!([seen.metrics[0].select_total, seen.metrics[1].select_total], [2, 1]);
}

#[test]
fn load_caches_are_each_replicas_own() {
    let mut world = replicas(&[10, 10], 2);
    world.accounts[1].priority = 1;
    world.config.scheduler.load_cache_ttl = ms(200.0);
    world.config.scheduler.weights =
        Weights { priority: 0.0, load: 1.0, queue: 0.0, error_rate: 0.0, ttft: 0.0, ..Weights::default() };
    for at in [0.0, 10.0, 20.0] {
        world.ask(at, &[ok(1.0, 1_000.0)]);
    }
    let seen = world.play();
    // replica 0 reads both idle; replica 1 reads account 1 at 10 %; replica 0 still believes both idle
    assert_eq!([seen.path(0), seen.path(1), seen.path(2)], [vec![1], vec![2], vec![1]]);
}

#[test]
fn a_restart_loses_the_stats_of_its_replica_alone() {
    let restarted = |replica| {
        let mut world = replicas(&[2], 2);
        world.config.restarts = vec![Restart { at: crate::world::at(25_000.0), replica }];
        for at in [0.0, 1.0] {
            world.ask(at, &[ok(20_000.0, 20_001.0)]).session(1).patience(500.0); // each replica learns 20 s
        }
        world.ask(30_000.0, &[ok(1.0, 2.0)]).session(1);
        world.ask(40_000.0, &[ok(1.0, 2.0)]).session(1);
        let seen = world.play();
        [seen.selects[2].escape, seen.selects[3].escape]
    };
    assert_eq!(restarted(0), [None, Some("ttft")]);
    assert_eq!(restarted(1), [Some("ttft"), None]);
    assert_eq!(restarted(9), [Some("ttft"), Some("ttft")], "there is no such replica");
}

#[test]
fn a_restart_loses_blocks_and_builds_the_list() {
    let mut world = World::new(&[2, 1]);
    world.config.restarts = vec![Restart { at: crate::world::at(10_400.0), replica: 0 }];
    world.ask(0.0, &[limited(10.0, 60_000.0), ok(1.0, 2.0)]);
    world.ask(0.0, &[limited(20.0, 5_000.0), ok(1.0, 2.0)]); // schedulable from 5020, blocked until 60010
    world.ask(10_000.0, &[ok(1.0, 2.0)]);
    world.ask(11_000.0, &[ok(1.0, 2.0)]);
    world.ask(11_500.0, &[limited(10.0, 60_000.0), ok(1.0, 2.0)]); // polls now fall on 400 ms past the second
    world.ask(13_000.0, &[ok(1.0, 2.0)]);
    let seen = world.play();
    assert_eq!((seen.path(2), seen.path(3)), (vec![2], vec![1]));
    assert_eq!(seen.lists[1..], [(1_000.0, vec![2]), (10_400.0, vec![1, 2]), (12_400.0, vec![2])]);
}

#[test]
fn a_restart_does_not_touch_bindings_slots_or_who_waits() {
    let mut world = World::new(&[1]);
    world.config.restarts = vec![Restart { at: crate::world::at(150.0), replica: 0 }];
    world.ask(0.0, &[ok(1.0, 300.0)]).session(1);
    world.ask(10.0, &[ok(1.0, 2.0)]).session(2);
    world.ask(1_000.0, &[ok(1.0, 2.0)]).session(1);
    let seen = world.play();
    assert_eq!((seen.statuses(), seen.starts(1)), (vec!["ok"; 3], vec![485.0]));
    assert_eq!(seen.chosen(2), [("session_hash", Some(1))]);
}

#[test]
fn the_count_of_403s_is_shared() {
    let mut world = replicas(&[3], 3);
    for end in [10.0, 20.0, 30.0] {
        world.ask(0.0, &[status(403, end)]);
    }
    let seen = world.play();
    assert_eq!(seen.states.iter().map(|state| state.3.is_none()).collect::<Vec<_>>(), [false, false, true]);
}

#[test]
fn a_result_goes_to_the_replica_of_its_request() {
    let mut world = replicas(&[1, 1], 2);
    world.ask(0.0, &[ok(1.0, 2.0)]);
    world.ask(100.0, &[transport(10.0)]);
    let seen = world.play();
    assert_eq!(seen.reports, [(2.0, 0, 1, true, Some(1)), (110.0, 1, 1, false, None)]);
    assert_eq!((seen.stats[0][0].error_rate, seen.stats[1][0].error_rate), (0.0, 0.2));
}
