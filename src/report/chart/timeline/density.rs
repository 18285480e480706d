//! Many attempts as tiles: how many fell into each stretch of time and of TTFT.

use super::track::{COLUMNS, Counted};

/// Counts in cells over time and log TTFT; the weight is the root of the share of the fullest cell, so that single
/// requests still show.
pub(super) fn density(dots: &[(f64, f64)], end: f64, (low, high): (f64, f64)) -> Vec<Tile> {
    const LEVELS: usize = 28;
    let span = libm::log(high / low).max(1e-9);
    let mut counts = vec![0_u32; COLUMNS * LEVELS];
    for &(at, seconds) in dots {
        if !(seconds > 0.0 && seconds.is_finite() && (0.0..=end).contains(&at)) {
            continue;
        }
        let column = ((at / end * COLUMNS as f64) as usize).min(COLUMNS - 1);
        let level = ((libm::log(seconds / low) / span * LEVELS as f64) as usize).min(LEVELS - 1);
        counts[column * LEVELS + level] += 1;
    }
    let most = f64::from(counts.iter().copied().max().unwrap_or(1).max(1));
    let edge = |level: usize| low * libm::exp(span * level as f64 / LEVELS as f64);
    let edges: Vec<f64> = (0..=LEVELS).map(edge).collect();
    let width = end / COLUMNS as f64;
    let mut cells = Vec::new();
    for level in 0..LEVELS {
        for column in 0..COLUMNS {
            let count = counts[column * LEVELS + level];
            if count > 0 {
                let from = column as f64 * width;
                cells.push((from, from + width, edges[level], edges[level + 1], weight(f64::from(count), most)));
            }
        }
    }
    joined(cells)
}

/// The weight of a count: the root of its share of the largest, in few steps, so that single attempts still show and
/// neighbours often have the same.
fn weight(count: f64, most: f64) -> f64 {
    ((count / most).sqrt() * 5.0).ceil() / 6.0 + 1.0 / 6.0
}

/// Tiles of the same weight that follow on each other are one. They come row by row.
fn joined(tiles: Vec<Tile>) -> Vec<Tile> {
    let mut out: Vec<Tile> = Vec::new();
    for tile in tiles {
        match out.last_mut() {
            Some(last) if last.1 == tile.0 && last.2 == tile.2 && last.4 == tile.4 => last.1 = tile.1,
            _ => out.push(tile),
        }
    }
    out
}

/// (x0, x1, y0, y1, weight)
type Tile = (f64, f64, f64, f64, f64);

/// Counted attempts as tiles.
pub(super) fn weighed(counted: &[Counted]) -> Vec<Tile> {
    let per_second = |counted: &Counted| counted.count as f64 / (counted.span.to - counted.span.from).max(1e-9);
    let most = counted.iter().map(per_second).fold(0.0, f64::max);
    let tile = |counted: &Counted| {
        let (span, ttft) = (counted.span, counted.ttft_ms);
        (span.from, span.to, ttft.0 / 1e3, ttft.1 / 1e3, weight(per_second(counted), most))
    };
    let mut tiles: Vec<Tile> = counted.iter().filter(|counted| counted.count > 0).map(tile).collect();
    tiles.sort_by(|a, b| a.2.total_cmp(&b.2).then(a.0.total_cmp(&b.0)));
    joined(tiles)
}
