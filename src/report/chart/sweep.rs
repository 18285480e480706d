//! What a key buys and costs: tail latency of sessions over its values, and on the same axis escapes and cold turns.

use super::estimate::Estimate;
use super::figure::{Axis, Dash, Figure, Provenance, Scale, Shape};
use super::format::Format;
use super::keyed::{Curve, KeyMarks, KeyPanel, rows};
use super::theme::Ink;

/// The figures at one value of the key.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepPoint {
    /// The value in the units of the key's axis; on an axis of names the number of the name, from 0.
    pub at: f64,
    /// Worst turn of a session, p50, p95 and p99 over sessions, in ms.
    pub worst_turn_ms: [Estimate; 3],
    /// Escapes per 1,000 requests for TTFT, for error rate, for want of a slot.
    pub escapes_per_1000: [Estimate; 3],
    /// Share of cold turns.
    pub cold_turn_ratio: Estimate,
    /// The figures of [`KeySweep::others`], in their order and the units of their panels.
    pub others: Vec<Estimate>,
}

/// A further figure by which values are judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Other {
    /// What it is.
    pub title: String,
    /// Its unit, as the vertical axis says it.
    pub label: String,
    /// How its values read.
    pub format: Format,
}

/// A sweep over one key.
#[derive(Clone, Debug, PartialEq)]
pub struct KeySweep {
    /// Where it comes from.
    pub provenance: Provenance,
    /// The key's name without its path.
    pub name: String,
    /// The axis of the key.
    pub key: Axis,
    /// The points, in any order.
    pub points: Vec<SweepPoint>,
    /// The same with escape switched off (its threshold is ignored).
    pub off: Option<SweepPoint>,
    /// What is marked on the axis.
    pub marks: KeyMarks,
    /// Further figures, a panel each.
    pub others: Vec<Other>,
    /// The confidence level in percent.
    pub level_percent: f64,
    /// Remarks under the chart.
    pub notes: Vec<String>,
}

const PERCENTILES: [(&str, Ink, Shape); 3] =
    [("p99", Ink::P99, Shape::Disc), ("p95", Ink::P95, Shape::Square), ("p50", Ink::P50, Shape::Up)];
const REASONS: [(&str, Ink, Shape, Dash); 3] = [
    ("ttft", Ink::Ttft, Shape::Disc, Dash::Solid),
    ("error_rate", Ink::ErrorRate, Shape::Square, Dash::Dashed),
    ("concurrency_full", Ink::Full, Shape::Up, Dash::DashDot),
];

/// The chart of a sweep over one key.
pub fn key_sweep(sweep: &KeySweep) -> Figure {
    let mut notes = sweep.notes.clone();
    let at: Vec<f64> = sweep.points.iter().map(|point| point.at).collect();
    let mut panels = others(sweep);
    panels.push(latency(sweep));
    panels.push(escapes(sweep));
    panels.push(cold(sweep));
    let rows = rows(&sweep.key, &at, &sweep.marks, panels, &mut notes);
    let several = sweep.provenance.replications.is_some_and(|n| n > 1);
    let bands = if several {
        let what = if matches!(sweep.key.scale, Scale::Category(_)) { "Strokes" } else { "Bands" };
        format!(" {what}: {} % confidence over replications.", super::format::number(sweep.level_percent))
    } else {
        String::new()
    };
    let off = if sweep.off.is_some() { " Dotted: escape off." } else { "" };
    Figure {
        title: format!("{}: {}", sweep.name, sweep.provenance.scenario),
        subtitle: format!(
            "What a value buys in tail latency, and what it costs in escapes and cold turns.{bands}{off}"
        ),
        rows,
        legend: Vec::new(),
        notes,
        provenance: sweep.provenance.clone(),
    }
}

/// A curve over the points, if any of them has a value.
fn curve(
    sweep: &KeySweep,
    (name, ink, shape, dash): (&'static str, Ink, Shape, Dash),
    of: impl Fn(&SweepPoint) -> Estimate,
) -> Option<Curve> {
    let values: Vec<Estimate> = sweep.points.iter().map(&of).collect();
    let off = sweep.off.as_ref().map_or(f64::NAN, |off| of(off).value);
    values.iter().any(|value| value.value.is_finite()).then_some(Curve { name, ink, shape, dash, values, off })
}

fn latency(sweep: &KeySweep) -> KeyPanel {
    let percentile = |(i, (name, ink, shape)): (usize, (&'static str, Ink, Shape))| {
        curve(sweep, (name, ink, shape, Dash::Solid), |point| point.worst_turn_ms[2 - i].scaled(1e-3))
    };
    KeyPanel {
        title: "Tail latency".to_owned(),
        label: "TTFT of a session's worst turn (s)".to_owned(),
        format: Format::Seconds,
        height: if sweep.others.is_empty() { 230.0 } else { 190.0 },
        by_factors: true,
        curves: PERCENTILES.into_iter().enumerate().filter_map(percentile).collect(),
        nothing: "nothing to show: no session had a first token".to_owned(),
    }
}

fn escapes(sweep: &KeySweep) -> KeyPanel {
    let reason = |(i, style): (usize, (&'static str, Ink, Shape, Dash))| {
        let some = sweep.points.iter().any(|point| point.escapes_per_1000[i].value > 0.0);
        // with escape off there are none by definition
        let of = |point: &SweepPoint| point.escapes_per_1000[i];
        some.then(|| curve(sweep, style, of)).flatten().map(|curve| Curve { off: f64::NAN, ..curve })
    };
    KeyPanel {
        title: "Escapes".to_owned(),
        label: "per 1,000 requests".to_owned(),
        format: Format::Number,
        height: 96.0,
        by_factors: false,
        curves: REASONS.into_iter().enumerate().filter_map(reason).collect(),
        nothing: "nothing to show: no escape at any value".to_owned(),
    }
}

fn cold(sweep: &KeySweep) -> KeyPanel {
    let style = ("cold turns", Ink::Away, Shape::Diamond, Dash::Solid);
    KeyPanel {
        title: "Cold turns".to_owned(),
        label: "share of turns".to_owned(),
        format: Format::Percent,
        height: 96.0,
        by_factors: false,
        curves: curve(sweep, style, |point| point.cold_turn_ratio).into_iter().collect(),
        nothing: "nothing to show: no turn had a prefix to lose".to_owned(),
    }
}

/// The figures that were asked for: they are what values are judged by, so they come first.
fn others(sweep: &KeySweep) -> Vec<KeyPanel> {
    let panel = |(i, other): (usize, &Other)| {
        let of = |point: &SweepPoint| point.others.get(i).copied().unwrap_or(Estimate::MISSING);
        KeyPanel {
            title: other.title.clone(),
            label: other.label.clone(),
            format: other.format,
            height: 130.0,
            by_factors: other.format == Format::Seconds,
            curves: curve(sweep, ("judged by", Ink::B, Shape::Disc, Dash::Solid), of).into_iter().collect(),
            nothing: "nothing to show: no replication has this figure".to_owned(),
        }
    };
    sweep.others.iter().enumerate().map(panel).collect()
}
