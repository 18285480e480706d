//! Labels in and around a plot that must not hit each other: of rules, of points.

use super::axis::Ruler;
use super::figure::{Dash, Mark, Panel, SpanKind};
use super::font::{Faces, printable};
use super::measures::TICK;
use super::scene::{Anchor, Area, Item, Point, Text};
use super::theme::Ink;

/// The height of a lane of labels over a plot.
pub(super) const LANE: f64 = 15.0;
/// From a rule to its label.
const AWAY: f64 = 4.0;

/// The labels of horizontal rules: (where, label, colour).
pub(super) fn right_labels(panel: &Panel) -> impl Iterator<Item = (f64, String, Ink)> + '_ {
    panel.series.iter().filter_map(|series| match &series.mark {
        Mark::RuleY { at, label, .. } if !label.is_empty() && at.is_finite() => {
            Some((*at, printable(label), series.ink.of_text()))
        }
        _ => None,
    })
}

/// A label over the plot: a flag on the pole of its rule.
#[derive(Clone, Debug)]
pub(super) struct Flag {
    /// The pole.
    x: f64,
    /// Where a bracket ends; the pole for rules.
    end: f64,
    text: String,
    ink: Ink,
    /// Where the text begins.
    from: f64,
    width: f64,
    lane: usize,
}

/// A label no wider than the room: a bracket's is a sentence, which is better told by its beginning; a name differs at
/// its end.
fn fitting(faces: &Faces, text: &str, bracket: bool, room: f64) -> String {
    if bracket { faces.shortened(text, TICK, false, room) } else { faces.elided(text, TICK, false, room) }
}

/// The flags over a plot, and how many lanes they take. A pole never crosses a text: flags are placed from the right,
/// each in the lowest lane over everything that its text would cover.
pub(super) fn top_labels(faces: &Faces, panel: &Panel, x: &Ruler, plot: &Area) -> (Vec<Flag>, usize) {
    let mut flags: Vec<Flag> = Vec::new();
    let mut add = |from: f64, to: f64, label: &str, ink: Ink| {
        if let (Some(from), Some(to)) = (x.within(from), x.within(to)) {
            let room = if to > from || plot.w < 320.0 { 0.95 } else { 0.6 };
            let text = fitting(faces, &printable(label), to > from, room * plot.w);
            let width = faces.width(&text, TICK, false);
            flags.push(Flag { x: from, end: to, text, ink, from: 0.0, width, lane: 0 });
        }
    };
    for series in &panel.series {
        match &series.mark {
            Mark::RuleX { at, label, .. } if !label.is_empty() && x.holds(*at) => add(*at, *at, label, series.ink),
            Mark::Spans(spans, SpanKind::Bracket) if !series.name.is_empty() => {
                spans.iter().for_each(|span| add(span.from, span.to, &series.name, series.ink));
            }
            _ => {}
        }
    }
    flags.sort_by(|a, b| b.x.total_cmp(&a.x));
    for i in 0..flags.len() {
        let (from, flips) = beginning(&flags, i, plot);
        let span =
            |flag: &Flag| (flag.from.min(flag.x) - 3.0, (flag.from + flag.width).max(flag.x).max(flag.end) + 3.0);
        flags[i].from = from;
        let (low, high) = span(&flags[i]);
        // What is to the left and would be covered by a text that points left comes below it.
        let below = flags[i + 1..].iter().filter(|flag| flag.x >= low).count();
        let mut lane = if flips { below } else { 0 };
        for earlier in &flags[..i] {
            let (a, b) = span(earlier);
            if a < high && low < b {
                lane = lane.max(earlier.lane + 1);
            }
        }
        if flags[..i].iter().any(|earlier| earlier.lane > lane && span(earlier).0 < high && low < span(earlier).1) {
            lane = flags[..i].iter().map(|earlier| earlier.lane + 1).max().unwrap_or(0);
        }
        flags[i].lane = lane;
    }
    // A flag that points left may have been given room for more than came: no empty lanes.
    let mut used: Vec<usize> = flags.iter().map(|flag| flag.lane).collect();
    used.sort_unstable();
    used.dedup();
    for flag in &mut flags {
        flag.lane = used.iter().position(|lane| *lane == flag.lane).unwrap_or(0);
    }
    (flags, used.len())
}

/// Where the text of a flag begins, and whether it points left of its pole. Over a bracket it moves as far as it must;
/// beside a pole it changes sides, unless it would meet a pole there whose own text would meet this one: then it lies
/// across the end of its pole.
fn beginning(flags: &[Flag], i: usize, plot: &Area) -> (f64, bool) {
    let flag = &flags[i];
    let (right, left) = (flag.x + AWAY, flag.x - AWAY - flag.width);
    let at_edge = plot.right() - flag.width;
    let bracket = flag.end > flag.x + 0.5;
    if right + flag.width <= plot.right() + 2.0 {
        return (right.max(plot.x - 20.0), false);
    }
    let mut poles = flags[i + 1..].iter().filter(|other| other.end <= other.x + 0.5 && other.x >= left - 3.0);
    let meet = poles.any(|other| other.x + AWAY + other.width > flag.x && other.x < at_edge - AWAY);
    let across = bracket || meet;
    ((if across { at_edge } else { left }).max(plot.x - 20.0), !across)
}

/// All labels of a panel.
pub(super) fn labels(
    faces: &Faces,
    panel: &Panel,
    x: &Ruler,
    y: &Ruler,
    slot: &Area,
    plot: &Area,
    out: &mut Vec<Item>,
) {
    flags(faces, panel, x, plot, out);
    beside(faces, panel, y, slot, plot, out);
    words(faces, panel, x, y, plot, out);
}

fn text(x: f64, baseline: f64, text: String, ink: Ink, anchor: Anchor) -> Item {
    Item::Text(Text { x, baseline, text, size: TICK, bold: false, ink, anchor })
}

fn flags(faces: &Faces, panel: &Panel, x: &Ruler, plot: &Area, out: &mut Vec<Item>) {
    for flag in top_labels(faces, panel, x, plot).0 {
        let bottom = plot.y - 3.0 - LANE * flag.lane as f64;
        let line = |points| Item::Line { points, ink: flag.ink, width: 1.25, dash: Dash::Solid };
        if flag.end > flag.x + 0.5 {
            let at = bottom - 1.0;
            out.push(line(vec![(flag.x, at + 3.0), (flag.x, at), (flag.end, at), (flag.end, at + 3.0)]));
            out.push(text(flag.from, bottom - 4.0, flag.text, flag.ink, Anchor::Start));
            continue;
        }
        let across = flag.from < flag.x && flag.x < flag.from + flag.width;
        out.push(line(vec![(flag.x, plot.y), (flag.x, if across { bottom + 1.0 } else { bottom - 9.0 })]));
        out.push(text(flag.from, bottom - 2.0, flag.text, flag.ink, Anchor::Start));
    }
}

/// Labels at the right of the plot, moved apart where their rules are close.
fn beside(faces: &Faces, panel: &Panel, y: &Ruler, slot: &Area, plot: &Area, out: &mut Vec<Item>) {
    const APART: f64 = 13.0;
    let mut placed: Vec<(f64, String, Ink)> = right_labels(panel)
        .filter(|(at, _, _)| y.holds(*at))
        .filter_map(|(at, label, ink)| Some((y.at(at)?, label, ink)))
        .collect();
    placed.sort_by(|a, b| a.0.total_cmp(&b.0));
    for i in 1..placed.len() {
        placed[i].0 = placed[i].0.max(placed[i - 1].0 + APART);
    }
    let mut floor = plot.bottom() + 4.0;
    for label in placed.iter_mut().rev() {
        label.0 = label.0.min(floor);
        floor = label.0 - APART;
    }
    let room = slot.x + slot.w - plot.right() - 6.0;
    for (at, label, ink) in placed {
        let words = faces.elided(&label, TICK, false, room);
        out.push(text(plot.right() + 6.0, at + 0.36 * TICK, words, ink, Anchor::Start));
    }
}

/// Words at points: right, left, over or under them, wherever nothing else is.
fn words(faces: &Faces, panel: &Panel, x: &Ruler, y: &Ruler, plot: &Area, out: &mut Vec<Item>) {
    const HEIGHT: f64 = 11.0;
    let mut taken: Vec<Area> = Vec::new();
    for series in &panel.series {
        if let Mark::Line { points, .. } | Mark::Dots { points, .. } = &series.mark {
            let places: Vec<Point> =
                points.iter().take(400).filter_map(|point| Some((x.at(point.0)?, y.at(point.1)?))).collect();
            taken.extend(places.iter().map(|p| Area { x: p.0 - 5.0, y: p.1 - 5.0, w: 10.0, h: 10.0 }));
            if matches!(series.mark, Mark::Line { .. }) {
                along(&places, &mut taken);
            }
        }
    }
    for series in &panel.series {
        let Mark::Words(words) = &series.mark else { continue };
        for (wx, wy, word) in words {
            let (Some(px), Some(py)) = (x.at(*wx), y.at(*wy)) else { continue };
            let word = faces.elided(&printable(word), TICK, false, 0.4 * plot.w);
            let w = faces.width(&word, TICK, false);
            let place = [
                (px + 7.0, py - 5.5),
                (px - 7.0 - w, py - 5.5),
                (px - w / 2.0, py - 18.0),
                (px - w / 2.0, py + 7.0),
                (px + 7.0, py - 17.0),
                (px + 6.0, py + 6.0),
                (px - 6.0 - w, py - 17.0),
                (px - 6.0 - w, py + 6.0),
            ]
            .map(|(left, top)| Area { x: left, y: top, w, h: HEIGHT })
            .into_iter()
            .find(|area| {
                let inside = area.x >= plot.x + 2.0
                    && area.right() <= plot.right() - 2.0
                    && area.y >= plot.y + 1.0
                    && area.bottom() <= plot.bottom() - 1.0;
                inside && !taken.iter().any(|other| other.hits(area))
            });
            if let Some(area) = place {
                out.push(text(area.x, area.y + 9.0, word, series.ink, Anchor::Start));
                // the next word keeps its distance
                taken.push(Area { x: area.x - 5.0, w: area.w + 10.0, ..area });
            }
        }
    }
}

/// What a line takes: a row of small squares.
fn along(line: &[Point], taken: &mut Vec<Area>) {
    for (from, to) in line.iter().zip(line.iter().skip(1)) {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let steps = ((dx * dx + dy * dy).sqrt() / 4.0).clamp(1.0, 500.0) as u32;
        for step in 0..steps {
            let part = f64::from(step) / f64::from(steps);
            let (px, py) = (from.0 + part * dx, from.1 + part * dy);
            taken.push(Area { x: px - 2.0, y: py - 2.0, w: 4.0, h: 4.0 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_pole_goes_through_the_text_of_another_flag() {
        let plot = Area { x: 250.0, y: 0.0, w: 750.0, h: 100.0 };
        let flag =
            |x: f64, width: f64| Flag { x, end: x, text: String::new(), ink: Ink::Text, from: 0.0, width, lane: 0 };
        // on a phone each text reaches over the other's pole, so the right one lies across its own
        let (from, flips) = beginning(&[flag(760.0, 340.0), flag(520.0, 305.0)], 0, &plot);
        assert_eq!((from, flips), (660.0, false));
        // where the left one is short, the right one comes above it
        let (from, flips) = beginning(&[flag(760.0, 340.0), flag(520.0, 100.0)], 0, &plot);
        assert_eq!((from, flips), (760.0 - AWAY - 340.0, true));
        // with room to the right nothing moves
        assert_eq!(beginning(&[flag(600.0, 340.0), flag(520.0, 305.0)], 0, &plot), (600.0 + AWAY, false));
    }
}
