//! Sizes and patterns that several parts of a chart share.

use super::figure::{Shape, Texture};
use super::path::hatching;
use super::scene::{Area, Item};
use super::theme::Ink;

/// The size of tick labels, px an em.
pub(super) const TICK: f64 = 10.5;
/// Flags stand in lanes of this height.
pub(super) const FLAG_LANE: f64 = 11.0;

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
