//! What one gateway process keeps for itself: runtime stats, runtime blocks, load caches, metrics.
//!
//! A restart loses all of it; the other replicas never see it (spec simulator.md, Gateway replicas).

use super::closed::ClosedUntil;
use super::desk::Desk;
use super::loads::LoadCache;
use super::metrics::Metrics;
use super::pairs::Pairs;
use super::stats::{RuntimeStats, Snapshot};
use crate::ids::AccountIx;
use crate::units::Time;

/// The state of one gateway process.
#[derive(Clone, Debug)]
pub(super) struct Replica {
    pub(super) stats: RuntimeStats,
    pub(super) blocks: ClosedUntil,
    pub(super) pairs: Pairs,
    pub(super) loads: LoadCache,
    pub(super) metrics: Metrics,
    pub(super) desk: Desk,
}

impl Replica {
    /// A process that just started, in front of this many accounts.
    pub(super) fn new(accounts: usize) -> Self {
        Self {
            stats: RuntimeStats::new(accounts),
            blocks: ClosedUntil::new(accounts),
            pairs: Pairs::new(accounts),
            loads: LoadCache::default(),
            metrics: Metrics::default(),
            desk: Desk::new(accounts),
        }
    }

    /// What is known about an account's health.
    #[inline]
    pub(super) fn snapshot(&self, account: AccountIx) -> Snapshot {
        self.stats.snapshot(account)
    }

    /// Blocks an account at run time before `until`; a block only ever moves later.
    pub(super) fn block(&mut self, account: AccountIx, until: Time) {
        self.blocks.set(account, self.blocks.until(account).max(until));
    }

    /// The end of an account's runtime block; it is over *at* this instant.
    #[inline]
    pub(super) fn blocked_until(&self, account: AccountIx) -> Time {
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
