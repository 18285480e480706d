//! A search as one JSON document.

use serde_json::{Map, Value, json};

use super::TuneReport;
use crate::experiment::stats::{Interval, Paired};
use crate::experiment::tune::{Arm, Confirmed};
use crate::measure::figures::no_token::shown;
use crate::report::answer::of_tune;
use crate::report::comparison::{json_interval, json_pair};
use crate::report::document::SCHEMA_VERSION;
use crate::report::printed::Report as _;

pub(super) fn of(report: &TuneReport) -> Value {
    let tuned = &report.tuned;
    json!({
        "schema_version": SCHEMA_VERSION,
        "stickysim_version": env!("CARGO_PKG_VERSION"),
        "answer": of_tune(report).json(),
        "objective": report.objective.path,
        "scenarios": report.scenarios,
        "seeds": report.seeds,
        "axes": report.axes,
        "level": report.level.fraction(),
        "advice": tuned.advice,
        "headline": report.headline(),
        "details": report.details(),
        "best": tuned.best.and_then(|best| tuned.arms.get(best)).map(|arm| arm.name.clone()),
        "challenger": report.challenger().map(arm),
        "as_it_stands_is_as_good": tuned.stands,
        "smallest": report.smallest,
        "screening": report.screened,
        "bill": tuned.bill,
        "neighbours_gain": tuned.gain,
        "plateau": tuned.plateau.iter().filter_map(|&at| tuned.arms.get(at)).map(|a| a.name.clone()).collect::<Vec<_>>(),
        "yaml": report.config(),
        "confirmed": tuned.confirmed.iter().map(confirmed).collect::<Vec<_>>(),
        "arms": tuned.arms.iter().map(arm).collect::<Vec<_>>(),
        "runs": { "search": tuned.spent.0, "confirmation": tuned.spent.1 },
        "regrets": tuned.regrets.iter().map(|of| of.iter().map(|share| share.and_then(shown)).collect()).collect::<Vec<Vec<_>>>(),
        "effective_scenarios": report.effective,
    })
}

fn arm(arm: &Arm) -> Value {
    json!({
        "name": arm.name, "sets": arm.sets, "fate": arm.fate, "replications": arm.replications,
        "means": arm.means.iter().map(|mean| mean.and_then(|mean: Interval| shown(mean.mean))).collect::<Vec<_>>(),
        "intervals": arm.means.iter().map(|mean| mean.map(json_interval)).collect::<Vec<_>>(),
        "regret": arm.regret, "place": arm.place, "at_most": arm.at_most, "dearer_by": arm.dearer_by,
        "dearer": arm.dearer,
    })
}

fn confirmed(found: &Confirmed) -> Value {
    let rows: Map<String, Value> = found
        .rows
        .iter()
        .map(|row| {
            let value = json!({
                "against_default": against(row.default.as_ref()), "against_off": against(row.off.as_ref()),
                "verdict": row.verdict,
            });
            (row.figure.path.clone(), value)
        })
        .collect();
    let constraints: Vec<Value> = found
        .constraints
        .iter()
        .map(|constraint| {
            let (condition, best) = (&constraint.condition, &constraint.best);
            json!({
                "constraint": condition.text, "figure": condition.figure, "evidence": best.evidence,
                "measured": best.measured.map(json_interval), "a_is_zero": best.a_is_zero,
                "as_it_stands": constraint.default,
            })
        })
        .collect();
    json!({
        "scenario": found.scenario, "figures": rows, "constraints": constraints,
        "decisions_differed_in": found.differing, "notes": found.notes,
        "replications": found.replications, "gain": found.gain,
    })
}

/// The challenger, which is B, against a reference, which is A.
fn against(paired: Option<&Paired>) -> Value {
    let Some(paired) = paired else { return Value::Null };
    let rename = |(key, value)| match key {
        key if key == "a" => ("reference".to_owned(), value),
        key if key == "b" => ("challenger".to_owned(), value),
        key => (key, value),
    };
    let mut object: Map<String, Value> = json_pair(Some(paired)).into_iter().map(rename).collect();
    object.insert("identical".into(), paired.identical.into());
    Value::Object(object)
}
