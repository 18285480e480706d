//! A sweep as one JSON document.

use serde_json::{Map, Value, json};

use super::{AxisShape, Shape, SweepReport};
use crate::report::answer::of_sweep;
use crate::report::comparison::json_interval;
use crate::report::document::SCHEMA_VERSION;

pub(super) fn of(report: &SweepReport) -> Value {
    let layout = &report.layout;
    let points: Vec<Value> = layout
        .places()
        .iter()
        .zip(&report.means)
        .map(|(place, means)| {
            let values: Map<String, Value> = layout
                .grid()
                .axes()
                .iter()
                .enumerate()
                .map(|(at, axis)| (axis.key.clone(), layout.label(place, at).into()))
                .collect();
            let figures: Map<String, Value> = report
                .figures
                .iter()
                .zip(means)
                .map(|(figure, mean)| (figure.path.clone(), mean.map(json_interval).into()))
                .collect();
            json!({ "values": values, "escape_off": place.off, "figures": figures })
        })
        .collect();
    let inert: Vec<Value> = report
        .inert
        .iter()
        .map(|inert| {
            let label = |at: usize| value(report, &inert.key, at);
            let stretches: Vec<Value> =
                inert.stretches.iter().map(|range| json!([label(range.start), label(range.end - 1)])).collect();
            json!({ "key": inert.key, "wholly": inert.wholly, "stretches": stretches })
        })
        .collect();
    json!({
        "schema_version": SCHEMA_VERSION,
        "stickysim_version": env!("CARGO_PKG_VERSION"),
        "answer": of_sweep(report).json(),
        "sweep": {
            "scenario": report.name,
            "seed": report.seed,
            "replications": layout.replications(),
            "axes": layout.grid().axes(),
            "environments": layout.environment().len(),
            "level": report.level.fraction(),
        },
        "shapes": report.shapes.iter().map(|s| shape(report, s)).collect::<Vec<_>>(),
        "decision": report.decision,
        "inert": inert,
        "points": points,
        "notes": report.notes,
        "scenario": report.scenario,
    })
}

/// The value at a place of an axis.
fn value(report: &SweepReport, key: &str, at: usize) -> Value {
    let axes = report.layout.grid().axes();
    axes.iter()
        .find(|axis| axis.key == key)
        .and_then(|axis| axis.points.get(at))
        .map_or(Value::Null, |p| p.text.clone().into())
}

fn shape(report: &SweepReport, shape: &Shape) -> Value {
    let axis = |axis: &AxisShape| {
        let label = |at: usize| value(report, &axis.key, at);
        json!({
            "key": axis.key,
            "best": label(axis.best),
            "plateau": axis.members.iter().map(|&at| label(at)).collect::<Vec<_>>(),
            "plateau_around_best": [label(axis.stretch.0), label(axis.stretch.1)],
            "too_few_to_say": axis.too_few.iter().map(|&at| label(at)).collect::<Vec<_>>(),
            "no_effect_that_matters": axis.everywhere,
            "cliffs": axis.cliffs.iter().map(|cliff| json!({
                "from": label(cliff.edge), "to": label(cliff.below), "worse_by": cliff.worse_by,
            })).collect::<Vec<_>>(),
        })
    };
    json!({
        "figure": shape.figure.path,
        "best_point": shape.best,
        "best": json_interval(shape.mean),
        "plateau_points": shape.plateau,
        "too_few_points": shape.too_few,
        "against_off": shape.against_off.map(|(difference, _)| json_interval(difference)),
        "verdict_against_off": shape.against_off.map(|(_, verdict)| verdict),
        "axes": shape.axes.iter().map(axis).collect::<Vec<_>>(),
    })
}
