//! What the layout makes of a figure: simple things at their places, which a renderer draws in order.
//!
//! Units are px of the finished picture, y grows downwards.

use super::figure::{Dash, Shape};
use super::font::{BrokenFont, Faces};
use super::format::Format;
use super::theme::Ink;

/// A point in px.
pub(super) type Point = (f64, f64);

/// A laid-out figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Width in px.
    pub width: f64,
    /// Height in px.
    pub height: f64,
    /// The figure's title, in full.
    pub title: String,
    /// The figure's subtitle, in full.
    pub description: String,
    /// Titles, notes, footer.
    pub(super) frame: Vec<Item>,
    /// The legend, an entry for each name.
    pub(super) legend: Vec<Entry>,
    /// The plots.
    pub(super) plots: Vec<Plot>,
}

/// Where a text stands: from its left edge and the top of its capitals to its right edge and its baseline.
#[derive(Clone, Debug, PartialEq)]
pub struct TextBox {
    /// The text.
    pub text: String,
    /// Its left edge in px.
    pub left: f64,
    /// The top of its capitals in px.
    pub top: f64,
    /// Its right edge in px.
    pub right: f64,
    /// Its baseline in px.
    pub bottom: f64,
}

impl Scene {
    /// Every text of the picture with its place.
    pub fn texts(&self) -> Result<Vec<TextBox>, BrokenFont> {
        let faces = Faces::load()?;
        let legend = self.legend.iter().flat_map(|entry| &entry.items);
        let plots = self.plots.iter().flat_map(|plot| {
            let layers = plot.layers.iter().flat_map(|layer| &layer.items);
            plot.back.iter().chain(&plot.ticks).chain(layers).chain(&plot.front)
        });
        let texts = self.frame.iter().chain(legend).chain(plots).filter_map(|item| match item {
            Item::Text(text) if !text.text.is_empty() => Some(text),
            _ => None,
        });
        let placed = texts.map(|text| {
            let width = faces.width(&text.text, text.size, text.bold);
            let left = match text.anchor {
                Anchor::Start => text.x,
                Anchor::Middle => text.x - width / 2.0,
                Anchor::End => text.x - width,
            };
            let (top, bottom) = (text.baseline - 0.74 * text.size, text.baseline);
            TextBox { text: text.text.clone(), left, top, right: left + width, bottom }
        });
        Ok(placed.collect())
    }

    /// For each plot, whether it says that there is nothing to show, and how many things it draws.
    pub fn drawn(&self) -> Vec<(bool, usize)> {
        let count = |plot: &Plot| plot.layers.iter().map(|layer| layer.items.len()).sum();
        self.plots.iter().map(|plot| (plot.empty, count(plot))).collect()
    }
}

/// An entry of the legend. Its number is its place; layers refer to it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub name: String,
    pub area: Area,
    pub items: Vec<Item>,
}

/// One plot.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plot {
    pub area: Area,
    pub title: String,
    /// Ground, grid, ticks of the vertical axis.
    pub back: Vec<Item>,
    /// What belongs to the horizontal axis and moves when a reader zooms.
    pub ticks: Vec<Item>,
    pub layers: Vec<Layer>,
    /// Labels over everything.
    pub front: Vec<Item>,
    /// For scripts: whether the x axis is logarithmic, its range in units of its scale, and how it reads.
    pub x: Option<(bool, f64, f64, Format)>,
    pub zoom: bool,
    /// Whether there was nothing to draw.
    pub empty: bool,
}

/// One series.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layer {
    /// Its entry in the legend.
    pub entry: Option<usize>,
    pub items: Vec<Item>,
    /// Tooltips: where, and what.
    pub tips: Vec<(Point, String)>,
}

/// A rectangle.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Area {
    pub x: f64,
    pub y: f64,
    pub w: f64,
    pub h: f64,
}

impl Area {
    pub fn right(&self) -> f64 {
        self.x + self.w
    }

    pub fn bottom(&self) -> f64 {
        self.y + self.h
    }

    /// Whether the two share more than an edge.
    pub fn hits(&self, other: &Self) -> bool {
        self.x < other.right() && other.x < self.right() && self.y < other.bottom() && other.y < self.bottom()
    }
}

/// Which end of a text its x is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A piece of text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Text {
    pub x: f64,
    /// The y of the baseline.
    pub baseline: f64,
    pub text: String,
    /// The em in px.
    pub size: f64,
    pub bold: bool,
    pub ink: Ink,
    pub anchor: Anchor,
}

/// A simple thing.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    Line {
        points: Vec<Point>,
        ink: Ink,
        width: f64,
        dash: Dash,
    },
    Polygon {
        points: Vec<Point>,
        ink: Ink,
        opacity: f64,
    },
    Rect {
        area: Area,
        ink: Ink,
        opacity: f64,
    },
    /// Rectangles of one ink with an opacity each.
    Tiles {
        tiles: Vec<(Area, f64)>,
        ink: Ink,
    },
    Marks {
        at: Vec<Point>,
        shape: Shape,
        size: f64,
        ink: Ink,
        opacity: f64,
    },
    /// Separate strokes.
    Strokes {
        strokes: Vec<(Point, Point)>,
        ink: Ink,
        width: f64,
    },
    Text(Text),
}

/// The structure in words, for snapshots and tests: what is there, how much of it, and where it reaches.
pub fn outline(scene: &Scene) -> String {
    let mut out = format!("{:.0} x {:.0} {}\n", scene.width, scene.height, scene.title);
    describe(&scene.frame, "  ", &mut out);
    for entry in &scene.legend {
        out.push_str(&format!("  legend {:?} at {:.0},{:.0}\n", entry.name, entry.area.x, entry.area.y));
    }
    for plot in &scene.plots {
        let Area { x, y, w, h } = plot.area;
        let empty = if plot.empty { ", empty" } else { "" };
        out.push_str(&format!("  plot {:?} at {x:.0},{y:.0} of {w:.0} x {h:.0}{empty}\n", plot.title));
        describe(&plot.back, "    ", &mut out);
        describe(&plot.ticks, "    ", &mut out);
        for layer in &plot.layers {
            let name = layer.entry.and_then(|entry| scene.legend.get(entry)).map_or("", |entry| entry.name.as_str());
            out.push_str(&format!("    layer {name:?}, {} tips\n", layer.tips.len()));
            describe(&layer.items, "      ", &mut out);
        }
        describe(&plot.front, "    ", &mut out);
    }
    out
}

fn describe(items: &[Item], indent: &str, out: &mut String) {
    for item in items {
        out.push_str(indent);
        match item {
            Item::Text(text) => {
                out.push_str(&format!("text {:?} at {:.0},{:.0} {:?}", text.text, text.x, text.baseline, text.anchor));
            }
            Item::Line { points, ink, dash, .. } => {
                out.push_str(&format!("line {ink:?} {dash:?} of {} points{}", points.len(), reach(points)));
            }
            Item::Polygon { points, ink, .. } => {
                out.push_str(&format!("polygon {ink:?} of {} points{}", points.len(), reach(points)));
            }
            Item::Rect { area, ink, .. } => out.push_str(&format!("rect {ink:?}{}", reach(&corners(area)))),
            Item::Tiles { tiles, ink } => {
                let all: Vec<Point> = tiles.iter().flat_map(|(area, _)| corners(area)).collect();
                out.push_str(&format!("{} tiles {ink:?}{}", tiles.len(), reach(&all)));
            }
            Item::Marks { at, shape, ink, .. } => {
                out.push_str(&format!("{} marks {shape:?} {ink:?}{}", at.len(), reach(at)));
            }
            Item::Strokes { strokes, ink, .. } => {
                let all: Vec<Point> = strokes.iter().flat_map(|&(a, b)| [a, b]).collect();
                out.push_str(&format!("{} strokes {ink:?}{}", strokes.len(), reach(&all)));
            }
        }
        out.push('\n');
    }
}

fn corners(area: &Area) -> [Point; 2] {
    [(area.x, area.y), (area.right(), area.bottom())]
}

fn reach(points: &[Point]) -> String {
    let mut low = (f64::INFINITY, f64::INFINITY);
    let mut high = (f64::NEG_INFINITY, f64::NEG_INFINITY);
    for &(x, y) in points {
        low = (low.0.min(x), low.1.min(y));
        high = (high.0.max(x), high.1.max(y));
    }
    if points.is_empty() {
        return String::new();
    }
    format!(", {:.0},{:.0} to {:.0},{:.0}", low.0, low.1, high.0, high.1)
}
