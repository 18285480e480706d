//! One select at revision 0.1.179: what its modes have in common (spec scheduler-modes.md, sections 2 and 4).
//!
//! The gateway reads an account twice, from its snapshot and then from the database. Both reads have the same result
//! here, so the tests of the second read are made at once.

use super::account::{Account, Credential};
use super::config::Config;
use super::decision::{Decision, Layer, Leave, LeaveReason, Outcome, WaitPlan};
use super::pool::Pool;
use super::query::{Query, Transport};
use super::replica::Replica;
use crate::ids::AccountIx;
use crate::units::Time;

/// One select in progress.
pub(super) struct Call<'a> {
    pub(super) config: &'a Config,
    pub(super) pool: &'a mut Pool,
    pub(super) replica: &'a mut Replica,
    pub(super) query: &'a Query<'a>,
    pub(super) now: Time,
}

impl Call<'_> {
    /// The account that the session is bound to, whatever state it is in.
    #[inline]
    pub(super) fn bound(&self) -> Option<AccountIx> {
        self.query.session.and_then(|session| self.pool.sessions.get(session.key, self.now))
    }

    /// Whether the account, or the pair of it and the model, is blocked at run time.
    #[inline]
    pub(super) fn blocked(&mut self, account: AccountIx) -> bool {
        self.now < self.replica.blocks.until(account)
            || self.replica.pairs.blocked(account, self.query.pair_model, self.now)
    }

    /// Whether the account is unschedulable, or limited for the model.
    #[inline]
    pub(super) fn barred(&self, id: AccountIx, account: &Account) -> bool {
        !account.schedulable(self.now) || self.now < self.pool.limited_until(id, self.query.model)
    }

    /// Whether the account speaks what the request needs.
    #[inline]
    pub(super) fn speaks(&self, account: &Account) -> bool {
        self.query.transport == Transport::Http || account.websocket_v2
    }

    /// Drops the session's binding.
    pub(super) fn drop_session(&mut self) {
        if let Some(session) = self.query.session {
            self.pool.sessions.forget(session.key);
        }
    }

    /// Layer 1, tested as this revision does; the averages count for nothing in it.
    pub(super) fn previous_response(&mut self) -> Option<Outcome> {
        let id = self.previous_account()?;
        let key = self.query.previous?.key;
        let speaks = self.speaks(self.pool.account(id)?);
        let slot = self.pool.acquire(id, self.now, self.config.slot_ttl);
        if slot.is_some() {
            self.pool.responses.refresh(key, self.now, self.config.response_ttl);
        }
        if !speaks {
            if let Some(slot) = slot {
                self.pool.release(id, slot);
            }
            return None;
        }
        if let Some(session) = self.query.session {
            self.pool.sessions.bind(session.key, id, self.now, self.config.session_ttl);
        }
        Some(slot.map_or_else(|| self.sticky_wait(id), |slot| Outcome::Acquired(id, slot)))
    }

    /// The account that the previous response is bound to, if it passes the tests of layer 1 that come before the slot.
    pub(super) fn previous_account(&mut self) -> Option<AccountIx> {
        let key = self.query.previous?.key;
        let id = self.pool.responses.get(key, self.now)?;
        if self.query.excludes(id) {
            return None;
        }
        let Some(account) = self.pool.account(id) else {
            self.pool.responses.forget(key);
            return None;
        };
        if account.credential == Credential::OAuth && !account.websocket_v2 {
            return None;
        }
        if self.barred(id, account) {
            self.pool.responses.forget(key);
            return None;
        }
        if !account.supports(self.query.model) || !account.in_group {
            return None;
        }
        if self.blocked(id) {
            self.pool.responses.forget(key);
            return None;
        }
        Some(id)
    }

    /// Collects the accounts that load balance may choose: listed, schedulable, supporting the model, not blocked, not
    /// excluded, and speaking the transport. Returns false if there are none.
    pub(super) fn gather(&mut self) -> bool {
        if self.pool.list_is_empty() {
            // as at every revision, an empty list is built when somebody asks for it
            self.pool.set_candidates(self.now);
        }
        let candidates = &mut self.replica.desk.candidates;
        let unblocked = self.replica.blocks.open_at(self.now);
        self.pool.candidates_into(candidates, self.query.model, unblocked, self.now);
        if let Some(open) = self.replica.pairs.open_at(self.query.pair_model, self.now) {
            candidates.keep_only(open);
        }
        if self.query.transport == Transport::WebSocket {
            candidates.keep_only(self.pool.websocket());
        }
        for &account in self.query.excluded {
            candidates.set(account, false);
        }
        !candidates.is_empty()
    }

    /// Whether a bound session was taken from its account on grounds of the account's health, in a mode without a gate:
    /// the pair cools down, or, where candidates have a score, the account had a free slot and others were preferred.
    #[inline]
    pub(super) fn left(&self, bound: Option<AccountIx>, outcome: &Outcome, scored: bool) -> Option<Leave> {
        let account = bound?;
        match outcome {
            Outcome::Acquired(to, _) | Outcome::Wait(to, _) if *to != account => self.why_left(account, scored),
            _ => None,
        }
    }

    #[cold]
    fn why_left(&self, id: AccountIx, scored: bool) -> Option<Leave> {
        let account = self.pool.account(id)?;
        let fits = account.supports(self.query.model) && self.speaks(account) && account.in_group;
        let blocked = self.now < self.replica.blocks.until(id);
        if self.query.excludes(id) || !fits || blocked || self.barred(id, account) {
            return None;
        }
        let leave = |reason| Some(Leave { account: id, reason });
        if self.now < self.replica.pairs.blocked_until(id, self.query.pair_model) {
            return leave(LeaveReason::Cooldown);
        }
        let free = account.concurrency <= 0 || i64::from(self.pool.held(id)) < account.concurrency;
        if scored && free && self.replica.desk.candidates.contains(id) { leave(LeaveReason::Score) } else { None }
    }

    /// The wait plan of a sticky account.
    pub(super) fn sticky_wait(&self, account: AccountIx) -> Outcome {
        sticky_wait(self.config, self.pool, account)
    }
}

/// The plan to wait for an account that a session or a response is bound to.
pub(super) fn sticky_wait(config: &Config, pool: &Pool, account: AccountIx) -> Outcome {
    let plan = WaitPlan {
        max_concurrency: concurrency(pool, account),
        timeout: config.sticky_wait_timeout,
        max_waiting: config.sticky_max_waiting,
    };
    Outcome::Wait(account, plan)
}

/// The plan to wait for an account that load balance found.
pub(super) fn fallback_wait(config: &Config, pool: &Pool, account: AccountIx) -> Outcome {
    let plan = WaitPlan {
        max_concurrency: concurrency(pool, account),
        timeout: config.fallback_wait_timeout,
        max_waiting: config.fallback_max_waiting,
    };
    Outcome::Wait(account, plan)
}

/// The account's slots; <= 0: no limit.
pub(super) fn concurrency(pool: &Pool, account: AccountIx) -> i64 {
    pool.account(account).map_or(0, |account| account.concurrency)
}

/// A decision record with nothing in it but where it led and which layer decided.
pub(super) const fn decision(outcome: Outcome, layer: Layer) -> Decision {
    Decision {
        outcome,
        layer,
        sticky_previous_hit: false,
        sticky_session_hit: false,
        candidate_count: 0,
        top_k: 0,
        load_skew: 0.0,
        escape: None,
        bound: None,
        left: None,
    }
}
