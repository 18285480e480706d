//! Parts of a heat map: a cell with its value, and the border of a set of cells.

use super::figure::Texture;
use super::path::hatching;
use super::scene::{Anchor, Area, Item, Text};
use super::theme::Ink;

/// A cell in the colour of its place on the ramp, with its text where there is room; hatched where it has no value.
pub(super) fn cell(area: Area, value: f64, text: &str) -> Vec<Item> {
    // A hair of ground between cells.
    let inner = Area { x: area.x + 0.5, y: area.y + 0.5, w: (area.w - 1.0).max(0.5), h: (area.h - 1.0).max(0.5) };
    if !value.is_finite() {
        let strokes = hatching(&inner, 7.0, Texture::Rising);
        return vec![Item::Strokes { strokes, ink: Ink::Grid, width: 1.0 }];
    }
    let mut items = vec![Item::Rect { area: inner, ink: Ink::Ramp(value), opacity: 1.0 }];
    let size = 10.5;
    // Digits are 0.64 em wide; what does not fit is left to the tooltip.
    let wide = text.chars().count() as f64 * 0.66 * size;
    if !text.is_empty() && wide <= inner.w - 4.0 && inner.h >= size + 3.0 {
        items.push(Item::Text(Text {
            x: area.x + area.w / 2.0,
            baseline: area.y + area.h / 2.0 + 0.36 * size,
            text: text.to_owned(),
            size,
            bold: false,
            ink: Ink::OnRamp(value),
            anchor: Anchor::Middle,
        }));
    }
    items
}

/// The edges between unit squares of a set and what is not of it, joined where they run on. Square (i, j) reaches from
/// (i, j) to (i + 1, j + 1).
pub(super) fn border(squares: &[(usize, usize)]) -> Vec<((f64, f64), (f64, f64))> {
    let has = |i: usize, j: usize| squares.contains(&(i, j));
    let mut edges: Vec<((f64, f64), (f64, f64))> = Vec::new();
    let mut squares: Vec<(usize, usize)> = squares.to_vec();
    squares.sort_unstable();
    squares.dedup();
    let mut lying = Vec::new();
    let mut standing = Vec::new();
    for &(i, j) in &squares {
        if j == 0 || !has(i, j - 1) {
            lying.push((j, i));
        }
        if !has(i, j + 1) {
            lying.push((j + 1, i));
        }
        if i == 0 || !has(i - 1, j) {
            standing.push((i, j));
        }
        if !has(i + 1, j) {
            standing.push((i + 1, j));
        }
    }
    for (lines, upright) in [(&mut lying, false), (&mut standing, true)] {
        lines.sort_unstable();
        for &mut (at, from) in lines {
            let (a, b) = (at as f64, from as f64);
            let edge = if upright { ((a, b), (a, b + 1.0)) } else { ((b, a), (b + 1.0, a)) };
            match edges.last_mut() {
                Some(last) if last.1 == edge.0 && (last.0.0 == edge.1.0 || last.0.1 == edge.1.1) => last.1 = edge.1,
                _ => edges.push(edge),
            }
        }
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_border_of_a_block_is_four_edges() {
        let block: Vec<(usize, usize)> = (2..5).flat_map(|i| (1..3).map(move |j| (i, j))).collect();
        let edges = border(&block);
        assert_eq!(edges.len(), 4);
        assert!(edges.contains(&((2.0, 1.0), (5.0, 1.0))) && edges.contains(&((5.0, 1.0), (5.0, 3.0))));
        assert!(border(&[]).is_empty());
    }
}
