//! What is shown is what was ranked: terms, sums and chances agree with the desk on random worlds, in every mode.

use super::*;
use crate::engine::{Luck, Stream};
use crate::ids::ModelId;
use crate::scheduler::replica::Replica;
use crate::scheduler::{
    Account, AnyScheduler, Config, Learnt, Mode, Outcome, Pool, Revision, SessionKey, UpstreamRate, Usage, Weights,
};
use crate::units::Span;

const START: Time = Time::from_unix_nanos(1_780_000_000_000_000_000);

fn weights(stream: &mut Stream) -> Weights {
    let mut weight = || if stream.chance(0.3) { 0.0 } else { stream.between(0.0, 3.0) };
    Weights {
        priority: weight(),
        load: weight(),
        queue: weight(),
        error_rate: weight(),
        ttft: weight() + 0.01,
        reset: weight(),
        quota_headroom: weight(),
        upstream_cost: weight(),
        previous_response: weight(),
        session_sticky: weight(),
    }
}

fn account(stream: &mut Stream, id: i64) -> Account {
    let soon = |stream: &mut Stream| START + Span::from_millis(stream.bits() % 9_000_000);
    let percent = |stream: &mut Stream| stream.chance(0.8).then(|| stream.between(0.0, 120.0));
    Account {
        priority: (stream.bits() % 3) as i64,
        subscription: stream.chance(0.3),
        session_window_end: stream.chance(0.5).then(|| soon(stream)),
        last_used: stream.chance(0.5).then(|| START + Span::from_millis(stream.bits() % 4_000)),
        usage: stream.chance(0.5).then(|| Usage {
            updated_at: START,
            primary_used_percent: percent(stream),
            primary_reset_at: None,
            secondary_used_percent: percent(stream),
            secondary_reset_at: Some(soon(stream)),
        }),
        upstream_rate: stream.chance(0.5).then(|| UpstreamRate {
            rate: stream.between(0.0, 4.0),
            received_at: START,
            fresh_until: soon(stream),
        }),
        ..Account::new(id, 1 + (stream.bits() % 3) as i64)
    }
}

/// Asks a random world in this mode again and again, and looks at every select that weighed anybody.
fn look(revision: Revision, mode: Mode, check: impl Fn(&Replica, &Config, &[Weighing], &Outcome)) {
    let mut looked = 0;
    for case in 0..40 {
        let mut stream = Luck::new(20_261_129).stream(1, case, mode as u64);
        let config = Config {
            revision,
            mode,
            weights: weights(&mut stream),
            lb_top_k: 1 + (stream.bits() % 6) as usize,
            subscription_priority: stream.chance(0.3),
            ..Config::default()
        };
        let count = 2 + (stream.bits() % 20) as u32;
        let mut pool = Pool::new((1..=i64::from(count)).map(|id| account(&mut stream, id)).collect());
        let mut scheduler = AnyScheduler::new(config, count as usize);
        let (mut held, mut now) = (Vec::new(), START);
        for _ in 0..120 {
            now += Span::from_millis(stream.bits() % 300);
            let account = AccountIx((stream.bits() % u64::from(count)) as u32);
            let (success, ttft) = (stream.chance(0.8), stream.bits() % 3_000);
            let learnt = Learnt { account, model: ModelId(1), success, first_token_ms: success.then_some(ttft) };
            scheduler.learn(&learnt, now);
            let key = 1 + stream.bits() % 9;
            let hash = [b'a' + key as u8];
            let query = Query {
                session: Some(SessionKey { key, hash: &hash }),
                model: ModelId(1),
                model_name: b"gpt-5",
                shuffle_seed: stream.bits(),
                ..Query::default()
            };
            let decision = scheduler.select(&mut pool, &query, now);
            let weighed = scheduler.weigh(&pool, &query, now);
            if decision.candidate_count > 0 || (mode == Mode::Legacy && !weighed.is_empty()) {
                looked += 1;
                check(scheduler.replica(), scheduler.config(), &weighed, &decision.outcome);
            }
            if let Outcome::Acquired(account, slot) = decision.outcome {
                held.push((account, slot));
            }
            if stream.chance(0.4) && !held.is_empty() {
                let (account, slot) = held.swap_remove((stream.bits() % held.len() as u64) as usize);
                pool.release(account, slot);
            }
        }
    }
    assert!(looked > 300, "{looked}");
}

fn chances_sum_to_one(weighed: &[Weighing]) {
    let chances: f64 = weighed.iter().map(|weighing| weighing.chance).sum();
    assert!((chances - 1.0).abs() < 1e-9, "{chances}");
}

#[test]
fn the_terms_shown_sum_to_the_score_that_was_ranked_bit_for_bit_and_chances_to_one() {
    let modes = [
        (Revision::V0_1_133, Mode::Advanced),
        (Revision::V0_1_179, Mode::Advanced),
        (Revision::V0_1_179, Mode::Weighted),
    ];
    for (revision, mode) in modes {
        look(revision, mode, |replica, _, weighed, _| {
            let best = replica.desk.ranking.best();
            for (rank, candidate) in best.iter().enumerate() {
                let shown = weighed.iter().find(|weighing| weighing.account == candidate.account).unwrap();
                assert_eq!(sum(&shown.terms).to_bits(), candidate.score.to_bits(), "{mode:?}: {shown:?}");
                assert_eq!((shown.score.to_bits(), shown.rank), (candidate.score.to_bits(), Some(rank)));
            }
            let worst = best.last().unwrap().score;
            assert!(weighed.iter().all(|weighing| weighing.rank.is_some() || weighing.score <= worst));
            chances_sum_to_one(weighed);
        });
    }
}

#[test]
fn the_line_shown_in_legacy_begins_with_the_account_that_was_chosen_or_tried_first() {
    look(Revision::V0_1_179, Mode::Legacy, |_, _, weighed, outcome| {
        let first = weighed.iter().find(|weighing| weighing.drawn == Some(0)).unwrap();
        if let Outcome::Wait(account, _) = outcome {
            assert_eq!(*account, first.account);
        }
        assert!(first.chance > 0.0);
        chances_sum_to_one(weighed);
    });
}
