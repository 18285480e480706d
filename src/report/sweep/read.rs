//! A sweep read back from its JSON document.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{AxisShape, Shape, SweepReport};
use crate::experiment::stats::along::Cliff;
use crate::experiment::stats::{Interval, Level, Verdict};
use crate::experiment::sweep::Layout;
use crate::experiment::sweep::decide::Decision;
use crate::experiment::sweep::shape::Inert;
use crate::experiment::vary::Axis;
use crate::report::bad_document::BadDocument;
use crate::report::comparison::figure_at;

#[derive(Deserialize)]
struct Document {
    sweep: About,
    shapes: Vec<ShapeRow>,
    #[serde(default)]
    decision: Option<Decision>,
    inert: Vec<InertRow>,
    points: Vec<PointRow>,
    notes: Vec<String>,
    scenario: Value,
}

#[derive(Deserialize)]
struct About {
    scenario: String,
    seed: u64,
    replications: u64,
    axes: Vec<Axis>,
    #[serde(default)]
    environments: usize,
    level: f64,
}

#[derive(Deserialize)]
struct ShapeRow {
    figure: String,
    best_point: usize,
    best: Interval,
    plateau_points: Vec<usize>,
    #[serde(default)]
    too_few_points: Vec<usize>,
    against_off: Option<Interval>,
    verdict_against_off: Option<Verdict>,
    axes: Vec<AxisRow>,
}

#[derive(Deserialize)]
struct AxisRow {
    key: String,
    best: String,
    plateau: Vec<String>,
    plateau_around_best: [String; 2],
    #[serde(default, alias = "no_effect_shown")]
    no_effect_that_matters: bool,
    #[serde(default)]
    too_few_to_say: Vec<String>,
    cliffs: Vec<CliffRow>,
}

#[derive(Deserialize)]
struct CliffRow {
    from: String,
    to: String,
    worse_by: Option<f64>,
}

#[derive(Deserialize)]
struct InertRow {
    key: String,
    wholly: bool,
    stretches: Vec<[String; 2]>,
}

#[derive(Deserialize)]
struct PointRow {
    figures: Map<String, Value>,
}

pub(super) fn sweep(document: &Value) -> Result<SweepReport, BadDocument> {
    let document = Document::deserialize(document)?;
    let about = document.sweep;
    let level = Level::new(about.level).ok_or_else(|| BadDocument(format!("{} is not a level", about.level)))?;
    if about.axes.iter().any(|axis| axis.points.is_empty()) {
        return Err(BadDocument("it has a key without values".to_owned()));
    }
    if about.environments > about.axes.len() {
        return Err(BadDocument("it has fewer keys than keys of the environment".to_owned()));
    }
    let mut environment = about.axes;
    let decision = environment.split_off(about.environments);
    let layout =
        Layout::over(environment, decision, about.replications).map_err(|error| BadDocument(error.to_string()))?;
    if document.points.len() != layout.places().len() {
        let (there, of) = (document.points.len(), layout.places().len());
        return Err(BadDocument(format!("it has {there} points where its keys span {of}")));
    }
    let first = document.points.first().map(|point| &point.figures);
    let figures = first.into_iter().flat_map(Map::keys).map(|path| figure_at(path)).collect::<Result<Vec<_>, _>>()?;
    let mean = |value: Option<&Value>| match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => Interval::deserialize(value).map(Some),
    };
    let means = |point: &PointRow| figures.iter().map(|figure| mean(point.figures.get(&figure.path))).collect();
    let place = |key: &str, text: &str| {
        let axis = layout.grid().axes().iter().find(|axis| axis.key == key);
        let at = axis.and_then(|axis| axis.points.iter().position(|point| point.text == text));
        at.ok_or_else(|| BadDocument(format!("`{text}` is not a value of {key}")))
    };
    let axis = |row: AxisRow| -> Result<AxisShape, BadDocument> {
        let cliff = |cliff: &CliffRow| -> Result<Cliff, BadDocument> {
            Ok(Cliff {
                edge: place(&row.key, &cliff.from)?,
                below: place(&row.key, &cliff.to)?,
                worse_by: cliff.worse_by,
            })
        };
        let [first, last] = &row.plateau_around_best;
        Ok(AxisShape {
            best: place(&row.key, &row.best)?,
            members: row.plateau.iter().map(|text| place(&row.key, text)).collect::<Result<_, _>>()?,
            everywhere: row.no_effect_that_matters,
            too_few: row.too_few_to_say.iter().map(|text| place(&row.key, text)).collect::<Result<_, _>>()?,
            stretch: (place(&row.key, first)?, place(&row.key, last)?),
            cliffs: row.cliffs.iter().map(cliff).collect::<Result<_, _>>()?,
            key: row.key,
        })
    };
    let shape = |row: ShapeRow| -> Result<Shape, BadDocument> {
        if row.best_point >= layout.grid().size() {
            return Err(BadDocument(format!("there is no point {}", row.best_point)));
        }
        Ok(Shape {
            figure: figure_at(&row.figure)?,
            best: row.best_point,
            mean: row.best,
            plateau: row.plateau_points,
            too_few: row.too_few_points,
            against_off: row.against_off.zip(row.verdict_against_off),
            axes: row.axes.into_iter().map(axis).collect::<Result<_, _>>()?,
        })
    };
    let inert = |row: InertRow| -> Result<Inert, BadDocument> {
        let stretch = |[first, last]: &[String; 2]| Ok(place(&row.key, first)?..place(&row.key, last)? + 1);
        let stretches = row.stretches.iter().map(stretch).collect::<Result<_, BadDocument>>()?;
        Ok(Inert { stretches, wholly: row.wholly, key: row.key })
    };
    Ok(SweepReport {
        name: about.scenario,
        seed: about.seed,
        level,
        means: document.points.iter().map(means).collect::<Result<_, _>>()?,
        shapes: document.shapes.into_iter().map(shape).collect::<Result<_, _>>()?,
        inert: document.inert.into_iter().map(inert).collect::<Result<_, _>>()?,
        decision: document.decision.filter(fits),
        notes: document.notes,
        scenario: document.scenario,
        layout,
        figures,
    })
}

/// Whether what it names is there.
fn fits(decision: &Decision) -> bool {
    let (environments, decisions) = (decision.environments.len(), decision.decisions.len());
    let named = decision.best.iter().chain([&decision.worst_case, &decision.mean]).flatten();
    decision.best.len() == environments
        && decision.weights.len() == environments
        && decision.regrets.len() == decisions
        && decision.regrets.iter().all(|row| row.len() == environments)
        && named.into_iter().all(|&at| at < decisions)
}
