//! A comparison as one JSON document.

use serde_json::{Map, Value, json};

use super::ComparisonReport;
use super::sections::unit_name;
use crate::experiment::compare::{Outcome, Row};
use crate::experiment::stats::{Interval, Paired};
use crate::report::answer::of_comparison;
use crate::report::document::SCHEMA_VERSION;

pub(super) fn of(report: &ComparisonReport) -> Value {
    let comparison = &report.comparison;
    let figures: Map<String, Value> =
        comparison.rows.iter().map(|row| (row.figure.path.clone(), figure(row))).collect();
    let gates: Vec<Value> = comparison
        .gates
        .iter()
        .map(|gate| {
            json!({
                "fail_if": gate.condition.text,
                "figure": gate.condition.figure,
                "measured": gate.judgement.measured.map(interval),
                "a_is_zero": gate.judgement.a_is_zero,
                "undecided_because": gate.judgement.doubt().map(|doubt| doubt.to_string()),
                "condition": gate.judgement.evidence,
                "result": super::sections::ended(gate.judgement.evidence).to_lowercase(),
            })
        })
        .collect();
    let steps: Vec<Value> = comparison
        .steps
        .iter()
        .map(|step| {
            let figures: Map<String, Value> = step
                .rows
                .iter()
                .map(|(figure, paired, verdict)| {
                    let mut object = pair(paired.as_ref());
                    object.insert("verdict".into(), json!(verdict));
                    (figure.path.clone(), Value::Object(object))
                })
                .collect();
            json!({ "reason": step.reason.name(), "figures": figures })
        })
        .collect();
    let mut root = json!({
        "schema_version": SCHEMA_VERSION,
        "stickysim_version": env!("CARGO_PKG_VERSION"),
        "comparison": {
            "scenario": report.name,
            "a": comparison.a,
            "b": comparison.b,
            "seed": comparison.seed,
            "replications": comparison.replications,
            "level": comparison.level.fraction(),
            "decisions_differed_in": comparison.differing,
            "first_decisions": { "a": comparison.first[0], "b": comparison.first[1] },
            "shown": report.rows().iter().map(|row| row.figure.path.as_str()).collect::<Vec<_>>(),
        },
        "answer": of_comparison(report).json(),
        "outcome": outcome(comparison.outcome()),
        "gates": gates,
        "figures": figures,
        "notes": comparison.notes,
        "scenarios": { "a": report.scenarios[0], "b": report.scenarios[1] },
    });
    if !steps.is_empty() {
        root["escape_reasons"] = Value::Array(steps);
    }
    if let Some(reached) = &comparison.reached {
        root["precision"] = json!({
            "figure": reached.precision.figure.path,
            "wanted": reached.precision.target,
            "most_replications": reached.precision.most,
            "half_width": reached.half_width,
            "reached": reached.enough,
        });
    }
    root
}

/// How a comparison ended, as JSON and JUnit name it.
pub(super) const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::NotDecidable => "not_decidable",
        Outcome::Inert => "inert",
    }
}

fn figure(row: &Row) -> Value {
    let mut object = Map::new();
    object.insert("title".into(), row.figure.meta.title.into());
    object.insert("unit".into(), unit_name(row.figure.meta).into());
    object.extend(pair(row.paired.as_ref()));
    object.insert("verdict".into(), json!(row.verdict));
    object.insert("stands_among_all".into(), json!(row.stands));
    for (name, mean) in ["a_alone", "b_alone"].into_iter().zip(row.alone) {
        if let Some(mean) = mean {
            object.insert(name.into(), interval(mean));
        }
    }
    if let Some(noise) = row.noise {
        object.insert("noise".into(), interval(noise));
    }
    Value::Object(object)
}

/// A figure under A and under B.
pub(in crate::report) fn pair(paired: Option<&Paired>) -> Map<String, Value> {
    let of = |pick: fn(&Paired) -> Interval| paired.map(|paired| interval(pick(paired)));
    let object = json!({
        "a": of(|p| p.a),
        "b": of(|p| p.b),
        "difference": of(|p| p.difference),
        "change": paired.and_then(|p| p.change).map(interval),
        "ratio": paired.and_then(Paired::ratio).map(interval),
        "changed_in": paired.map_or(0, |p| p.changed),
        "p": paired.and_then(|p| p.p),
        "variance_reduction": paired.and_then(|p| p.variance_reduction),
    });
    let Value::Object(mut object) = object else { return Map::new() };
    for (name, alone) in [("only_a", paired.map(|p| p.only_a)), ("only_b", paired.map(|p| p.only_b))] {
        if let Some(alone) = alone.filter(|&alone| alone > 0) {
            object.insert(name.into(), alone.into());
        }
    }
    object
}

pub(in crate::report) fn interval(interval: Interval) -> Value {
    json!(interval)
}
