//! What a sweep says of each key: the best value, which others are as good, cliffs, and stretches where the key does
//! nothing.
//!
//! Which values are as good is the question that tune and the decision of the sweep ask, of the same code.

use std::ops::Range;

use super::super::cell::{Digest, Figure};
use super::super::choice::{self, Field, Over};
use super::super::stats::along::{Cliff, cliffs, inert_stretches, lines};
use super::super::stats::best::Place;
use super::super::stats::{Interval, Level, Paired, mean_interval_of, paired_of};
use super::Swept;

/// A neighbour that is worse by more than this share beyond doubt is a cliff.
pub const CLIFF: f64 = 0.2;

/// The shape of one figure over the sweep.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Which figure.
    pub figure: Figure,
    /// The best point.
    pub best: usize,
    /// The mean of the figure there.
    pub mean: Interval,
    /// The best against its own reference with escape off (off is A), where there is one; at a level that is shared
    /// among all points, since this one was chosen from them.
    pub against_off: Option<Paired>,
    /// Where each point of the grid stands against the best; `None` where no replication has the figure.
    pub places: Vec<Option<Place>>,
    /// Each key, along the line of the grid through the best point.
    pub axes: Vec<AxisShape>,
}

/// One key along its line through the best point; positions are indices into the key's values.
#[derive(Clone, Debug)]
pub struct AxisShape {
    /// The key as written.
    pub key: String,
    /// The best value.
    pub best: usize,
    /// Where each value stands.
    pub places: Vec<Option<Place>>,
    /// Neighbours that are much worse, next to the plateau.
    pub cliffs: Vec<Cliff>,
}

impl AxisShape {
    /// Whether a value is as good as the best, or is it.
    fn is_good(&self, at: usize) -> bool {
        matches!(self.places.get(at), Some(Some(Place::Best | Place::AsGood)))
    }

    /// The values that are as good as the best, itself included, ascending.
    pub fn members(&self) -> Vec<usize> {
        (0..self.places.len()).filter(|&at| self.is_good(at)).collect()
    }

    /// The values that were measured too little to say, ascending.
    pub fn too_few(&self) -> Vec<usize> {
        (0..self.places.len()).filter(|&at| self.places[at] == Some(Place::TooFew)).collect()
    }

    /// The unbroken stretch of members around the best: its first and its last.
    pub fn stretch(&self) -> (usize, usize) {
        let first = (0..self.best).rev().take_while(|&at| self.is_good(at)).last().unwrap_or(self.best);
        let last = (self.best + 1..self.places.len()).take_while(|&at| self.is_good(at)).last().unwrap_or(self.best);
        (first, last)
    }

    /// Whether every value that has the figure is as good: the key has no effect on it that matters.
    pub fn is_everywhere(&self) -> bool {
        self.places.iter().flatten().all(|place| matches!(place, Place::Best | Place::AsGood))
    }
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
        let size = self.layout.grid().size();
        let columns: Vec<Vec<Option<f64>>> =
            (0..self.layout.places().len()).map(|point| figure.column(self.of_point(point))).collect();
        let losses = (0..size).map(|point| choice::losses(figure, self.of_point(point))).collect();
        // along one key alone, neighbours inform each other
        let at = if self.layout.environment().is_empty() { self.along(size) } else { vec![None; size] };
        let regrets = choice::regrets(&[Field::new(losses, Vec::new(), None)], &at, &Over::Worst, &|_| true)?;
        let found = choice::question(choice::SMALLEST, level).ask(&regrets.columns, &|_| true)?;
        let (best, shape) = (found.best, self.layout.grid().shape());
        let has = |point: usize| columns[point].iter().any(Option::is_some);
        let places: Vec<Option<Place>> =
            found.arms.iter().enumerate().map(|(point, arm)| Some(arm.place).filter(|_| has(point))).collect();
        // edges and the point that is held against off were chosen from the grid
        let shared = level.shared_by(size);
        let axes = (0..shape.len()).filter_map(|axis| {
            let line = lines(&shape, axis).into_iter().find(|line| line.contains(&best))?;
            let along: Vec<&[Option<f64>]> = line.iter().map(|&point| columns[point].as_slice()).collect();
            let mut of_axis = AxisShape {
                key: self.layout.grid().axes()[axis].key.clone(),
                best: line.iter().position(|&point| point == best)?,
                places: line.iter().map(|&point| places[point]).collect(),
                cliffs: Vec::new(),
            };
            let (first, last) = of_axis.stretch();
            let on = |at: usize| (first..=last).contains(&at);
            let found = cliffs(&along, figure.direction(), shared, CLIFF).into_iter();
            of_axis.cliffs = found.filter(|cliff| on(cliff.edge) && !on(cliff.below)).collect();
            Some(of_axis)
        });
        let axes = axes.collect();
        Some(Shape {
            figure: figure.clone(),
            best,
            mean: mean_interval_of(&columns[best], level)?,
            against_off: self.reference_of(best).and_then(|off| paired_of(&columns[off], &columns[best], shared)),
            places,
            axes,
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
