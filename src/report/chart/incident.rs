//! What happened: a strip for each account in steps of the SLO and the gate, with what befell it and when that was
//! seen; below it what users felt, and what became of escapes. The window is around the incidents; the rest is folded
//! away.

use super::figure::{Axis, Column, Dash, Figure, Mark, Panel, Provenance, Row, Series, Span, SpanKind};
use super::format::{Format, number};
use super::theme::Ink;

/// An account, or several as one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lane {
    /// Its name.
    pub name: String,
    /// (from, to, step from 0 to 6) in seconds after the start, in order.
    pub cells: Vec<(f64, f64, usize)>,
    /// Ground truth: degraded.
    pub degraded: Vec<Span>,
    /// Blocked, or off the list of candidates.
    pub blocked: Vec<Span>,
    /// When the escape gate saw that it was degraded, in words; empty: nothing to see.
    pub seen: String,
    /// When it was let back in, in words.
    pub back: String,
}

/// What users felt on one side.
#[derive(Clone, Debug, PartialEq)]
pub struct Felt {
    /// What it is called: `escape off`.
    pub name: String,
    /// (middle of a stretch in seconds, share of its requests that were over the SLO or failed).
    pub shares: Vec<(f64, f64)>,
    /// How many such requests there are in the window.
    pub over: u64,
}

/// Escapes of a stretch of time by what became of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Escaped {
    /// The stretch in seconds.
    pub span: Span,
    /// To another account with the prefix cached there or not needed; without it; back to the same one; to none.
    pub became: [u64; 4],
}

/// An incident.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Incident {
    /// Where it comes from.
    pub provenance: Provenance,
    /// The answer.
    pub title: String,
    /// What stands under it.
    pub about: String,
    /// What the steps of strips measure.
    pub measure: String,
    /// Names of the steps, from harmless to bad; those that do not occur are left out of the legend.
    pub steps: Vec<String>,
    /// The accounts from the top.
    pub lanes: Vec<Lane>,
    /// What befell when: brackets over the strips.
    pub brackets: Vec<(Span, String)>,
    /// Instants with a label: seen, back.
    pub marks: Vec<(f64, String)>,
    /// What is shown, in seconds.
    pub window: (f64, f64),
    /// The SLO in words.
    pub slo: String,
    /// Two sides, the reference first, or one.
    pub felt: Vec<Felt>,
    /// Escapes of the last side; empty where there is no gate.
    pub escapes: Vec<Escaped>,
    /// Remarks.
    pub notes: Vec<String>,
}

const DEGRADED: &str = "degraded (truth)";
const IDLE: &str = "no answers";
const BLOCKED: &str = "blocked or off the list";
/// The last step that is within bounds.
const HARMLESS: usize = 3;
/// What became of escapes: name and colour.
const BECAME: [(&str, Ink); 4] = [
    ("moved, cache warm", Ink::P50),
    ("moved, cache cold", Ink::B),
    ("straight back", Ink::Away),
    ("found no account", Ink::ErrorRate),
];

/// The chart of an incident.
pub fn incident(incident: &Incident) -> Figure {
    let mut rows = vec![Row { height: strips_height(incident.lanes.len()), panels: vec![strips(incident)] }];
    if !incident.felt.is_empty() {
        rows.push(Row { height: 110.0, panels: vec![felt(incident)] });
    }
    if incident.escapes.iter().any(|escaped| escaped.became.iter().sum::<u64>() > 0) {
        rows.push(Row { height: 80.0, panels: vec![escapes(incident)] });
    }
    if let Some(last) = rows.last_mut().and_then(|row| row.panels.last_mut()) {
        last.x = time(incident);
    }
    let legend = incident.steps.iter().cloned();
    let legend = legend.chain([IDLE, BLOCKED, DEGRADED].map(str::to_owned));
    let legend = legend.chain(incident.felt.iter().map(side_name));
    Figure {
        title: incident.title.clone(),
        subtitle: incident.about.clone(),
        rows,
        legend: legend.chain(became_names(incident)).collect(),
        notes: incident.notes.clone(),
        provenance: incident.provenance.clone(),
    }
}

fn strips_height(lanes: usize) -> f64 {
    let each = match lanes {
        0..=4 => 34.0,
        5..=8 => 27.0,
        _ => 22.0,
    };
    each * lanes.max(1) as f64
}

fn time(incident: &Incident) -> Axis {
    let (from, to) = incident.window;
    let to = if to > from { to } else { from + 3_600.0 };
    Axis::linear("virtual time since the start of the run (h:mm)", Format::Clock).over(from, to)
}

/// The cells of all strips, a series for each step.
fn cells(incident: &Incident) -> Vec<Series> {
    let mut series = Vec::new();
    for (step, name) in incident.steps.iter().enumerate() {
        let (mut bars, mut tips) = (Vec::new(), Vec::new());
        for (row, lane) in incident.lanes.iter().enumerate() {
            for &(from, to, of) in lane.cells.iter().filter(|cell| cell.2 == step) {
                bars.push((from, to, row as f64 - 0.34, row as f64 + 0.44));
                // what is within bounds needs no words
                let tip = |name: &str| {
                    format!("{}\n{name}\n{} to {}", lane.name, Format::Clock.value(from), Format::Clock.value(to))
                };
                tips.push(if of > HARMLESS { tip(name) } else { String::new() });
            }
        }
        if !bars.is_empty() {
            series.push(Series::new(name.clone(), Ink::Step(step), Mark::Bars { bars }).tips(tips));
        }
    }
    series
}

/// Stretches in which an account had nothing to do, as thin bars.
fn idle(incident: &Incident) -> Vec<(f64, f64, f64, f64)> {
    // after the last answer of all there is nothing to be idle of
    let answered = incident.lanes.iter().filter_map(|lane| lane.cells.last()).map(|cell| cell.1).fold(0.0, f64::max);
    let stretches = incident.lanes.iter().enumerate().flat_map(|(row, lane)| {
        let row = row as f64 + 0.05;
        let seen = |gap: &Span| !lane.blocked.iter().any(|span| span.from <= gap.from && gap.to <= span.to);
        gaps(lane, (incident.window.0, answered))
            .into_iter()
            .filter(seen)
            .map(move |gap| (gap.from, gap.to, row - 0.03, row + 0.03))
    });
    stretches.collect()
}

fn strips(incident: &Incident) -> Panel {
    let names = incident.lanes.iter().map(|lane| lane.name.clone()).collect();
    let mut panel = Panel::new(incident.measure.clone(), time(incident).hidden(), Axis::names("", names));
    (panel.zoom, panel.keys) = (true, true);
    let sick =
        |lane: &Lane| !lane.degraded.is_empty() || !lane.blocked.is_empty() || is_mostly_bad(lane, incident.window);
    let strong = incident.lanes.iter().enumerate().filter(|(_, lane)| sick(lane)).map(|(row, _)| row);
    panel.y.strong = strong.collect();
    let nothing = if incident.lanes.is_empty() { "the scenario has no accounts" } else { "no request arrived" };
    panel.nothing = format!("nothing to show: {nothing}");
    for (span, name) in &incident.brackets {
        panel.series.push(Series::new(name.clone(), Ink::Text, Mark::Spans(vec![*span], SpanKind::Bracket)));
    }
    panel.series.extend(cells(incident));
    let over = |of: fn(&Lane) -> &Vec<Span>, low: f64, high: f64| -> Vec<(f64, f64, f64, f64)> {
        let lanes = incident.lanes.iter().enumerate();
        lanes
            .flat_map(|(row, lane)| of(lane).iter().map(move |s| (s.from, s.to, row as f64 + low, row as f64 + high)))
            .collect()
    };
    let idle = idle(incident);
    if !idle.is_empty() && !panel.series.is_empty() {
        panel.series.push(Series::new(IDLE, Ink::Dots, Mark::Bars { bars: idle }));
    }
    let blocked = over(|lane| &lane.blocked, -0.34, 0.44);
    if !blocked.is_empty() {
        let tips = incident.lanes.iter().flat_map(|lane| lane.blocked.iter().map(move |span| kept_off(lane, span)));
        let bars = Mark::Bars { bars: blocked };
        panel.series.push(Series::new(BLOCKED, Ink::Blocked, bars).tips(tips.collect()));
    }
    let degraded = over(|lane| &lane.degraded, -0.48, -0.37);
    if !degraded.is_empty() {
        let tips = incident.lanes.iter().flat_map(|lane| lane.degraded.iter().map(move |span| truth(lane, span)));
        // where a bracket says what befell, the legend need not
        let name = if incident.brackets.is_empty() { DEGRADED } else { "" };
        panel.series.push(Series::new(name, Ink::Text, Mark::Bars { bars: degraded }).tips(tips.collect()));
    }
    for (at, label) in &incident.marks {
        let rule = Mark::RuleX { at: *at, label: label.clone(), dash: Dash::Dotted };
        panel.series.push(Series::new(label.clone(), Ink::Text, rule));
    }
    let column = |head: &str, of: fn(&Lane) -> &String| Column {
        head: head.to_owned(),
        cells: incident.lanes.iter().map(|lane| (of(lane).clone(), Ink::Text)).collect(),
    };
    // of one account alone its bracket says it
    if incident.marks.is_empty() && incident.lanes.iter().filter(|lane| !lane.seen.is_empty()).count() > 1 {
        panel.columns = vec![column("seen", |lane| &lane.seen), column("back", |lane| &lane.back)];
    }
    panel
}

/// Whether an account is beyond the SLO, or whatever is measured, for most of the window.
fn is_mostly_bad(lane: &Lane, (from, to): (f64, f64)) -> bool {
    let bad: f64 = lane.cells.iter().filter(|cell| cell.2 > HARMLESS).map(|cell| cell.1 - cell.0).sum();
    bad > 0.5 * (to - from)
}

/// Where an account gave no answer within the window.
fn gaps(lane: &Lane, (from, to): (f64, f64)) -> Vec<Span> {
    let mut out = Vec::new();
    let mut at = from;
    for cell in &lane.cells {
        if cell.0 > at + 1e-6 {
            out.push(Span { from: at, to: cell.0.min(to) });
        }
        at = at.max(cell.1);
    }
    if to > at + 1e-6 {
        out.push(Span { from: at, to });
    }
    out
}

/// When nobody could be sent to an account, in words.
fn kept_off(lane: &Lane, span: &Span) -> String {
    let [from, to] = [span.from, span.to].map(|at| Format::Clock.value(at));
    format!("{}\n{BLOCKED} from {from} to {to}", lane.name)
}

/// What befell an account, in words.
fn truth(lane: &Lane, span: &Span) -> String {
    let [from, to] = [span.from, span.to].map(|at| Format::Clock.value(at));
    let mut text = format!("{}\ndegraded (truth) from {from} to {to}", lane.name);
    for (what, words) in [("seen", &lane.seen), ("back", &lane.back)] {
        if !words.is_empty() {
            text.push_str(&format!("\n{what} {words}"));
        }
    }
    text
}

fn felt(incident: &Incident) -> Panel {
    let title = format!("Requests over the SLO of {}, or failed", incident.slo);
    let mut panel = Panel::new(title, time(incident).hidden(), Axis::linear("", Format::Percent).with(0.0).with(0.01));
    panel.zoom = true;
    panel.nothing = "nothing to show: no request arrived".to_owned();
    panel.keys = true;
    if let [off, on] = incident.felt.as_slice() {
        for (ink, points) in between(&off.shares, &on.shares) {
            panel.series.push(Series::new("", ink, Mark::Band { points, opacity: 0.25 }));
        }
    }
    let sides = incident.felt.len();
    for (place, side) in incident.felt.iter().enumerate() {
        let (ink, dash) = if place + 1 < sides { (Ink::A, Dash::Dashed) } else { (Ink::B, Dash::Solid) };
        let tips = side
            .shares
            .iter()
            .map(|&(at, share)| {
                format!(
                    "{}\n{} over the SLO or failed\nabout {}",
                    side.name,
                    Format::Percent.value(share),
                    Format::Clock.value(at)
                )
            })
            .collect();
        let line = Mark::Line { points: side.shares.clone(), dash, marker: None };
        panel.series.push(Series::new(side_name(side), ink, line).tips(tips));
    }
    panel
}

/// Points of an area: where, from, to.
type Area = Vec<(f64, f64, f64)>;

/// The area between two curves: in the colour of the first where the second is below it, in that of bad news where not.
fn between(first: &[(f64, f64)], second: &[(f64, f64)]) -> [(Ink, Area); 2] {
    let both: Vec<(f64, f64, f64)> =
        first.iter().filter_map(|&(at, a)| Some((at, a, second.iter().find(|other| other.0 == at)?.1))).collect();
    let mut areas = [(Ink::A, Vec::new()), (Ink::Bad, Vec::new())];
    let mut last: Option<(f64, f64, f64)> = None;
    for &(at, a, b) in &both {
        if let Some((before, a0, b0)) = last
            && (a0 - b0) * (a - b) < 0.0
        {
            let part = (a0 - b0) / ((a0 - b0) - (a - b));
            let (cross, level) = (before + part * (at - before), a0 + part * (a - a0));
            areas.iter_mut().for_each(|area| area.1.push((cross, level, level)));
        }
        areas[0].1.push((at, a.min(b), a));
        areas[1].1.push((at, a.min(b), b));
        last = Some((at, a, b));
    }
    areas.map(|(ink, points)| (ink, points))
}

fn escapes(incident: &Incident) -> Panel {
    let names = became_names(incident);
    let mut panel = Panel::new("Escapes a minute", time(incident).hidden(), Axis::linear("", Format::Number).with(0.0));
    (panel.zoom, panel.keys) = (true, true);
    for (place, (name, ink)) in BECAME.iter().enumerate() {
        let (mut bars, mut tips) = (Vec::new(), Vec::new());
        for escaped in incident.escapes.iter().filter(|escaped| escaped.became[place] > 0) {
            let minutes = (escaped.span.to - escaped.span.from) / 60.0;
            let below: u64 = escaped.became[..place].iter().sum();
            let (low, high) = (below as f64 / minutes, (below + escaped.became[place]) as f64 / minutes);
            bars.push((escaped.span.from, escaped.span.to, low, high));
            let at = Format::Clock.value(escaped.span.from);
            tips.push(format!("{} {name}\nfrom {at}", number(escaped.became[place] as f64)));
        }
        if !bars.is_empty() {
            panel.series.push(Series::new(names[place].clone(), *ink, Mark::Bars { bars }).tips(tips));
        }
    }
    panel
}

/// A side with how many requests were over the SLO or failed.
fn side_name(side: &Felt) -> String {
    format!("{}: {} requests", side.name, number(side.over as f64))
}

/// What became of escapes, with how many there are of each in the window.
fn became_names(incident: &Incident) -> [String; 4] {
    let (from, to) = incident.window;
    let inside = |escaped: &&Escaped| escaped.span.to > from && escaped.span.from < to;
    let mut totals = [0_u64; 4];
    for escaped in incident.escapes.iter().filter(inside) {
        totals.iter_mut().zip(escaped.became).for_each(|(sum, more)| *sum += more);
    }
    std::array::from_fn(|place| format!("{}: {}", BECAME[place].0, number(totals[place] as f64)))
}
