//! What one gateway process keeps for itself: runtime stats, runtime blocks, load caches, metrics.
//!
//! A restart loses all of it; the other replicas never see it (spec simulator.md, Gateway replicas).

use super::balance::Scratch;
use super::closed::ClosedUntil;
use super::loads::LoadCache;
use super::metrics::Metrics;
use super::stats::{RuntimeStats, Snapshot};
use crate::ids::AccountIx;
use crate::units::Time;

/// The state of one gateway process.
#[derive(Clone, Debug)]
pub struct Replica {
    pub(super) stats: RuntimeStats,
    pub(super) blocks: ClosedUntil,
    pub(super) loads: LoadCache,
    pub(super) metrics: Metrics,
    pub(super) scratch: Scratch,
}

impl Replica {
    /// A process that just started, in front of this many accounts.
    pub fn new(accounts: usize) -> Self {
        Self {
            stats: RuntimeStats::new(accounts),
            blocks: ClosedUntil::new(accounts),
            loads: LoadCache::default(),
            metrics: Metrics::default(),
            scratch: Scratch::new(accounts),
        }
    }

    /// Takes a result into the runtime stats, with weight `alpha` (`Config::ewma_alpha`).
    #[inline]
    pub fn report(&mut self, alpha: f64, account: AccountIx, success: bool, first_token_ms: Option<u64>) {
        self.stats.report(alpha, account, success, first_token_ms);
        self.metrics.runtime_stats_account_count = self.stats.account_count();
    }

    /// What is known about an account's health.
    #[inline]
    pub fn snapshot(&self, account: AccountIx) -> Snapshot {
        self.stats.snapshot(account)
    }

    /// Counts a switch to another account within a request.
    pub fn report_switch(&mut self) {
        self.metrics.account_switch_total += 1;
    }

    /// The counters.
    pub const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Blocks an account at run time before `until`; a block only ever moves later.
    pub fn block(&mut self, account: AccountIx, until: Time) {
        self.blocks.set(account, self.blocks.until(account).max(until));
    }

    /// The end of an account's runtime block; it is over *at* this instant.
    #[inline]
    pub fn blocked_until(&self, account: AccountIx) -> Time {
        self.blocks.until(account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_only_moves_later() {
        let mut replica = Replica::new(2);
        let at = Time::from_unix_nanos;
        replica.block(AccountIx(1), at(100));
        replica.block(AccountIx(1), at(50));
        assert_eq!(replica.blocked_until(AccountIx(1)), at(100));
        replica.block(AccountIx(1), at(150));
        assert_eq!(replica.blocked_until(AccountIx(1)), at(150));
        assert_eq!(replica.blocked_until(AccountIx(0)), Time::ZERO);
    }
}
