//! Tests whether the measured window is in a steady state. If load, input or turn number still drift, the figures
//! describe a transient state.
//!
//! The window is cut into 16 batches of equal length, and each of the three quantities is regressed on time. The
//! standard error of the slope is widened for the correlation of neighbouring residuals (Zwiers and von Storch, J.
//! Climate 8, 1995: the effective number of batches of an AR(1) process). A drift is reported if the slope differs from
//! 0 at a nominal level of 1 % for the three together (Bonferroni) and amounts to a tenth of the mean or more over the
//! window. Sessions remember for longer than 16 batches can show, so the true level is about 5 %: a drift was reported
//! in 6 of 110 steady runs (slow-account 1 of 30, healthy 1 of 20, a pool of five accounts 4 of 60), and in 5 of 5 runs
//! of slow-account that started empty. Of several runs, more must drift than this level explains ([`Note`]).

use super::{Note, Settings};
use crate::units::{Span, Time};
use crate::workload::Request;

/// The number of batches into which the window is cut.
const BATCHES: usize = 16;
/// The most bins that are kept while the length of the window is not known; when they are full, neighbours are joined.
const MOST_BINS: usize = 8 * BATCHES;
/// Quantile of Student's t with 14 degrees of freedom at 1 - 0.01 / 3 / 2.
const CRITICAL_T: f64 = 3.53;
/// A change over the window of less than this share of the mean is not reported.
const LEAST_CHANGE: f64 = 0.1;
/// With fewer requests, no drift is reported.
const FEWEST_REQUESTS: f64 = 320.0;

/// The number of requests, the sum of their input tokens, and the sum of their turn numbers.
type Bin = [f64; 3];

/// Counts arrivals over time.
#[derive(Clone, Debug)]
pub(super) struct Drift {
    from: Time,
    width: Span,
    /// When the last bin ends: at first, when the first one begins.
    until: Time,
    bins: Vec<Bin>,
}

impl Drift {
    pub(super) fn new(settings: &Settings) -> Self {
        Self { from: settings.warmup_end, width: Span::SECOND, until: settings.warmup_end, bins: Vec::new() }
    }

    /// Counts an arrival. Arrivals never go back in time, so it belongs to the last bin or to a later one.
    #[inline]
    pub(super) fn arrived(&mut self, request: &Request) {
        if request.at < self.from {
            return;
        }
        if request.at >= self.until {
            self.go_on_to(request.at);
        }
        if let Some(bin) = self.bins.last_mut() {
            bin[0] += 1.0;
            bin[1] += f64::from(request.input_tokens);
            bin[2] += f64::from(request.turn);
        }
    }

    /// Adds bins up to the one of this time.
    #[cold]
    fn go_on_to(&mut self, at: Time) {
        let since = at.since(self.from).nanos();
        while since / self.width.nanos() >= MOST_BINS as u64 {
            self.width = self.width + self.width;
            self.bins = together(&self.bins, 2);
        }
        let place = since / self.width.nanos();
        self.bins.resize(self.bins.len().max(place as usize + 1), [0.0; 3]);
        self.until = self.from + Span::from_nanos(self.bins.len() as u64 * self.width.nanos());
    }

    /// One note for each quantity that drifts.
    pub(super) fn notes(&self) -> Vec<Note> {
        // the last bin is still incomplete
        let whole = self.bins.len().saturating_sub(1);
        let batches = together(&self.bins[..whole - whole % BATCHES], whole / BATCHES);
        let requests: f64 = batches.iter().map(|batch| batch[0]).sum();
        if batches.len() != BATCHES || requests < FEWEST_REQUESTS || batches.iter().any(|batch| batch[0] == 0.0) {
            return Vec::new();
        }
        let of = |what: fn(&Bin) -> f64| batches.iter().map(what).collect::<Vec<f64>>();
        let all = [
            ("load", of(|batch| batch[0])),
            ("mean input", of(|batch| batch[1] / batch[0])),
            ("mean turn number", of(|batch| batch[2] / batch[0])),
        ];
        let note = |(what, values): &(&str, Vec<f64>)| {
            let change = drift(values)? * 100.0;
            let words = format!(
                "the {what} drifts: it changes by {{}} % of its mean over the measured window (a trend over 16 \
                 batches), so the run is not in a steady state"
            );
            Some(Note::measured("requests", words, &[change.round()]).by_chance())
        };
        all.iter().filter_map(note).collect()
    }
}

/// Joins every `several` neighbouring bins into one.
fn together(bins: &[Bin], several: usize) -> Vec<Bin> {
    let sum = |bins: &[Bin]| bins.iter().fold([0.0; 3], |sum, bin| [sum[0] + bin[0], sum[1] + bin[1], sum[2] + bin[2]]);
    if several == 0 { Vec::new() } else { bins.chunks(several).map(sum).collect() }
}

/// The change over these values by their linear trend, as a share of their mean; `None` if the trend is not significant
/// or too small.
fn drift(values: &[f64]) -> Option<f64> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let middle = (n - 1.0) / 2.0;
    let spread: f64 = (0..values.len()).map(|i| (i as f64 - middle) * (i as f64 - middle)).sum();
    let slope = values.iter().enumerate().map(|(i, value)| (i as f64 - middle) * (value - mean)).sum::<f64>() / spread;
    let rests: Vec<f64> =
        values.iter().enumerate().map(|(i, value)| value - mean - slope * (i as f64 - middle)).collect();
    let squares: f64 = rests.iter().map(|rest| rest * rest).sum();
    let change = slope * (n - 1.0) / mean;
    if change.abs() < LEAST_CHANGE || mean <= 0.0 {
        return None;
    }
    let lagged = rests.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / squares.max(f64::MIN_POSITIVE);
    // an autocorrelation that is estimated from few values is too small (Marriott and Pope 1954)
    let lagged = (lagged + (1.0 + 4.0 * lagged.max(0.0)) / n).clamp(0.0, 0.9);
    let error = (squares / (n - 2.0) / spread * (1.0 + lagged) / (1.0 - lagged)).sqrt();
    (slope.abs() > CRITICAL_T * error).then_some(change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Luck;

    /// Values around 100 with deviation 10 that remember a share `memory` of the one before, and a trend.
    fn values(seed: u64, memory: f64, trend: f64) -> Vec<f64> {
        let mut stream = Luck::new(seed).stream(1, 2, 3);
        let mut normal = || crate::engine::quantile::normal_quantile(stream.open01());
        let mut state = normal();
        (0..BATCHES)
            .map(|i| {
                let value = 100.0 + 10.0 * state + trend * i as f64 / (BATCHES - 1) as f64;
                state = memory * state + (1.0 - memory * memory).sqrt() * normal();
                value
            })
            .collect()
    }

    #[test]
    fn a_trend_is_found_and_steady_values_are_left_alone() {
        let found = |memory, trend| (0..1_000).filter(|&seed| drift(&values(seed, memory, trend)).is_some()).count();
        // level 0.33 % for one of the three: 3 of 1,000 expected; with a memory the estimate of it costs some
        assert!(found(0.0, 0.0) <= 10, "{}", found(0.0, 0.0));
        assert!(found(0.5, 0.0) <= 30, "{}", found(0.5, 0.0));
        assert!(found(0.0, 80.0) > 990 && found(0.5, 120.0) > 800, "{} {}", found(0.0, 80.0), found(0.5, 120.0));
        assert_eq!(
            drift(&(0..16).map(|i| 100.0 + 0.2 * f64::from(i)).collect::<Vec<_>>()),
            None,
            "too small to matter"
        );
    }
}
