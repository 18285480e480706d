//! Accounts that are closed until an instant: rate limits and the like (shared), runtime blocks (per replica).
//!
//! Ends lie far apart compared with selects, so the set of open accounts is kept until the next end passes.

use super::bits::Bits;
use crate::ids::AccountIx;
use crate::units::Time;

/// For each account the instant from which it is open; it is closed strictly before.
#[derive(Clone, Debug)]
pub(crate) struct ClosedUntil {
    until: Vec<Time>,
    open: Bits,
    /// `open` is right for instants in `from..to`.
    from: Time,
    to: Time,
}

impl ClosedUntil {
    /// All open.
    pub(crate) fn new(accounts: usize) -> Self {
        Self { until: vec![Time::ZERO; accounts], open: Bits::none(accounts), from: Time::ZERO, to: Time::ZERO }
    }

    /// The instant from which this account is open; zero for one that the pool does not have.
    #[inline]
    pub(crate) fn until(&self, account: AccountIx) -> Time {
        self.until.get(account.at()).copied().unwrap_or(Time::ZERO)
    }

    /// Sets that instant.
    pub(crate) fn set(&mut self, account: AccountIx, until: Time) {
        if let Some(end) = self.until.get_mut(account.at()).filter(|end| **end != until) {
            *end = until;
            self.to = self.from; // `open` is right nowhere any more
        }
    }

    /// The accounts that are open at `now`.
    pub(crate) fn open_at(&mut self, now: Time) -> &Bits {
        if now < self.from || now >= self.to {
            self.look(now);
        }
        &self.open
    }

    #[cold]
    fn look(&mut self, now: Time) {
        (self.from, self.to) = (now, Time::NEVER);
        for (&until, ix) in self.until.iter().zip(0..) {
            self.open.set(AccountIx(ix), now >= until);
            if now < until {
                self.to = self.to.min(until);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(closed: &mut ClosedUntil, now: u64) -> Vec<u32> {
        closed.open_at(Time::from_unix_nanos(now)).iter().map(|ix| ix.0).collect()
    }

    #[test]
    fn an_account_is_open_at_its_end_and_not_before() {
        let mut closed = ClosedUntil::new(3);
        closed.set(AccountIx(1), Time::from_unix_nanos(10));
        closed.set(AccountIx(2), Time::from_unix_nanos(20));
        assert_eq!(open(&mut closed, 9), [0]);
        assert_eq!(open(&mut closed, 10), [0, 1]);
        assert_eq!(open(&mut closed, 19), [0, 1]);
        assert_eq!(open(&mut closed, 20), [0, 1, 2]);
        assert_eq!(open(&mut closed, 5), [0], "an earlier look is answered as well");
        closed.set(AccountIx(0), Time::NEVER);
        assert_eq!(open(&mut closed, 5), [] as [u32; 0]);
        assert_eq!(open(&mut closed, u64::MAX - 1), [1, 2]);
    }
}
