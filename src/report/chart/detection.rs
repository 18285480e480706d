//! How soon the gate sees that an account is degraded, how soon it lets it back, and what a threshold misses or cries
//! wolf about.

use super::figure::{Axis, Column, Dash, Figure, Mark, Panel, Provenance, Row, Series, Shape};
use super::format::{Format, number};
use super::theme::Ink;

/// Delays of one kind under one condition, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delay {
    /// The shortest; NaN where it is not known.
    pub min_s: f64,
    /// The median.
    pub p50_s: f64,
    /// The longest.
    pub max_s: f64,
}

/// One condition.
#[derive(Clone, Debug, PartialEq)]
pub struct ConditionDetection {
    /// Its name.
    pub name: String,
    /// How often it set in (a mean, over several replications).
    pub onsets: f64,
    /// How often that was seen while it lasted.
    pub detected: f64,
    /// How often an account was never readmitted.
    pub never_readmitted: f64,
    /// Onset to first health escape; `None` where none was seen.
    pub delay: Option<Delay>,
    /// End to readmission; `None` where none was readmitted.
    pub readmission: Option<Delay>,
}

/// Escapes for the health of an account, by whether they were due.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alarms {
    /// Whose they are: a side of a comparison; empty for a single run.
    pub name: String,
    /// From an account that was degraded.
    pub due: f64,
    /// From one that had been degraded and had recovered.
    pub late: f64,
    /// From one that was well all the time.
    pub false_alarms: f64,
}

impl Alarms {
    fn all(&self) -> f64 {
        self.due + self.late + self.false_alarms
    }
}

/// What one threshold does.
#[derive(Clone, Debug, PartialEq)]
pub struct RocPoint {
    /// The threshold with its unit.
    pub threshold: String,
    /// Share of health escapes that were false.
    pub false_escapes_ratio: f64,
    /// Share of selects on degraded accounts that stayed.
    pub missed_turns_ratio: f64,
}

/// Detection against ground truth.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// Where it comes from.
    pub provenance: Provenance,
    /// Who sees that an account is degraded: "the gate", or something else where a mode has none.
    pub seen_by: String,
    /// A row each.
    pub conditions: Vec<ConditionDetection>,
    /// What the escapes were worth; may be empty.
    pub alarms: Vec<Alarms>,
    /// In order of the threshold; empty for a single run.
    pub roc: Vec<RocPoint>,
    /// The threshold in use, as it is called in `roc`.
    pub current: Option<String>,
}

/// The axis of delays reaches at least so far, in seconds.
const AT_LEAST: f64 = 600.0;

/// The least share of false alarms that the title speaks of.
const WORTH_SAYING: f64 = 0.01;
/// Onsets that were missed stand at the right end.
const MISSED: &str = "never seen while it lasted";

/// The chart of detection.
pub fn detection(detection: &Detection) -> Figure {
    let n = detection.conditions.len();
    let delays = delays(detection);
    let height = (n as f64 * 34.0).clamp(64.0, 1_200.0);
    let mut rows = Vec::new();
    if detection.roc.is_empty() {
        rows.push(Row { height, panels: vec![delays] });
        let escaped = detection.alarms.iter().any(|alarms| alarms.all() > 0.0);
        rows.extend(
            escaped.then(|| Row { height: 34.0 * detection.alarms.len() as f64, panels: vec![alarms(detection)] }),
        );
    } else if n <= 9 {
        rows.push(Row { height: height.max(260.0), panels: vec![delays, roc(detection)] });
    } else {
        rows.push(Row { height, panels: vec![delays] });
        rows.push(Row { height: 300.0, panels: vec![roc(detection)] });
    }
    Figure {
        title: title(detection),
        subtitle: format!(
            "How soon {} sees a degraded account and lets a recovered one back. Marker: median; bar: shortest to longest.",
            detection.seen_by
        ),
        rows,
        legend: Vec::new(),
        notes: Vec::new(),
        provenance: detection.provenance.clone(),
    }
}

/// The finding: how often it was seen, and how soon.
fn title(detection: &Detection) -> String {
    let (scenario, seen_by) = (&detection.provenance.scenario, &detection.seen_by);
    let sum = |of: fn(&ConditionDetection) -> f64| detection.conditions.iter().map(of).sum::<f64>();
    let (onsets, seen) = (sum(|c| c.onsets), sum(|c| c.detected));
    let delay = match detection.conditions.as_slice() {
        [only] => only.delay.map_or_else(String::new, |delay| format!(", in the median after {}", spoken(delay.p50_s))),
        _ => String::new(),
    };
    let [all, wrong] = [Alarms::all as fn(&Alarms) -> f64, |alarms| alarms.late + alarms.false_alarms];
    let delay = match detection.alarms.as_slice() {
        [only] if wrong(only) >= WORTH_SAYING * all(only) && all(only) > 0.0 => {
            format!("{delay}; {} of its escapes were false alarms", Format::Percent.value(wrong(only) / all(only)))
        }
        _ => delay,
    };
    match onsets {
        0.0 => format!("{scenario}: no account became degraded while there were requests"),
        1.0 if seen == 1.0 => {
            format!("{scenario}: {seen_by} saw the one onset{}", delay.replacen(", in the median after", " after", 1))
        }
        2.0 if seen == 2.0 => format!("{scenario}: {seen_by} saw both onsets{delay}"),
        n if seen == n => format!("{scenario}: {seen_by} saw all {} onsets{delay}", number(n)),
        n => format!("{scenario}: {seen_by} saw {} of {} onsets{delay}", number(seen), number(n)),
    }
}

/// A time in a sentence, in minutes where seconds would be many.
fn spoken(seconds: f64) -> String {
    if seconds < 120.0 { Format::Seconds.value(seconds) } else { format!("{} min", number(seconds / 60.0)) }
}

fn delays(detection: &Detection) -> Panel {
    let conditions = &detection.conditions;
    let all =
        conditions.iter().flat_map(|c| [c.delay, c.readmission]).flatten().flat_map(|d| [d.min_s, d.p50_s, d.max_s]);
    let high = all.filter(|value| value.is_finite()).fold(AT_LEAST, f64::max);
    // always the same scale, so that scenarios can be held against each other
    let x = Axis::log("seconds (log scale; a second or less at the left edge)", Format::Seconds).over(1.0, 1.2 * high);
    let names = conditions.iter().map(|condition| condition.name.clone()).collect();
    let mut panel = Panel::new("Delay per condition", x, Axis::names("", names));
    panel.nothing = match conditions.len() {
        0 => "nothing to show: the scenario has no conditions".to_owned(),
        _ => "nothing to show: no degraded account was seen or readmitted".to_owned(),
    };
    for (name, ink, shape, up, of) in [
        (
            "onset to first health escape",
            Ink::Ttft,
            Shape::Disc,
            -0.16,
            (|c| c.delay) as fn(&ConditionDetection) -> Option<Delay>,
        ),
        ("end to readmission", Ink::B, Shape::Square, 0.16, |c| c.readmission),
    ] {
        let some = || conditions.iter().enumerate().filter_map(move |(i, c)| Some((i, c, of(c)?)));
        let rows: Vec<(f64, f64, f64, f64)> = some()
            .map(|(i, _, delay)| (i as f64 + up, delay.min_s.max(1.0), delay.p50_s.max(1.0), delay.max_s.max(1.0)))
            .collect();
        let tips = some()
            .map(|(_, condition, delay)| {
                let [min, p50, max] = [delay.min_s, delay.p50_s, delay.max_s].map(|s| Format::Seconds.value(s));
                let range = if delay.min_s.is_nan() { format!("at most {max}") } else { format!("{min} to {max}") };
                format!("{}\n{name}: median {p50} ({range})", condition.name)
            })
            .collect();
        if !rows.is_empty() {
            panel.series.push(Series::new(name, ink, Mark::Intervals { rows, shape }).tips(tips));
        }
    }
    panel.series.extend(missed(conditions, 1.1 * high));
    let column = |head: &str, cell: &dyn Fn(&ConditionDetection) -> (String, Ink)| Column {
        head: head.to_owned(),
        cells: conditions.iter().map(cell).collect(),
    };
    panel.weight = 1.35;
    panel.columns = vec![
        column("seen", &|c| {
            let ink = if c.detected < c.onsets { Ink::Bad } else { Ink::Text };
            (format!("{} of {}", number(c.detected), number(c.onsets)), ink)
        }),
        column("never back", &|c| {
            (number(c.never_readmitted), if c.never_readmitted > 0.0 { Ink::Bad } else { Ink::Text })
        }),
    ];
    panel
}

/// A mark at `x` for each condition of which an onset was never seen, and how many there are.
fn missed(conditions: &[ConditionDetection], x: f64) -> Vec<Series> {
    let rows = conditions.iter().enumerate().filter(|(_, c)| c.detected < c.onsets);
    let (mut points, mut tips, mut words) = (Vec::new(), Vec::new(), Vec::new());
    for (row, condition) in rows {
        let at = (x, row as f64 - 0.16);
        let [missed, onsets] = [condition.onsets - condition.detected, condition.onsets].map(number);
        points.push(at);
        tips.push(format!("{}\n{missed} of {onsets} onsets were never seen", condition.name));
        words.push((at.0, at.1, format!("{missed} missed")));
    }
    if points.is_empty() {
        return Vec::new();
    }
    let mark = Mark::Dots { points, shape: Shape::Cross, size: 9.0, opacity: 1.0 };
    vec![Series::new(MISSED, Ink::Bad, mark).tips(tips), Series::new("", Ink::Bad, Mark::Words(words))]
}

/// Escapes for health: those that were due, and the false alarms beside them.
fn alarms(detection: &Detection) -> Panel {
    let names = detection.alarms.iter().map(|alarms| alarms.name.clone()).collect();
    let x = Axis::linear("escapes", Format::Number).with(0.0);
    let mut panel = Panel::new("Escapes for the health of an account", x, Axis::names("", names));
    panel.keys = true;
    type Part = fn(&Alarms) -> f64;
    let parts: [(&str, Ink, Part, Part); 3] = [
        ("it was degraded", Ink::B, |_| 0.0, |a| a.due),
        ("false alarm: it had recovered", Ink::A, |a| a.due, |a| a.late),
        ("false alarm: it was well", Ink::Bad, |a| a.due + a.late, |a| a.false_alarms),
    ];
    for (name, ink, below, count) in parts {
        let some = || detection.alarms.iter().enumerate().filter(move |(_, alarms)| count(alarms) > 0.0);
        let bar = |(row, a): (usize, &Alarms)| (below(a), below(a) + count(a), row as f64 - 0.3, row as f64 + 0.3);
        let share = |a: &Alarms| Format::Percent.value(count(a) / a.all());
        let tips = some().map(|(_, a)| format!("{name}\n{} escapes, {}", number(count(a)), share(a))).collect();
        let total: f64 = some().map(|(_, a)| count(a)).sum();
        if total > 0.0 {
            let name = if detection.alarms.len() == 1 { format!("{name}: {}", number(total)) } else { name.to_owned() };
            let mark = Mark::Bars { bars: some().map(bar).collect() };
            panel.series.push(Series::new(name, ink, mark).tips(tips));
        }
    }
    panel
}

fn roc(detection: &Detection) -> Panel {
    let x = Axis::linear("false escapes, share of health escapes", Format::Percent).with(0.0);
    let y = Axis::linear("missed turns, share of selects on degraded accounts", Format::Percent).with(0.0);
    let mut panel = Panel::new("Missed against false, over the threshold", x, y);
    panel.nothing = "nothing to show: no threshold has both shares".to_owned();
    let known: Vec<&RocPoint> = detection
        .roc
        .iter()
        .filter(|point| point.false_escapes_ratio.is_finite() && point.missed_turns_ratio.is_finite())
        .collect();
    let at = |point: &RocPoint| (point.false_escapes_ratio, point.missed_turns_ratio);
    let name = |point: &RocPoint| point.threshold.clone();
    let tips = known
        .iter()
        .map(|point| {
            let [x, y] =
                [point.false_escapes_ratio, point.missed_turns_ratio].map(|share| Format::Percent.value(share));
            format!("threshold {}\nfalse escapes {x}\nmissed turns {y}", name(point))
        })
        .collect();
    let points: Vec<(f64, f64)> = known.iter().map(|point| at(point)).collect();
    let line = Mark::Line { points, dash: Dash::Solid, marker: Some(Shape::Disc) };
    panel.series.push(Series::new("thresholds", Ink::P95, line).tips(tips));
    let current = detection.current.as_ref().and_then(|name| known.iter().find(|point| point.threshold == *name));
    if let Some(point) = current {
        let mark = Mark::Dots { points: vec![at(point)], shape: Shape::Diamond, size: 12.0, opacity: 1.0 };
        panel.series.push(Series::new("threshold in use", Ink::Bad, mark));
        let words = vec![(point.false_escapes_ratio, point.missed_turns_ratio, format!("in use: {}", name(point)))];
        panel.series.push(Series::new("", Ink::Bad, Mark::Words(words)));
    }
    let others = known.iter().filter(|point| Some(&point.threshold) != current.map(|point| &point.threshold));
    let words = others.map(|point| (point.false_escapes_ratio, point.missed_turns_ratio, name(point))).collect();
    panel.series.push(Series::new("", Ink::Muted, Mark::Words(words)));
    panel
}
