//! What a sweep says of each key: the best value, its plateau, cliffs, and stretches where the key does nothing.

use std::ops::{Range, RangeInclusive};

use super::super::cell::{Digest, Figure};
use super::super::stats::plateau::{Cliff, Plateau, cliffs, inert_stretches, lines, plateau, plateau_around};
use super::super::stats::{Interval, Level, Paired, mean_interval_of, paired_of};
use super::Swept;

/// A neighbour that is worse by more than this share beyond doubt is a cliff.
pub const CLIFF: f64 = 0.2;

/// The shape of one figure over the sweep.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Which figure.
    pub figure: Figure,
    /// The point with the best mean.
    pub best: usize,
    /// Its mean.
    pub mean: Interval,
    /// The best against its own reference with escape off (off is A), where there is one; at a level that is shared
    /// among all points, since this one was chosen from them.
    pub against_off: Option<Paired>,
    /// The points of the grid that cannot be told from the best, itself included, ascending.
    pub plateau: Vec<usize>,
    /// Each key, along the line of the grid through the best point.
    pub axes: Vec<AxisShape>,
}

/// One key along its line through the best point; positions are indices into the key's values.
#[derive(Clone, Debug)]
pub struct AxisShape {
    /// The key as written.
    pub key: String,
    /// The plateau along the line.
    pub plateau: Plateau,
    /// The unbroken stretch of it around the best value.
    pub stretch: RangeInclusive<usize>,
    /// Neighbours that are much worse, next to the stretch.
    pub cliffs: Vec<Cliff>,
}

/// Where a key changes no decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inert {
    /// The key as written.
    pub key: String,
    /// Stretches of its values that took the same decisions everywhere on the grid.
    pub stretches: Vec<Range<usize>>,
    /// Whether that is all of them.
    pub wholly: bool,
}

impl Swept {
    /// The shape of a figure; `None` when no cell has it.
    pub fn shape(&self, figure: &Figure, level: Level) -> Option<Shape> {
        let columns: Vec<Vec<Option<f64>>> =
            (0..self.layout.places().len()).map(|point| figure.column(self.of_point(point))).collect();
        let on_grid = &columns[..self.layout.grid().size()];
        let whole = plateau(on_grid, figure.direction(), level)?;
        let best = whole.best;
        let shape = self.layout.grid().shape();
        // the lines through the best, their edges and the point that is held against off were all chosen from the grid
        let shared = level.shared_by(on_grid.len());
        let axes = (0..shape.len()).filter_map(|axis| {
            let line = lines(&shape, axis).into_iter().find(|line| line.contains(&best))?;
            let along: Vec<&[Option<f64>]> = line.iter().map(|&point| columns[point].as_slice()).collect();
            let at = line.iter().position(|&point| point == best)?;
            let plateau = plateau_around(at, &along, figure.direction(), shared);
            let stretch = plateau.stretch();
            let beside = |cliff: &Cliff| stretch.contains(&cliff.edge) && !stretch.contains(&cliff.below);
            let found = cliffs(&along, figure.direction(), shared, CLIFF).into_iter().filter(beside).collect();
            Some(AxisShape { key: self.layout.grid().axes()[axis].key.clone(), plateau, stretch, cliffs: found })
        });
        Some(Shape {
            figure: figure.clone(),
            best,
            mean: mean_interval_of(&columns[best], level)?,
            against_off: self.reference_of(best).and_then(|off| paired_of(&columns[off], &columns[best], shared)),
            axes: axes.collect(),
            plateau: whole.members,
        })
    }

    /// The reference with escape off that shares a point's other values.
    pub fn reference_of(&self, point: usize) -> Option<usize> {
        let places = self.layout.places();
        let own = places.get(point)?;
        places.iter().position(|place| {
            place.off && place.values.iter().zip(&own.values).all(|(off, own)| off.is_none() || off == own)
        })
    }

    /// Where each key changes no decision in any replication.
    pub fn inert(&self) -> Vec<Inert> {
        let shape = self.layout.grid().shape();
        let digests = |point: usize| self.of_point(point).iter().map(|cell| cell.decisions);
        let along = |axis: usize| {
            let lines = lines(&shape, axis);
            // every value with what was decided under it in all combinations of the others
            let values: Vec<Vec<Digest>> =
                (0..shape[axis]).map(|at| lines.iter().flat_map(|line| digests(line[at])).collect()).collect();
            let stretches = inert_stretches(&values);
            let wholly = stretches.iter().any(|stretch| stretch.len() == shape[axis]);
            Inert { key: self.layout.grid().axes()[axis].key.clone(), stretches, wholly }
        };
        (0..shape.len()).map(along).collect()
    }
}
