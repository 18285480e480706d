//! One select at revision 0.1.133: previous response (hard), session (sticky, with escape), load balance (spec
//! scheduler.md, Select).

use super::call::{decision, fallback_wait, sticky_wait};
use super::config::Config;
use super::decision::{Decision, Escape, EscapeReason, Layer, Outcome};
use super::gate::{Bound, Policy, Rebind};
use super::loads::Source;
use super::pool::Pool;
use super::query::Query;
use super::replica::Replica;
use crate::ids::AccountIx;
use crate::units::Time;

/// Chooses an account for a request: with a slot held on it, or with a plan to wait for one.
///
/// Bindings are looked up here (expired ones count as none), written, refreshed and dropped as the layers say.
pub(super) fn select<P: Policy>(
    config: &Config,
    policy: &mut P,
    world: (&mut Pool, &mut Replica),
    query: &Query<'_>,
    now: Time,
) -> Decision {
    let (pool, replica) = world;
    let bound = query.session.and_then(|session| pool.sessions.get(session.key, now));
    let mut call = Call { config, policy, pool, replica, query, now };
    let mut decision = call.decide(bound);
    decision.bound = bound;
    replica.metrics.count(&decision);
    decision
}

/// What became of the sticky layer.
enum Sticky {
    Hit(Outcome),
    /// To load balance, which may write the session's binding.
    Miss,
    /// To load balance, which must leave the session's binding alone.
    Escaped(Escape),
}

/// One select on its way through the layers.
struct Call<'a, P> {
    config: &'a Config,
    policy: &'a mut P,
    pool: &'a mut Pool,
    replica: &'a mut Replica,
    query: &'a Query<'a>,
    now: Time,
}

impl<P: Policy> Call<'_, P> {
    fn decide(&mut self, bound: Option<AccountIx>) -> Decision {
        if let Some(outcome) = self.previous_response() {
            return Decision { sticky_previous_hit: true, ..decision(outcome, Layer::PreviousResponse) };
        }
        match self.sticky_session(bound) {
            Sticky::Hit(outcome) => Decision { sticky_session_hit: true, ..decision(outcome, Layer::Session) },
            Sticky::Miss => self.load_balance(None),
            Sticky::Escaped(escape) => self.load_balance(Some(escape)),
        }
    }

    /// Layer 1: the account that the previous response came from, whatever its health.
    fn previous_response(&mut self) -> Option<Outcome> {
        let key = self.query.previous?.key;
        let id = self.pool.responses.get(key, self.now)?;
        if self.query.excludes(id) {
            return None;
        }
        let Some(account) = self.pool.account(id) else {
            self.pool.responses.forget(key);
            return None;
        };
        if !account.websocket_v2 {
            return None;
        }
        if !account.schedulable(self.now) {
            self.pool.responses.forget(key);
            return None;
        }
        if !account.supports(self.query.model) {
            return None;
        }
        if self.now < self.replica.blocked_until(id) {
            // the block is looked at in the second read of the account, after everything else
            self.pool.responses.forget(key);
            return None;
        }
        let outcome = match self.pool.acquire(id, self.now, self.config.slot_ttl) {
            Some(slot) => {
                self.pool.responses.refresh(key, self.now, self.config.response_ttl);
                Outcome::Acquired(id, slot)
            }
            None => sticky_wait(self.config, self.pool, id),
        };
        if let Some(session) = self.query.session {
            self.pool.sessions.bind(session.key, id, self.now, self.config.session_ttl);
        }
        Some(outcome)
    }

    /// Layer 2: the account that the session is bound to, unless its health or its load says to escape.
    fn sticky_session(&mut self, bound: Option<AccountIx>) -> Sticky {
        let (Some(session), Some(id)) = (self.query.session, bound) else {
            return Sticky::Miss;
        };
        if self.query.excludes(id) {
            return Sticky::Miss;
        }
        let Some(account) = self.pool.account(id).filter(|account| account.schedulable(self.now)) else {
            self.pool.sessions.forget(session.key);
            return Sticky::Miss;
        };
        if self.now < self.replica.blocked_until(id) || !account.supports(self.query.model) {
            return Sticky::Miss;
        }
        let health = self.replica.snapshot(id);
        let escape = |reason| {
            let (error_rate, ttft_ms) = (health.error_rate, health.ttft_ms);
            Sticky::Escaped(Escape { account: id, reason, error_rate, ttft_ms })
        };
        let asked = Bound { account: id, health, stats: &self.replica.stats };
        if let Some(reason) = self.policy.shut(self.config, &asked, self.now)
            && !self.policy.probes(id, self.now)
        {
            return escape(reason);
        }
        match self.pool.acquire(id, self.now, self.config.slot_ttl) {
            Some(slot) => {
                self.pool.sessions.refresh(session.key, self.now, self.config.session_ttl);
                Sticky::Hit(Outcome::Acquired(id, slot))
            }
            None if self.config.sticky_escape_enabled => escape(EscapeReason::ConcurrencyFull),
            None => Sticky::Hit(sticky_wait(self.config, self.pool, id)),
        }
    }

    /// Layer 3: the best few of the listed accounts, in an order drawn for this session; first as the cached loads
    /// rank them, then, when none of those has a free slot, as fresh ones do.
    fn load_balance(&mut self, escape: Option<Escape>) -> Decision {
        let failed = Decision { escape, ..decision(Outcome::NoAvailableAccounts, Layer::LoadBalance) };
        if self.pool.list_is_empty() {
            // a list without any entry is built at once when it is asked for (spec gateway.md)
            self.pool.set_candidates(self.now);
        }
        let scratch = &mut self.replica.desk;
        let unblocked = self.replica.blocks.open_at(self.now);
        self.pool.candidates_into(&mut scratch.candidates, self.query.model, unblocked, self.now);
        for &account in self.query.excluded {
            scratch.candidates.set(account, false);
        }
        if P::AVOIDS {
            for account in (0..self.pool.accounts().len() as u32).map(AccountIx) {
                if self.policy.avoids(escape.as_ref(), account, self.now) {
                    scratch.candidates.set(account, false);
                }
            }
        }
        if scratch.candidates.is_empty() {
            return failed;
        }

        let loads = &mut self.replica.loads;
        let mut seed = None;
        let mut record = failed;
        let mut first = None;
        for fresh in [false, true] {
            let batch = if fresh {
                loads.read_fresh(&scratch.candidates, self.pool, self.config, self.now)
            } else {
                loads.read(&scratch.candidates, self.pool, self.config, self.now)
            };
            let count = batch.members.len();
            let top_k = self.config.lb_top_k.min(count).max(1);
            let identity = |_, _, score| score;
            scratch.ranking.rank(batch, &self.replica.stats, &self.config.weights, top_k, identity);
            scratch.source = if fresh || self.config.load_cache_ttl.is_zero() { Source::Fresh } else { Source::Cached };
            (record.candidate_count, record.top_k, record.load_skew) = (count as u32, top_k as u32, batch.load_skew);

            let seed =
                if top_k > 1 { *seed.get_or_insert_with(|| self.query.draw_seed(self.config, self.now)) } else { 0 };
            scratch.order.restart(scratch.ranking.best(), seed);
            first = None;
            for account in scratch.order.by_ref() {
                if let Some(slot) = self.pool.acquire(account, self.now, self.config.slot_ttl) {
                    self.bind(escape.as_ref(), account);
                    return Decision { outcome: Outcome::Acquired(account, slot), ..record };
                }
                first = first.or(Some(account));
            }
        }
        let Some(account) = first else { return failed };
        Decision { outcome: fallback_wait(self.config, self.pool, account), ..record }
    }

    /// Binds the session to the account that load balance found, unless it escaped and the policy keeps the binding.
    fn bind(&mut self, escape: Option<&Escape>, account: AccountIx) {
        let Some(session) = self.query.session else { return };
        let ttl = match escape.map(|escape| self.policy.after_escape(escape, account, self.now)) {
            Some(Rebind::Keep) => return,
            None | Some(Rebind::Move) => self.config.session_ttl,
            Some(Rebind::MoveFor(ttl)) => ttl,
        };
        self.pool.sessions.bind(session.key, account, self.now, ttl);
    }
}

#[cfg(test)]
mod tests;
