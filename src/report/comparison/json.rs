//! A comparison as one JSON document.

use serde_json::{Map, Value, json};

use super::ComparisonReport;
use super::sections::unit_name;
use crate::experiment::compare::{Outcome, Row};
use crate::experiment::stats::{Interval, Paired};
use crate::report::document::SCHEMA_VERSION;

pub(super) fn of(report: &ComparisonReport<'_>) -> Value {
    let comparison = report.comparison;
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
                    let difference = paired.as_ref().map(|paired| interval(paired.difference));
                    (figure.path.clone(), json!({ "difference": difference, "verdict": verdict }))
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
        },
        "outcome": outcome(comparison.outcome()),
        "gates": gates,
        "figures": figures,
        "notes": comparison.notes,
    });
    if !steps.is_empty() {
        root["escape_reasons"] = Value::Array(steps);
    }
    if let Some(reached) = &comparison.reached {
        root["precision"] = json!({
            "figure": reached.precision.figure.path,
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
    let of = |pick: fn(&Paired) -> Interval| row.paired.as_ref().map(|paired| interval(pick(paired)));
    let paired = row.paired.as_ref();
    let mut object = json!({
        "title": row.figure.meta.title,
        "unit": unit_name(row.figure.meta),
        "a": of(|p| p.a),
        "b": of(|p| p.b),
        "difference": of(|p| p.difference),
        "change": paired.and_then(|p| p.change).map(interval),
        "ratio": paired.and_then(Paired::ratio).map(interval),
        "p": paired.and_then(|p| p.p),
        "variance_reduction": paired.and_then(|p| p.variance_reduction),
        "verdict": row.verdict,
        "stands_among_all": row.stands,
    });
    if let Some(noise) = row.noise {
        object["noise"] = interval(noise);
    }
    object
}

pub(in crate::report) fn interval(interval: Interval) -> Value {
    let mut object = json!({ "mean": interval.mean, "lo": interval.lo, "hi": interval.hi, "n": interval.n });
    if interval.missing > 0 {
        object["missing"] = interval.missing.into();
    }
    object
}
