//! The gateway's own scheduler metrics, by its own names (spec scheduler.md, Metrics).

use super::decision::{Decision, Layer};

/// Counters of one replica since its start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Every select, including failed ones.
    pub select_total: u64,
    /// Hits of layer 1, including wait plans.
    pub sticky_previous_hit_total: u64,
    /// Hits of layer 2, including wait plans.
    pub sticky_session_hit_total: u64,
    /// Decisions of layer 3, including failed ones.
    pub load_balance_select_total: u64,
    /// Switches reported.
    pub account_switch_total: u64,
    /// Sum of the load skews in thousandths, each rounded.
    pub load_skew_milli_total: u64,
    /// Accounts with a report in the runtime stats.
    pub runtime_stats_account_count: u64,
}

impl Metrics {
    /// Counts one select.
    pub(super) fn count(&mut self, decision: &Decision) {
        self.select_total += 1;
        self.sticky_previous_hit_total += u64::from(decision.sticky_previous_hit);
        self.sticky_session_hit_total += u64::from(decision.sticky_session_hit);
        if decision.layer == Layer::LoadBalance {
            self.load_balance_select_total += 1;
            self.load_skew_milli_total += (decision.load_skew * 1_000.0).round() as u64; // half away from zero
        }
    }

    /// Hits of layers 1 and 2 per select; 0 before the first one.
    pub fn sticky_hit_ratio(&self) -> f64 {
        self.per_select((self.sticky_previous_hit_total + self.sticky_session_hit_total) as f64)
    }

    /// Switches per select; 0 before the first one.
    pub fn account_switch_rate(&self) -> f64 {
        self.per_select(self.account_switch_total as f64)
    }

    /// Mean load skew over all selects, those of layers 1 and 2 counting 0; 0 before the first one.
    pub fn load_skew_avg(&self) -> f64 {
        self.per_select(self.load_skew_milli_total as f64 / 1_000.0)
    }

    fn per_select(&self, total: f64) -> f64 {
        if self.select_total == 0 { 0.0 } else { total / self.select_total as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::Outcome;

    fn decision(layer: Layer, load_skew: f64) -> Decision {
        Decision {
            outcome: Outcome::NoAvailableAccounts,
            layer,
            sticky_previous_hit: layer == Layer::PreviousResponse,
            sticky_session_hit: layer == Layer::Session,
            candidate_count: 0,
            top_k: 0,
            load_skew,
            escape: None,
            bound: None,
            left: None,
        }
    }

    #[test]
    fn failed_selects_count_too_and_skews_are_rounded_one_by_one() {
        let mut metrics = Metrics::default();
        assert_eq!((metrics.sticky_hit_ratio(), metrics.load_skew_avg()), (0.0, 0.0));
        metrics.count(&decision(Layer::LoadBalance, 0.0005)); // half: away from zero
        metrics.count(&decision(Layer::LoadBalance, 0.0004));
        metrics.count(&decision(Layer::Session, 0.0));
        metrics.count(&decision(Layer::PreviousResponse, 0.0));
        assert_eq!((metrics.select_total, metrics.load_balance_select_total), (4, 2));
        assert_eq!(metrics.sticky_hit_ratio(), 0.5);
        assert_eq!(metrics.load_skew_avg(), 0.001 / 4.0);
    }
}
