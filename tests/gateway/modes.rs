//! As an operator sees the three modes of 0.1.179: a scenario for each row of scheduler-modes.md, section 8.
//!
//! Loads weigh ten times as much as priorities, so that by score a full account is worse than a free one.

use crate::seen::Seen;
use crate::world::{START, World, at, ms, ok};
use stickysim::ids::{AccountIx, ModelId};
use stickysim::scheduler::{
    Account, AnyScheduler, Config, Decision, Learnt, LeaveReason, Mode, Outcome, Pool, Query, Revision, SessionKey,
};
use stickysim::units::Span;

const MODES: [Mode; 3] = Mode::ALL;

fn world(mode: Mode, slots: &[i64]) -> World {
    let mut world = World::new(slots);
    let scheduler = &mut world.config.scheduler;
    (scheduler.revision, scheduler.mode) = (Revision::V0_1_179, mode);
    scheduler.weights.load = 10.0;
    world
}

/// Session 1 is bound to account 2: when it came, account 1 was full for a second.
fn bound_to_the_second(mode: Mode) -> World {
    let mut world = world(mode, &[1, 1]);
    world.ask(0.0, &[ok(1.0, 1_000.0)]);
    world.ask(10.0, &[ok(1.0, 20.0)]).session(1);
    world
}

/// Both accounts are busy for 40 s from second 2 on.
fn then_all_busy(world: &mut World) {
    world.ask(2_000.0, &[ok(1.0, 40_000.0)]);
    world.ask(2_000.0, &[ok(1.0, 40_000.0)]);
}

/// Where the last request went, its escape, and to whom its session was bound at its end.
fn last(seen: &Seen) -> (Vec<u32>, Option<&'static str>, Option<u32>) {
    let request = seen.ends.len() - 1;
    let escape = seen.selects.iter().rfind(|select| select.request == request).and_then(|select| select.escape);
    (seen.path(request), escape, seen.ends[request].binding)
}

#[test]
fn a_slow_bound_account_is_kept_escaped_from_or_kept_as_long_as_the_bonus_carries_it() {
    let play = |mode, bonus| {
        let mut world = world(mode, &[1, 1]);
        world.config.scheduler.weights.ttft = 5.0;
        world.config.scheduler.weights.session_sticky = bonus;
        world.ask(0.0, &[ok(20_000.0, 20_010.0)]).session(1);
        world.ask(100.0, &[ok(1.0, 10.0)]).session(2);
        world.ask(30_000.0, &[ok(1.0, 2.0)]).session(1);
        last(&world.play())
    };
    assert_eq!(play(Mode::Legacy, 3.0), (vec![1], None, Some(1)), "kept");
    assert_eq!(play(Mode::Advanced, 3.0), (vec![2], Some("ttft"), Some(1)), "escaped from, the binding kept");
    // by score the slow one has 11, the quick one 15
    assert_eq!(play(Mode::Weighted, 5.0), (vec![1], None, Some(1)), "the bonus carries it");
    assert_eq!(play(Mode::Weighted, 3.0), (vec![2], None, Some(2)), "the bonus does not, and the session moves");
}

#[test]
fn a_full_bound_account_is_waited_for_left_for_once_or_left_for_good() {
    let play = |mode, escape| {
        let mut world = world(mode, &[1, 1]);
        world.config.scheduler.sticky_escape_enabled = escape;
        world.config.scheduler.sticky_max_waiting = 1;
        world.ask(0.0, &[ok(1.0, 2.0)]).session(1);
        world.ask(100.0, &[ok(1.0, 2.0)]).session(2);
        world.ask(1_000.0, &[ok(1.0, 4_000.0)]);
        world.ask(2_000.0, &[ok(1.0, 2.0)]).session(1);
        world.ask(2_010.0, &[ok(1.0, 2.0)]).session(2);
        world.play()
    };
    let legacy = play(Mode::Legacy, true);
    assert_eq!((legacy.path(3), legacy.ends[3].waited > 2_000.0), (vec![1], true), "waits where it is bound");
    assert_eq!(last(&legacy), (vec![2], None, Some(2)), "the next one spills and rebinds");
    assert_eq!(last(&play(Mode::Advanced, true)), (vec![2], Some("concurrency_full"), Some(1)));
    let off = play(Mode::Advanced, false);
    assert_eq!((off.path(3), off.ends[3].waited > 2_000.0), (vec![1], true), "with escape off it waits");
    assert_eq!(last(&play(Mode::Weighted, true)), (vec![2], None, Some(2)), "at once, and rebinds");
}

#[test]
fn with_everybody_full_a_session_waits_at_its_own_account_or_where_the_draw_sends_it() {
    for (mode, account, status) in
        [(Mode::Legacy, 2, "ok"), (Mode::Advanced, 1, "wait_timeout"), (Mode::Weighted, 2, "ok")]
    {
        let mut world = bound_to_the_second(mode);
        then_all_busy(&mut world);
        world.ask(3_000.0, &[ok(1.0, 2.0)]).session(1);
        let seen = world.play();
        assert_eq!(seen.waits[0], (3_000.0, account, 1), "{mode:?}");
        // the sticky plan waits for 120 s, the fallback plan for 30 s; a slot is free after 39 s
        assert_eq!(seen.ends.last().unwrap().status, status, "{mode:?}");
    }
}

#[test]
fn without_a_session_legacy_goes_strictly_by_priority_and_the_others_by_score() {
    for (mode, expected) in MODES.into_iter().zip([1, 2, 2]) {
        let mut world = world(mode, &[10, 10]);
        world.config.scheduler.weights.session_sticky = 100.0;
        for request in 0..8 {
            world.ask(f64::from(request), &[ok(1.0, 1_000.0)]).session(1);
        }
        world.ask(100.0, &[ok(1.0, 2.0)]);
        // its session keeps account 1 busy: 8 of 10 slots are taken there
        assert_eq!(world.play().path(8), [expected], "{mode:?}");
    }
}

#[test]
fn among_equals_legacy_takes_the_least_recently_used() {
    for seed in 1..6 {
        let mut world = world(Mode::Legacy, &[1, 1]);
        world.seed = seed;
        world.accounts.iter_mut().for_each(|account| account.priority = 1);
        for second in [0.0, 20.0, 40.0, 60.0] {
            // a use is written every 10 s and seen at the next poll
            world.ask(second * 1_000.0, &[ok(1.0, 2.0)]);
        }
        let seen = world.play();
        let paths: Vec<u32> = (0..4).map(|request| seen.path(request)[0]).collect();
        assert_eq!(paths, [paths[0], 3 - paths[0], paths[0], 3 - paths[0]], "seed {seed}");
    }
}

#[test]
fn a_binding_of_legacy_lives_an_hour_whatever_the_key_says_and_weighted_renews_its_own() {
    let play = |mode, gaps: &[f64]| {
        let mut world = bound_to_the_second(mode);
        world.config.scheduler.session_ttl = Span::from_secs(60);
        for second in gaps {
            world.ask(second * 1_000.0, &[ok(1.0, 2.0)]).session(1);
        }
        last(&world.play()).0
    };
    assert_eq!(MODES.map(|mode| play(mode, &[100.0])), [[2], [1], [1]]);
    assert_eq!(MODES.map(|mode| play(mode, &[50.0, 100.0])), [[2], [2], [2]], "each use renews it");
    assert_eq!(play(Mode::Legacy, &[3_590.0]), [2]);
    assert_eq!(play(Mode::Legacy, &[3_700.0]), [1]);
}

/// Two accounts with one slot each; the session is bound to the first.
fn desk(mode: Mode) -> (AnyScheduler, Pool) {
    let config = Config { revision: Revision::V0_1_179, mode, ..Config::default() };
    let (scheduler, mut pool) = (AnyScheduler::new(config, 2), Pool::new(vec![Account::new(1, 1), Account::new(2, 1)]));
    scheduler.bind_session(&mut pool, 7, FIRST, START);
    (scheduler, pool)
}

const FIRST: AccountIx = AccountIx(0);
const MODEL: ModelId = ModelId(1);

fn query() -> Query<'static> {
    let session = Some(SessionKey { key: 7, hash: b"session" });
    Query { session, model: MODEL, model_name: b"gpt-5", pair_model: MODEL, ..Query::default() }
}

#[test]
fn a_bound_account_that_is_blocked_for_a_moment_loses_its_binding_in_legacy_only() {
    for (mode, kept) in MODES.into_iter().zip([None, Some(FIRST), Some(FIRST)]) {
        let (mut scheduler, mut pool) = desk(mode);
        scheduler.block(FIRST, START + ms(5_000.0));
        // the other one is full, so that nothing binds the session anew
        assert!(pool.acquire(AccountIx(1), START, Span::MAX).is_some());
        let decision = scheduler.select(&mut pool, &query(), START);
        assert!(matches!(decision.outcome, Outcome::Wait(AccountIx(1), _)), "{mode:?}: {decision:?}");
        assert_eq!(pool.sessions.get(7, START), kept, "{mode:?}");
    }
    for mode in MODES {
        let (mut scheduler, mut pool) = desk(mode);
        scheduler.block(FIRST, START + ms(5_000.0));
        scheduler.select(&mut pool, &query(), START);
        assert_eq!(pool.sessions.get(7, START), Some(AccountIx(1)), "{mode:?}: who serves it is bound");
    }
}

#[test]
fn legacy_learns_nothing_but_cooldowns_of_pairs() {
    for (mode, learns) in MODES.into_iter().zip([false, true, true]) {
        let (mut scheduler, mut pool) = desk(mode);
        for _ in 0..5 {
            let failure = Learnt { account: FIRST, model: MODEL, success: false, first_token_ms: None };
            scheduler.learn(&failure, START);
            scheduler.switched();
        }
        scheduler.select(&mut pool, &Query { session: None, ..query() }, START);
        assert_eq!(scheduler.health(FIRST, START).error_rate > 0.5, learns, "{mode:?}");
        let metrics = scheduler.metrics();
        assert_eq!((metrics.select_total, metrics.account_switch_total), if learns { (1, 5) } else { (0, 0) });

        let (mut scheduler, mut pool) = desk(mode);
        (0..2).for_each(|_| scheduler.model_failure(FIRST, MODEL, START));
        let chosen = |decision: stickysim::scheduler::Decision| decision.account();
        assert_eq!(chosen(scheduler.select(&mut pool, &query(), START)), Some(AccountIx(1)), "{mode:?}: passed over");
        let (mut scheduler, mut pool) = desk(mode);
        (0..2).for_each(|_| scheduler.model_failure(FIRST, MODEL, START));
        let later = at(10_000.0);
        assert_eq!(chosen(scheduler.select(&mut pool, &query(), later)), Some(FIRST), "{mode:?}: for 10 s");
    }
}

#[test]
fn without_a_gate_a_decision_says_that_score_or_cooldown_took_the_session_away() {
    for (mode, cooldown, score) in [
        (Mode::Legacy, Some(LeaveReason::Cooldown), None),
        (Mode::Advanced, None, None),
        (Mode::Weighted, Some(LeaveReason::Cooldown), Some(LeaveReason::Score)),
    ] {
        let why = |decision: Decision| decision.left.map(|left| (left.account, left.reason));
        let (mut scheduler, mut pool) = desk(mode);
        (0..2).for_each(|_| scheduler.model_failure(FIRST, MODEL, START));
        let decision = scheduler.select(&mut pool, &query(), START);
        assert_eq!(why(decision), cooldown.map(|reason| (FIRST, reason)), "{mode:?}");

        // without a bonus, errors put the bound account behind the other one; only that one is kept
        let (mut scheduler, mut pool) = desk(mode);
        let mut config = scheduler.config().clone();
        (config.weights.session_sticky, config.lb_top_k, config.sticky_escape_enabled) = (0.0, 1, false);
        scheduler.configure(config);
        let failure = Learnt { account: FIRST, model: MODEL, success: false, first_token_ms: None };
        scheduler.learn(&failure, START);
        let decision = scheduler.select(&mut pool, &query(), START);
        assert_eq!(why(decision), score.map(|reason| (FIRST, reason)), "{mode:?}");
        // with the bonus it stays
        let (mut scheduler, mut pool) = desk(mode);
        scheduler.learn(&failure, START);
        let decision = scheduler.select(&mut pool, &query(), START);
        assert_eq!((decision.account(), why(decision)), (Some(FIRST), None), "{mode:?}");
    }
}
