//! Load balance at revision 0.1.179, which `advanced` and `weighted` share: plan, walk, walk again by fresh loads, plan
//! a wait (spec scheduler-modes.md, sections 4 to 6).
//!
//! Accounts that are full by the loads of the plan are passed over. Subscriptions may come first. Where upstream costs
//! tell accounts apart, everybody is asked, and the work of a select is limited.

use super::bits::Bits;
use super::call::{Call, concurrency, decision, fallback_wait};
use super::config::Config;
use super::decision::{Decision, Escape, Layer, Outcome, SlotToken};
use super::desk::{Desk, Seen};
use super::loads::{Batch, Source};
use super::pool::Pool;
use super::query::Query;
use super::replica::Replica;
use super::stats::RuntimeStats;
use super::terms::Extras;
use crate::ids::AccountIx;
use crate::units::Time;

/// The most tries for a slot in a select whose work is limited.
const MOST_TRIES: u32 = 64;

/// What a decision record says of a plan.
#[derive(Clone, Copy, Debug, Default)]
struct Numbers {
    candidate_count: u32,
    top_k: u32,
    load_skew: f64,
}

/// Where load balance led.
pub(super) enum Found {
    /// A slot is held: the caller binds the session.
    Slot(AccountIx, SlotToken),
    /// Nobody had one: the caller may look elsewhere, and plan a wait after that.
    Nobody,
}

/// Load balance over the candidates that `Call::gather` put on the desk.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spread {
    seed: Option<u64>,
    /// Tries so far, since the work was limited.
    tries: Option<u32>,
    numbers: Numbers,
    /// The numbers of the subscriptions' last plan, where they came first and others after them.
    subscriptions: Option<Numbers>,
}

/// Which candidates a plan is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    All,
    Subscriptions,
    Others,
}

impl Spread {
    /// Looks for a free slot.
    pub(super) fn find(&mut self, call: &mut Call<'_>) -> Found {
        call.replica.desk.seen.clear();
        if !part_subscriptions(call) {
            return self.find_among(call, Part::All);
        }
        let (desk, loads) = (&mut call.replica.desk, &mut call.replica.loads);
        loads.read_whole(&desk.candidates, call.pool, call.config, call.now);
        if let Found::Slot(account, slot) = self.find_among(call, Part::Subscriptions) {
            return Found::Slot(account, slot);
        }
        let desk = &mut call.replica.desk;
        if desk.parts.others.is_empty() {
            return Found::Nobody;
        }
        self.subscriptions = Some(self.numbers);
        std::mem::swap(&mut desk.seen, &mut desk.parts.seen);
        self.find_among(call, Part::Others)
    }

    /// The plan to wait for somebody, when nobody had a slot.
    pub(super) fn wait(&mut self, call: &Call<'_>) -> Outcome {
        let desk = &call.replica.desk;
        if let Some(account) = self.first_to_wait_for(call, &desk.seen) {
            return fallback_wait(call.config, call.pool, account);
        }
        let again = self.subscriptions.zip(self.first_to_wait_for(call, &desk.parts.seen));
        let Some((numbers, account)) = again else { return Outcome::NoAvailableAccounts };
        self.numbers = numbers;
        fallback_wait(call.config, call.pool, account)
    }

    /// The decision record of the plan that led to this outcome.
    pub(super) const fn record(&self, outcome: Outcome, escape: Option<Escape>) -> Decision {
        let Numbers { candidate_count, top_k, load_skew } = self.numbers;
        Decision { candidate_count, top_k, load_skew, escape, ..decision(outcome, Layer::LoadBalance) }
    }

    fn find_among(&mut self, call: &mut Call<'_>, part: Part) -> Found {
        for fresh in [false, true] {
            if fresh && self.tries.is_some_and(|tries| tries >= MOST_TRIES) {
                break;
            }
            if let Some((account, slot)) = self.pass(call, part, fresh) {
                return Found::Slot(account, slot);
            }
        }
        Found::Nobody
    }

    /// Plans by cached or fresh loads, and walks the order.
    fn pass(&mut self, call: &mut Call<'_>, part: Part, fresh: bool) -> Option<(AccountIx, SlotToken)> {
        let Call { config, pool, replica, query, now } = call;
        let Replica { stats, loads, desk, .. } = &mut **replica;
        let list: &Bits = match part {
            Part::All => &desk.candidates,
            Part::Subscriptions => &desk.parts.subscriptions,
            Part::Others => &desk.parts.others,
        };
        let (batch, source) = match part {
            _ if fresh => (loads.read_fresh(list, pool, config, *now), Source::Fresh),
            Part::All if config.load_cache_ttl.is_zero() => (loads.read_fresh(list, pool, config, *now), Source::Fresh),
            Part::All => (loads.read(list, pool, config, *now), Source::Cached),
            Part::Subscriptions | Part::Others => (loads.read_part(list, pool, config), Source::Part),
        };
        desk.source = source;
        let mut round = Round { config, pool, stats, desk, query, now: *now, batch };
        self.plan(&mut round);
        self.walk(&mut round)
    }

    /// Scores, ranks and orders the candidates.
    fn plan(&mut self, round: &mut Round<'_>) {
        let Round { config, pool, stats, desk, query, now, batch } = round;
        let Desk { ranking, order, extras, ranked, tried, bonus, .. } = &mut **desk;
        let weights = &config.weights;
        let count = batch.members.len();
        let top_k = config.lb_top_k.min(count).max(1);
        self.numbers = Numbers { candidate_count: count as u32, top_k: top_k as u32, load_skew: batch.load_skew };
        ranked.clear();
        let with_extras = Extras::wanted(weights);
        if with_extras {
            extras.fill(&batch.members, pool.accounts(), config, *now);
        } else {
            extras.clear();
        }
        if with_extras {
            let more = |place, account, score: f64| {
                let [reset, headroom, cost] = extras.terms(place);
                let [previous, session] = bonus.terms(weights, account);
                score + reset + headroom + cost + previous + session
            };
            let everybody = extras.cost_tells && count > top_k;
            ranking.rank(batch, stats, weights, if everybody { count } else { top_k }, more);
            if everybody {
                ranked.extend_from_slice(&ranking.best()[top_k..]);
                ranking.keep_best(top_k);
                if self.tries.is_none() {
                    // from now on the work of this select is limited
                    self.tries = Some(0);
                    tried.clear();
                }
            }
        } else if bonus.previous.is_some() || bonus.session.is_some() {
            let more = |_, account, score: f64| {
                let [previous, session] = bonus.terms(weights, account);
                score + previous + session
            };
            ranking.rank(batch, stats, weights, top_k, more);
        } else {
            ranking.rank(batch, stats, weights, top_k, |_, _, score| score);
        }
        let best = ranking.best();
        match bonus.leader(best) {
            Some(first) => order.restart_with(best, first),
            None if top_k > 1 => order.restart(best, *self.seed.get_or_insert_with(|| query.draw_seed(config, *now))),
            None => order.restart(best, 0),
        }
    }

    /// Tries one after the other for a slot.
    fn walk(&mut self, round: &mut Round<'_>) -> Option<(AccountIx, SlotToken)> {
        let Round { config, pool, desk, query, now, batch, .. } = round;
        let Desk { order, ranked, seen, tried, .. } = &mut **desk;
        seen.clear();
        let mut over = false;
        let others = ranked.iter().map(|candidate| candidate.account);
        for account in order.by_ref().chain(others) {
            let limit = concurrency(pool, account);
            let known_full = limit > 0 && i64::from(batch.held(account)) >= limit;
            seen.push(Seen { account, known_full });
            if known_full || over {
                continue;
            }
            if let Some(tries) = self.tries.as_mut().filter(|_| limit > 0) {
                if *tries >= MOST_TRIES {
                    over = true;
                    continue;
                }
                *tries += 1;
                tried.set(account, true);
            }
            let Some(slot) = pool.acquire(account, *now, config.slot_ttl) else { continue };
            if *now < pool.limited_until(account, query.model) {
                pool.release(account, slot);
                continue;
            }
            return Some((account, slot));
        }
        None
    }

    /// The first account in the order that may be waited for. Limited accounts never are; where the work is limited,
    /// those that were not tried and are not known to be full come first.
    fn first_to_wait_for(&self, call: &Call<'_>, seen: &[Seen]) -> Option<AccountIx> {
        let usable = |seen: &&Seen| call.now >= call.pool.limited_until(seen.account, call.query.model);
        if self.tries.is_none() {
            return seen.iter().find(usable).map(|seen| seen.account);
        }
        let tried = &call.replica.desk.tried;
        let first = |(was_tried, full): (bool, bool)| {
            let fits = |seen: &&Seen| tried.contains(seen.account) == was_tried && seen.known_full == full;
            seen.iter().filter(fits).find(usable).map(|seen| seen.account)
        };
        [(false, false), (true, false), (false, true), (true, true)].into_iter().find_map(first)
    }
}

/// What one pass works with.
struct Round<'a> {
    config: &'a Config,
    pool: &'a mut Pool,
    stats: &'a RuntimeStats,
    desk: &'a mut Desk,
    query: &'a Query<'a>,
    now: Time,
    batch: &'a Batch,
}

/// Parts the candidates, if subscriptions come first and there is one.
fn part_subscriptions(call: &mut Call<'_>) -> bool {
    if !call.config.subscription_priority {
        return false;
    }
    let Desk { candidates, parts, .. } = &mut call.replica.desk;
    parts.subscriptions.copy_from(candidates);
    parts.others.copy_from(candidates);
    for account in candidates.iter() {
        let first = call.pool.account(account).is_some_and(|account| account.subscription);
        let elsewhere = if first { &mut parts.others } else { &mut parts.subscriptions };
        elsewhere.set(account, false);
    }
    !parts.subscriptions.is_empty()
}
