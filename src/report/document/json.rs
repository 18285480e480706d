//! The result document as JSON: dotted paths become nested objects, in the order of the registry.

use serde_json::{Map, Value, json};

use super::estimate::number;
use super::form::{EngineForm, MoveForm, NoteForm, id};
use super::{MeasuredFigure, ResultDocument, SCHEMA_VERSION, scheduler_revision};
use crate::measure::figures::Unit;
use crate::measure::series::{Sample, Series};
use crate::report::answer::of_run;

/// The most points that the document has of a time series.
const POINTS: usize = 128;
/// The most accounts whose time series it has; `accounts.csv` has them all.
const ACCOUNTS_WITH_SERIES: usize = 64;

/// The whole document.
pub(super) fn of(document: &ResultDocument) -> Value {
    let about = &document.about;
    let mut root = Map::new();
    root.insert("schema_version".into(), SCHEMA_VERSION.into());
    root.insert("stickysim_version".into(), env!("CARGO_PKG_VERSION").into());
    root.insert("scheduler_revision".into(), scheduler_revision(about.settings.revision).into());
    root.insert("mode".into(), about.settings.mode.name().into());
    root.insert("name".into(), about.name.clone().into());
    root.insert("seed".into(), about.seed.into());
    root.insert("replications".into(), document.replications.into());
    root.insert("answer".into(), json!(of_run(document)));
    root.insert("notes".into(), document.remarks.iter().map(|remark| json!(NoteForm::of(remark))).collect());
    for figure in document.figures.iter().filter(|figure| !figure.meta.path.starts_with("engine.")) {
        put(&mut root, figure);
    }
    if let Some(Value::Object(escapes)) = root.get_mut("escapes") {
        let moves = document.moves.iter().map(|moves| json!(MoveForm::of(moves)));
        escapes.insert("by_accounts".into(), moves.collect());
    }
    root.insert("accounts".into(), accounts(document));
    root.insert("conditions".into(), conditions(document));
    root.insert("scenario".into(), about.scenario.clone());
    let events = document.get("engine.events").map_or(Value::Null, |events| events.to_json(Unit::Count));
    let engine = EngineForm { events, wall_s: about.wall_s, threads: about.threads };
    root.insert("engine".into(), json!(engine));
    Value::Object(root)
}

/// Puts a figure at its dotted path.
fn put(root: &mut Map<String, Value>, figure: &MeasuredFigure) {
    let value = figure.value.map_or(Value::Null, |value| value.to_json(figure.meta.unit));
    let mut object = root;
    let mut parts = figure.meta.path.split('.').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            object.insert(part.into(), value);
            return;
        }
        let entry = object.entry(part).or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(inner) = entry else { return };
        object = inner;
    }
}

fn accounts(document: &ResultDocument) -> Value {
    let with_series = document.series.as_ref().filter(|_| document.accounts.len() <= ACCOUNTS_WITH_SERIES);
    let account = |(place, named): (usize, &super::NamedFigures)| {
        let mut object = Map::new();
        object.insert("id".into(), id(&named.name));
        object.insert("name".into(), named.label.clone().into());
        named.figures.iter().for_each(|figure| put(&mut object, figure));
        if let Some(series) = with_series {
            object.insert("over_time".into(), over_time(series, place));
        }
        Value::Object(object)
    };
    document.accounts.iter().enumerate().map(account).collect()
}

/// An account over time, in the first replication: every so many points, from the start of the run.
fn over_time(series: &Series, account: usize) -> Value {
    let every = series.len().div_ceil(POINTS).max(1);
    let column = |of: fn(&Sample) -> Value| {
        series.points().step_by(every).filter_map(|(_, all)| all.get(account)).map(of).collect::<Value>()
    };
    json!({
        "step_s": number(series.step().secs() * every as f64, Unit::Seconds),
        "ewma_ttft_ms": column(|s| s.ewma_ttft_ms.map_or(Value::Null, |ttft| number(ttft, Unit::Ms))),
        "ewma_error_rate_ratio": column(|s| number(s.ewma_error_rate, Unit::Ratio)),
        "slots_held": column(|s| s.held.into()),
        "degraded": column(|s| (s.conditions > 0).into()),
        "available": column(|s| (s.listed && !s.blocked).into()),
    })
}

fn conditions(document: &ResultDocument) -> Value {
    let condition = |named: &super::NamedFigures| {
        let mut object = Map::new();
        object.insert("name".into(), named.name.clone().into());
        named.figures.iter().for_each(|figure| put(&mut object, figure));
        Value::Object(object)
    };
    document.conditions.iter().map(condition).collect()
}
