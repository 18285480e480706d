//! Where everything of a figure goes. All text is measured before it is placed; what does not fit is wrapped or elided,
//! never overlapped or cut.

use super::figure::{Figure, Panel};
use super::font::{BrokenFont, Faces, printable};
use super::legend::Legend;
use super::panel::{self, Gutters};
use super::scene::{Anchor, Area, Item, Scene, Text};
use super::theme::Ink;

/// Between panels that stand side by side, and between rows.
const BETWEEN: f64 = 26.0;
/// Paper narrower than this has one panel a row.
const NARROW: f64 = 640.0;

/// Lays a figure out on paper of this width in px (at least 280).
pub fn layout(figure: &Figure, width: f64) -> Result<Scene, BrokenFont> {
    Ok(layout_with(figure, width, &Faces::load()?))
}

/// The same by these faces.
pub(super) fn layout_with(figure: &Figure, width: f64, faces: &Faces) -> Scene {
    let width = if width.is_finite() { width.clamp(280.0, 4_000.0).floor() } else { 960.0 };
    let margin = if width < NARROW { 10.0 } else { 20.0 };
    let mut page = Page { faces, width, margin, y: margin, frame: Vec::new() };
    let title = printable(&figure.title);
    let description = printable(&figure.subtitle);
    // a title that states a finding is worth more lines than a name
    page.paragraph(&title, 17.0, true, Ink::Text, if width < NARROW { 12 } else { 4 });
    page.paragraph(&description, 12.0, false, Ink::Muted, 4);
    let mut legend = Legend::of(figure);
    page.y += legend.on_top(faces, (margin, page.y), page.room());
    page.y += 10.0;
    let plots = page.rows(figure, &mut legend);
    for note in &figure.notes {
        page.paragraph(&printable(note), 11.0, false, Ink::Muted, 3);
    }
    page.footer(figure);
    let height = (page.y + margin - 4.0).ceil();
    Scene { width, height, title, description, frame: page.frame, legend: legend.entries(), plots }
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

    fn rows(&mut self, figure: &Figure, legend: &mut Legend<'_>) -> Vec<super::scene::Plot> {
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
            let head = |i: usize| {
                let keys = legend.beside(self.faces, panels[i], &slots[i]);
                keys + panel::head_height(self.faces, panels[i], &slots[i], &gutters[i])
            };
            let head = (0..panels.len()).map(head).fold(0.0, f64::max);
            let mut foot: f64 = 0.0;
            for ((panel, slot), gutters) in panels.iter().zip(&slots).zip(&gutters) {
                let plot = Area {
                    x: slot.x + gutters.left,
                    y: slot.y + head,
                    w: (slot.w - gutters.left - gutters.right).max(20.0),
                    h: height,
                };
                foot = foot.max(panel::foot_height(panel));
                plots.push(panel::plot(self.faces, panel, slot, plot, legend.placed()));
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
