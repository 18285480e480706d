//! The shape of a sweep: the best cell and all that cannot be distinguished from it, cliffs, and inert stretches.
//!
//! All cells of a sweep run on the same luck, so every question is one about pairs. The best of many cells is best
//! partly by luck. Therefore the plateau shares its error among all comparisons (Bonferroni): with the stated level,
//! the cell that is *truly* best is on it. A plateau is a list of values that one may choose from by other reasons; its
//! width is an answer too: it says how much the key matters.

use std::ops::{Range, RangeInclusive};

use serde::{Deserialize, Serialize};

use super::interval::{Interval, Level};
use super::mean::mean_interval_of;
use super::paired::{excess_of, paired_of};
use super::verdict::Direction;

/// The best cell and its equals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    /// The cell with the best mean; the first of several.
    pub best: usize,
    /// The cells that cannot be distinguished from the best, including itself, ascending.
    pub members: Vec<usize>,
    /// Cell - best with its paired interval at the stated level, for every cell; `None` where no replication has both.
    pub against_best: Vec<Option<Interval>>,
}

impl Plateau {
    /// The unbroken stretch of members around the best, where cells are in the order of one axis.
    pub fn stretch(&self) -> RangeInclusive<usize> {
        let on = |cell: usize| self.members.binary_search(&cell).is_ok();
        let (mut first, mut last) = (self.best, self.best);
        while first > 0 && on(first - 1) {
            first -= 1;
        }
        while on(last + 1) {
            last += 1;
        }
        first..=last
    }

    /// Whether every cell with the figure is on it: the key shows no effect on this figure.
    pub fn is_everywhere(&self) -> bool {
        // the best against itself is 0 and no comparison
        let others = || self.against_best.iter().enumerate().filter(|(cell, _)| *cell != self.best);
        self.members.len() == self.against_best.iter().flatten().count()
            && others().filter_map(|(_, difference)| *difference).all(|difference| difference.lo.is_some())
    }
}

/// The plateau of a sweep; `cells[c][i]` is the figure of cell c in replication i. `None` when no cell has the figure.
///
/// A cell that has the figure in less than half as many replications as the fullest one is not called the best: its
/// mean is that of a selection. A cell without an interval to the best (one common replication) cannot be distinguished
/// from it.
pub fn plateau<C: AsRef<[Option<f64>]>>(cells: &[C], direction: Direction, level: Level) -> Option<Plateau> {
    let best = best(cells, direction)?;
    Some(plateau_around(best, cells, direction, level.shared_by(cells.len().saturating_sub(1))))
}

/// The cell with the best mean among those that have the figure in at least half as many replications as the fullest.
pub fn best<C: AsRef<[Option<f64>]>>(cells: &[C], direction: Direction) -> Option<usize> {
    let level = Level::PERCENT_95; // of means alone
    let means: Vec<Option<Interval>> = cells.iter().map(|cell| mean_interval_of(cell.as_ref(), level)).collect();
    let fullest = means.iter().flatten().map(|mean| mean.n).max()?;
    let loss = |cell: usize| means[cell].filter(|mean| 2 * mean.n >= fullest).map(|mean| direction.loss(mean.mean));
    (0..cells.len())
        .filter_map(|cell| Some((cell, loss(cell)?)))
        .min_by(|(_, x), (_, y)| x.total_cmp(y))
        .map(|(cell, _)| cell)
}

/// The plateau around a cell that is known to be the best by other means (a search that spent more replications on it;
/// the whole grid of which these cells are a line). `level` is that of each comparison: the caller shares it among all
/// that it makes, also those from which the best was chosen. Cells may have different numbers of replications: pairs
/// are made of those that both have.
pub fn plateau_around<C: AsRef<[Option<f64>]>>(
    best: usize,
    cells: &[C],
    direction: Direction,
    level: Level,
) -> Plateau {
    let against_best: Vec<Option<Interval>> = cells
        .iter()
        .map(|cell| paired_of(cells[best].as_ref(), cell.as_ref(), level).map(|paired| paired.difference))
        .collect();
    let worse = |difference: &Interval| match direction {
        Direction::HigherIsBetter => difference.hi.is_some_and(|hi| hi < 0.0),
        Direction::LowerIsBetter | Direction::Neither => difference.lo.is_some_and(|lo| lo > 0.0),
    };
    let members = (0..cells.len())
        .filter(|&cell| cell == best || against_best[cell].is_some_and(|difference| !worse(&difference)))
        .collect();
    Plateau { best, members, against_best }
}

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
    fn the_plateau_is_what_pairs_cannot_tell_apart_though_the_luck_of_seeds_is_larger() {
        let cells = sweep(0, &[16.0, 12.0, 10.0, 10.0, 10.0, 13.0, 18.0], 20, 0.1);
        let got = plateau(&cells, LOWER, L95).unwrap();
        assert!((2..=4).contains(&got.best));
        assert_eq!((got.members.clone(), got.stretch(), got.is_everywhere()), (vec![2, 3, 4], 2..=4, false));
        assert_eq!(got.against_best[got.best].unwrap().mean, 0.0);
        let higher: Vec<Vec<Option<f64>>> = cells.iter().map(|c| c.iter().map(|v| v.map(|v| -v)).collect()).collect();
        assert_eq!(plateau(&higher, Direction::HigherIsBetter, L95).unwrap().members, [2, 3, 4]);
    }

    #[test]
    fn the_truly_best_cell_is_on_the_plateau_as_often_as_said() {
        let means = [10.0, 10.1, 10.1, 10.2, 10.2, 10.4, 10.5, 11.0, 12.0, 10.1];
        let trials = 1_000;
        let (mut on, mut size) = (0, 0);
        for trial in 0..trials {
            let got = plateau(&sweep(trial, &means, 10, 0.3), LOWER, L95).unwrap();
            on += u32::from(got.members.contains(&0));
            size += got.members.len();
        }
        assert!(f64::from(on) >= 0.95 * trials as f64, "{on} of {trials}");
        let mean_size = size as f64 / trials as f64;
        assert!((4.0..9.0).contains(&mean_size), "it must exclude something: {mean_size}");
    }

    #[test]
    fn a_stretch_ends_at_the_first_cell_that_is_worse() {
        let cells: Vec<Vec<Option<f64>>> =
            [5.0, 9.0, 5.0, 5.0].iter().map(|&mean| (0..6).map(|i| Some(mean + f64::from(i))).collect()).collect();
        let got = plateau(&cells, LOWER, L95).unwrap();
        assert_eq!((got.best, got.members.clone(), got.stretch()), (0, vec![0, 2, 3], 0..=0));
    }

    #[test]
    fn a_cell_without_the_figure_is_not_on_it_and_one_that_rarely_has_it_is_not_the_best() {
        let cells =
            [vec![Some(4.0), Some(5.0), Some(4.5), Some(5.1)], vec![None; 4], vec![Some(0.1), None, None, None]];
        let got = plateau(&cells, LOWER, L95).unwrap();
        assert_eq!((got.best, got.members), (0, vec![0, 2]), "one common replication: cannot be told");
        assert_eq!(plateau(&[vec![None], vec![None]], LOWER, L95), None);
        assert_eq!(plateau::<Vec<Option<f64>>>(&[], LOWER, L95), None);
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
