//! Many attempts as tiles: how many fell into each stretch of time and of TTFT.

use super::{COLUMNS, Counted};

/// Counts in cells over time and log TTFT; the weight is the root of the share of the fullest cell, so that single
/// requests still show.
pub(super) fn density(dots: &[(f64, f64)], end: f64, (low, high): (f64, f64)) -> Vec<(f64, f64, f64, f64, f64)> {
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
    let mut cells: Vec<(f64, f64, f64, f64, f64)> = Vec::new();
    for level in 0..LEVELS {
        // Neighbours of the same weight are one cell.
        let mut open: Option<(usize, f64)> = None;
        for column in 0..=COLUMNS {
            let count = if column < COLUMNS { counts[column * LEVELS + level] } else { 0 };
            let weight = if count == 0 { 0.0 } else { ((f64::from(count) / most).sqrt() * 9.0).ceil() / 12.0 + 0.25 };
            if let Some((from, held)) = open {
                if held == weight {
                    continue;
                }
                let (from, to) = (from as f64 * width, column as f64 * width);
                cells.push((from, to, edges[level], edges[level + 1], held));
            }
            open = (weight > 0.0).then_some((column, weight));
        }
    }
    cells
}

/// Counted attempts as tiles.
pub(super) fn weighed(counted: &[Counted]) -> Vec<(f64, f64, f64, f64, f64)> {
    let per_second = |counted: &Counted| counted.count as f64 / (counted.span.to - counted.span.from).max(1e-9);
    let most = counted.iter().map(per_second).fold(0.0, f64::max);
    let tile = |counted: &Counted| {
        let weight = ((per_second(counted) / most).sqrt() * 9.0).ceil() / 12.0 + 0.25;
        (counted.span.from, counted.span.to, counted.ttft_ms.0 / 1e3, counted.ttft_ms.1 / 1e3, weight)
    };
    counted.iter().filter(|counted| counted.count > 0).map(tile).collect()
}
