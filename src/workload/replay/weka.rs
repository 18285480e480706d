//! Claude Code sessions of the WEKA corpus: one JSON file a session, `requests[]` with `t` in seconds from the
//! session's start, `in`, `out`, `model`, `api_time`, `ttft`. Entries of type `subagent` hold requests of their own,
//! timed from the entry's `t`: they are sessions of their own (another context, so another prompt cache), named
//! `{file}/{agent_id}`. `out` = 0 is a failure. `think_time` is not read: it counts from the last request whose
//! `api_time` is known, so it is wrong after one whose is not.

use serde::Deserialize;

use super::input::Opened;
use super::loose::{Whole, or_default};
use super::names::Names;
use super::row::TraceRow;
use super::words::of_json_error;
use crate::units::Span;
use crate::workload::{Error, Recorded};

#[derive(Deserialize)]
struct File {
    id: Option<String>,
    requests: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    t: f64,
    #[serde(default, deserialize_with = "or_default")]
    model: String,
    #[serde(default, rename = "in")]
    input: Whole<u32>,
    #[serde(default, rename = "out")]
    output: Whole<u32>,
    api_time: Option<f64>,
    ttft: Option<f64>,
    agent_id: Option<String>,
    requests: Option<Vec<Self>>,
}

/// The rows of a session's file in order of time, from the session's start.
pub(super) fn read(opened: Opened, names: &mut Names) -> Result<Vec<TraceRow>, Error> {
    let path = opened.path().to_path_buf();
    let path = path.as_path();
    let text = opened.whole()?;
    let file: File = serde_json::from_slice(&text).map_err(|error| {
        Error::new(
            format!("expected a session of the WEKA corpus: {}", of_json_error(&error)),
            "leave this file out, or name its format",
        )
        .at(path, error.line() as u64, error.column() as u64)
    })?;
    let stem = || path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let session = file.id.unwrap_or_else(stem);
    let mut rows = Vec::new();
    collect(&file.requests, 0.0, &session, names, &mut rows)
        .map_err(|message| Error::new(message, "leave this file out").at(path, 1, 0))?;
    rows.sort_by_key(|row: &TraceRow| row.at);
    Ok(rows)
}

fn collect(
    entries: &[Entry],
    start_s: f64,
    session: &str,
    names: &mut Names,
    rows: &mut Vec<TraceRow>,
) -> Result<(), String> {
    for (place, entry) in entries.iter().enumerate() {
        if !(0.0..1e10).contains(&entry.t) {
            return Err(format!("request {place} of {session}: `t` must be seconds, 0 or more, not {}", entry.t));
        }
        if let Some(nested) = &entry.requests {
            let name = match &entry.agent_id {
                Some(agent) => format!("{session}/{agent}"),
                None => format!("{session}/{place}"),
            };
            collect(nested, start_s + entry.t, &name, names, rows)?;
            continue;
        }
        let span = |seconds: Option<f64>| seconds.filter(|&s| s > 0.0).map(Span::from_secs_f64);
        let at = Span::from_secs_f64(start_s + entry.t);
        let recorded =
            Recorded { first_token: span(entry.ttft), duration: span(entry.api_time), ..Recorded::default() };
        rows.push(TraceRow {
            at,
            session: Some(session.into()),
            model: names.model(&entry.model),
            input_tokens: entry.input.or_zero(),
            output_tokens: entry.output.or_zero(),
            ended: recorded.duration.map(|duration| at + duration),
            failed: entry.output.or_zero() == 0,
            recorded: (recorded != Recorded::default()).then(|| Box::new(recorded)),
            ..TraceRow::default()
        });
    }
    Ok(())
}
