//! A sweep for people and machines: one row a point, and what it says of each key.
//!
//! Made of a sweep's cells, or read back from its JSON document: everything that is shown is made of this.

mod document;
mod printed;
mod sections;
mod worth;

pub(in crate::report) use document::Document;
pub(in crate::report) use sections::short_key;
pub use worth::Worth;

use serde_json::Value;

use crate::experiment::cell::Figure;
use crate::experiment::stats::along::Cliff;
use crate::experiment::stats::best::Place;
use crate::experiment::stats::{Interval, Level, Verdict, mean_interval_of};
use crate::experiment::sweep::decide::Decision;
use crate::experiment::sweep::shape::{self, Inert};
use crate::experiment::sweep::{Layout, Swept};

/// What a sweep says.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepReport {
    /// The scenario's name.
    pub name: String,
    /// The seed; replications beyond the first are derived from it.
    pub seed: u64,
    /// Which point is which.
    pub layout: Layout,
    /// Of all intervals.
    pub level: Level,
    /// Every figure.
    pub figures: Vec<Figure>,
    /// For each point the mean of each figure; `None` where no replication has it.
    pub means: Vec<Vec<Option<Interval>>>,
    /// The figures by which values are judged, as far as there are any values; the first one decides.
    pub shapes: Vec<Shape>,
    /// What to decide by the first figure, environment by environment; `None`: no run has it.
    pub decision: Option<Decision>,
    /// Where keys change no decision.
    pub inert: Vec<Inert>,
    /// What the reader must know.
    pub notes: Vec<String>,
    /// The effective scenario as it stands, without where its files lie; null where it is not known.
    pub scenario: Value,
}

/// The shape of one figure over the sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Which figure.
    pub figure: Figure,
    /// The best point.
    pub best: usize,
    /// The mean of the figure there.
    pub mean: Interval,
    /// The best less its own reference with escape off, and the verdict, where there is one.
    pub against_off: Option<(Interval, Verdict)>,
    /// The points of the grid that are as good as the best, itself included, ascending.
    pub plateau: Vec<usize>,
    /// The points of the grid that were measured too little to say, ascending.
    pub too_few: Vec<usize>,
    /// Each key, along the line of the grid through the best point.
    pub axes: Vec<AxisShape>,
}

/// One key along its line through the best point; positions are indices into the key's values.
#[derive(Clone, Debug, PartialEq)]
pub struct AxisShape {
    /// The key as written.
    pub key: String,
    /// The best value.
    pub best: usize,
    /// The values that are as good, itself included, ascending.
    pub members: Vec<usize>,
    /// The values that were measured too little to say, ascending.
    pub too_few: Vec<usize>,
    /// Whether every value that has the figure is as good.
    pub everywhere: bool,
    /// The unbroken stretch of them around the best value: its first and its last.
    pub stretch: (usize, usize),
    /// Neighbours that are much worse, next to the stretch.
    pub cliffs: Vec<Cliff>,
}

impl SweepReport {
    /// What a sweep says, judged by these figures; environments count with these weights (none: all the same).
    pub fn new(swept: &Swept, objectives: &[Figure], level: Level, weights: &[f64]) -> Self {
        let figures = Figure::union_of_cells(&swept.cells);
        let of_point = |point: usize| {
            let cells = swept.of_point(point);
            figures.iter().map(|figure| mean_interval_of(&figure.column(cells), level)).collect()
        };
        let shape = |figure: &Figure| swept.shape(figure, level).map(Shape::of);
        let absent = objectives.iter().filter(|figure| swept.shape(figure, level).is_none());
        let absent =
            absent.map(|figure| format!("{}: no run has this figure, so no value is judged by it", figure.path));
        Self {
            name: swept.name.clone(),
            seed: swept.seed,
            layout: swept.layout.clone(),
            level,
            means: (0..swept.layout.places().len()).map(of_point).collect(),
            shapes: objectives.iter().filter_map(shape).collect(),
            decision: objectives.first().and_then(|figure| swept.decision(figure, level, weights)),
            inert: swept.inert(),
            notes: swept.notes().into_iter().chain(absent).collect(),
            scenario: swept.scenario.clone(),
            figures,
        }
    }

    /// The mean of the figure at this path at a point.
    pub fn mean(&self, point: usize, path: &str) -> Option<Interval> {
        let at = self.figures.iter().position(|figure| figure.path == path)?;
        self.means.get(point)?.get(at).copied().flatten()
    }

    /// Whether keys of the environment were varied.
    pub fn has_environments(&self) -> bool {
        !self.layout.environment().is_empty()
    }

    /// What to decide, in sentences.
    pub fn decided(&self) -> Vec<String> {
        sections::decided(self)
    }

    /// A sentence for each key that has several values and changed no decision anywhere.
    pub fn inert_remarks(&self) -> Vec<String> {
        let inert = self.inert.iter().zip(self.layout.grid().axes());
        let wholly = inert.filter(|(inert, axis)| inert.wholly && axis.points.len() > 1);
        wholly
            .map(|(inert, _)| format!("Inert: no value of {} changed any decision of the scheduler.", inert.key))
            .collect()
    }

    /// Whether a key that has several values changed no decision anywhere.
    pub fn is_inert(&self) -> bool {
        let axes = self.layout.grid().axes();
        self.inert.iter().zip(axes).any(|(inert, axis)| inert.wholly && axis.points.len() > 1)
    }
}

impl Shape {
    fn of(found: shape::Shape) -> Self {
        let axis = |axis: crate::experiment::sweep::shape::AxisShape| AxisShape {
            best: axis.best,
            everywhere: axis.is_everywhere(),
            members: axis.members(),
            too_few: axis.too_few(),
            stretch: axis.stretch(),
            key: axis.key,
            cliffs: axis.cliffs,
        };
        let at = |wanted: &dyn Fn(Place) -> bool| -> Vec<usize> {
            let all = found.places.iter().enumerate();
            all.filter_map(|(point, place)| place.filter(|&place| wanted(place)).map(|_| point)).collect()
        };
        let verdict = |paired| Verdict::of(Some(paired), found.figure.direction());
        let (plateau, too_few) =
            (at(&|place| matches!(place, Place::Best | Place::AsGood)), at(&|place| place == Place::TooFew));
        Self {
            against_off: found.against_off.as_ref().map(|paired| (paired.difference, verdict(paired))),
            figure: found.figure,
            best: found.best,
            mean: found.mean,
            plateau,
            too_few,
            axes: found.axes.into_iter().map(axis).collect(),
        }
    }
}
