//! Waits of which some never ended in a first token: percentiles that include them, and a restricted mean.
//!
//! A request without a first token waited at least as long as it lasted, and it is not known how much longer it would
//! have waited. In percentiles it ranks above all requests that were answered. The mean is the restricted mean of
//! Kaplan and Meier (1958): the area under the share of requests that still wait, up to the longest wait seen, where a
//! request without a token leaves the count when it ends. If all requests were answered, that is their ordinary mean.
//! It assumes that a request without a token would have waited like the others that had waited as long. That is right
//! for clients that give up, and too low for requests that were refused at once. Percentiles and shares do not depend
//! on this assumption.

use super::figures::no_token;
use super::histogram::Percentiles;
use super::nanos::millis;
use crate::units::Span;

/// Waits with and without a first token at their end.
#[derive(Clone, Debug, Default)]
pub struct Tail {
    /// The waits that ended in a first token, in ns.
    pub answered: Percentiles,
    /// The times that the other requests lasted, in ns.
    without: Percentiles,
}

impl Tail {
    /// No waits.
    pub const fn new() -> Self {
        Self { answered: Percentiles::new(), without: Percentiles::new() }
    }

    /// Adds a wait that ended in a first token.
    #[inline]
    pub fn record(&mut self, ttft: Span) {
        self.answered.record_span(ttft);
    }

    /// Adds a request that ended without a first token after this time.
    #[inline]
    pub fn record_without(&mut self, wait: Span) {
        self.without.record_span(wait);
    }

    /// The number of waits.
    pub const fn count(&self) -> u64 {
        self.answered.count() + self.without.count()
    }

    /// The number of those without a first token.
    pub const fn without_token(&self) -> u64 {
        self.without.count()
    }

    /// The quantile at `p` in 0..=1, in ms. If it falls among requests without a token it is their score
    /// (`figures::no_token`). `None` if there are no waits.
    pub fn quantile(&mut self, p: f64) -> Option<f64> {
        let last = self.count().checked_sub(1)?;
        let share = self.without.count() as f64 / self.count() as f64;
        let time = self.answered.at(p.clamp(0.0, 1.0) * last as f64).map(millis);
        Some(time.unwrap_or_else(|| no_token::score(share)))
    }

    /// The restricted mean in ms (see the module); `None` if there are no waits.
    pub fn mean(&mut self) -> Option<f64> {
        if self.without.count() == 0 {
            return self.answered.mean().map(millis);
        }
        let mut ends: Vec<(f64, u64, u64)> = Vec::new();
        self.answered.each(|time, times| ends.push((time, times, 0)));
        self.without.each(|time, times| ends.push((time, 0, times)));
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut waiting, mut share, mut before, mut area) = (self.count() as f64, 1.0, 0.0, 0.0);
        for same in ends.chunk_by(|a, b| a.0 == b.0) {
            let time = same[0].0;
            let (tokens, left) = same.iter().fold((0, 0), |sum, end| (sum.0 + end.1, sum.1 + end.2));
            area += share * (time - before);
            share *= 1.0 - tokens as f64 / waiting;
            waiting -= (tokens + left) as f64;
            before = time;
        }
        Some(millis(area))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(answered: &[u64], without: &[u64]) -> Tail {
        let mut tail = Tail::new();
        answered.iter().for_each(|&ms| tail.record(Span::from_millis(ms)));
        without.iter().for_each(|&ms| tail.record_without(Span::from_millis(ms)));
        tail
    }

    #[test]
    fn those_without_a_token_rank_as_worst_however_short_they_were_there() {
        let mut tail = of(&[100, 200, 300], &[5, 900]);
        assert_eq!(
            (tail.quantile(0.0), tail.quantile(0.25), tail.quantile(0.5)),
            (Some(100.0), Some(200.0), Some(300.0))
        );
        for p in [0.51, 0.75, 1.0] {
            assert_eq!(tail.quantile(p), Some(no_token::score(0.4)), "{p}");
        }
        assert_eq!((tail.count(), tail.without_token()), (5, 2));
        assert_eq!(of(&[], &[7]).quantile(0.1), Some(no_token::score(1.0)));
        assert_eq!((of(&[], &[]).quantile(0.5), of(&[], &[]).mean()), (None, None));
    }

    #[test]
    fn the_mean_is_the_area_under_the_kaplan_meier_curve_worked_by_hand() {
        // 4 wait; at 1 s one is answered (3/4 left), at 2 s one gives up, at 3 s one of two is answered (3/8), at 5 s
        // one gives up
        let mut tail = of(&[1_000, 3_000], &[2_000, 5_000]);
        assert_eq!(tail.mean(), Some(1_000.0 + 0.75 * 2_000.0 + 0.375 * 2_000.0));
        assert_eq!(of(&[1_000, 3_000], &[]).mean(), Some(2_000.0));
        // all give up: at least so long
        assert_eq!(of(&[], &[2_000, 4_000]).mean(), Some(4_000.0));
    }

    #[test]
    fn a_patience_that_cuts_the_same_waits_gives_the_mean_of_the_waits_cut() {
        let waits: Vec<u64> = (1..=10_000).map(|i| i % 977 + 3).collect();
        let patience = 700;
        let (short, long): (Vec<u64>, Vec<u64>) = waits.iter().partition(|&&wait| wait <= patience);
        let mut tail = of(&short, &vec![patience; long.len()]);
        let truth = waits.iter().map(|&wait| wait.min(patience)).sum::<u64>() as f64 / waits.len() as f64;
        let mean = tail.mean().unwrap();
        assert!((mean / truth - 1.0).abs() < 1e-3, "{mean} against {truth}");
    }
}
