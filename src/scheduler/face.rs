//! The face of the scheduler: everything that a request loop asks of it.
//!
//! A request loop holds one [`AnyScheduler`] for each gateway process, and one [`Pool`], which all processes share and
//! which it lends for each question. What belongs to a process (runtime stats, runtime blocks, cooldowns of pairs,
//! cached loads, metrics) is lost when that process restarts: build the scheduler anew.
//!
//! The way of one request:
//!
//! 1. [`AnyScheduler::select`] answers with a slot held (`Outcome::Acquired`), with a plan to wait for one, or with
//!    `no_available_accounts`. It reads and writes the bindings in the pool as its mode does.
//! 2. A request that waits takes a slot by `Pool::acquire`, gives it back by `Pool::release`, and is counted by
//!    `Pool::enter` and `Pool::leave`. A session that got its slot by waiting is bound by
//!    [`AnyScheduler::bind_session`].
//! 3. A finished forward is reported by [`AnyScheduler::learn`], a change to another account by
//!    [`AnyScheduler::switched`]. A response id is bound by [`AnyScheduler::bind_response`].
//! 4. What a status does to its account is decided by the loop, which reports the outcome: [`AnyScheduler::block`]
//!    (this process only), `Pool::account_mut` (until when it is unschedulable), and, from revision 0.1.179 on,
//!    [`AnyScheduler::model_failure`] and [`AnyScheduler::model_success`] (the pair's cooldown, this process only),
//!    `Pool::limit_model` (limited for a model) and `Pool::set_last_used`.
//!
//! Which mode answers is decided once, by `Config::revision` and `Config::mode`; a call costs one predictable branch.
//! Time is an input everywhere.

use super::call::Call;
use super::config::{Config, Mode, Revision};
use super::decision::{Decision, EscapeReason};
use super::gate::{Bound, Exact, Learnt, Policy};
use super::metrics::Metrics;
use super::pool::Pool;
use super::query::Query;
use super::replica::Replica;
use super::weigh::{self, Weighing};
use super::{advanced, legacy, select, weighted};
use crate::ids::{AccountIx, ModelId};
use crate::units::Time;

/// What a scheduler believes of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Health {
    /// Average of failures (1) and successes (0), in 0..=1.
    pub error_rate: f64,
    /// Average time to first token in ms, if one was ever learnt.
    pub ttft_ms: Option<f64>,
    /// Why a bound session would leave it on grounds of health: the gate is shut. `None` where the gate is open, or the
    /// mode has none.
    pub shut: Option<EscapeReason>,
}

impl Health {
    /// Whether a bound session would stay there on grounds of health.
    pub const fn open(&self) -> bool {
        self.shut.is_none()
    }
}

/// The scheduler that answers: one variant for each mode of each revision.
#[derive(Clone, Debug)]
enum Port {
    /// Sticky with escape, then load balance, at revision 0.1.133.
    Escape(Exact),
    /// Priority, load, least recently used.
    Legacy,
    /// Sticky with escape, then load balance, at revision 0.1.179.
    Advanced(Exact),
    /// Load balance with a bonus for being bound.
    Weighted,
}

impl Port {
    const fn of(revision: Revision, mode: Mode) -> Self {
        match (revision, mode) {
            (Revision::V0_1_133, _) => Self::Escape(Exact),
            (Revision::V0_1_179, Mode::Legacy) => Self::Legacy,
            (Revision::V0_1_179, Mode::Advanced) => Self::Advanced(Exact),
            (Revision::V0_1_179, Mode::Weighted) => Self::Weighted,
        }
    }
}

/// The scheduler of one gateway process.
#[derive(Clone, Debug)]
pub struct AnyScheduler {
    config: Config,
    replica: Replica,
    port: Port,
}

impl AnyScheduler {
    /// A process that just started, in front of this many accounts.
    ///
    /// Revision 0.1.133 is simulated in the mode `advanced` only: `mode` then says so, whatever the settings say.
    pub fn new(config: Config, accounts: usize) -> Self {
        Self { port: Port::of(config.revision, config.mode), replica: Replica::new(accounts), config }
    }

    /// Changes the settings, as an operator does while the gateway runs: they hold from the next question on. What was
    /// learnt is kept, also across modes.
    pub fn configure(&mut self, config: Config) {
        self.port = Port::of(config.revision, config.mode);
        self.config = config;
    }

    /// Chooses an account for a request: with a slot held on it, or with a plan to wait for one.
    ///
    /// Bindings are looked up here (expired ones count as none), written, refreshed and dropped as the mode does.
    #[inline]
    pub fn select(&mut self, pool: &mut Pool, query: &Query<'_>, now: Time) -> Decision {
        let Self { config, replica, port } = self;
        let config = &*config;
        match port {
            Port::Escape(policy) => select::select(config, policy, (pool, replica), query, now),
            Port::Legacy => legacy::select(Call { config, pool, replica, query, now }),
            Port::Advanced(policy) => advanced::select(Call { config, pool, replica, query, now }, policy),
            Port::Weighted => weighted::select(Call { config, pool, replica, query, now }),
        }
    }

    /// Takes in the result of a finished forward. The mode `legacy` learns nothing from it.
    #[inline]
    pub fn learn(&mut self, result: &Learnt, now: Time) {
        let stats = &mut self.replica.stats;
        match &mut self.port {
            Port::Escape(policy) | Port::Advanced(policy) => policy.learn(&self.config, stats, result, now),
            Port::Weighted => Exact.learn(&self.config, stats, result, now),
            Port::Legacy => return,
        }
        self.replica.metrics.runtime_stats_account_count = stats.account_count();
    }

    /// A request moved to another account after a failure. The mode `legacy` counts nothing.
    pub fn switched(&mut self) {
        if self.mode().learns() {
            self.replica.metrics.account_switch_total += 1;
        }
    }

    /// Blocks an account at run time before `until`; a block only ever moves later.
    pub fn block(&mut self, account: AccountIx, until: Time) {
        self.replica.block(account, until);
    }

    /// The end of an account's runtime block; it is over *at* this instant.
    #[inline]
    pub fn blocked_until(&self, account: AccountIx) -> Time {
        self.replica.blocks.until(account)
    }

    /// A failure that counts for the pair (account, model), with the model as in `Query::pair_model`. Revision 0.1.133
    /// does not look at it.
    pub fn model_failure(&mut self, account: AccountIx, pair_model: ModelId, now: Time) {
        self.replica.pairs.failed(account, pair_model, now);
    }

    /// A success of the pair (account, model), which ends its streak of failures.
    pub fn model_success(&mut self, account: AccountIx, pair_model: ModelId) {
        self.replica.pairs.succeeded(account, pair_model);
    }

    /// The end of the cooldown of the pair (account, model); it is over *at* this instant, and zero where there is
    /// none.
    pub fn model_blocked_until(&self, account: AccountIx, pair_model: ModelId) -> Time {
        self.replica.pairs.blocked_until(account, pair_model)
    }

    /// Binds a session to an account for the session TTL of the settings.
    #[inline]
    pub fn bind_session(&self, pool: &mut Pool, key: u64, account: AccountIx, now: Time) {
        pool.sessions.bind(key, account, now, self.config.session_ttl);
    }

    /// Binds a response to the account that gave it, for the response TTL of the settings.
    #[inline]
    pub fn bind_response(&self, pool: &mut Pool, key: u64, account: AccountIx, now: Time) {
        pool.responses.bind(key, account, now, self.config.response_ttl);
    }

    /// The averages of an account, and whether a bound session would stay there on grounds of health.
    #[inline]
    pub fn health(&self, account: AccountIx, now: Time) -> Health {
        let health = self.replica.stats.snapshot(account);
        let bound = Bound { account, health, stats: &self.replica.stats };
        let shut = match &self.port {
            Port::Escape(policy) | Port::Advanced(policy) => policy.shut(&self.config, &bound, now),
            Port::Legacy | Port::Weighted => None,
        };
        Health { error_rate: health.error_rate, ttft_ms: health.has_ttft.then_some(health.ttft_ms), shut }
    }

    /// The gateway's own counters.
    pub const fn metrics(&self) -> &Metrics {
        &self.replica.metrics
    }

    /// What it keeps, for tests of this room.
    #[cfg(test)]
    pub(super) const fn replica(&self) -> &Replica {
        &self.replica
    }

    /// The settings.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The revision of the gateway that is simulated.
    pub const fn revision(&self) -> Revision {
        self.config.revision
    }

    /// The mode that is simulated.
    pub const fn mode(&self) -> Mode {
        match self.port {
            Port::Escape(_) | Port::Advanced(_) => Mode::Advanced,
            Port::Legacy => Mode::Legacy,
            Port::Weighted => Mode::Weighted,
        }
    }

    /// Every candidate of the last load balance with the values by which it was ranked. Call it right after a select
    /// that went to load balance, with the same query and time. It is empty if there was no candidate.
    pub fn weigh(&self, pool: &Pool, query: &Query<'_>, now: Time) -> Vec<Weighing> {
        match &self.port {
            Port::Escape(_) | Port::Advanced(_) | Port::Weighted => {
                weigh::by_score(&self.replica, pool, &self.config, query, now)
            }
            Port::Legacy => weigh::by_order(&self.replica, pool),
        }
    }
}
