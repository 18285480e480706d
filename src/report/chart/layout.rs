//! Where everything of a figure goes. All text is measured before it is placed; what does not fit is wrapped or elided,
//! never overlapped or cut.

use super::figure::{Dash, Figure, Mark, Panel, Shape, SpanKind, Texture};
use super::font::{BrokenFont, Faces, printable};
use super::panel::{self, Gutters};
use super::path::hatching;
use super::scene::{Anchor, Area, Entry, Item, Scene, Text};
use super::theme::Ink;

/// Between panels that stand side by side, and between rows.
const BETWEEN: f64 = 26.0;
/// Paper narrower than this has one panel a row.
const NARROW: f64 = 640.0;

/// Lays a figure out on paper of this width in px (at least 280).
pub fn layout(figure: &Figure, width: f64) -> Result<Scene, BrokenFont> {
    let faces = Faces::load()?;
    let width = if width.is_finite() { width.clamp(280.0, 4_000.0).floor() } else { 960.0 };
    let margin = if width < NARROW { 10.0 } else { 20.0 };
    let mut page = Page { faces: &faces, width, margin, y: margin, frame: Vec::new() };
    let title = printable(&figure.title);
    let description = printable(&figure.subtitle);
    // a title that states a finding is worth more lines than a name
    page.paragraph(&title, 17.0, true, Ink::Text, if width < NARROW { 9 } else { 4 });
    page.paragraph(&description, 12.0, false, Ink::Muted, 4);
    let names = legend_names(figure);
    let legend = if names.len() > 1 { page.legend(&names) } else { Vec::new() };
    page.y += 10.0;
    let plots = page.rows(figure, &legend);
    for note in &figure.notes {
        page.paragraph(&printable(note), 11.0, false, Ink::Muted, 3);
    }
    page.footer(figure);
    let height = (page.y + margin - 4.0).ceil();
    Ok(Scene { width, height, title, description, frame: page.frame, legend, plots })
}

/// The names of the legend with what stands for each, in order of appearance; a band counts only where nothing else
/// bears its name.
fn legend_names(figure: &Figure) -> Vec<(String, Ink, &Mark)> {
    let mut names: Vec<(String, Ink, &Mark)> = Vec::new();
    let panels = figure.rows.iter().flat_map(|row| &row.panels);
    for series in panels.flat_map(|panel| &panel.series) {
        let labelled = match &series.mark {
            Mark::RuleX { label, .. } | Mark::RuleY { label, .. } => !label.is_empty(),
            Mark::Spans(_, SpanKind::Bracket) | Mark::Words(_) => true,
            mark => !has_something(mark),
        };
        if series.name.is_empty() || labelled {
            continue;
        }
        let name = printable(&series.name);
        match names.iter_mut().find(|entry| entry.0 == name) {
            None => names.push((name, series.ink, &series.mark)),
            Some(entry) if matches!(entry.2, Mark::Band { .. } | Mark::Links(_)) => {
                *entry = (name, series.ink, &series.mark);
            }
            Some(_) => {}
        }
    }
    let rank = |name: &str| figure.legend.iter().position(|other| printable(other) == name).unwrap_or(usize::MAX);
    names.sort_by_key(|entry| rank(&entry.0));
    names
}

/// Whether a mark has anything in it.
fn has_something(mark: &Mark) -> bool {
    let mut some = false;
    mark.each_x(&mut |_| some = true);
    some || matches!(mark, Mark::Spans(spans, _) if !spans.is_empty()) || matches!(mark, Mark::RuleY { .. })
}

struct Page<'a> {
    faces: &'a Faces,
    width: f64,
    /// From the edge of the paper to what is on it.
    margin: f64,
    y: f64,
    frame: Vec<Item>,
}

impl Page<'_> {
    fn room(&self) -> f64 {
        self.width - 2.0 * self.margin
    }

    fn paragraph(&mut self, text: &str, size: f64, bold: bool, ink: Ink, most: usize) {
        for line in self.faces.wrapped(text, size, bold, self.room(), most) {
            self.y += (size * 1.36).ceil();
            let baseline = self.y - (size * 0.36).floor();
            self.frame.push(Item::Text(Text {
                x: self.margin,
                baseline,
                text: line,
                size,
                bold,
                ink,
                anchor: Anchor::Start,
            }));
        }
    }

    fn legend(&mut self, names: &[(String, Ink, &Mark)]) -> Vec<Entry> {
        const SIZE: f64 = 11.5;
        const LINE: f64 = 24.0;
        self.y += 8.0;
        let mut x = self.margin;
        let mut entries = Vec::new();
        for (name, ink, mark) in names {
            let (low, high) = ramp_ends(mark);
            let ends = self.faces.width(low, SIZE, false) + self.faces.width(high, SIZE, false);
            let swatch = if matches!(mark, Mark::Cells { .. }) { 134.0 + ends } else { 24.0 };
            let text = self.faces.elided(name, SIZE, false, (self.room() - swatch - 6.0).min(340.0));
            let w = swatch + 6.0 + self.faces.width(&text, SIZE, false);
            if x > self.margin && x + w > self.width - self.margin {
                x = self.margin;
                self.y += LINE;
            }
            let area = Area { x, y: self.y, w, h: LINE };
            let mut items = swatch_of(mark, *ink, &area, self.faces.width(low, SIZE, false));
            let word = |x, text: String, ink| {
                Item::Text(Text {
                    x,
                    baseline: area.y + 14.0,
                    text,
                    size: SIZE,
                    bold: false,
                    ink,
                    anchor: Anchor::Start,
                })
            };
            if matches!(mark, Mark::Cells { .. }) {
                items.push(word(x, low.to_owned(), Ink::Muted));
                items.push(word(x + swatch - self.faces.width(high, SIZE, false) - 2.0, high.to_owned(), Ink::Muted));
            }
            items.push(word(x + swatch + 6.0, text, Ink::Text));
            entries.push(Entry { name: name.clone(), area, items });
            x += w + 20.0;
        }
        self.y += LINE;
        entries
    }

    fn rows(&mut self, figure: &Figure, legend: &[Entry]) -> Vec<super::scene::Plot> {
        let mut rows: Vec<(f64, Vec<&Panel>)> = Vec::new();
        for row in figure.rows.iter().filter(|row| !row.panels.is_empty()) {
            if self.width < NARROW {
                rows.extend(row.panels.iter().map(|panel| (row.height, vec![panel])));
            } else {
                rows.push((row.height, row.panels.iter().collect()));
            }
        }
        // Panels that stand alone in their rows share their left and right edges, so that their x axes agree.
        let alone = rows.iter().filter(|(_, panels)| panels.len() == 1);
        let shared = alone
            .map(|(height, panels)| Gutters::of(self.faces, panels[0], self.room(), *height))
            .fold(Gutters::default(), Gutters::wider);
        let mut plots = Vec::new();
        for (height, panels) in rows {
            let slots = self.slots(&panels, height);
            let gutters: Vec<Gutters> = match panels.as_slice() {
                [_] => vec![shared],
                several => {
                    let pairs = several.iter().zip(&slots);
                    pairs.map(|(panel, slot)| Gutters::of(self.faces, panel, slot.w, height)).collect()
                }
            };
            let heads: Vec<f64> =
                (0..panels.len()).map(|i| panel::head_height(self.faces, panels[i], &slots[i], &gutters[i])).collect();
            let head = heads.iter().copied().fold(0.0, f64::max);
            let mut foot: f64 = 0.0;
            for ((panel, slot), gutters) in panels.iter().zip(&slots).zip(&gutters) {
                let plot = Area {
                    x: slot.x + gutters.left,
                    y: slot.y + head,
                    w: (slot.w - gutters.left - gutters.right).max(20.0),
                    h: height,
                };
                foot = foot.max(panel::foot_height(panel));
                plots.push(panel::plot(self.faces, panel, slot, plot, legend));
            }
            self.y += head + height + foot + if foot > 0.0 { 10.0 } else { 8.0 };
        }
        plots
    }

    /// The paper of each panel of a row.
    fn slots(&self, panels: &[&Panel], height: f64) -> Vec<Area> {
        let weight = |panel: &&Panel| if panel.weight > 0.0 { panel.weight } else { 1.0 };
        let each = (self.room() - BETWEEN * (panels.len() - 1) as f64) / panels.iter().map(weight).sum::<f64>();
        let mut x = self.margin;
        let mut slots = Vec::new();
        for panel in panels {
            let w = (each * weight(panel)).floor();
            slots.push(Area { x, y: self.y, w, h: height });
            x += w + BETWEEN;
        }
        slots
    }

    fn footer(&mut self, figure: &Figure) {
        let from = &figure.provenance;
        let mut parts = Vec::new();
        if !from.scenario.is_empty() {
            parts.push(format!("scenario {}", self.faces.elided(&printable(&from.scenario), 10.0, false, 360.0)));
        }
        if !from.seed.is_empty() {
            parts.push(format!("seed {}", printable(&from.seed)));
        }
        match from.replications {
            Some(1) => parts.push("1 replication".to_owned()),
            Some(n) => parts.push(format!("{n} replications")),
            None => {}
        }
        if !from.version.is_empty() {
            parts.push(format!("stickysim {}", printable(&from.version)));
        }
        if parts.is_empty() {
            return;
        }
        self.y += 4.0;
        self.paragraph(&parts.join("  ·  "), 10.0, false, Ink::Muted, 3);
    }
}

fn ramp_ends(mark: &Mark) -> (&str, &str) {
    match mark {
        Mark::Cells { low, high, .. } => (low, high),
        _ => ("", ""),
    }
}

/// The sample of a mark in the legend: 24 px wide, around the middle of its line.
fn swatch_of(mark: &Mark, ink: Ink, area: &Area, low: f64) -> Vec<Item> {
    let (x, middle) = (area.x, area.y + 10.0);
    let line = |dash| Item::Line { points: vec![(x, middle), (x + 22.0, middle)], ink, width: 2.0, dash };
    let marks = |shape, size| Item::Marks { at: vec![(x + 11.0, middle)], shape, size, ink, opacity: 1.0 };
    let patch = Area { x: x + 1.0, y: middle - 6.0, w: 20.0, h: 12.0 };
    match mark {
        Mark::Line { dash, marker, .. } => {
            let mut items = vec![line(*dash)];
            items.extend(marker.map(|shape| marks(shape, 7.0)));
            items
        }
        Mark::Step { dash, .. } | Mark::RuleX { dash, .. } | Mark::RuleY { dash, .. } => vec![line(*dash)],
        Mark::Links(_) => vec![line(Dash::Solid)],
        Mark::Dots { shape, size, .. } => vec![marks(*shape, size.clamp(5.0, 9.0))],
        Mark::Flags { shape, .. } => vec![marks(*shape, 8.0)],
        Mark::Intervals { shape, .. } => vec![line(Dash::Solid), marks(*shape, 8.0)],
        Mark::Band { opacity, .. } => vec![Item::Rect { area: patch, ink, opacity: *opacity }],
        Mark::Spans(_, SpanKind::Hatched(texture)) => hatched(patch, ink, *texture),
        Mark::Density { .. } => {
            let tile = |i: u32| (Area { x: patch.x + 5.0 * f64::from(i), w: 5.0, ..patch }, 0.25 + 0.25 * f64::from(i));
            vec![Item::Tiles { tiles: (0..4).map(tile).collect(), ink }]
        }
        Mark::Cells { .. } => (0..40)
            .map(|i| Item::Rect {
                area: Area { x: x + low + 6.0 + 3.0 * f64::from(i), y: middle - 5.0, w: 3.0, h: 10.0 },
                ink: Ink::Ramp((f64::from(i) + 0.5) / 40.0),
                opacity: 1.0,
            })
            .collect(),
        Mark::Outline { dash, .. } => {
            let (x0, y0, x1, y1) = (patch.x, patch.y, patch.right(), patch.bottom());
            vec![Item::Line {
                points: vec![(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)],
                ink,
                width: 2.0,
                dash: *dash,
            }]
        }
        Mark::Corners(_) => {
            let corner = vec![(patch.x + 4.0, patch.y), (patch.x + 16.0, patch.y), (patch.x + 4.0, patch.bottom())];
            vec![Item::Polygon { points: corner, ink, opacity: 1.0 }]
        }
        Mark::Spans(_, SpanKind::Shaded | SpanKind::Bracket) | Mark::Bars { .. } | Mark::Words(_) => {
            vec![Item::Rect { area: patch, ink, opacity: 1.0 }]
        }
    }
}

/// A hatched area in a thin frame.
pub(super) fn hatched(area: Area, ink: Ink, texture: Texture) -> Vec<Item> {
    vec![
        Item::Rect { area, ink, opacity: 0.08 },
        Item::Strokes { strokes: hatching(&area, 6.0, texture), ink, width: 1.0 },
    ]
}

/// A marker's usual size.
pub(super) fn marker_size(shape: Shape) -> f64 {
    match shape {
        Shape::Disc | Shape::Ring | Shape::Square => 6.0,
        _ => 7.0,
    }
}
