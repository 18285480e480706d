//! A picture in 256 colours. Charts have a few dozen; the rest are edges between two of them, where one more or one
//! less shade cannot be seen. The file is half as large.

use std::collections::BTreeMap;

type Rgb = [u8; 3];

/// The colours (three bytes each) and, for each dot, which one it has.
pub(super) fn indexed(dots: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut counts: BTreeMap<Rgb, u32> = BTreeMap::new();
    for dot in dots.chunks_exact(3) {
        *counts.entry([dot[0], dot[1], dot[2]]).or_default() += 1;
    }
    // The most frequent ones; among equals the darker: the same for the same picture.
    let mut colours: Vec<(Rgb, u32)> = counts.into_iter().collect();
    colours.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let palette: Vec<Rgb> = colours.iter().take(256).map(|(colour, _)| *colour).collect();
    let places: BTreeMap<Rgb, u8> = colours.iter().map(|&(colour, _)| (colour, nearest(&palette, colour))).collect();
    let mut last: (Rgb, u8) = ([0; 3], places.get(&[0; 3]).copied().unwrap_or(0));
    let mut indices = Vec::with_capacity(dots.len() / 3);
    for dot in dots.chunks_exact(3) {
        let colour = [dot[0], dot[1], dot[2]];
        if colour != last.0 {
            last = (colour, places.get(&colour).copied().unwrap_or(0));
        }
        indices.push(last.1);
    }
    (palette.concat(), indices)
}

fn nearest(palette: &[Rgb], colour: Rgb) -> u8 {
    let distance = |other: &Rgb| -> i32 {
        other.iter().zip(colour).map(|(a, b)| (i32::from(*a) - i32::from(b)) * (i32::from(*a) - i32::from(b))).sum()
    };
    let best = palette.iter().enumerate().min_by_key(|(_, other)| distance(other));
    best.map_or(0, |(i, _)| i as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_colours_stay_what_they_are() {
        let dots = [9, 9, 9, 1, 2, 3, 9, 9, 9, 0, 0, 0];
        let (palette, indices) = indexed(&dots);
        assert_eq!(palette, [9, 9, 9, 0, 0, 0, 1, 2, 3]);
        assert_eq!(indices, [0, 2, 0, 1]);
    }

    #[test]
    fn of_many_colours_the_rare_ones_become_their_neighbours() {
        let mut dots: Vec<u8> = Vec::new();
        for shade in 0..=255 {
            dots.extend([shade, 0, 0, shade, 0, 0]);
        }
        dots.extend([100, 1, 0]);
        let (palette, indices) = indexed(&dots);
        assert_eq!((palette.len(), indices.len()), (768, 513));
        assert_eq!(palette[3 * usize::from(indices[512])..][..3], [100, 0, 0]);
    }
}
