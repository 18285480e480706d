//! The escape gate: whether a bound session leaves its account because of what is known about the account's health.

use super::config::Config;
use super::decision::EscapeReason;
use super::stats::Snapshot;

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
