//! Tail latency per request: felt TTFT (arrival to first token, waiting and failed attempts included) and upstream TTFT
//! (of the last forward, a wait for a connection included).
//!
//! A request without a first token stays in the felt tail and ranks as worst (see `tail`). `answered_ttft_ms` has the
//! figures of the requests that were answered. The upstream TTFT is that of forwards that reached a first token.

use super::figures::Figures;
use super::histogram::Percentiles;
use super::nanos::millis;
use super::tail::Tail;
use super::{Finished, Observer, Settings};
use crate::units::{Span, Time};

/// Felt and upstream TTFT of the requests that arrived after the warm-up.
#[derive(Clone, Debug)]
pub struct Latency {
    warmup_end: Time,
    slo: Span,
    felt: Tail,
    /// Answered requests that were over the SLO.
    late: u64,
    upstream: Answered,
}

/// One distribution and its share over the SLO.
#[derive(Clone, Debug)]
struct Answered {
    slo: Span,
    times: Percentiles,
    over: u64,
}

impl Answered {
    const fn new(slo: Span) -> Self {
        Self { slo, times: Percentiles::new(), over: 0 }
    }

    fn record(&mut self, ttft: Span) {
        self.times.record_span(ttft);
        self.over += u64::from(ttft > self.slo);
    }
}

/// Puts the figures of one tail below `group`: its mean and its quantiles, in ms.
fn put(figures: &mut Figures, group: &str, mean: Option<f64>, mut quantile: impl FnMut(f64) -> Option<f64>) {
    let run = &mut figures.run;
    run.put(&format!("{group}.mean"), mean);
    for (name, p) in [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)] {
        run.put(&format!("{group}.{name}"), quantile(p));
    }
}

impl Latency {
    /// The latencies of a run that has not begun.
    pub const fn new(settings: &Settings) -> Self {
        let slo = settings.slo_ttft;
        Self { warmup_end: settings.warmup_end, slo, felt: Tail::new(), late: 0, upstream: Answered::new(slo) }
    }

    /// Puts the figures of groups `felt_ttft_ms`, `answered_ttft_ms` and `upstream_ttft_ms`.
    pub fn put(&mut self, figures: &mut Figures) {
        let (all, without) = (self.felt.count(), self.felt.without_token());
        let mean = self.felt.mean();
        put(figures, "felt_ttft_ms", mean, |p| self.felt.quantile(p));
        figures.run.count("felt_ttft_ms.samples", all);
        figures.run.count("felt_ttft_ms.without_token", without);
        figures.run.ratio("felt_ttft_ms.without_token_ratio", without, all);
        figures.run.ratio("felt_ttft_ms.over_slo_ratio", self.late + without, all);
        let upstream = &mut self.upstream;
        for (group, times, over) in [
            ("answered_ttft_ms", &mut self.felt.answered, self.late),
            ("upstream_ttft_ms", &mut upstream.times, upstream.over),
        ] {
            let mean = times.mean().map(millis);
            put(figures, group, mean, |p| times.quantile(p).map(millis));
            figures.run.count(&format!("{group}.samples"), times.count());
            figures.run.ratio(&format!("{group}.over_slo_ratio"), over, times.count());
        }
    }
}

impl Observer for Latency {
    #[inline]
    fn finished(&mut self, finished: &Finished<'_>) {
        if finished.request.at < self.warmup_end {
            return;
        }
        if let Some(felt) = finished.felt_ttft() {
            self.felt.record(felt);
            self.late += u64::from(felt > self.slo);
        } else {
            self.felt.record_without(finished.lasted());
        }
        if let Some(upstream) = finished.upstream_ttft {
            self.upstream.record(upstream);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::figures::no_token;
    use crate::measure::testing::Turn;

    #[test]
    fn felt_and_upstream_ttft_come_out_and_the_warm_up_does_not() {
        let mut latency = Latency::new(&Settings {
            warmup_end: Time::ZERO + Span::from_secs(10),
            slo_ttft: Span::from_secs(3),
            ..Settings::default()
        });
        for (at, felt, upstream) in
            [(9_999, 60_000, 60_000), (10_000, 1_000, 900), (11_000, 3_000, 2_000), (12_000, 5_000, 1_000)]
        {
            Turn::at(at).ttft(felt).upstream(upstream).tell(&mut latency);
        }
        Turn::at(13_000).without_token(400).tell(&mut latency);
        let mut figures = Figures::new();
        latency.put(&mut figures);
        let value = |path| figures.run.get(path).flatten();
        assert_eq!(value("answered_ttft_ms.samples"), Some(3.0));
        assert_eq!(value("answered_ttft_ms.mean"), Some(3_000.0));
        assert_eq!(value("answered_ttft_ms.p50"), Some(3_000.0));
        assert_eq!(value("answered_ttft_ms.p90"), Some(4_600.0));
        assert_eq!(value("answered_ttft_ms.max"), Some(5_000.0));
        // exactly at the objective is within it
        assert_eq!(value("answered_ttft_ms.over_slo_ratio"), Some(1.0 / 3.0));
        // the one without a token is the last of four
        assert_eq!((value("felt_ttft_ms.samples"), value("felt_ttft_ms.without_token")), (Some(4.0), Some(1.0)));
        assert_eq!(
            (value("felt_ttft_ms.without_token_ratio"), value("felt_ttft_ms.over_slo_ratio")),
            (Some(0.25), Some(0.5))
        );
        assert_eq!(value("felt_ttft_ms.p50"), Some(4_000.0));
        assert!(value("felt_ttft_ms.p90").is_some_and(no_token::is_score));
        assert!(value("felt_ttft_ms.max").is_some_and(no_token::is_score));
        assert_eq!(value("upstream_ttft_ms.p50"), Some(1_000.0));
        assert_eq!(value("upstream_ttft_ms.over_slo_ratio"), Some(0.0));
    }
}
