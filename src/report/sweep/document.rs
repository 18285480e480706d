//! The JSON document of a sweep, as it is written and read. Values of a key are written as their text, so that the
//! document can be read without counting.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AxisShape, Shape, SweepReport};
use crate::experiment::stats::along::Cliff;
use crate::experiment::stats::{Interval, Verdict};
use crate::experiment::sweep::Layout;
use crate::experiment::sweep::decide::Decision;
use crate::experiment::sweep::shape::Inert;
use crate::experiment::vary::Axis;
use crate::report::answer::{Answer, of_sweep};
use crate::report::bad_document::BadDocument;
use crate::report::document::SCHEMA_VERSION;
use crate::report::form::{ByPath, figure_at, level_of, this_version};

/// A sweep over the values of one key or several.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Sweep")]
pub struct Document {
    /// The version of this form.
    #[serde(default)]
    schema_version: u32,
    /// The version of stickysim that wrote it.
    #[serde(default)]
    stickysim_version: String,
    /// What it says in short.
    #[serde(default)]
    answer: Answer,
    /// What was varied.
    sweep: About,
    /// How the figures by which values are judged lie over the points; the first one decides.
    shapes: Vec<ShapeForm>,
    /// What to decide in each environment; null where no run has the figure.
    #[serde(default)]
    decision: Option<Decision>,
    /// Where keys change no decision of the scheduler.
    inert: Vec<InertForm>,
    /// Every point with every figure: the grid first, then its references with escape off.
    points: Vec<PointForm>,
    /// Caveats on the figures.
    notes: Vec<String>,
    /// The effective scenario as it stands; null where it is not known.
    scenario: Value,
}

/// What was varied.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Varied")]
struct About {
    /// The scenario's name.
    scenario: String,
    /// The seed of the first replication, from which the others are derived.
    seed: u64,
    /// Replications of each point.
    replications: u64,
    /// The keys with their values, those of the environment first.
    axes: Vec<Axis>,
    /// How many of them are of the environment.
    #[serde(default)]
    environments: usize,
    /// The level of all intervals, such as 0.95.
    level: f64,
}

/// One figure over the points.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Shape")]
struct ShapeForm {
    /// The path of the figure.
    figure: String,
    /// The best point, counted from 0.
    best_point: usize,
    /// The figure there.
    best: Interval,
    /// The points that are as good as the best, the best included.
    plateau_points: Vec<usize>,
    /// The points that were measured too little to say.
    #[serde(default)]
    too_few_points: Vec<usize>,
    /// The best less its own reference with escape off.
    against_off: Option<Interval>,
    /// What the evidence says of that.
    verdict_against_off: Option<Verdict>,
    /// Each key along the line through the best point.
    axes: Vec<AxisForm>,
}

/// One key along the line through the best point.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Line")]
struct AxisForm {
    /// The key.
    key: String,
    /// Its best value.
    best: String,
    /// The values that are as good, the best included.
    plateau: Vec<String>,
    /// The first and the last value of the unbroken stretch of them around the best one.
    plateau_around_best: [String; 2],
    /// The values that were measured too little to say.
    #[serde(default)]
    too_few_to_say: Vec<String>,
    /// Whether every value that has the figure is as good.
    #[serde(default, alias = "no_effect_shown")]
    no_effect_that_matters: bool,
    /// Neighbours that are much worse, next to that stretch.
    cliffs: Vec<CliffForm>,
}

/// A neighbour that is much worse.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Cliff")]
struct CliffForm {
    /// The better value, at the edge.
    from: String,
    /// The worse value next to it.
    to: String,
    /// By what share of the better value's mean it is worse; null where that is 0.
    worse_by: Option<f64>,
}

/// Where a key changes no decision.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "Inert")]
struct InertForm {
    /// The key.
    key: String,
    /// Whether it changes no decision anywhere.
    wholly: bool,
    /// Stretches of values, first and last, between which no decision changes.
    stretches: Vec<[String; 2]>,
}

/// A point with every figure.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "SweepPoint")]
struct PointForm {
    /// Its value of each key.
    #[serde(default = "no_values")]
    values: ByPath<String>,
    /// Whether it is a reference with escape off.
    #[serde(default)]
    escape_off: bool,
    /// Each figure by its path; null where no replication has it.
    figures: ByPath<Option<Interval>>,
}

const fn no_values() -> ByPath<String> {
    ByPath(Vec::new())
}

/// The values of the keys by their places and back.
#[derive(Clone, Copy)]
struct Values<'a>(&'a Layout);

impl Values<'_> {
    fn label(self, key: &str, at: usize) -> String {
        let axis = self.0.grid().axes().iter().find(|axis| axis.key == key);
        axis.and_then(|axis| axis.points.get(at)).map_or_else(String::new, |point| point.text.clone())
    }

    fn place(self, key: &str, text: &str) -> Result<usize, BadDocument> {
        let axis = self.0.grid().axes().iter().find(|axis| axis.key == key);
        let at = axis.and_then(|axis| axis.points.iter().position(|point| point.text == text));
        at.ok_or_else(|| BadDocument(format!("`{text}` is not a value of {key}")))
    }
}

impl AxisForm {
    fn of(axis: &AxisShape, values: Values<'_>) -> Self {
        let label = |at: usize| values.label(&axis.key, at);
        let cliff =
            |cliff: &Cliff| CliffForm { from: label(cliff.edge), to: label(cliff.below), worse_by: cliff.worse_by };
        Self {
            key: axis.key.clone(),
            best: label(axis.best),
            plateau: axis.members.iter().map(|&at| label(at)).collect(),
            plateau_around_best: [label(axis.stretch.0), label(axis.stretch.1)],
            too_few_to_say: axis.too_few.iter().map(|&at| label(at)).collect(),
            no_effect_that_matters: axis.everywhere,
            cliffs: axis.cliffs.iter().map(cliff).collect(),
        }
    }

    fn shape(self, values: Values<'_>) -> Result<AxisShape, BadDocument> {
        let place = |text: &String| values.place(&self.key, text);
        let cliff = |cliff: &CliffForm| -> Result<Cliff, BadDocument> {
            Ok(Cliff { edge: place(&cliff.from)?, below: place(&cliff.to)?, worse_by: cliff.worse_by })
        };
        let [first, last] = &self.plateau_around_best;
        Ok(AxisShape {
            best: place(&self.best)?,
            members: self.plateau.iter().map(place).collect::<Result<_, _>>()?,
            everywhere: self.no_effect_that_matters,
            too_few: self.too_few_to_say.iter().map(place).collect::<Result<_, _>>()?,
            stretch: (place(first)?, place(last)?),
            cliffs: self.cliffs.iter().map(cliff).collect::<Result<_, _>>()?,
            key: self.key,
        })
    }
}

impl ShapeForm {
    fn of(shape: &Shape, values: Values<'_>) -> Self {
        Self {
            figure: shape.figure.path.clone(),
            best_point: shape.best,
            best: shape.mean,
            plateau_points: shape.plateau.clone(),
            too_few_points: shape.too_few.clone(),
            against_off: shape.against_off.map(|(difference, _)| difference),
            verdict_against_off: shape.against_off.map(|(_, verdict)| verdict),
            axes: shape.axes.iter().map(|axis| AxisForm::of(axis, values)).collect(),
        }
    }

    fn shape(self, layout: &Layout) -> Result<Shape, BadDocument> {
        if self.best_point >= layout.grid().size() {
            return Err(BadDocument(format!("there is no point {}", self.best_point)));
        }
        Ok(Shape {
            figure: figure_at(&self.figure)?,
            best: self.best_point,
            mean: self.best,
            plateau: self.plateau_points,
            too_few: self.too_few_points,
            against_off: self.against_off.zip(self.verdict_against_off),
            axes: self.axes.into_iter().map(|axis| axis.shape(Values(layout))).collect::<Result<_, _>>()?,
        })
    }
}

impl InertForm {
    fn of(inert: &Inert, values: Values<'_>) -> Self {
        let label = |at: usize| values.label(&inert.key, at);
        Self {
            key: inert.key.clone(),
            wholly: inert.wholly,
            stretches: inert.stretches.iter().map(|range| [label(range.start), label(range.end - 1)]).collect(),
        }
    }

    fn inert(self, values: Values<'_>) -> Result<Inert, BadDocument> {
        let place = |text: &String| values.place(&self.key, text);
        let stretch = |[first, last]: &[String; 2]| Ok(place(first)?..place(last)? + 1);
        let stretches = self.stretches.iter().map(stretch).collect::<Result<_, BadDocument>>()?;
        Ok(Inert { stretches, wholly: self.wholly, key: self.key })
    }
}

impl About {
    fn of(report: &SweepReport) -> Self {
        Self {
            scenario: report.name.clone(),
            seed: report.seed,
            replications: report.layout.replications(),
            axes: report.layout.grid().axes().to_vec(),
            environments: report.layout.environment().len(),
            level: report.level.fraction(),
        }
    }

    fn layout(&self) -> Result<Layout, BadDocument> {
        if self.axes.iter().any(|axis| axis.points.is_empty()) {
            return Err(BadDocument("it has a key without values".to_owned()));
        }
        if self.environments > self.axes.len() {
            return Err(BadDocument("it has fewer keys than keys of the environment".to_owned()));
        }
        let mut environment = self.axes.clone();
        let decision = environment.split_off(self.environments);
        Layout::over(environment, decision, self.replications).map_err(|error| BadDocument(error.to_string()))
    }
}

impl From<&SweepReport> for Document {
    fn from(report: &SweepReport) -> Self {
        let layout = &report.layout;
        let values = Values(layout);
        Self {
            schema_version: SCHEMA_VERSION,
            stickysim_version: this_version(),
            answer: of_sweep(report),
            sweep: About::of(report),
            shapes: report.shapes.iter().map(|shape| ShapeForm::of(shape, values)).collect(),
            decision: report.decision.clone(),
            inert: report.inert.iter().map(|inert| InertForm::of(inert, values)).collect(),
            points: points(report),
            notes: report.notes.clone(),
            scenario: report.scenario.clone(),
        }
    }
}

impl TryFrom<Document> for SweepReport {
    type Error = BadDocument;

    fn try_from(document: Document) -> Result<Self, BadDocument> {
        let layout = document.sweep.layout()?;
        if document.points.len() != layout.places().len() {
            let (there, of) = (document.points.len(), layout.places().len());
            return Err(BadDocument(format!("it has {there} points where its keys span {of}")));
        }
        let first = document.points.first().into_iter().flat_map(|point| &point.figures.0);
        let figures = first.map(|(path, _)| figure_at(path)).collect::<Result<Vec<_>, _>>()?;
        let mean = |point: &PointForm, path: &str| {
            let found = point.figures.0.iter().find(|(other, _)| other == path);
            found.and_then(|(_, mean)| *mean)
        };
        let means = |point: &PointForm| figures.iter().map(|figure| mean(point, &figure.path)).collect();
        Ok(Self {
            level: level_of(document.sweep.level)?,
            name: document.sweep.scenario,
            seed: document.sweep.seed,
            means: document.points.iter().map(means).collect(),
            shapes: document.shapes.into_iter().map(|shape| shape.shape(&layout)).collect::<Result<_, _>>()?,
            inert: document.inert.into_iter().map(|inert| inert.inert(Values(&layout))).collect::<Result<_, _>>()?,
            decision: document.decision.filter(fits),
            notes: document.notes,
            scenario: document.scenario,
            layout,
            figures,
        })
    }
}

fn points(report: &SweepReport) -> Vec<PointForm> {
    let layout = &report.layout;
    let axes = layout.grid().axes();
    let point = |(place, means): (&crate::experiment::sweep::Place, &Vec<Option<Interval>>)| {
        let values = axes.iter().enumerate();
        let figures = report.figures.iter().zip(means);
        PointForm {
            values: values.map(|(at, axis)| (axis.key.clone(), layout.label(place, at).to_owned())).collect(),
            escape_off: place.off,
            figures: figures.map(|(figure, &mean)| (figure.path.clone(), mean)).collect(),
        }
    };
    layout.places().iter().zip(&report.means).map(point).collect()
}

/// Whether what a decision names is there.
fn fits(decision: &Decision) -> bool {
    let (environments, decisions) = (decision.environments.len(), decision.decisions.len());
    let named = decision.best.iter().chain([&decision.worst_case, &decision.mean]).flatten();
    decision.best.len() == environments
        && decision.weights.len() == environments
        && decision.regrets.len() == decisions
        && decision.regrets.iter().all(|row| row.len() == environments)
        && named.into_iter().all(|&at| at < decisions)
}
