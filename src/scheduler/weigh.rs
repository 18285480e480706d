//! Why load balance chose as it did: every candidate of the last select with what it was ranked by.
//!
//! Rebuilt afterwards from the replica's desk, so a select costs nothing extra. Ask right after the select and before
//! the next one. Scores are the sum of the very terms that `balance` adds up (`terms`).

use super::balance::{Candidate, Order, draw_weight};
use super::config::Config;
use super::loads::Batch;
use super::pool::Pool;
use super::query::Query;
use super::replica::Replica;
use super::terms::{Crowd, TERMS, Ttfts, sum};
use crate::ids::AccountIx;
use crate::units::Time;

/// One candidate of the last load balance.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighing {
    /// Which account.
    pub account: AccountIx,
    /// Its priority: lower is better.
    pub priority: i64,
    /// `(current + waiting) * 100 / load factor`, as the loads of the plan knew it.
    pub load_rate: i64,
    /// How many waited, as the loads of the plan knew it.
    pub waiting: u32,
    /// The instant of its last use as the snapshot knows it, if any.
    pub last_used: Option<Time>,
    /// The terms of its score, each a factor times its weight, in the order of `terms::NAMES`; all 0 in `legacy`.
    pub terms: [f64; TERMS],
    /// Their sum, added from first to last: higher is better. 0 in `legacy`.
    pub score: f64,
    /// Its place among the best few, from 0; `None` when it was not kept for the draw. In `legacy` its place in line
    /// before equals were shuffled, as far as the line was in order.
    pub rank: Option<usize>,
    /// The probability of being asked first.
    pub chance: f64,
    /// Its place in the order in which accounts are asked, from 0; `None` when it is not in it.
    pub drawn: Option<usize>,
}

/// The candidates of the last load balance by a score, in order of ids.
pub(super) fn by_score(replica: &Replica, pool: &Pool, config: &Config, query: &Query<'_>, now: Time) -> Vec<Weighing> {
    let desk = &replica.desk;
    let Some(batch) = replica.loads.last_of(desk.source, &desk.candidates) else { return Vec::new() };
    let best = desk.ranking.best();
    let leader = desk.bonus.leader(best);
    let mut order = Order::new(best, if best.len() > 1 { query.draw_seed(config, now) } else { 0 });
    if let Some(first) = leader {
        order.restart_with(best, first);
    }
    let others = desk.ranked.iter().map(|candidate| candidate.account);
    let order: Vec<AccountIx> = order.chain(others).collect();
    let chances = chances(best, leader);
    let all = terms(replica, batch, config);
    let weighing = |(place, terms): (usize, [f64; TERMS])| {
        let account = batch.members[place];
        let rank = best.iter().position(|candidate| candidate.account == account);
        Weighing {
            account,
            priority: batch.priorities[place],
            load_rate: batch.load_rates[place],
            waiting: batch.waiting[place],
            last_used: pool.account(account).and_then(|account| account.last_used),
            terms,
            score: sum(&terms),
            rank,
            chance: rank.map_or(0.0, |rank| chances[rank]),
            drawn: order.iter().position(|&other| other == account),
        }
    };
    all.into_iter().enumerate().map(weighing).collect()
}

/// The candidates of the last select of the mode `legacy`, in order of ids. Empty when it stayed with the bound
/// account, or does not look at loads.
pub(super) fn by_order(replica: &Replica, pool: &Pool) -> Vec<Weighing> {
    let desk = &replica.desk;
    let line = &desk.line;
    let Some(batch) = replica.loads.last_of(desk.source, &desk.candidates).filter(|_| !line.is_empty()) else {
        return Vec::new();
    };
    let in_order = line.in_order();
    let run = line.first_run();
    let mut ranked: Vec<_> = in_order.iter().collect();
    ranked.sort_unstable();
    let weighing = |(place, &account): (usize, &AccountIx)| Weighing {
        account,
        priority: batch.priorities[place],
        load_rate: batch.load_rates[place],
        waiting: batch.waiting[place],
        last_used: pool.account(account).and_then(|account| account.last_used),
        terms: [0.0; TERMS],
        score: 0.0,
        rank: ranked.iter().position(|member| member.account == account),
        chance: if in_order[..run].iter().any(|member| member.account == account) { 1.0 / run as f64 } else { 0.0 },
        drawn: in_order.iter().position(|member| member.account == account),
    };
    batch.members.iter().enumerate().map(weighing).collect()
}

/// The probability of each of the best to be asked first.
fn chances(best: &[Candidate], leader: Option<AccountIx>) -> Vec<f64> {
    if let Some(leader) = leader {
        return best.iter().map(|candidate| f64::from(u8::from(candidate.account == leader))).collect();
    }
    let lowest = best.iter().map(|candidate| candidate.score).fold(f64::INFINITY, f64::min);
    let weights = || best.iter().map(|candidate| draw_weight(candidate.score, lowest));
    let total: f64 = weights().sum();
    weights().map(|weight| weight / total).collect()
}

/// The terms of each member's score.
fn terms(replica: &Replica, batch: &Batch, config: &Config) -> Vec<[f64; TERMS]> {
    let (weights, stats, desk) = (&config.weights, &replica.stats, &replica.desk);
    let crowd = Crowd::of(&batch.priorities, &batch.waiting);
    let ttfts = Ttfts::of(&batch.members, stats);
    let of = |(place, &account): (usize, &AccountIx)| {
        let [priority, load, queue] =
            crowd.terms(weights, batch.priorities[place], batch.load_rates[place], batch.waiting[place]);
        let [errors, ttft] = ttfts.terms(weights, stats.error_rates()[account.at()], stats.ttfts_ms()[account.at()]);
        let [reset, headroom, cost] = desk.extras.terms(place);
        let [previous, session] = desk.bonus.terms(weights, account);
        [priority, load, queue, errors, ttft, reset, headroom, cost, previous, session]
    };
    batch.members.iter().enumerate().map(of).collect()
}

#[cfg(test)]
mod tests;
