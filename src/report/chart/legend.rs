//! The legend: over all panels, or, where a panel has keys of its own, beside that panel's title.

use super::figure::{Dash, Figure, Mark, Panel, SpanKind};
use super::font::{Faces, printable};
use super::measures::hatched;
use super::panel;
use super::scene::{Anchor, Area, Entry, Item, Text};
use super::theme::Ink;

/// Sizes of text over all panels and beside a title, px an em.
const SIZE: f64 = 11.5;
const SMALL: f64 = 10.5;
/// The height of a line of the legend over all panels. A finger hits what is 24 px high.
const LINE: f64 = 24.0;
/// The height of a further line beside a title.
pub(super) const SMALL_LINE: f64 = 24.0;
/// A name is wrapped where it is wider, and has so many lines at most.
const LONGEST: f64 = 640.0;
const MOST: usize = 3;
/// From one line of a name to the next.
const LEADING: f64 = 15.0;
/// Between entries.
const APART: f64 = 20.0;

/// A name of the legend, and what stands for it.
#[derive(Clone, Debug)]
struct Name<'f> {
    name: String,
    ink: Ink,
    mark: &'f Mark,
    /// Whether it stands beside the title of the panel that has it first.
    beside: bool,
}

/// The legend of a figure while it is laid out.
#[derive(Clone, Debug)]
pub(super) struct Legend<'f> {
    names: Vec<Name<'f>>,
    /// One for each name, without a place until it has one.
    entries: Vec<Entry>,
}

impl<'f> Legend<'f> {
    /// One name alone needs none.
    pub fn of(figure: &'f Figure) -> Self {
        let mut names = names(figure);
        if names.len() < 2 {
            names.clear();
        }
        let entry = |name: &Name<'_>| Entry {
            name: name.name.clone(),
            area: Area { x: 0.0, y: 0.0, w: 0.0, h: 0.0 },
            items: Vec::new(),
        };
        Self { entries: names.iter().map(entry).collect(), names }
    }

    /// All entries, with a place or without; layers refer to them by their number.
    pub fn placed(&self) -> &[Entry] {
        &self.entries
    }

    /// All entries.
    pub fn entries(self) -> Vec<Entry> {
        self.entries
    }

    /// Places what stands over all panels; gives the height that it takes.
    pub fn on_top(&mut self, faces: &Faces, (x, y): (f64, f64), room: f64) -> f64 {
        let wanted: Vec<usize> = (0..self.names.len()).filter(|&i| !self.names[i].beside).collect();
        if wanted.is_empty() {
            return 0.0;
        }
        let place = Flow { faces, left: x, right: x + room, size: SIZE, line: LINE };
        8.0 + LINE * (1.0 + place.put(self, &wanted, (x, y + 8.0)))
    }

    /// Places what stands beside a panel's title; gives the height that it takes under the title's line.
    pub fn beside(&mut self, faces: &Faces, panel: &Panel, slot: &Area) -> f64 {
        if !panel.keys {
            return 0.0;
        }
        let has = |name: &str| panel.series.iter().any(|series| printable(&series.name) == name);
        let open = |i: &usize| self.names[*i].beside && self.entries[*i].items.is_empty() && has(&self.names[*i].name);
        let wanted: Vec<usize> = (0..self.names.len()).filter(open).collect();
        let title = panel::title_width(faces, panel, slot.w);
        let place = Flow { faces, left: slot.x, right: slot.x + slot.w, size: SMALL, line: SMALL_LINE };
        // the middle of its samples is that of the title's letters
        SMALL_LINE * place.put(self, &wanted, (slot.x + title + if title > 0.0 { APART } else { 0.0 }, slot.y - 1.0))
    }
}

/// Where entries flow.
struct Flow<'a> {
    faces: &'a Faces,
    left: f64,
    right: f64,
    size: f64,
    line: f64,
}

impl Flow<'_> {
    /// Places these one after the other from here on; gives how many lines more than the first they take.
    fn put(&self, legend: &mut Legend<'_>, wanted: &[usize], (mut x, mut y): (f64, f64)) -> f64 {
        let mut lines = 0.0;
        for &i in wanted {
            let entry = self.entry(&legend.names[i], x, y);
            let fits = x <= self.left || entry.area.right() <= self.right;
            let entry = if fits {
                entry
            } else {
                (x, y, lines) = (self.left, y + self.line, lines + 1.0);
                self.entry(&legend.names[i], x, y)
            };
            x += entry.area.w + APART;
            let more = (entry.area.h - self.line) / self.line;
            legend.entries[i] = entry;
            if more > 0.0 {
                // nothing stands beside a name of several lines
                (x, y, lines) = (self.right + 1.0, y + self.line * more, lines + more);
            }
        }
        lines
    }

    fn entry(&self, of: &Name<'_>, x: f64, y: f64) -> Entry {
        let (low, high) = ramp_ends(of.mark);
        let ends = self.faces.width(low, self.size, false) + self.faces.width(high, self.size, false);
        let ramp = matches!(of.mark, Mark::Cells { .. });
        let swatch = if ramp { 134.0 + ends } else { 24.0 };
        let room = (self.right - self.left - swatch - 6.0).min(LONGEST);
        let texts = self.faces.wrapped(&of.name, self.size, false, room, MOST);
        let widths = texts.iter().map(|text| self.faces.width(text, self.size, false));
        let w = swatch + 6.0 + widths.fold(0.0, f64::max);
        // two lines of a name are nearer to each other than two names
        let lines = (1.0 + LEADING * texts.len().saturating_sub(1) as f64 / self.line).ceil();
        let area = Area { x, y, w, h: self.line * lines };
        let mut items = swatch_of(of.mark, of.ink, &area, self.faces.width(low, self.size, false));
        let word = |x, text: String, ink, line: usize| {
            let baseline = area.y + 14.0 + LEADING * line as f64;
            Item::Text(Text { x, baseline, text, size: self.size, bold: false, ink, anchor: Anchor::Start })
        };
        if ramp {
            items.push(word(x, low.to_owned(), Ink::Muted, 0));
            let high_x = x + swatch - self.faces.width(high, self.size, false) - 2.0;
            items.push(word(high_x, high.to_owned(), Ink::Muted, 0));
        }
        items.extend(texts.into_iter().enumerate().map(|(line, text)| word(x + swatch + 6.0, text, Ink::Text, line)));
        Entry { name: of.name.clone(), area, items }
    }
}

/// The names of the legend with what stands for each, in order of appearance; a band counts only where nothing else
/// bears its name.
fn names(figure: &Figure) -> Vec<Name<'_>> {
    let mut names: Vec<Name<'_>> = Vec::new();
    let panels = figure.rows.iter().flat_map(|row| &row.panels);
    let series = panels.flat_map(|panel| panel.series.iter().map(move |series| (panel.keys, series)));
    for (beside, series) in series {
        let labelled = match &series.mark {
            Mark::RuleX { label, .. } | Mark::RuleY { label, .. } => !label.is_empty(),
            Mark::Spans(_, SpanKind::Bracket) | Mark::Words(_) => true,
            mark => !has_something(mark),
        };
        if series.name.is_empty() || labelled {
            continue;
        }
        let name = printable(&series.name);
        match names.iter_mut().find(|known| known.name == name) {
            None => names.push(Name { name, ink: series.ink, mark: &series.mark, beside }),
            Some(known) if matches!(known.mark, Mark::Band { .. } | Mark::Links(_)) => {
                (known.ink, known.mark) = (series.ink, &series.mark);
            }
            Some(_) => {}
        }
    }
    let rank = |name: &str| figure.legend.iter().position(|other| printable(other) == name).unwrap_or(usize::MAX);
    names.sort_by_key(|known| rank(&known.name));
    names
}

/// Whether a mark has anything in it.
fn has_something(mark: &Mark) -> bool {
    let mut some = false;
    mark.each_x(&mut |_| some = true);
    some || matches!(mark, Mark::Spans(spans, _) if !spans.is_empty()) || matches!(mark, Mark::RuleY { .. })
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
