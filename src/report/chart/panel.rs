//! One panel on its paper: its head, its axes with grid and ticks, and what to say where there is nothing to draw.

use super::axis::{Ruler, Tick};
use super::extent::rulers;
use super::figure::{Axis, Dash, Panel, Scale};
use super::font::{Faces, printable};
use super::labels;
use super::marks;
use super::measures::TICK;
use super::scene::{Anchor, Area, Entry, Item, Plot, Text};
use super::theme::Ink;

const HEAD: f64 = 12.0;
/// The height of a line of the head.
const HEAD_LINE: f64 = 19.0;

/// What stands left and right of a plot.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Gutters {
    pub left: f64,
    pub right: f64,
}

impl Gutters {
    /// What a panel of this width and height needs.
    pub fn of(faces: &Faces, panel: &Panel, width: f64, height: f64) -> Self {
        let left = match &panel.y.scale {
            Scale::Category(names) => {
                let size = name_size(height, names.len());
                let wide =
                    |(i, name): (usize, &String)| faces.width(&printable(name), size, panel.y.strong.contains(&i));
                let widest = names.iter().enumerate().map(wide).fold(0.0, f64::max);
                // time needs more room than names
                let most = match (width < 500.0, panel.zoom) {
                    (true, _) => 0.42,
                    (false, true) => 0.22,
                    (false, false) => 0.34,
                };
                if panel.y.shown { widest.min(most * width) + 10.0 } else { 0.0 }
            }
            _ if !panel.y.shown => 0.0,
            _ => rulers(panel, Area { x: 0.0, y: 0.0, w: width, h: height }).1.map_or(30.0, |y| {
                let ticks = vertical_ticks(&y, &panel.y);
                let widest = ticks.iter().map(|tick| faces.width(&tick.label, TICK, false)).fold(0.0, f64::max);
                (widest + 9.0).max(24.0)
            }),
        };
        let labels = labels::right_labels(panel).map(|(_, label, _)| faces.width(&label, TICK, false) + 10.0);
        let words = labels.fold(0.0, f64::max).min(0.25 * width);
        let columns: f64 = column_widths(faces, panel, width).iter().sum();
        Self { left: left.ceil(), right: (words + columns).max(6.0).ceil() }
    }

    pub fn wider(self, other: Self) -> Self {
        Self { left: self.left.max(other.left), right: self.right.max(other.right) }
    }
}

/// The height over the plot: title, labels of the vertical axis and of rules.
pub(super) fn head_height(faces: &Faces, panel: &Panel, slot: &Area, gutters: &Gutters) -> f64 {
    let lines = head_lines(faces, panel, slot.w).len() as f64 * HEAD_LINE;
    let plot =
        Area { x: slot.x + gutters.left, y: 0.0, w: (slot.w - gutters.left - gutters.right).max(20.0), h: slot.h };
    let (x, _) = rulers(panel, plot);
    let lanes = x.map_or(0, |x| labels::top_labels(faces, panel, &x, &plot).1);
    let columns = if panel.columns.is_empty() { 0.0 } else { 16.0 };
    let above = labels::LANE * lanes as f64;
    lines + above.max(columns) + if lines + above > 0.0 { 4.0 } else { 0.0 }
}

/// The height under the plot.
pub(super) fn foot_height(panel: &Panel) -> f64 {
    match (panel.x.shown, panel.x.label.is_empty()) {
        (false, _) => 0.0,
        (true, true) => 18.0,
        (true, false) => 35.0,
    }
}

/// The panel on its paper: `slot` is all of it, `plot` what is between the axes.
pub(super) fn plot(faces: &Faces, panel: &Panel, slot: &Area, plot: Area, legend: &[Entry]) -> Plot {
    let (x, y) = rulers(panel, plot);
    let drawable = x.is_some() && y.is_some();
    let mut out = Plot {
        area: plot,
        title: printable(&panel.title),
        back: vec![Item::Rect { area: plot, ink: Ink::Ground, opacity: 1.0 }],
        ticks: Vec::new(),
        layers: Vec::new(),
        front: Vec::new(),
        x: None,
        zoom: panel.zoom && drawable,
        empty: !drawable,
    };
    head(faces, panel, slot, &mut out);
    if let Some(x) = &x {
        let (log, low, high) = x.range();
        out.x = Some((log, low, high, panel.x.format));
        horizontal_axis(faces, panel, x, (slot, &plot), drawable, &mut out.ticks);
    }
    if let Some(y) = &y {
        vertical_axis(faces, panel, y, slot, &plot, &mut out.back);
        column_texts(faces, panel, y, slot, &plot, &mut out.back);
    }
    if let Some(x) = &x {
        out.layers = marks::layers(panel, x, y.as_ref(), &plot, legend);
    }
    match (&x, &y) {
        (Some(x), Some(y)) => labels::labels(faces, panel, x, y, slot, &plot, &mut out.front),
        _ => nothing(faces, panel, &plot, &mut out.front),
    }
    out
}

fn vertical_ticks(y: &Ruler, axis: &Axis) -> Vec<Tick> {
    y.ticks(axis.format, 6.0, |_| TICK)
}

/// Title and what the vertical axis measures, in one line where they fit.
fn head_lines(faces: &Faces, panel: &Panel, width: f64) -> Vec<Vec<(String, bool)>> {
    let title = printable(&panel.title);
    let label = if panel.y.shown { printable(&panel.y.label) } else { String::new() };
    let remark = faces.width(&printable(&panel.remark), TICK, false).min(0.5 * width);
    let room = width - if remark > 0.0 { remark + 16.0 } else { 0.0 };
    match (title.is_empty(), label.is_empty()) {
        (true, true) if panel.remark.is_empty() => Vec::new(),
        (true, true) => vec![vec![]],
        (false, true) => vec![vec![(faces.elided(&title, HEAD, true, room), true)]],
        (true, false) => vec![vec![(faces.elided(&label, 11.0, false, room), false)]],
        (false, false) => {
            let both = faces.width(&title, HEAD, true) + 10.0 + faces.width(&label, 11.0, false);
            if both <= room {
                return vec![vec![(title, true), (label, false)]];
            }
            let first = vec![(faces.elided(&title, HEAD, true, room), true)];
            vec![first, vec![(faces.elided(&label, 11.0, false, width), false)]]
        }
    }
}

/// How wide the first line of the head is; the whole line where something else stands at its right.
pub(super) fn title_width(faces: &Faces, panel: &Panel, width: f64) -> f64 {
    if !panel.remark.is_empty() {
        return width;
    }
    let size = |bold: bool| if bold { HEAD } else { 11.0 };
    let lines = head_lines(faces, panel, width);
    let words = lines.first().map_or(&[][..], Vec::as_slice).iter();
    let widths = words.map(|(words, bold)| faces.width(words, size(*bold), *bold));
    widths.reduce(|sum, next| sum + 10.0 + next).unwrap_or(0.0)
}

fn head(faces: &Faces, panel: &Panel, slot: &Area, out: &mut Plot) {
    let lines = head_lines(faces, panel, slot.w);
    let text = |x, baseline, text: String, bold: bool, anchor| {
        let (size, ink) = if bold { (HEAD, Ink::Text) } else { (11.0, Ink::Muted) };
        Item::Text(Text { x, baseline, text, size, bold, ink, anchor })
    };
    for (i, line) in lines.iter().enumerate() {
        let baseline = slot.y + HEAD_LINE * i as f64 + 13.0;
        let mut x = slot.x;
        for (words, bold) in line {
            out.back.push(text(x, baseline, words.clone(), *bold, Anchor::Start));
            x += faces.width(words, if *bold { HEAD } else { 11.0 }, *bold) + 10.0;
        }
    }
    if !panel.remark.is_empty() {
        let words = faces.elided(&printable(&panel.remark), TICK, false, 0.5 * slot.w);
        let remark = Text {
            x: slot.x + slot.w,
            baseline: slot.y + 13.0,
            text: words,
            size: TICK,
            bold: false,
            ink: Ink::Muted,
            anchor: Anchor::End,
        };
        out.back.push(Item::Text(remark));
    }
}

fn horizontal_axis(
    faces: &Faces,
    panel: &Panel,
    x: &Ruler,
    (slot, plot): (&Area, &Area),
    drawable: bool,
    out: &mut Vec<Item>,
) {
    let ticks = match &panel.x.scale {
        Scale::Category(names) => {
            let room = plot.w / names.len().max(1) as f64;
            let widest = names.iter().map(|name| faces.width(&printable(name), TICK, false)).fold(0.0, f64::max);
            let every = ((widest.min(72.0) + 8.0) / room).ceil().max(1.0) as usize;
            let shown = names.iter().enumerate().step_by(every);
            shown
                .map(|(i, name)| {
                    // Neither into its neighbour nor off the paper.
                    let at = plot.x + room * (i as f64 + 0.5);
                    let edge = 2.0 * (at - slot.x).min(slot.right() + 8.0 - at);
                    let label = faces.elided(&printable(name), TICK, false, (room * every as f64 - 6.0).min(edge));
                    Tick { value: i as f64, label }
                })
                .collect()
        }
        _ => x.ticks(panel.x.format, 14.0, |label| faces.width(label, TICK, false)),
    };
    let categories = matches!(panel.x.scale, Scale::Category(_));
    for tick in &ticks {
        let Some(at) = x.at(tick.value) else { continue };
        if drawable && !categories {
            out.push(Item::Line {
                points: vec![(at, plot.y), (at, plot.bottom())],
                ink: Ink::Grid,
                width: 0.75,
                dash: Dash::Solid,
            });
        }
        if panel.x.shown {
            let half = faces.width(&tick.label, TICK, false) / 2.0;
            // A label at the very end may not reach beyond the paper of this panel.
            out.push(Item::Text(Text {
                x: if categories { at } else { at.max(plot.x - 24.0 + half) },
                baseline: plot.bottom() + 14.0,
                text: tick.label.clone(),
                size: TICK,
                bold: false,
                ink: Ink::Muted,
                anchor: Anchor::Middle,
            }));
        }
    }
    if panel.x.shown && !panel.x.label.is_empty() {
        let text = faces.elided(&printable(&panel.x.label), 11.0, false, slot.w);
        let half = faces.width(&text, 11.0, false) / 2.0;
        out.push(Item::Text(Text {
            x: (plot.x + plot.w / 2.0).min(slot.right() - half).max(slot.x + half),
            baseline: plot.bottom() + 31.0,
            text,
            size: 11.0,
            bold: false,
            ink: Ink::Muted,
            anchor: Anchor::Middle,
        }));
    }
}

/// The size of the names of a category axis whose rows share this height.
fn name_size(height: f64, names: usize) -> f64 {
    (0.8 * height / names.max(1) as f64).clamp(7.5, 11.5)
}

fn vertical_axis(faces: &Faces, panel: &Panel, y: &Ruler, slot: &Area, plot: &Area, out: &mut Vec<Item>) {
    if let Scale::Category(names) = &panel.y.scale {
        let size = name_size(plot.h, names.len());
        let row = plot.h / names.len().max(1) as f64;
        let every = ((size + 1.0) / row).ceil().max(1.0) as usize;
        for (i, name) in names.iter().enumerate() {
            let Some(at) = y.at(i as f64) else { continue };
            if i > 0 && row >= 16.0 {
                let edge = at - row / 2.0;
                out.push(Item::Line {
                    points: vec![(plot.x, edge), (plot.right(), edge)],
                    ink: Ink::Grid,
                    width: 0.75,
                    dash: Dash::Solid,
                });
            }
            if panel.y.shown && i % every == 0 {
                let bold = panel.y.strong.contains(&i);
                let text = faces.elided(&printable(name), size, bold, plot.x - slot.x - 9.0);
                out.push(Item::Text(Text {
                    x: plot.x - 8.0,
                    baseline: at + 0.36 * size,
                    text,
                    size,
                    bold,
                    ink: Ink::Text,
                    anchor: Anchor::End,
                }));
            }
        }
        return;
    }
    for tick in vertical_ticks(y, &panel.y) {
        let Some(at) = y.at(tick.value) else { continue };
        out.push(Item::Line {
            points: vec![(plot.x, at), (plot.right(), at)],
            ink: Ink::Grid,
            width: 0.75,
            dash: Dash::Solid,
        });
        if panel.y.shown {
            out.push(Item::Text(Text {
                x: plot.x - 6.0,
                baseline: at + 0.36 * TICK,
                text: tick.label,
                size: TICK,
                bold: false,
                ink: Ink::Muted,
                anchor: Anchor::End,
            }));
        }
    }
}

/// The part of a wide panel that columns do not take, for the names of the rows and the drawing.
const ROOM: f64 = 480.0;

/// The widths of the columns that a panel of this width has room for, from the left; the first ones are left out where
/// there is not enough.
fn column_widths(faces: &Faces, panel: &Panel, width: f64) -> Vec<f64> {
    let all: Vec<f64> = panel
        .columns
        .iter()
        .map(|column| {
            let cells = column.cells.iter().map(|(text, _)| faces.width(&printable(text), TICK, false));
            let head = faces.width(&printable(&column.head), TICK, true);
            cells.fold(head, f64::max).min(190.0) + 16.0
        })
        .collect();
    let mut left = (0.42 * width).max(width - ROOM);
    let mut kept: Vec<f64> = Vec::new();
    for width in all.iter().rev() {
        if *width > left {
            break;
        }
        left -= width;
        kept.push(*width);
    }
    kept.reverse();
    kept
}

fn column_texts(faces: &Faces, panel: &Panel, y: &Ruler, slot: &Area, plot: &Area, out: &mut Vec<Item>) {
    let widths = column_widths(faces, panel, slot.w);
    let first = panel.columns.len() - widths.len();
    let mut right = slot.x + slot.w - widths.iter().sum::<f64>();
    for (column, width) in panel.columns[first..].iter().zip(widths) {
        right += width;
        let mut put = |text: &str, baseline, bold, ink| {
            out.push(Item::Text(Text {
                x: right,
                baseline,
                text: faces.elided(&printable(text), TICK, bold, width - 12.0),
                size: TICK,
                bold,
                ink,
                anchor: Anchor::End,
            }));
        };
        put(&column.head, plot.y - 7.0, true, Ink::Muted);
        for (i, (cell, ink)) in column.cells.iter().enumerate() {
            if let Some(at) = y.at(i as f64)
                && y.holds(i as f64)
            {
                put(cell, at + 0.36 * TICK, false, *ink);
            }
        }
    }
}

fn nothing(faces: &Faces, panel: &Panel, plot: &Area, out: &mut Vec<Item>) {
    let lines = faces.wrapped(&printable(&panel.nothing), 11.5, false, plot.w - 20.0, 2);
    let top = plot.y + plot.h / 2.0 - 8.0 * lines.len() as f64;
    for (i, text) in lines.into_iter().enumerate() {
        out.push(Item::Text(Text {
            x: plot.x + plot.w / 2.0,
            baseline: top + 16.0 * i as f64 + 12.0,
            text,
            size: 11.5,
            bold: false,
            ink: Ink::Muted,
            anchor: Anchor::Middle,
        }));
    }
}
