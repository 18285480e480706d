//! What a sweep shows along one key: cliffs, and stretches over which the key does nothing.
//!
//! All cells of a sweep run on the same luck, so every question is one about pairs. Which cells are as good as the best
//! is asked of [`super::best`].

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::interval::Level;
use super::paired::{excess_of, paired_of};
use super::verdict::Direction;

/// A neighbour that is much worse.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cliff {
    /// The better cell, at the edge.
    pub edge: usize,
    /// Its neighbour, below.
    pub below: usize,
    /// By what share of the edge's mean the neighbour is worse; `None` where the edge's mean is 0.
    pub worse_by: Option<f64>,
}

/// The cliffs along one axis: neighbours of which one is worse by more than the share `much` of the other, beyond doubt
/// at `level` (the whole interval lies beyond, not the mean alone). Cells are in the order of the axis.
pub fn cliffs<C: AsRef<[Option<f64>]>>(cells: &[C], direction: Direction, level: Level, much: f64) -> Vec<Cliff> {
    let losses = |cell: usize| -> Vec<Option<f64>> {
        cells[cell].as_ref().iter().map(|value| value.map(|value| direction.loss(value))).collect()
    };
    (1..cells.len())
        .flat_map(|cell| [(cell - 1, cell), (cell, cell - 1)])
        .filter_map(|(edge, below)| {
            let (upper, lower) = (losses(edge), losses(below));
            let beyond = excess_of(&upper, &lower, much, level)?;
            let paired = paired_of(&upper, &lower, level)?;
            let worse_by = (paired.a.mean != 0.0).then(|| paired.difference.mean / paired.a.mean.abs());
            beyond.lo.is_some_and(|lo| lo > 0.0).then_some(Cliff { edge, below, worse_by })
        })
        .collect()
}

/// The stretches of two or more neighbouring cells that are the same in all replications: there the key does nothing.
/// Of fingerprints of all decisions where there are any; equal figures may come from different decisions.
pub fn inert_stretches<T: PartialEq, C: AsRef<[T]>>(cells: &[C]) -> Vec<Range<usize>> {
    let mut stretches = Vec::new();
    let mut start = 0;
    for cell in 1..=cells.len() {
        if cell == cells.len() || cells[cell].as_ref() != cells[start].as_ref() {
            if cell - start >= 2 {
                stretches.push(start..cell);
            }
            start = cell;
        }
    }
    stretches
}

/// The lines of a grid along one of its axes, each as the cells' indices in the order of that axis. `shape` is the
/// number of points of each axis, the last axis running fastest.
pub fn lines(shape: &[usize], axis: usize) -> Vec<Vec<usize>> {
    let stride: usize = shape[axis + 1..].iter().product();
    let outer: usize = shape[..axis].iter().product();
    let line = |o: usize, s: usize| (0..shape[axis]).map(|i| (o * shape[axis] + i) * stride + s).collect();
    (0..outer).flat_map(|o| (0..stride).map(move |s| (o, s))).map(|(o, s)| line(o, s)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Luck;
    use crate::engine::quantile::normal_quantile;

    const L95: Level = Level::PERCENT_95;
    const LOWER: Direction = Direction::LowerIsBetter;

    /// Cells with these means, `n` replications, shared luck of deviation 5, own luck of deviation `own`.
    fn sweep(trial: u64, means: &[f64], n: u64, own: f64) -> Vec<Vec<Option<f64>>> {
        let draw = |a, b| normal_quantile(Luck::new(21).stream(6, a, b).open01());
        let cell = |c: usize, mean: f64| {
            (0..n).map(|i| Some(mean + 5.0 * draw(trial, i) + own * draw(trial, 1_000 * (c as u64 + 1) + i))).collect()
        };
        means.iter().enumerate().map(|(c, &mean)| cell(c, mean)).collect()
    }

    #[test]
    fn a_cliff_is_found_on_its_edge_and_a_gentle_slope_is_none() {
        let cells = sweep(4, &[100.0, 105.0, 110.0, 200.0, 190.0], 20, 1.0);
        let got = cliffs(&cells, LOWER, L95, 0.2);
        assert_eq!(got.iter().map(|c| (c.edge, c.below)).collect::<Vec<_>>(), [(2, 3)]);
        assert!((got[0].worse_by.unwrap() - 0.82).abs() < 0.05);
        // the same numbers as a figure that should be high: 110 lies below 200, and by 45 %
        let got = cliffs(&cells, Direction::HigherIsBetter, L95, 0.2);
        assert_eq!(got.iter().map(|c| (c.edge, c.below)).collect::<Vec<_>>(), [(3, 2)]);
        assert!((got[0].worse_by.unwrap() - 0.45).abs() < 0.02);
    }

    #[test]
    fn a_step_up_from_nothing_is_a_cliff_without_a_share() {
        let cells = [vec![Some(0.0); 3], vec![Some(3.0), Some(4.0), Some(3.5)]];
        assert_eq!(cliffs(&cells, LOWER, L95, 0.2), [Cliff { edge: 0, below: 1, worse_by: None }]);
    }

    #[test]
    fn a_step_that_luck_could_make_is_no_cliff() {
        let cells = [vec![Some(1.0), Some(2.0), Some(3.0)], vec![Some(9.0), Some(1.0), Some(3.5)]];
        assert_eq!(cliffs(&cells, LOWER, L95, 0.2), []);
    }

    #[test]
    fn inert_stretches_are_runs_of_equal_cells() {
        let cells = [[1, 2], [1, 2], [1, 3], [4, 4], [4, 4], [4, 4]];
        assert_eq!(inert_stretches::<i32, _>(&cells), [0..2, 3..6]);
        assert_eq!(inert_stretches::<i32, [i32; 1]>(&[]), []);
        assert_eq!(inert_stretches::<i32, _>(&[[1], [2], [1]]), []);
    }

    #[test]
    fn lines_of_a_grid_go_along_their_axis() {
        assert_eq!(lines(&[2, 3], 0), [[0, 3], [1, 4], [2, 5]]);
        assert_eq!(lines(&[2, 3], 1), [[0, 1, 2], [3, 4, 5]]);
        assert_eq!(lines(&[2, 2, 2], 1), [[0, 2], [1, 3], [4, 6], [5, 7]]);
    }
}
