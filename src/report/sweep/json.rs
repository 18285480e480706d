//! A sweep as one JSON document.

use serde_json::{Map, Value, json};

use super::SweepReport;
use crate::experiment::cell::Figure;
use crate::experiment::stats::mean_interval_of;
use crate::experiment::sweep::shape::{AxisShape, Shape};
use crate::report::comparison::json_interval;
use crate::report::document::SCHEMA_VERSION;

pub(super) fn of(report: &SweepReport<'_>) -> Value {
    let (swept, layout) = (report.swept, &report.swept.layout);
    let figures = Figure::union_of_cells(&swept.cells);
    let points: Vec<Value> = layout
        .places()
        .iter()
        .enumerate()
        .map(|(point, place)| {
            let cells = swept.of_point(point);
            let values: Map<String, Value> = layout
                .grid()
                .axes()
                .iter()
                .enumerate()
                .map(|(at, axis)| (axis.key.clone(), layout.label(place, at).into()))
                .collect();
            let figures: Map<String, Value> = figures
                .iter()
                .map(|figure| {
                    let interval = mean_interval_of(&figure.column(cells), report.level).map(json_interval);
                    (figure.path.clone(), interval.into())
                })
                .collect();
            json!({ "values": values, "escape_off": place.off, "figures": figures })
        })
        .collect();
    let shapes: Vec<Value> = report
        .objectives
        .iter()
        .filter_map(|figure| swept.shape(figure, report.level))
        .map(|s| shape(report, &s))
        .collect();
    let inert: Vec<Value> = swept
        .inert()
        .into_iter()
        .map(|inert| {
            let label = |axis: &str, at: usize| value(report, axis, at);
            let stretches: Vec<Value> = inert
                .stretches
                .iter()
                .map(|range| json!([label(&inert.key, range.start), label(&inert.key, range.end - 1)]))
                .collect();
            json!({ "key": inert.key, "wholly": inert.wholly, "stretches": stretches })
        })
        .collect();
    json!({
        "schema_version": SCHEMA_VERSION,
        "stickysim_version": env!("CARGO_PKG_VERSION"),
        "sweep": {
            "scenario": swept.name,
            "seed": swept.seed,
            "replications": layout.replications(),
            "axes": layout.grid().axes(),
            "level": report.level.fraction(),
        },
        "shapes": shapes,
        "inert": inert,
        "points": points,
        "notes": swept.notes(),
    })
}

/// The value at a place of an axis.
fn value(report: &SweepReport<'_>, key: &str, at: usize) -> Value {
    let axes = report.swept.layout.grid().axes();
    axes.iter()
        .find(|axis| axis.key == key)
        .and_then(|axis| axis.points.get(at))
        .map_or(Value::Null, |p| p.text.clone().into())
}

fn shape(report: &SweepReport<'_>, shape: &Shape) -> Value {
    let axis = |axis: &AxisShape| {
        let label = |at: usize| value(report, &axis.key, at);
        json!({
            "key": axis.key,
            "best": label(axis.plateau.best),
            "plateau": axis.plateau.members.iter().map(|&at| label(at)).collect::<Vec<_>>(),
            "plateau_around_best": [label(*axis.stretch.start()), label(*axis.stretch.end())],
            "cliffs": axis.cliffs.iter().map(|cliff| json!({
                "from": label(cliff.edge), "to": label(cliff.below), "worse_by": cliff.worse_by,
            })).collect::<Vec<_>>(),
        })
    };
    json!({
        "figure": shape.figure.path,
        "best_point": shape.best,
        "best": json_interval(shape.mean),
        "against_off": shape.against_off.map(|paired| json_interval(paired.difference)),
        "axes": shape.axes.iter().map(axis).collect::<Vec<_>>(),
    })
}
