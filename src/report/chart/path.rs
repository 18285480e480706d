//! Geometry that both renderers share: thinning, clipping, dashes, hatching, the outlines of markers.

use super::figure::{Dash, Shape, Texture};
use super::scene::{Area, Point};

/// At most four points for each px of width, with every extreme kept: what the eye sees of a long line.
pub(super) fn thinned(points: Vec<Point>) -> Vec<Point> {
    if points.len() < 64 {
        return points;
    }
    let mut out: Vec<Point> = Vec::new();
    let mut column: Vec<Point> = Vec::new();
    let flush = |column: &mut Vec<Point>, out: &mut Vec<Point>| {
        if column.len() <= 4 {
            out.append(column);
            return;
        }
        let mut keep = [0, 0, 0, column.len() - 1];
        for (i, point) in column.iter().enumerate() {
            if point.1 < column[keep[1]].1 {
                keep[1] = i;
            }
            if point.1 > column[keep[2]].1 {
                keep[2] = i;
            }
        }
        keep.sort_unstable();
        let mut last = usize::MAX;
        for i in keep {
            if i != last {
                out.push(column[i]);
            }
            last = i;
        }
        column.clear();
    };
    for point in points {
        if column.first().is_some_and(|first| first.0.floor() != point.0.floor()) {
            flush(&mut column, &mut out);
        }
        column.push(point);
    }
    flush(&mut column, &mut out);
    out
}

/// The parts of a line that lie in an area.
pub(super) fn clipped(points: &[Point], area: &Area) -> Vec<Vec<Point>> {
    let mut parts: Vec<Vec<Point>> = Vec::new();
    let mut open = false;
    for pair in points.windows(2) {
        let Some((a, b)) = clip_segment(pair[0], pair[1], area) else {
            open = false;
            continue;
        };
        if open && let Some(part) = parts.last_mut() {
            part.push(b);
        } else {
            parts.push(vec![a, b]);
        }
        open = b == pair[1];
    }
    parts
}

/// Liang and Barsky (1984).
fn clip_segment(a: Point, b: Point, area: &Area) -> Option<(Point, Point)> {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let (mut from, mut to): (f64, f64) = (0.0, 1.0);
    for (p, q) in [(-dx, a.0 - area.x), (dx, area.right() - a.0), (-dy, a.1 - area.y), (dy, area.bottom() - a.1)] {
        if p == 0.0 {
            if q < 0.0 {
                return None;
            }
        } else if p < 0.0 {
            from = from.max(q / p);
        } else {
            to = to.min(q / p);
        }
    }
    if from > to {
        return None;
    }
    let along = |t: f64| (a.0 + t * dx, a.1 + t * dy);
    Some((if from == 0.0 { a } else { along(from) }, if to == 1.0 { b } else { along(to) }))
}

/// The lengths of strokes and gaps in units of the line's width.
pub(super) fn pattern(dash: Dash) -> &'static [f64] {
    match dash {
        Dash::Solid => &[],
        Dash::Dashed => &[4.0, 2.5],
        Dash::Dotted => &[1.0, 1.8],
        Dash::DashDot => &[5.0, 2.0, 1.0, 2.0],
    }
}

/// The strokes of a line drawn with a pattern of lengths in px.
pub(super) fn dashed(points: &[Point], pattern: &[f64]) -> Vec<Vec<Point>> {
    if pattern.is_empty() || points.len() < 2 || pattern.iter().sum::<f64>() <= 0.0 {
        return vec![points.to_vec()];
    }
    let mut strokes = Vec::new();
    let (mut index, mut left) = (0, pattern[0]);
    let mut stroke = vec![points[0]];
    for pair in points.windows(2) {
        let (mut a, b) = (pair[0], pair[1]);
        loop {
            let (dx, dy) = (b.0 - a.0, b.1 - a.1);
            let length = (dx * dx + dy * dy).sqrt();
            if length <= left {
                left -= length;
                if index % 2 == 0 {
                    stroke.push(b);
                }
                break;
            }
            let t = left / length;
            a = (a.0 + t * dx, a.1 + t * dy);
            if index % 2 == 0 {
                stroke.push(a);
                strokes.push(std::mem::take(&mut stroke));
            } else {
                stroke = vec![a];
            }
            index = (index + 1) % pattern.len();
            left = pattern[index];
        }
    }
    if index % 2 == 0 && stroke.len() > 1 {
        strokes.push(stroke);
    }
    strokes
}

/// Parallel strokes at 45 degrees, `step` px apart along x, over an area. They hang on the paper, not on the area, so
/// that neighbouring areas join.
pub(super) fn hatching(area: &Area, step: f64, texture: Texture) -> Vec<(Point, Point)> {
    let mut strokes = Vec::new();
    // A stroke is x + y = c (rising) or x - y = c (falling).
    let (low, high) = match texture {
        Texture::Rising => (area.x + area.y, area.right() + area.bottom()),
        Texture::Falling => (area.x - area.bottom(), area.right() - area.y),
    };
    let mut c = (low / step).ceil() * step;
    while c < high && strokes.len() < 4_000 {
        let (a, b) = match texture {
            Texture::Rising => {
                let x0 = area.x.max(c - area.bottom());
                let x1 = area.right().min(c - area.y);
                ((x0, c - x0), (x1, c - x1))
            }
            Texture::Falling => {
                let x0 = area.x.max(c + area.y);
                let x1 = area.right().min(c + area.bottom());
                ((x0, x0 - c), (x1, x1 - c))
            }
        };
        if b.0 > a.0 {
            strokes.push((a, b));
        }
        c += step;
    }
    strokes
}

/// A marker of diameter 2 around the origin: its outline, and whether it is filled. Discs and rings are not here, every
/// renderer has circles; crosses are strokes.
pub(super) fn outline_of(shape: Shape) -> &'static [Point] {
    match shape {
        Shape::Disc | Shape::Ring => &[],
        Shape::Square => &[(-0.86, -0.86), (0.86, -0.86), (0.86, 0.86), (-0.86, 0.86)],
        Shape::Up => &[(0.0, -1.05), (1.0, 0.8), (-1.0, 0.8)],
        Shape::Right => &[(1.05, 0.0), (-0.8, 1.0), (-0.8, -1.0)],
        Shape::Down => &[(0.0, 1.05), (-1.0, -0.8), (1.0, -0.8)],
        Shape::Diamond => &[(0.0, -1.15), (1.15, 0.0), (0.0, 1.15), (-1.15, 0.0)],
        Shape::Cross => &[
            (-1.0, -0.55),
            (-0.55, -1.0),
            (0.0, -0.45),
            (0.55, -1.0),
            (1.0, -0.55),
            (0.45, 0.0),
            (1.0, 0.55),
            (0.55, 1.0),
            (0.0, 0.45),
            (-0.55, 1.0),
            (-1.0, 0.55),
            (-0.45, 0.0),
        ],
        Shape::Plus => &[
            (-0.33, -1.0),
            (0.33, -1.0),
            (0.33, -0.33),
            (1.0, -0.33),
            (1.0, 0.33),
            (0.33, 0.33),
            (0.33, 1.0),
            (-0.33, 1.0),
            (-0.33, 0.33),
            (-1.0, 0.33),
            (-1.0, -0.33),
            (-0.33, -0.33),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AREA: Area = Area { x: 0.0, y: 0.0, w: 10.0, h: 10.0 };

    #[test]
    fn clipping_cuts_at_the_edges_and_drops_what_is_outside() {
        let line = [(-5.0, 5.0), (5.0, 5.0), (5.0, 20.0), (20.0, 20.0), (8.0, 8.0)];
        let parts = clipped(&line, &AREA);
        assert_eq!(parts, vec![vec![(0.0, 5.0), (5.0, 5.0), (5.0, 10.0)], vec![(10.0, 10.0), (8.0, 8.0)]]);
    }

    #[test]
    fn thinning_keeps_extremes() {
        let points: Vec<Point> = (0..100_000).map(|i| (f64::from(i) / 1_000.0, f64::from(i % 977))).collect();
        let thin = thinned(points);
        assert!(thin.len() <= 400, "{}", thin.len());
        assert!(thin.iter().any(|p| p.1 == 976.0) && thin.iter().any(|p| p.1 == 0.0));
        assert_eq!((thin[0].0, thin[thin.len() - 1].0), (0.0, 99.999));
    }

    #[test]
    fn dashes_have_their_lengths_round_corners_too() {
        let strokes = dashed(&[(0.0, 0.0), (5.0, 0.0), (5.0, 5.0)], &[4.0, 2.0]);
        assert_eq!(strokes, vec![vec![(0.0, 0.0), (4.0, 0.0)], vec![(5.0, 1.0), (5.0, 5.0)]]);
    }

    #[test]
    fn hatching_stays_inside() {
        for texture in [Texture::Rising, Texture::Falling] {
            let area = Area { x: 3.0, y: 7.0, w: 21.0, h: 4.0 };
            let strokes = hatching(&area, 5.0, texture);
            assert!(strokes.len() >= 4);
            for (x, y) in strokes.iter().flat_map(|&(a, b)| [a, b]) {
                assert!((3.0..=24.0).contains(&x) && (7.0..=11.0).contains(&y), "{texture:?} {x} {y}");
            }
        }
    }
}
