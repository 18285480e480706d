//! Who suffered: a line for each session that lived on a sick account, a dot for each of its turns, the same sessions
//! on both sides, the most harmed on top.

use super::figure::{Axis, Figure, Mark, Panel, Provenance, Row, Series, Shape, Span, SpanKind};
use super::format::{Format, number};
use super::theme::Ink;
use crate::units::plural;

/// How a turn was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Within the SLO.
    Good,
    /// Over the SLO.
    Slow,
    /// So slow that it counts towards being stuck.
    Bad,
    /// Without an answer.
    Failed,
}

/// A turn.
#[derive(Clone, Debug, PartialEq)]
pub struct Dot {
    /// When it arrived, in seconds after the start.
    pub at_s: f64,
    /// How it was.
    pub level: Level,
    /// What a reader may want to know of it; empty where it is not worth a tooltip.
    pub tip: String,
}

/// A session on one side.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// Its turns in the window.
    pub dots: Vec<Dot>,
}

/// One side: the same sessions in the same order as on the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Half {
    /// What it is called.
    pub name: String,
    /// A line for each session from the top.
    pub lines: Vec<Line>,
    /// How many of these sessions got stuck.
    pub stuck: u64,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Suffered {
    /// Where it comes from.
    pub provenance: Provenance,
    /// The finding.
    pub title: String,
    /// What to know to read it.
    pub about: String,
    /// The sides, the reference first.
    pub halves: Vec<Half>,
    /// Ground truth: when any of the accounts was degraded.
    pub degraded: Vec<Span>,
    /// What befell, in words.
    pub befell: String,
    /// What is shown, in seconds.
    pub window: (f64, f64),
    /// The SLO, and the limit of bad turns, in words.
    pub limits: [String; 2],
    /// Remarks.
    pub notes: Vec<String>,
}

/// So many turns of each level have a tooltip, those of the most harmed sessions.
const TIPS: usize = 400;

const DEGRADED: &str = "an account is degraded (truth)";

/// The chart of those who suffered.
pub fn suffered(suffered: &Suffered) -> Figure {
    let lines = suffered.halves.iter().map(|half| half.lines.len()).max().unwrap_or(0);
    let each = (620.0 / lines.max(1) as f64).clamp(4.0, 14.0);
    let panels = suffered.halves.iter().map(|half| panel(suffered, half, lines, each)).collect();
    let height = (each * lines as f64).max(60.0);
    let [slo, slow] = &suffered.limits;
    Figure {
        title: suffered.title.clone(),
        subtitle: suffered.about.clone(),
        rows: vec![Row { height, panels }],
        legend: vec![format!("within {slo}"), format!("over {slo}"), format!("over {slow}"), "failed".to_owned()],
        notes: suffered.notes.clone(),
        provenance: suffered.provenance.clone(),
    }
}

fn panel(suffered: &Suffered, half: &Half, lines: usize, each: f64) -> Panel {
    let count = |level: Level| half.lines.iter().flat_map(|line| &line.dots).filter(|dot| dot.level == level).count();
    let (bad, failed) = (count(Level::Bad), count(Level::Failed));
    let [slo, slow] = &suffered.limits;
    let mut parts = vec![format!("{} over {slow}", turns(bad))];
    if failed > 0 {
        parts.push(format!("{} failed", number(failed as f64)));
    }
    parts.push(format!("{} stuck", number(half.stuck as f64)));
    let (from, to) = suffered.window;
    let time = Axis::linear("h:mm", Format::Clock).over(from, if to > from { to } else { from + 1.0 });
    let rows = Axis::linear("", Format::Number).over(-(lines.max(1) as f64), 0.0).hidden();
    let mut panel = Panel::new(capital(&format!("{}: {}", half.name, parts.join(", "))), time, rows);
    panel.zoom = true;
    panel.nothing = "nothing to show: no session met a sick account".to_owned();
    if !suffered.degraded.is_empty() {
        let spans = Mark::Spans(suffered.degraded.clone(), SpanKind::Shaded);
        let name = if suffered.befell.is_empty() { DEGRADED } else { &suffered.befell };
        panel.series.push(Series::new(name, Ink::Degraded, spans));
    }
    let size = (0.75 * each).clamp(3.0, 6.5);
    for (level, name, ink, shape, size) in [
        (Level::Good, format!("within {slo}"), Ink::Step(3), Shape::Disc, 0.7 * size),
        (Level::Slow, format!("over {slo}"), Ink::Step(4), Shape::Disc, size),
        (Level::Bad, format!("over {slow}"), Ink::Step(6), Shape::Disc, size),
        (Level::Failed, "failed".to_owned(), Ink::ErrorRate, Shape::Ring, size + 1.0),
    ] {
        let (mut points, mut tips) = (Vec::new(), Vec::new());
        for (row, line) in half.lines.iter().enumerate() {
            for dot in line.dots.iter().filter(|dot| dot.level == level) {
                points.push((dot.at_s, -(row as f64) - 0.5));
                tips.push(if tips.len() < TIPS { dot.tip.clone() } else { String::new() });
            }
        }
        if !points.is_empty() {
            let mark = Mark::Dots { points, shape, size, opacity: 1.0 };
            panel.series.push(Series::new(name, ink, mark).tips(tips));
        }
    }
    panel
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().map_or_else(String::new, |first| first.to_uppercase().collect());
    format!("{first}{}", letters.as_str())
}

fn turns(count: usize) -> String {
    format!("{} {}", number(count as f64), plural(count as u64, "turn"))
}
