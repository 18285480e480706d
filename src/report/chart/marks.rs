//! Series become simple things at their places.

use super::axis::Ruler;
use super::figure::{Dash, Mark, Panel, Series, Shape, Span, SpanKind};
use super::font::printable;
use super::measures::{FLAG_LANE, hatched, marker_size};
use super::path::{clipped, thinned};
use super::scene::{Area, Entry, Item, Layer, Point};
use super::theme::Ink;

/// Up to this many points a line has markers, and tooltips of its own making.
const FEW: usize = 120;
/// A line with more points than this is thin.
const LONG: usize = 1_000;

/// The layers of a panel, in the order of its series. Without a vertical axis only what needs none is drawn.
pub(super) fn layers(panel: &Panel, x: &Ruler, y: Option<&Ruler>, plot: &Area, legend: &[Entry]) -> Vec<Layer> {
    panel
        .series
        .iter()
        .map(|series| {
            let name = printable(&series.name);
            let entry = legend.iter().position(|entry| !name.is_empty() && entry.name == name);
            let mut layer = Layer { entry, items: Vec::new(), tips: Vec::new() };
            let pen = Pen { panel, series, x, plot, with_y: y.is_some() };
            pen.flat(&mut layer);
            if let Some(y) = y {
                pen.tall(y, &mut layer);
            }
            layer
        })
        .collect()
}

struct Pen<'a> {
    panel: &'a Panel,
    series: &'a Series,
    x: &'a Ruler,
    plot: &'a Area,
    /// Whether there is a vertical axis.
    with_y: bool,
}

impl Pen<'_> {
    /// Marks that need no vertical axis.
    fn flat(&self, layer: &mut Layer) {
        let ink = self.series.ink;
        match &self.series.mark {
            Mark::Spans(spans, kind) => {
                for (i, span) in spans.iter().enumerate() {
                    let Some(area) = self.span(span) else { continue };
                    match kind {
                        SpanKind::Shaded => layer.items.push(Item::Rect { area, ink, opacity: 1.0 }),
                        SpanKind::Hatched(texture) => layer.items.extend(hatched(area, ink, *texture)),
                        SpanKind::Bracket => layer.items.push(Item::Rect { area, ink, opacity: 0.10 }),
                    }
                    self.tip(i, (area.x + area.w / 2.0, self.plot.y + 12.0), layer);
                }
            }
            Mark::RuleX { at, dash, .. } if self.x.holds(*at) && self.with_y => {
                if let Some(px) = self.x.at(*at) {
                    let points = vec![(px, self.plot.y), (px, self.plot.bottom())];
                    layer.items.push(Item::Line { points, ink, width: 1.25, dash: *dash });
                }
            }
            Mark::Flags { at, shape, lane, counts } => {
                let py = self.plot.y + 7.0 + FLAG_LANE * f64::from(*lane);
                let mut places = Vec::new();
                for (i, at) in at.iter().enumerate() {
                    if let Some(px) = self.x.at(*at).filter(|_| self.x.holds(*at)) {
                        places.push((px, py));
                        self.tip(i, (px, py), layer);
                    }
                }
                if self.merge(&places, counts) {
                    layer.items.push(self.rates(at, counts, py));
                    return;
                }
                // Flags less than half a px apart cannot be told apart.
                places.dedup_by(|b, a| (a.0 - b.0).abs() < 0.5);
                if !places.is_empty() {
                    layer.items.push(Item::Marks { at: places, shape: *shape, size: 8.0, ink, opacity: 1.0 });
                }
            }
            _ => {}
        }
    }

    /// Whether markers, one for several things, would run into each other.
    fn merge(&self, places: &[Point], counts: &[u64]) -> bool {
        let close = places.windows(2).filter(|pair| (pair[1].0 - pair[0].0).abs() < FLAG_LANE).count();
        !counts.is_empty() && 3 * close > places.len() && places.len() > 3
    }

    /// A lane of bars: how many there are in each stretch of a few px.
    fn rates(&self, at: &[f64], counts: &[u64], middle: f64) -> Item {
        const COLUMN: f64 = 4.0;
        let mut columns = vec![0_u64; (self.plot.w / COLUMN) as usize + 1];
        for (at, count) in at.iter().zip(counts) {
            let place = self.x.at(*at).filter(|_| self.x.holds(*at)).map(|px| ((px - self.plot.x) / COLUMN) as usize);
            if let Some(column) = place.and_then(|place| columns.get_mut(place)) {
                *column += count;
            }
        }
        let most = columns.iter().copied().max().unwrap_or(0).max(1) as f64;
        let bottom = middle + FLAG_LANE / 2.0;
        let bar = |(place, &count): (usize, &u64)| {
            let h = ((FLAG_LANE - 1.0) * count as f64 / most).max(1.5);
            let area = Area { x: self.plot.x + COLUMN * place as f64, y: bottom - h, w: COLUMN, h };
            (count > 0).then_some((area, 1.0))
        };
        Item::Tiles { tiles: columns.iter().enumerate().filter_map(bar).collect(), ink: self.series.ink }
    }

    fn span(&self, span: &Span) -> Option<Area> {
        let (from, to) = (self.x.within(span.from)?, self.x.within(span.to)?);
        let outside = span.to <= span.from || (from == to && !self.x.holds(span.from));
        // A span that is too short to be seen is still there.
        let w = (to - from).max(1.5).min(self.plot.right() - from);
        (!outside).then_some(Area { x: from, y: self.plot.y, w, h: self.plot.h })
    }

    /// Marks on both axes.
    fn tall(&self, y: &Ruler, layer: &mut Layer) {
        let ink = self.series.ink;
        let at = |point: Point| -> Option<Point> { Some((self.x.at(point.0)?, y.at(point.1)?)) };
        let inside = |point: Point| self.x.holds(point.0) && y.holds(point.1);
        match &self.series.mark {
            Mark::Line { points, dash, marker } => {
                self.polyline(runs(points, at), *dash, layer);
                let all: Vec<Point> = points.iter().copied().filter(|&point| inside(point)).filter_map(at).collect();
                if let Some(shape) = *marker
                    && all.len() <= FEW
                    && !all.is_empty()
                {
                    let size = marker_size(shape);
                    layer.items.push(Item::Marks { at: all, shape, size, ink, opacity: 1.0 });
                }
                self.point_tips(points, at, layer);
            }
            Mark::Step { points, dash } => {
                let mut steps: Vec<Point> = Vec::new();
                for pair in points.windows(2) {
                    steps.extend([pair[0], (pair[1].0, pair[0].1)]);
                }
                steps.extend(points.last());
                self.polyline(runs(&steps, at), *dash, layer);
                self.point_tips(points, at, layer);
            }
            Mark::Band { points, opacity } => {
                let mut band: Vec<(f64, f64, f64)> = Vec::new();
                for &(bx, low, high) in points.iter().chain(&[(f64::NAN, 0.0, 0.0)]) {
                    match (self.x.at(bx).filter(|_| self.x.holds(bx)), y.within(low), y.within(high)) {
                        (Some(bx), Some(low), Some(high)) if !low.is_nan() && !high.is_nan() => {
                            band.push((bx, low, high));
                        }
                        _ => {
                            if band.len() > 1 {
                                let upper = band.iter().map(|p| (p.0, p.2));
                                let lower = band.iter().rev().map(|p| (p.0, p.1));
                                let points = upper.chain(lower).collect();
                                layer.items.push(Item::Polygon { points, ink, opacity: *opacity });
                            } else if let [(bx, low, high)] = band[..] {
                                let area = Area { x: bx - 2.5, y: low.min(high), w: 5.0, h: (high - low).abs() };
                                layer.items.push(Item::Rect { area, ink, opacity: *opacity });
                            }
                            band.clear();
                        }
                    }
                }
            }
            Mark::Dots { points, shape, size, opacity } => {
                let places: Vec<Point> = points.iter().copied().filter(|&point| inside(point)).filter_map(at).collect();
                if !places.is_empty() {
                    let (shape, size, opacity) = (*shape, *size, *opacity);
                    layer.items.push(Item::Marks { at: places, shape, size, ink, opacity });
                }
                self.point_tips(points, at, layer);
            }
            Mark::Density { cells } => {
                let tile = |&(x0, x1, y0, y1, weight): &(f64, f64, f64, f64, f64)| {
                    let area = self.between(y, (x0, x1), (y0, y1))?;
                    (weight > 0.0).then_some((area, weight.min(1.0)))
                };
                let tiles: Vec<(Area, f64)> = cells.iter().filter_map(tile).collect();
                if !tiles.is_empty() {
                    layer.items.push(Item::Tiles { tiles, ink });
                }
            }
            Mark::Cells { cells, .. } => {
                for (i, (x0, x1, y0, y1, value, text)) in cells.iter().enumerate() {
                    let Some(area) = self.between(y, (*x0, *x1), (*y0, *y1)) else { continue };
                    layer.items.extend(super::heat::cell(area, *value, text));
                    self.tip(i, (area.x + area.w / 2.0, area.y + area.h / 2.0), layer);
                }
            }
            Mark::Outline { squares, dash } => {
                for edge in super::heat::border(squares) {
                    let place = |corner: (f64, f64)| at((corner.0 - 0.5, corner.1 - 0.5));
                    if let (Some(a), Some(b)) = (place(edge.0), place(edge.1)) {
                        layer.items.push(Item::Line { points: vec![a, b], ink, width: 2.5, dash: *dash });
                    }
                }
            }
            Mark::Corners(squares) => {
                for &(i, j) in squares {
                    let (i, j) = (i as f64, j as f64);
                    if let Some(area) = self.between(y, (i - 0.5, i + 0.5), (j - 0.5, j + 0.5)) {
                        let side = (area.h * 0.34).min(area.w * 0.34).min(10.0);
                        let (x, y) = (area.x + 0.5, area.y + 0.5);
                        let points = vec![(x, y), (x + side, y), (x, y + side)];
                        layer.items.push(Item::Polygon { points, ink, opacity: 1.0 });
                    }
                }
            }
            Mark::Bars { bars } => {
                let mut tiles = Vec::new();
                for (i, &(x0, x1, low, high)) in bars.iter().enumerate() {
                    if let Some(area) = self.between(y, (x0, x1), (low, high)).filter(|area| area.h > 0.0) {
                        tiles.push((area, 1.0));
                        self.tip(i, (area.x + area.w / 2.0, area.y), layer);
                    }
                }
                if !tiles.is_empty() {
                    layer.items.push(Item::Tiles { tiles, ink });
                }
            }
            Mark::RuleY { at: value, dash, .. } if y.holds(*value) => {
                if let Some(py) = y.at(*value) {
                    let points = vec![(self.plot.x, py), (self.plot.right(), py)];
                    layer.items.push(Item::Line { points, ink, width: 1.25, dash: *dash });
                }
            }
            Mark::Intervals { rows, shape } => self.intervals(y, rows, *shape, layer),
            Mark::Links(links) => {
                for &(a, b) in links {
                    if let (Some(a), Some(b)) = (at(a), at(b)) {
                        let points = vec![a, b];
                        for points in clipped(&points, self.plot) {
                            layer.items.push(Item::Line { points, ink, width: 1.0, dash: Dash::Solid });
                        }
                    }
                }
            }
            Mark::RuleX { .. } | Mark::RuleY { .. } | Mark::Spans(..) | Mark::Flags { .. } | Mark::Words(_) => {}
        }
    }

    fn polyline(&self, runs: Vec<Vec<Point>>, dash: Dash, layer: &mut Layer) {
        for run in runs {
            // A long line goes up and down within a px: a thin one does not cover what is under it.
            let width = match dash {
                Dash::Solid if run.len() > LONG => 1.0,
                Dash::Solid => 1.75,
                _ => 1.5,
            };
            if let [alone] = run[..] {
                let mark =
                    Item::Marks { at: vec![alone], shape: Shape::Disc, size: 6.0, ink: self.series.ink, opacity: 1.0 };
                layer.items.push(mark);
                continue;
            }
            for points in clipped(&thinned(run), self.plot) {
                layer.items.push(Item::Line { points, ink: self.series.ink, width, dash });
            }
        }
    }

    /// Intervals lying; what reaches beyond the axis ends in an arrow.
    fn intervals(&self, y: &Ruler, rows: &[(f64, f64, f64, f64)], shape: Shape, layer: &mut Layer) {
        let ink = self.series.ink;
        for (i, &(row, low, value, high)) in rows.iter().enumerate() {
            let Some(py) = y.at(row) else { continue };
            if let (Some(from), Some(to)) = (self.x.within(low), self.x.within(high)) {
                let line = |points| Item::Line { points, ink, width: 2.0, dash: Dash::Solid };
                if to > from {
                    layer.items.push(line(vec![(from, py), (to, py)]));
                }
                // An interval that lies wholly beyond one end is one arrow.
                let ends = [(low, from, 1.0), (high, to, -1.0)];
                let ends = match (self.x.holds(low) || self.x.holds(high), to > from, from > self.plot.x + 1.0) {
                    (false, false, true) => &ends[1..],
                    (false, false, false) => &ends[..1],
                    _ => &ends[..],
                };
                for &(end, at, sign) in ends {
                    if self.x.holds(end) {
                        layer.items.push(line(vec![(at, py - 4.0), (at, py + 4.0)]));
                    } else {
                        let tip = [(at, py), (at + sign * 8.0, py - 5.0), (at + sign * 8.0, py + 5.0)];
                        layer.items.push(Item::Polygon { points: tip.to_vec(), ink, opacity: 1.0 });
                    }
                }
            }
            if let Some(px) = self.x.at(value).filter(|_| self.x.holds(value)) {
                layer.items.push(Item::Marks { at: vec![(px, py)], shape, size: 9.0, ink, opacity: 1.0 });
                self.tip(i, (px, py), layer);
            } else if let Some(px) = self.x.within(value) {
                // without an interval, whose end would point there
                if !low.is_finite() && !high.is_finite() {
                    let inwards = if px > self.plot.x + 1.0 { -8.0 } else { 8.0 };
                    let tip = vec![(px, py), (px + inwards, py - 5.0), (px + inwards, py + 5.0)];
                    layer.items.push(Item::Polygon { points: tip, ink, opacity: 1.0 });
                }
                self.tip(i, (px, py), layer);
            }
        }
    }

    fn between(&self, y: &Ruler, xs: (f64, f64), ys: (f64, f64)) -> Option<Area> {
        let (x0, x1) = (self.x.within(xs.0)?, self.x.within(xs.1)?);
        let (y0, y1) = (y.within(ys.0)?, y.within(ys.1)?);
        let area = Area { x: x0.min(x1), y: y0.min(y1), w: (x1 - x0).abs(), h: (y1 - y0).abs() };
        (area.w.is_finite() && area.h.is_finite() && area.w > 0.0).then_some(area)
    }

    fn tip(&self, i: usize, at: Point, layer: &mut Layer) {
        if let Some(tip) = self.series.tips.get(i).filter(|tip| !tip.is_empty()) {
            layer.tips.push((at, tip.clone()));
        }
    }

    /// The tooltips that the series brings, or, for few points, what their axes say.
    fn point_tips(&self, points: &[Point], at: impl Fn(Point) -> Option<Point>, layer: &mut Layer) {
        let made = self.series.tips.is_empty() && points.len() <= FEW && self.series.ink != Ink::Grid;
        for (i, &point) in points.iter().enumerate() {
            let Some(place) = at(point) else { continue };
            if made {
                let (x, y) = (self.panel.x.format.value(point.0), self.panel.y.format.value(point.1));
                let name = if self.series.name.is_empty() { String::new() } else { format!("{}\n", self.series.name) };
                layer.tips.push((place, format!("{name}{y} at {x}")));
            } else {
                self.tip(i, place, layer);
            }
        }
    }
}

/// The unbroken runs of points that have a place.
fn runs(points: &[Point], at: impl Fn(Point) -> Option<Point>) -> Vec<Vec<Point>> {
    let mut runs: Vec<Vec<Point>> = Vec::new();
    let mut open = false;
    for &point in points {
        let Some(place) = at(point) else {
            open = false;
            continue;
        };
        match runs.last_mut() {
            Some(run) if open => run.push(place),
            _ => runs.push(vec![place]),
        }
        open = true;
    }
    runs
}
