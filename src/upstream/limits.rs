//! Limits of an account: requests or tokens per minute, and quotas of hours or days.
//!
//! Each limit is one number and one time, which are brought up to date when the limit is checked.

use super::config::{Counted, Limit, Refill};
use crate::units::{Span, Time};

/// The limits of one account and how much of them was used.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    used: Vec<Used>,
}

#[derive(Clone, Debug)]
struct Used {
    limit: Limit,
    amount: f64,
    /// With `Refill::Even`, the time at which `amount` was right; with `Refill::AtOnce`, the time at which the window
    /// opened.
    since: Time,
}

/// The refusal of a forward that goes beyond a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// When the forward would pass.
    pub(super) reset_at: Time,
    /// Whether the upstream names that time.
    pub(super) names_reset: bool,
}

/// An allowance for rounding in sums of tokens and shares of a window: a forward that comes exactly at the reset time
/// must pass.
const SLACK: f64 = 1e-3;

impl Limits {
    pub(super) fn new(limits: &[Limit]) -> Self {
        let used = |&limit: &Limit| Used { limit, amount: 0.0, since: Time::ZERO };
        Self { used: limits.iter().map(used).collect() }
    }

    /// Counts a forward of this many tokens, or refuses it. If it is refused, nothing is counted, and the limit that
    /// ends last gives the reset time.
    #[inline]
    pub(super) fn admit(&mut self, tokens: u64, now: Time) -> Result<(), Refusal> {
        if self.used.is_empty() {
            return Ok(());
        }
        let mut refusal: Option<Refusal> = None;
        for used in &mut self.used {
            used.refill(now);
            if let Some(reset_at) = used.full_until(used.limit.counted.amount(tokens), now)
                && refusal.is_none_or(|worst| worst.reset_at < reset_at)
            {
                refusal = Some(Refusal { reset_at, names_reset: used.limit.names_reset });
            }
        }
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        for used in &mut self.used {
            if used.amount == 0.0 {
                used.since = now;
            }
            used.amount += used.limit.counted.amount(tokens);
        }
        Ok(())
    }
}

impl Counted {
    fn amount(self, tokens: u64) -> f64 {
        match self {
            Self::Requests => 1.0,
            Self::Tokens => tokens as f64,
        }
    }
}

impl Used {
    fn refill(&mut self, now: Time) {
        let passed = now.since(self.since);
        match self.limit.refill {
            Refill::Even => {
                let back = self.limit.most as f64 * (passed.secs() / self.limit.window.secs());
                self.amount = if back < self.amount { self.amount - back } else { 0.0 };
                self.since = now;
            }
            Refill::AtOnce if passed >= self.limit.window => self.amount = 0.0,
            Refill::AtOnce => {}
        }
    }

    /// The time until which `more` does not fit; `None`: it fits now.
    fn full_until(&self, more: f64, now: Time) -> Option<Time> {
        let most = self.limit.most as f64;
        let excess = self.amount + more.min(most) - most;
        if excess <= SLACK || self.amount == 0.0 {
            return None;
        }
        Some(match self.limit.refill {
            Refill::Even => now + Span::from_secs_f64(excess / most * self.limit.window.secs()),
            Refill::AtOnce => self.since + self.limit.window,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Time {
        Time::from_unix_nanos(1_000_000_000_000) + Span::from_secs_f64(seconds)
    }

    fn limit(counted: Counted, most: u64, window: u64, refill: Refill) -> Limit {
        Limit { counted, most, window: Span::from_secs(window), refill, names_reset: true }
    }

    #[test]
    fn a_limit_per_minute_lets_a_burst_pass_and_then_refills_evenly() {
        let mut limits = Limits::new(&[limit(Counted::Requests, 60, 60, Refill::Even)]);
        for _ in 0..60 {
            assert_eq!(limits.admit(0, at(0.0)), Ok(()));
        }
        let refusal = limits.admit(0, at(0.25)).unwrap_err();
        assert_eq!(refusal, Refusal { reset_at: at(1.0), names_reset: true });
        assert_eq!(limits.admit(0, at(1.0)), Ok(()), "at the reset time it passes");
        assert!(limits.admit(0, at(1.5)).is_err());
        // in the long run: 60 a minute, however often one asks
        let passed = (0..6_000).filter(|i| limits.admit(0, at(100.0 + f64::from(*i) / 10.0)).is_ok()).count();
        assert!((60 + 598..=60 + 602).contains(&passed), "{passed} in 600 s, the burst of 60 included");
    }

    #[test]
    fn a_quota_opens_with_the_first_forward_and_comes_back_all_at_once() {
        let mut limits = Limits::new(&[limit(Counted::Tokens, 1_000, 18_000, Refill::AtOnce)]);
        assert_eq!(limits.admit(600, at(500.0)), Ok(()));
        assert_eq!(limits.admit(400, at(600.0)), Ok(()));
        assert_eq!(limits.admit(1, at(700.0)).unwrap_err().reset_at, at(18_500.0));
        assert!(limits.admit(1, at(18_499.0)).is_err());
        assert_eq!(limits.admit(1_000, at(18_500.0)), Ok(()));
        assert_eq!(limits.admit(1, at(18_501.0)).unwrap_err().reset_at, at(36_500.0));
    }

    #[test]
    fn a_refused_forward_counts_nowhere_and_the_longest_limit_tells_the_reset() {
        let requests = limit(Counted::Requests, 2, 60, Refill::AtOnce);
        let tokens = Limit { names_reset: false, ..limit(Counted::Tokens, 100, 600, Refill::AtOnce) };
        let mut limits = Limits::new(&[requests, tokens]);
        assert_eq!(limits.admit(90, at(0.0)), Ok(()));
        assert_eq!(limits.admit(20, at(1.0)).unwrap_err(), Refusal { reset_at: at(600.0), names_reset: false });
        assert_eq!(limits.admit(10, at(2.0)), Ok(()), "the refused one took no request");
        assert_eq!(limits.admit(10, at(3.0)).unwrap_err().reset_at, at(600.0));
    }

    #[test]
    fn a_request_larger_than_the_limit_passes_alone() {
        for refill in [Refill::Even, Refill::AtOnce] {
            let mut limits = Limits::new(&[limit(Counted::Tokens, 100, 60, refill)]);
            assert_eq!(limits.admit(250, at(0.0)), Ok(()));
            assert!(limits.admit(1, at(1.0)).is_err());
        }
    }
}
