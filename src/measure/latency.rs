//! Tail latency per request: felt TTFT (arrival to first token, waiting and failed attempts included) and upstream TTFT
//! (of the last forward, a wait for a connection included). Requests without a first token have neither.

use super::figures::Figures;
use super::histogram::Percentiles;
use super::{Finished, Observer, Settings};
use crate::units::{Span, Time};

/// Felt and upstream TTFT of the requests that arrived after the warm-up.
#[derive(Clone, Debug)]
pub struct Latency {
    warmup_end: Time,
    felt: Tail,
    upstream: Tail,
}

/// One distribution with its share over the SLO.
#[derive(Clone, Debug)]
struct Tail {
    slo: Span,
    times: Percentiles,
    over: u64,
}

impl Tail {
    const fn new(slo: Span) -> Self {
        Self { slo, times: Percentiles::new(), over: 0 }
    }

    fn record(&mut self, ttft: Span) {
        self.times.record_span(ttft);
        self.over += u64::from(ttft > self.slo);
    }

    fn put(&mut self, figures: &mut Figures, paths: [&str; 9]) {
        let [mean, p50, p90, p95, p99, p999, max, samples, over] = paths;
        let run = &mut figures.run;
        run.put(mean, self.times.mean().map(millis));
        for (path, p) in [(p50, 0.5), (p90, 0.9), (p95, 0.95), (p99, 0.99), (p999, 0.999), (max, 1.0)] {
            run.put(path, self.times.quantile(p).map(millis));
        }
        run.count(samples, self.times.count());
        run.ratio(over, self.over, self.times.count());
    }
}

/// Milliseconds of nanoseconds.
pub fn millis(nanos: f64) -> f64 {
    nanos / 1e6
}

/// Seconds of nanoseconds.
pub fn secs(nanos: f64) -> f64 {
    nanos / 1e9
}

impl Latency {
    /// Nothing seen yet.
    pub const fn new(settings: &Settings) -> Self {
        let slo = settings.slo_ttft;
        Self { warmup_end: settings.warmup_end, felt: Tail::new(slo), upstream: Tail::new(slo) }
    }

    /// How many requests had a first token.
    pub const fn samples(&self) -> u64 {
        self.felt.times.count()
    }

    /// Puts the figures of groups `felt_ttft_ms` and `upstream_ttft_ms`.
    pub fn put(&mut self, figures: &mut Figures) {
        self.felt.put(
            figures,
            [
                "felt_ttft_ms.mean",
                "felt_ttft_ms.p50",
                "felt_ttft_ms.p90",
                "felt_ttft_ms.p95",
                "felt_ttft_ms.p99",
                "felt_ttft_ms.p999",
                "felt_ttft_ms.max",
                "felt_ttft_ms.samples",
                "felt_ttft_ms.over_slo_ratio",
            ],
        );
        self.upstream.put(
            figures,
            [
                "upstream_ttft_ms.mean",
                "upstream_ttft_ms.p50",
                "upstream_ttft_ms.p90",
                "upstream_ttft_ms.p95",
                "upstream_ttft_ms.p99",
                "upstream_ttft_ms.p999",
                "upstream_ttft_ms.max",
                "upstream_ttft_ms.samples",
                "upstream_ttft_ms.over_slo_ratio",
            ],
        );
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
        }
        if let Some(upstream) = finished.upstream_ttft {
            self.upstream.record(upstream);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        assert_eq!(value("felt_ttft_ms.samples"), Some(3.0));
        assert_eq!(value("felt_ttft_ms.mean"), Some(3_000.0));
        assert_eq!(value("felt_ttft_ms.p50"), Some(3_000.0));
        assert_eq!(value("felt_ttft_ms.p90"), Some(4_600.0));
        assert_eq!(value("felt_ttft_ms.max"), Some(5_000.0));
        // exactly at the objective is within it
        assert_eq!(value("felt_ttft_ms.over_slo_ratio"), Some(1.0 / 3.0));
        assert_eq!(value("upstream_ttft_ms.p50"), Some(1_000.0));
        assert_eq!(value("upstream_ttft_ms.over_slo_ratio"), Some(0.0));
    }
}
