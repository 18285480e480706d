//! The escape gate: whether a bound session leaves its account because of what is known about the account's health; and
//! the few points at which a what-if may answer otherwise than the gateway does.
//!
//! This is the only statement of the rule. Code that reports on the gate asks `AnyScheduler::health`.

use super::config::Config;
use super::decision::{Escape, EscapeReason};
use super::stats::{Alphas, RuntimeStats, Snapshot};
use crate::ids::{AccountIx, ModelId};
use crate::units::{Span, Time};

/// The result of a finished forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Learnt {
    /// The account that served the forward.
    pub account: AccountIx,
    /// The request's model.
    pub model: ModelId,
    /// Whether it succeeded.
    pub success: bool,
    /// Time to first token in whole ms, counted from the begin of the forward; `None` for failures.
    pub first_token_ms: Option<u64>,
}

/// The account that a session is bound to, when the gate is asked about it.
#[derive(Clone, Copy, Debug)]
pub struct Bound<'a> {
    /// The bound account.
    pub account: AccountIx,
    /// Its averages.
    pub health: Snapshot,
    /// The averages of all accounts.
    pub stats: &'a RuntimeStats,
}

/// What happens to a session's binding when an escape was served by another account with a free slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rebind {
    /// It stays, and its time to live runs on.
    Keep,
    /// It moves to the other account for the session TTL.
    Move,
    /// It moves to the other account for this long.
    MoveFor(Span),
}

/// Where a what-if may answer otherwise than the gateway. `Exact` answers like the gateway and has no state.
///
/// The first two questions have no default, so that every policy states them; the others default to what the gateway
/// does, which is nothing.
pub trait Policy {
    /// Whether `avoids` is asked at all: it is asked of every candidate.
    const AVOIDS: bool = false;

    /// Why the gate is shut for a bound session, if it is. Asked after bindings, blocks and models have been checked.
    fn shut(&self, config: &Config, bound: &Bound<'_>, now: Time) -> Option<EscapeReason>;

    /// Takes a result into the averages.
    fn learn(&mut self, config: &Config, stats: &mut RuntimeStats, result: &Learnt, now: Time);

    /// What happens to the binding when an escape was served by `to`, which had a free slot.
    fn after_escape(&mut self, _escape: &Escape, _to: AccountIx, _now: Time) -> Rebind {
        Rebind::Keep
    }

    /// Whether load balance must not consider this account.
    fn avoids(&self, _escape: Option<&Escape>, _account: AccountIx, _now: Time) -> bool {
        false
    }

    /// Whether this request is a probe, which stays though the gate is shut.
    fn probes(&mut self, _account: AccountIx, _now: Time) -> bool {
        false
    }
}

/// The port: answers like the gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exact;

impl Policy for Exact {
    #[inline]
    fn shut(&self, config: &Config, bound: &Bound<'_>, _now: Time) -> Option<EscapeReason> {
        escape_reason(config, bound.health)
    }

    #[inline]
    fn learn(&mut self, config: &Config, stats: &mut RuntimeStats, result: &Learnt, _now: Time) {
        let alphas = Alphas { ttft: config.ewma_alpha, error_rate: config.ewma_error_rate_alpha };
        stats.report_with(alphas, result.account, result.success, result.first_token_ms);
    }
}

/// The reason to escape, if escape is enabled and there is one. TTFT is asked first; both comparisons are strict.
pub fn escape_reason(config: &Config, health: Snapshot) -> Option<EscapeReason> {
    if !config.sticky_escape_enabled {
        None
    } else if health.has_ttft && health.ttft_ms > config.sticky_escape_ttft_ms as f64 {
        Some(EscapeReason::Ttft)
    } else if health.error_rate > config.sticky_escape_error_rate {
        Some(EscapeReason::ErrorRate)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(error_rate: f64, ttft_ms: f64) -> Option<EscapeReason> {
        escape_reason(&Config::default(), Snapshot { error_rate, ttft_ms, has_ttft: true })
    }

    #[test]
    fn both_thresholds_are_strict_and_ttft_is_named_first() {
        assert_eq!(reason(0.5, 15_000.0), None);
        assert_eq!(reason(0.5, 15_000.000_000_01), Some(EscapeReason::Ttft));
        assert_eq!(reason(0.500_000_1, 15_000.0), Some(EscapeReason::ErrorRate));
        assert_eq!(reason(1.0, 20_000.0), Some(EscapeReason::Ttft));
    }

    #[test]
    fn without_a_ttft_only_errors_count_and_disabled_nothing_does() {
        let health = Snapshot { error_rate: 0.6, ttft_ms: 99_999.0, has_ttft: false };
        assert_eq!(escape_reason(&Config::default(), health), Some(EscapeReason::ErrorRate));
        let off = Config { sticky_escape_enabled: false, ..Config::default() };
        assert_eq!(escape_reason(&off, Snapshot { has_ttft: true, ..health }), None);
    }
}
