//! Panels over the values of one key, under each other on one axis: what charts of sweeps and of searches are built of.

use super::estimate::Estimate;
use super::figure::{Axis, Dash, Mark, Panel, Row, Scale, Series, Shape, Span, SpanKind, Texture};
use super::format::Format;
use super::theme::Ink;

/// Values of the key that are marked, in the units of its axis (on an axis of names: the number of the name, from 0).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyMarks {
    /// The default of the gateway.
    pub default: Option<f64>,
    /// The scenario's own value, where it is another.
    pub own: Option<f64>,
    /// The best value.
    pub best: Option<f64>,
    /// What the best value is called: `best`, `recommended`.
    pub best_word: String,
    /// Values that can as well be taken: the first and the last.
    pub plateau: Option<(f64, f64)>,
    /// What those are called: `plateau`, `as good and as cheap`.
    pub plateau_word: String,
    /// Values that were measured too little to say whether they are as good.
    pub undecided: Vec<f64>,
}

/// What hatching says.
pub(super) const UNDECIDED: &str = "too few replications to say";

/// One line with its band.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Curve {
    pub name: &'static str,
    pub ink: Ink,
    pub shape: Shape,
    pub dash: Dash,
    /// One for each value of the key.
    pub values: Vec<Estimate>,
    /// With escape switched off; NaN: not known.
    pub off: f64,
}

/// One panel.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct KeyPanel {
    pub title: String,
    /// What the vertical axis measures, with its unit.
    pub label: String,
    pub format: Format,
    /// Of the plot, in px.
    pub height: f64,
    /// Whether the vertical axis turns logarithmic where values differ by factors, and then says so.
    pub by_factors: bool,
    pub curves: Vec<Curve>,
    pub nothing: String,
}

/// A value of the key as text.
pub(super) fn value_of(key: &Axis, at: f64) -> String {
    match &key.scale {
        Scale::Category(names) => names.get((at + 0.5).max(0.0) as usize).cloned().unwrap_or_default(),
        Scale::Linear | Scale::Log => key.format.value(at),
    }
}

/// The panels over `key`, whose values are `at`; remarks on marks that have no place are added to `notes`.
pub(super) fn rows(
    key: &Axis,
    at: &[f64],
    marks: &KeyMarks,
    panels: Vec<KeyPanel>,
    notes: &mut Vec<String>,
) -> Vec<Row> {
    let mut order: Vec<usize> = (0..at.len()).filter(|&i| at[i].is_finite()).collect();
    order.sort_by(|&a, &b| at[a].total_cmp(&at[b]));
    let (marks, axis) = placed(key, at, marks, notes);
    let last = panels.len().saturating_sub(1);
    let row = |(place, panel): (usize, KeyPanel)| {
        let x = if place == last { axis.clone() } else { axis.clone().hidden() };
        Row { height: panel.height, panels: vec![drawn(&panel, x, &order, at, &marks, place == 0)] }
    };
    panels.into_iter().enumerate().map(row).collect()
}

/// Marks that have a place on the axis, and the axis that holds them. A mark far beyond the values would press them
/// together: it is told in words.
fn placed(key: &Axis, at: &[f64], marks: &KeyMarks, notes: &mut Vec<String>) -> (KeyMarks, Axis) {
    let finite = || at.iter().copied().filter(|at| at.is_finite());
    let (low, high) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), at| (low.min(at), high.max(at)));
    let near = |at: f64| match key.scale {
        Scale::Category(_) => finite().any(|other| other == at),
        Scale::Log => at > 0.0 && at >= low / 10.0 && at <= 10.0 * high,
        Scale::Linear => {
            let room = (high - low).max(2.0 * high.abs());
            at >= low - room && at <= high + room
        }
    };
    let mut axis = key.clone();
    let mut keep = |mark: Option<f64>, name: &str| {
        let at = mark.filter(|at| at.is_finite())?;
        if near(at) {
            axis.include.push(at);
            return Some(at);
        }
        if !matches!(key.scale, Scale::Category(_)) {
            notes.push(format!("{name}, {}, lies beyond the axis.", value_of(key, at)));
        }
        None
    };
    let kept = KeyMarks {
        default: keep(marks.default, "The gateway's default"),
        own: keep(marks.own, "The scenario's own value"),
        best: keep(marks.best, "The best value"),
        ..marks.clone()
    };
    let ends = kept.plateau.map(|(low, high)| [low, high]);
    axis.include.extend(ends.into_iter().flatten());
    (kept, axis)
}

fn drawn(panel: &KeyPanel, x: Axis, order: &[usize], at: &[f64], marks: &KeyMarks, labelled: bool) -> Panel {
    let known = || panel.curves.iter().flat_map(|curve| curve.values.iter().map(|v| v.value).chain([curve.off]));
    let positive: Vec<f64> = known().filter(|value| *value > 0.0 && value.is_finite()).collect();
    let (low, high) = positive.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), &v| (low.min(v), high.max(v)));
    let signed = known().any(|value| value < 0.0);
    let mut y = if panel.by_factors && !signed && high / low > 8.0 {
        let label =
            panel.label.strip_suffix(')').map_or_else(|| panel.label.clone(), |label| format!("{label}, log scale)"));
        Axis::log(label, panel.format)
    } else {
        Axis::linear(panel.label.clone(), panel.format).with(0.0)
    };
    y.include.extend(panel.curves.iter().map(|curve| curve.off).filter(|off| off.is_finite()));
    let mut out = Panel::new(panel.title.clone(), x, y);
    out.nothing.clone_from(&panel.nothing);
    if order.is_empty() {
        out.nothing = "nothing to show: the sweep has no points".to_owned();
    }
    if panel.curves.is_empty() {
        return out;
    }
    out.series.extend(undecided(&out.x, order, at, marks));
    out.series.extend(mark_series(&out.x, marks, labelled));
    let categories = matches!(out.x.scale, Scale::Category(_));
    for (place, curve) in panel.curves.iter().enumerate() {
        let value = |&i: &usize| curve.values.get(i).copied().unwrap_or(Estimate::MISSING);
        // what cannot be negative is not less than nothing at the lower end of its interval, either
        let low = |i: &usize| match value(i).low {
            low if low < 0.0 && !signed => 0.0,
            low => low,
        };
        // beside the mark of a name, and beside each other
        let aside = if categories { 0.07 * (place + 1) as f64 } else { 0.0 };
        let points: Vec<(f64, f64)> = order.iter().map(|i| (at[*i] + aside, value(i).value)).collect();
        let series = |mark| Series::new(curve.name, curve.ink, mark);
        if categories {
            // names have no order that a line could follow
            let end = |i: &usize| ((at[*i] + aside, low(i)), (at[*i] + aside, value(i).high));
            let links = order.iter().map(end).filter(|(low, high)| low.1.is_finite() && high.1.is_finite());
            out.series.push(series(Mark::Links(links.collect())));
            out.series.push(series(Mark::Dots { points, shape: curve.shape, size: 8.0, opacity: 1.0 }));
            continue;
        }
        let band = order.iter().map(|i| (at[*i], low(i), value(i).high));
        out.series.push(series(Mark::Band { points: band.collect(), opacity: 0.18 }));
        out.series.push(series(Mark::Line { points, dash: curve.dash, marker: Some(curve.shape) }));
    }
    for curve in panel.curves.iter().filter(|curve| curve.off.is_finite()) {
        let value = panel.format.value(curve.off);
        let label =
            if panel.curves.len() > 1 { format!("off {}: {value}", curve.name) } else { format!("off: {value}") };
        let rule = Mark::RuleY { at: curve.off, label, dash: Dash::Dotted };
        out.series.push(Series::new(curve.name, curve.ink, rule));
    }
    out
}

/// Hatching around values of which too few replications say nothing, half way to their neighbours.
fn undecided(key: &Axis, order: &[usize], at: &[f64], marks: &KeyMarks) -> Option<Series> {
    let between = |a: f64, b: f64| if key.scale == Scale::Log { (a * b).sqrt() } else { 0.5 * (a + b) };
    let mut spans: Vec<Span> = Vec::new();
    for (place, value) in order.iter().map(|&i| at[i]).enumerate() {
        if !marks.undecided.contains(&value) {
            continue;
        }
        let beside = |place: Option<usize>| place.and_then(|place| order.get(place)).map(|&i| at[i]);
        let alone = if matches!(key.scale, Scale::Category(_)) { 0.5 } else { 0.0 };
        let from = beside(place.checked_sub(1)).map_or(value - alone, |other| between(other, value));
        let to = beside(Some(place + 1)).map_or(value + alone, |other| between(value, other));
        match spans.last_mut() {
            Some(last) if last.to == from => last.to = to,
            _ => spans.push(Span { from, to }),
        }
    }
    let hatched = Mark::Spans(spans.clone(), SpanKind::Hatched(Texture::Rising));
    (!spans.is_empty()).then(|| Series::new(UNDECIDED, Ink::Balanced, hatched))
}

/// Default, own and best value, and the plateau; their labels are only on the first panel.
fn mark_series(key: &Axis, marks: &KeyMarks, labelled: bool) -> Vec<Series> {
    let mut out = Vec::new();
    let label = |words: String| if labelled { words } else { String::new() };
    // a plateau of the best value alone is that value's mark
    if let Some((low, high)) = marks.plateau.filter(|(low, high)| low < high || marks.best != Some(*low)) {
        // on an axis of names a value is as wide as its name's place
        let room = if matches!(key.scale, Scale::Category(_)) { 0.5 } else { 0.0 };
        let span = Span { from: low - room, to: high + room };
        let name = match low == high {
            true => format!("{} {} alone", marks.plateau_word, value_of(key, low)),
            false => format!("{} {} to {}", marks.plateau_word, value_of(key, low), value_of(key, high)),
        };
        out.push(Series::new(label(name), Ink::Accent, Mark::Spans(vec![span], SpanKind::Bracket)));
    }
    let mut rule = |at: Option<f64>, word: &str, ink, dash| {
        if let Some(at) = at {
            let label = label(format!("{word} {}", value_of(key, at)));
            out.push(Series::new("", ink, Mark::RuleX { at, label, dash }));
        }
    };
    let same = marks.own.is_some() && marks.own == marks.default;
    rule(marks.default.filter(|_| !same), "default", Ink::Muted, Dash::Dashed);
    rule(marks.own, if same { "yours, the default," } else { "yours" }, Ink::Text, Dash::DashDot);
    rule(marks.best, &marks.best_word, Ink::Accent, Dash::Solid);
    out
}
