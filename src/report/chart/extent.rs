//! What a panel's axes must hold: every point of its marks.

use super::axis::Ruler;
use super::figure::{Mark, Panel, Scale};
use super::measures::FLAG_LANE;
use super::scene::Area;

/// The two axes; `None` where no value has a place on one.
pub(super) fn rulers(panel: &Panel, plot: Area) -> (Option<Ruler>, Option<Ruler>) {
    let (mut xs, mut ys) = (Vec::new(), Vec::new());
    for series in &panel.series {
        series.mark.each_point(&mut |x, y| {
            if x.is_finite() && y.is_finite() {
                xs.push(x);
                ys.push(y);
            }
        });
    }
    let x_given = panel.x.range.is_some() && !matches!(panel.x.scale, Scale::Category(_));
    let has_data = !xs.is_empty();
    if x_given && !has_data {
        xs.extend(panel.x.range.map(|range| range.0));
    }
    let x = Ruler::new(&panel.x, xs.into_iter(), plot.x, plot.right());
    let downwards = matches!(panel.y.scale, Scale::Category(_));
    let (from, to) = if downwards { (plot.y, plot.bottom()) } else { (plot.bottom(), plot.y + headroom(panel)) };
    // A table has its lines though nothing be drawn in them.
    let y = if has_data || !panel.columns.is_empty() { Ruler::new(&panel.y, ys.into_iter(), from, to) } else { None };
    (x, y)
}

/// What flags take over the highest value.
fn headroom(panel: &Panel) -> f64 {
    if panel.lanes == 0 { 0.0 } else { 3.0 + FLAG_LANE * f64::from(panel.lanes) }
}

impl Mark {
    /// Every point that a range must hold.
    pub(super) fn each_point(&self, see: &mut dyn FnMut(f64, f64)) {
        match self {
            Self::Line { points, .. } | Self::Step { points, .. } | Self::Dots { points, .. } => {
                points.iter().for_each(|&(x, y)| see(x, y));
            }
            Self::Band { points, .. } => points.iter().for_each(|&(x, low, high)| {
                see(x, low);
                see(x, high);
            }),
            Self::Density { cells } => cells.iter().for_each(|&(x0, x1, y0, y1, _)| {
                see(x0, y0);
                see(x1, y1);
            }),
            Self::Cells { cells, .. } => cells.iter().for_each(|&(x0, x1, y0, y1, _, _)| {
                see(x0, y0);
                see(x1, y1);
            }),
            Self::Bars { bars } => bars.iter().for_each(|&(x0, x1, low, high)| {
                see(x0, low);
                see(x1, high);
            }),
            Self::Intervals { rows, .. } => rows.iter().for_each(|&(y, low, value, high)| {
                see(value, y);
                see(low, y);
                see(high, y);
            }),
            Self::Links(links) => links.iter().for_each(|&(a, b)| {
                see(a.0, a.1);
                see(b.0, b.1);
            }),
            Self::Words(words) => words.iter().for_each(|&(x, y, _)| see(x, y)),
            Self::Outline { .. }
            | Self::Corners(_)
            | Self::Flags { .. }
            | Self::Spans(..)
            | Self::RuleX { .. }
            | Self::RuleY { .. } => {}
        }
    }

    /// Every place along x where there is something.
    pub(super) fn each_x(&self, see: &mut dyn FnMut(f64)) {
        match self {
            Self::Flags { at, .. } => at.iter().for_each(|&x| see(x)),
            Self::RuleX { at, .. } => see(*at),
            Self::Outline { squares, .. } | Self::Corners(squares) => squares.iter().for_each(|&(x, _)| see(x as f64)),
            Self::Spans(spans, _) => spans.iter().for_each(|span| see(span.from)),
            mark => mark.each_point(&mut |x, y| {
                if x.is_finite() && y.is_finite() {
                    see(x);
                }
            }),
        }
    }
}
