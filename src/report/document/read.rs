//! The result document read back from its JSON. What it does not hold, what each account and session went through, is
//! had by running its scenario again (`report::picture::again`).

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{About, Estimate, Figure, MoveFigures, NamedFigures, ResultDocument};
use crate::experiment::stats::Interval;
use crate::measure::figures::{Meta, no_token, registry};
use crate::measure::{Merged, Note};
use crate::report::bad_document::BadDocument;
use crate::scenario::Scenario;
use crate::simulation::settings;

#[derive(Deserialize)]
struct Document {
    name: String,
    seed: u64,
    replications: usize,
    notes: Vec<NoteRow>,
    accounts: Vec<Map<String, Value>>,
    conditions: Vec<Map<String, Value>>,
    scenario: Value,
    engine: Engine,
}

#[derive(Deserialize)]
struct NoteRow {
    figure: String,
    text: String,
    replications: usize,
    #[serde(default)]
    mean_over: Option<String>,
}

#[derive(Deserialize)]
struct Engine {
    wall_s: f64,
    threads: usize,
}

#[derive(Deserialize)]
struct MoveRow {
    from: Value,
    to: Value,
    moves: Value,
    returns: Value,
}

#[derive(Deserialize)]
struct Mean {
    mean: Option<f64>,
    lo: Option<f64>,
    hi: Option<f64>,
    #[serde(default)]
    missing: usize,
    #[serde(default)]
    no_token: usize,
}

/// The effective scenario that a document holds; paths in it are relative to `base`.
pub(in crate::report) fn scenario(of: &Value, name: &str, base: &Path) -> Result<Scenario, BadDocument> {
    let file = crate::scenario::Document::parse(&of.to_string(), Path::new(name), base);
    let loaded = file.and_then(|file| file.resolve(&[]));
    loaded.map(|loaded| loaded.scenario).map_err(|error| BadDocument(format!("its scenario is not valid: {error}")))
}

pub(super) fn document(value: &Value) -> Result<ResultDocument, BadDocument> {
    let document = Document::deserialize(value)?;
    let replications = document.replications;
    let scenario = scenario(&document.scenario, &document.name, Path::new(""))?;
    let figures = |list: &'static [Meta], of: &Value| -> Result<Vec<Figure>, BadDocument> {
        let figure = |meta: &'static Meta| {
            let found = meta.path.split('.').try_fold(of, |value, part| value.get(part));
            let value = found.map_or(Ok(None), |found| estimate(found, replications))?;
            Ok(Figure { meta, value: value.or_else(|| among_those_without_token(meta.path, of)) })
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
    let moves = |row: MoveRow| -> Result<MoveFigures, BadDocument> {
        let several =
            |value: &Value| Ok::<_, BadDocument>(estimate(value, replications)?.unwrap_or(Estimate::Single(0.0)));
        let (from, to) = (text(Some(&row.from)), text(Some(&row.to)));
        Ok(MoveFigures { from, to, moves: several(&row.moves)?, returns: several(&row.returns)? })
    };
    let by_accounts = value.pointer("/escapes/by_accounts").cloned().unwrap_or_else(|| Value::Array(Vec::new()));
    let remark = |row: NoteRow| Merged {
        note: Note::printed(row.figure, row.text, row.mean_over.as_deref() == Some("all")),
        runs: row.replications,
        means: row.mean_over.is_some(),
    };
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
        moves: Vec::<MoveRow>::deserialize(by_accounts)?.into_iter().map(moves).collect::<Result<_, _>>()?,
        accounts,
        series: None,
        remarks: document.notes.into_iter().map(remark).collect(),
    })
}

fn text(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => String::new(),
    }
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

fn estimate(value: &Value, replications: usize) -> Result<Option<Estimate>, BadDocument> {
    match value {
        Value::Null => Ok(None),
        Value::Number(number) => Ok(number.as_f64().map(Estimate::Single)),
        value => {
            let Mean { mean, lo, hi, missing, no_token } = Mean::deserialize(value)?;
            if mean.is_none() && no_token == 0 {
                return Err(BadDocument("one of its means is null".to_owned()));
            }
            let n = replications.saturating_sub(missing);
            let hi = hi.or_else(|| lo.filter(|_| no_token > 0).map(|_| no_token::score(0.0)));
            let mean = mean.unwrap_or_else(|| no_token::score(0.0));
            Ok(Some(Estimate::Several(Interval { mean, lo, hi, n, missing, no_token })))
        }
    }
}
