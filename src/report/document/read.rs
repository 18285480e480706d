//! The result document read back from its JSON. It does not hold what each account and session went through: for that
//! its scenario is run again (`experiment::again`).

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::form::{EngineForm, MoveForm, NoteForm, text};
use super::{About, Estimate, MeasuredFigure, NamedFigures, ResultDocument};
use crate::experiment::again::stored_scenario;
use crate::measure::figures::{Meta, no_token, registry};
use crate::report::bad_document::BadDocument;
use crate::simulation::settings;

#[derive(Deserialize)]
struct Document {
    name: String,
    seed: u64,
    replications: usize,
    notes: Vec<NoteForm>,
    accounts: Vec<Map<String, Value>>,
    conditions: Vec<Map<String, Value>>,
    scenario: Value,
    engine: EngineForm,
}

pub(super) fn document(value: &Value) -> Result<ResultDocument, BadDocument> {
    let document = Document::deserialize(value)?;
    let replications = document.replications;
    let scenario = stored_scenario(&document.scenario, &document.name, Path::new(""));
    let scenario = scenario.map_err(|error| BadDocument(error.to_string()))?;
    let figures = |list: &'static [Meta], of: &Value| -> Result<Vec<MeasuredFigure>, BadDocument> {
        let figure = |meta: &'static Meta| {
            let found = meta.path.split('.').try_fold(of, |value, part| value.get(part));
            let value = found.map_or(Ok(None), |found| Estimate::from_json(found, replications))?;
            Ok(MeasuredFigure { meta, value: value.or_else(|| among_those_without_token(meta.path, of)) })
        };
        list.iter().map(figure).collect()
    };
    let named =
        |list: &'static [Meta], rows: &[Map<String, Value>], key: &str| -> Result<Vec<NamedFigures>, BadDocument> {
            let row = |row: &Map<String, Value>| {
                let name = text(row.get(key));
                let label = row.get("name").and_then(Value::as_str).map_or_else(|| name.clone(), str::to_owned);
                Ok(NamedFigures { name, label, figures: figures(list, &Value::Object(row.clone()))? })
            };
            rows.iter().map(row).collect()
        };
    let by_accounts = value.pointer("/escapes/by_accounts").cloned().unwrap_or_else(|| Value::Array(Vec::new()));
    let moves = Vec::<MoveForm>::deserialize(by_accounts)?;
    let accounts = named(registry::ACCOUNT, &document.accounts, "id")?;
    Ok(ResultDocument {
        about: About {
            name: document.name,
            scenario: document.scenario.clone(),
            seed: document.seed,
            settings: settings(&scenario),
            baseline_ms: None,
            account_names: accounts.iter().map(|account| account.label.clone()).collect(),
            notes: Vec::new(),
            wall_s: document.engine.wall_s,
            threads: document.engine.threads,
        },
        replications,
        figures: figures(registry::RUN, value)?,
        conditions: named(registry::CONDITION, &document.conditions, "name")?,
        moves: moves.iter().map(|moves| moves.figures(replications)).collect::<Result<_, _>>()?,
        accounts,
        series: None,
        remarks: document.notes.into_iter().map(NoteForm::merged).collect(),
    })
}

/// What a null says of one replication where there are requests or sessions without a token: that it falls among those.
fn among_those_without_token(path: &str, of: &Value) -> Option<Estimate> {
    let (group, _) = path.rsplit_once('.')?;
    let (some, all) = match group {
        "felt_ttft_ms" => ("/felt_ttft_ms/without_token", "/felt_ttft_ms/samples"),
        "sessions.worst_ttft_ms" | "sessions.mean_ttft_ms" => ("/sessions/with_turn_without_token", "/sessions/total"),
        _ => return None,
    };
    let count = |place: &str| of.pointer(place).and_then(Value::as_f64);
    let (some, all) = (count(some)?, count(all)?);
    (some > 0.0).then(|| Estimate::Single(no_token::score(some / all)))
}
