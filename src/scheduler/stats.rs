//! Runtime stats: two exponentially weighted averages per account, fed by the results of finished requests.
//!
//! A pure structure: nothing decays with time, so an account without traffic keeps its averages for ever. That is a
//! property of the original and the root of much of what the simulator shows.

use crate::ids::AccountIx;

/// What is known about one account.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Average of failures (1) and successes (0), in 0..=1.
    pub error_rate: f64,
    /// Average time to first token in ms; 0 when unset.
    pub ttft_ms: f64,
    /// Whether a TTFT was ever learnt.
    pub has_ttft: bool,
}

/// The averages of all accounts, as columns: scoring reads one value of every candidate.
#[derive(Clone, Debug)]
pub struct RuntimeStats {
    /// 0 until the first report.
    error_rate: Vec<f64>,
    /// NaN until the first sample.
    ttft_ms: Vec<f64>,
    reported: Vec<bool>,
    /// How many have a report.
    account_count: u64,
}

/// Weights of the newest sample in the two averages.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alphas {
    /// In that of the time to first token.
    pub ttft: f64,
    /// In that of the error rate.
    pub error_rate: f64,
}

impl RuntimeStats {
    /// Nothing known about this many accounts.
    pub fn new(accounts: usize) -> Self {
        Self {
            error_rate: vec![0.0; accounts],
            ttft_ms: vec![f64::NAN; accounts],
            reported: vec![false; accounts],
            account_count: 0,
        }
    }

    /// Takes in one result with weight `alpha` in both averages.
    #[inline]
    pub fn report(&mut self, alpha: f64, account: AccountIx, success: bool, first_token_ms: Option<u64>) {
        self.report_with(Alphas { ttft: alpha, error_rate: alpha }, account, success, first_token_ms);
    }

    /// Takes in one result with a weight for each average. The first TTFT is taken whole; a missing one, or 0, leaves
    /// the average alone. An account that the pool does not have is ignored.
    #[inline]
    pub fn report_with(&mut self, alphas: Alphas, account: AccountIx, success: bool, first_token_ms: Option<u64>) {
        let at = account.at();
        if at >= self.reported.len() {
            return;
        }
        let error = if success { 0.0 } else { 1.0 };
        self.account_count += u64::from(!self.reported[at]);
        self.reported[at] = true;
        self.error_rate[at] = ewma(alphas.error_rate, error, self.error_rate[at]);
        if let Some(ttft) = first_token_ms.filter(|&ms| ms > 0) {
            let ttft = ttft as f64;
            let average = self.ttft_ms[at];
            self.ttft_ms[at] = if average.is_nan() { ttft } else { ewma(alphas.ttft, ttft, average) };
        }
    }

    /// What is known about an account; (0, 0, false) about an unknown one.
    #[inline]
    pub fn snapshot(&self, account: AccountIx) -> Snapshot {
        let at = account.at();
        if at >= self.reported.len() {
            return Snapshot::default();
        }
        let ttft = self.ttft_ms[at];
        let has_ttft = !ttft.is_nan();
        Snapshot {
            error_rate: self.error_rate[at].clamp(0.0, 1.0),
            ttft_ms: if has_ttft { ttft } else { 0.0 },
            has_ttft,
        }
    }

    /// Accounts with at least one report.
    pub const fn account_count(&self) -> u64 {
        self.account_count
    }

    /// The error rates of all accounts, in 0..=1 but for rounding.
    pub(super) fn error_rates(&self) -> &[f64] {
        &self.error_rate
    }

    /// The TTFT averages of all accounts in ms, NaN where unset.
    pub(super) fn ttfts_ms(&self) -> &[f64] {
        &self.ttft_ms
    }
}

#[inline]
fn ewma(alpha: f64, sample: f64, average: f64) -> f64 {
    alpha * sample + (1.0 - alpha) * average
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: AccountIx = AccountIx(0);

    #[test]
    fn the_first_ttft_is_taken_whole_and_missing_ones_change_nothing() {
        let mut stats = RuntimeStats::new(1);
        assert_eq!(stats.snapshot(A), Snapshot::default());
        stats.report(0.2, A, true, None);
        stats.report(0.2, A, true, Some(0));
        assert!(!stats.snapshot(A).has_ttft);
        stats.report(0.2, A, true, Some(1_000));
        assert_eq!(stats.snapshot(A), Snapshot { error_rate: 0.0, ttft_ms: 1_000.0, has_ttft: true });
        stats.report(0.2, A, false, None);
        assert_eq!(stats.snapshot(A), Snapshot { error_rate: 0.2, ttft_ms: 1_000.0, has_ttft: true });
        stats.report(0.2, A, true, Some(2_000));
        assert_eq!(stats.snapshot(A).ttft_ms, 1_200.0);
    }

    #[test]
    fn accounts_count_once_they_have_a_report_and_unknown_ones_never() {
        let mut stats = RuntimeStats::new(2);
        stats.report(0.2, AccountIx(9), false, Some(1));
        assert_eq!((stats.account_count(), stats.snapshot(AccountIx(9))), (0, Snapshot::default()));
        stats.report(0.2, A, true, None);
        stats.report(0.2, A, true, None);
        assert_eq!(stats.account_count(), 1);
    }

    /// The line that a report prints beside every run (spec simulator.md, Experiments): from baseline 1.3 s over a
    /// threshold of 15 s it takes so many completions at this level.
    #[test]
    fn slow_completions_until_the_gate_fires_follow_the_closed_form() {
        for (level_ms, expected) in [(16_000, 13), (20_000, 6), (30_000, 3), (50_000, 2)] {
            let mut stats = RuntimeStats::new(1);
            stats.report(0.2, A, true, Some(1_300));
            let completions = (1..).find(|_| {
                stats.report(0.2, A, true, Some(level_ms));
                stats.snapshot(A).ttft_ms > 15_000.0
            });
            assert_eq!(completions, Some(expected), "{level_ms} ms");
        }
    }
}
