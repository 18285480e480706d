//! What a threshold buys and costs: tail latency of sessions over it, and on the same axis escapes and cold turns.

use super::figure::{Axis, Dash, Figure, Mark, Panel, Provenance, Row, Series, Shape, Span, SpanKind};
use super::format::Format;
use super::theme::Ink;

/// A mean with its confidence interval; without one the ends are NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub value: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

impl Estimate {
    /// Nothing is known.
    pub const MISSING: Self = Self { value: f64::NAN, low: f64::NAN, high: f64::NAN };

    /// A value without an interval.
    pub const fn bare(value: f64) -> Self {
        Self { value, low: f64::NAN, high: f64::NAN }
    }

    fn scaled(self, factor: f64) -> Self {
        Self { value: self.value * factor, low: self.low * factor, high: self.high * factor }
    }
}

/// The figures at one threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The threshold in ms.
    pub threshold_ms: f64,
    /// Worst turn of a session, p50, p95 and p99 over sessions, in ms.
    pub worst_turn_ms: [Estimate; 3],
    /// Escapes per 1,000 requests for TTFT, for error rate, for want of a slot.
    pub escapes_per_1000: [Estimate; 3],
    /// Share of cold turns.
    pub cold_turn_ratio: Estimate,
}

/// A sweep over the threshold.
#[derive(Clone, Debug, PartialEq)]
pub struct ThresholdSweep {
    /// Where it comes from.
    pub provenance: Provenance,
    /// The points, in any order.
    pub points: Vec<Point>,
    /// The same with escape switched off (its threshold is ignored).
    pub off: Option<Point>,
    /// The default of the gateway, in ms.
    pub default_ms: Option<f64>,
    /// The recommended value, in ms.
    pub recommended_ms: Option<f64>,
    /// Values that cannot be told from the best, in ms.
    pub plateau_ms: Option<(f64, f64)>,
    /// The confidence level in percent.
    pub level_percent: f64,
}

const PERCENTILES: [(&str, Ink, Shape); 3] =
    [("p99", Ink::P99, Shape::Disc), ("p95", Ink::P95, Shape::Square), ("p50", Ink::P50, Shape::Up)];
const REASONS: [(&str, Ink, Shape, Dash); 3] = [
    ("ttft", Ink::Ttft, Shape::Disc, Dash::Solid),
    ("error_rate", Ink::ErrorRate, Shape::Square, Dash::Dashed),
    ("concurrency_full", Ink::Full, Shape::Up, Dash::DashDot),
];

/// The chart of a threshold sweep.
pub fn threshold_sweep(sweep: &ThresholdSweep) -> Figure {
    let mut points = sweep.points.clone();
    points.retain(|point| point.threshold_ms.is_finite());
    points.sort_by(|a, b| a.threshold_ms.total_cmp(&b.threshold_ms));
    let x = || {
        let mut axis = Axis::log("sticky_escape_ttft_ms in seconds (log scale)", Format::Seconds);
        let marked =
            [sweep.default_ms, sweep.recommended_ms, sweep.plateau_ms.map(|p| p.0), sweep.plateau_ms.map(|p| p.1)];
        axis.include.extend(marked.into_iter().flatten().map(|ms| ms / 1e3));
        axis
    };
    let latencies = points.iter().chain(&sweep.off).flat_map(|point| point.worst_turn_ms);
    let values: Vec<f64> = latencies.map(|estimate| estimate.value).filter(|value| *value > 0.0).collect();
    let (low, high) = values.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), &v| (low.min(v), high.max(v)));
    let y = if high / low > 8.0 {
        Axis::log("TTFT of a session's worst turn (s, log scale)", Format::Seconds)
    } else {
        Axis::linear("TTFT of a session's worst turn (s)", Format::Seconds).with(0.0)
    };
    let mut latency = Panel::new("Tail latency", x().hidden(), y);
    latency.nothing = "nothing to show: no session had a first token".to_owned();
    latency.series.extend(marks(sweep, true));
    for (i, (name, ink, shape)) in PERCENTILES.into_iter().enumerate() {
        let at = 2 - i;
        latency
            .series
            .extend(curve(name, ink, shape, Dash::Solid, &points, |point| point.worst_turn_ms[at].scaled(1e-3)));
    }
    for (i, (name, ink, _)) in PERCENTILES.into_iter().enumerate() {
        let value = sweep.off.map_or(f64::NAN, |off| off.worst_turn_ms[2 - i].value / 1e3);
        if value.is_finite() {
            let label = format!("off {name}: {}", Format::Seconds.value(value));
            latency.y.include.push(value);
            let rule = Mark::RuleY { at: value, label, dash: Dash::Dotted };
            latency.series.push(Series::new(name, ink, rule));
        }
    }

    let mut escapes = Panel::new("Escapes", x().hidden(), Axis::linear("per 1,000 requests", Format::Number).with(0.0));
    escapes.nothing = "nothing to show: no escape at any threshold".to_owned();
    let escaped = points.iter().flat_map(|point| point.escapes_per_1000).any(|estimate| estimate.value > 0.0);
    if escaped {
        escapes.series.extend(marks(sweep, false));
        for (i, (name, ink, shape, dash)) in REASONS.into_iter().enumerate() {
            if points.iter().any(|point| point.escapes_per_1000[i].value > 0.0) {
                escapes.series.extend(curve(name, ink, shape, dash, &points, |point| point.escapes_per_1000[i]));
            }
        }
    }

    let mut cold = Panel::new("Cold turns", x(), Axis::linear("share of turns", Format::Percent).with(0.0));
    cold.nothing = "nothing to show: no turn had a prefix to lose".to_owned();
    cold.series.extend(marks(sweep, false));
    let ratio = |point: &Point| point.cold_turn_ratio;
    cold.series.extend(curve("cold turns", Ink::Away, Shape::Diamond, Dash::Solid, &points, ratio));
    if let Some(off) = sweep.off.map(|off| off.cold_turn_ratio.value).filter(|value| value.is_finite()) {
        let label = format!("off: {}", Format::Percent.value(off));
        cold.y.include.push(off);
        cold.series.push(Series::new("cold turns", Ink::Away, Mark::RuleY { at: off, label, dash: Dash::Dotted }));
    }
    if points.is_empty() {
        for panel in [&mut latency, &mut escapes, &mut cold] {
            panel.nothing = "nothing to show: the sweep has no points".to_owned();
        }
    }
    let several = sweep.provenance.replications.is_some_and(|n| n > 1);
    let bands = if several {
        format!(" Bands: {} % confidence over replications.", super::format::number(sweep.level_percent))
    } else {
        String::new()
    };
    let off = if sweep.off.is_some() { " Dotted: escape off." } else { "" };
    Figure {
        title: format!("Escape threshold: {}", sweep.provenance.scenario),
        subtitle: format!(
            "What a threshold buys in tail latency, and what it costs in escapes and cold turns.{bands}{off}"
        ),
        rows: vec![row(230.0, latency), row(96.0, escapes), row(96.0, cold)],
        legend: Vec::new(),
        notes: Vec::new(),
        provenance: sweep.provenance.clone(),
    }
}

fn row(height: f64, panel: Panel) -> Row {
    Row { height, panels: vec![panel] }
}

/// Default, recommendation and plateau; their labels are only on the top panel.
fn marks(sweep: &ThresholdSweep, labelled: bool) -> Vec<Series> {
    let mut out = Vec::new();
    let label = |words: String| if labelled { words } else { String::new() };
    if let Some((low, high)) = sweep.plateau_ms {
        let span = Span { from: low / 1e3, to: high / 1e3 };
        if labelled {
            let name = format!("plateau {} to {}", seconds(low), seconds(high));
            out.push(Series::new(name, Ink::Accent, Mark::Spans(vec![span], SpanKind::Bracket)));
        } else {
            let band = Mark::Spans(vec![span], SpanKind::Bracket);
            out.push(Series::new("", Ink::Accent, band));
        }
    }
    if let Some(ms) = sweep.default_ms {
        let label = label(format!("default {}", seconds(ms)));
        out.push(Series::new("", Ink::Muted, Mark::RuleX { at: ms / 1e3, label, dash: Dash::Dashed }));
    }
    if let Some(ms) = sweep.recommended_ms {
        let label = label(format!("recommended {}", seconds(ms)));
        out.push(Series::new("", Ink::Accent, Mark::RuleX { at: ms / 1e3, label, dash: Dash::Solid }));
    }
    out
}

fn seconds(ms: f64) -> String {
    Format::Seconds.value(ms / 1e3)
}

/// A line with its band.
fn curve(
    name: &str,
    ink: Ink,
    shape: Shape,
    dash: Dash,
    points: &[Point],
    of: impl Fn(&Point) -> Estimate,
) -> [Series; 2] {
    let at = |point: &Point| point.threshold_ms / 1e3;
    let band = points.iter().map(|point| (at(point), of(point).low, of(point).high)).collect();
    let line = points.iter().map(|point| (at(point), of(point).value)).collect();
    [
        Series::new(name, ink, Mark::Band { points: band, opacity: 0.18 }),
        Series::new(name, ink, Mark::Line { points: line, dash, marker: Some(shape) }),
    ]
}
