//! Codex rollouts: one JSONL file a session, of `{timestamp, type, payload}`. A row is a finished turn: an `event_msg`
//! of type `task_complete` with `started_at` and `completed_at` (RFC 3339 or Unix seconds), `duration_ms`,
//! `time_to_first_token_ms`, `error.codex_error_info`. The session is `session_meta`'s id, the model that of the last
//! `turn_context`. A turn is several requests to the model; it is one row all the same, with the input of its first
//! request and the output of all (from `token_count`). Turns that were aborted are left out and counted.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::line::{BadLine, bad_value, json};
use super::names::Names;
use super::row::TraceRow;
use super::timestamp;
use crate::units::Span;
use crate::workload::Recorded;

#[derive(Deserialize)]
struct Line {
    timestamp: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    payload: Payload,
}

/// The fields that matter, of all kinds of payload; other kinds use some of the names for other things.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Payload {
    #[serde(rename = "type")]
    kind: Value,
    id: Value,
    model: Value,
    info: Value,
    started_at: Value,
    completed_at: Value,
    duration_ms: Value,
    time_to_first_token_ms: Value,
    error: Value,
}

/// One session file under way.
pub(super) struct Rollout {
    session: Box<str>,
    model: String,
    turn: Usage,
    total: Option<u64>,
    pub(super) aborted: u64,
    /// Whether the file has lines of turns at all, finished or not.
    pub(super) turns: bool,
}

#[derive(Clone, Copy, Default)]
struct Usage {
    input: Option<u32>,
    cached: u32,
    output: u32,
}

impl Rollout {
    pub(super) fn new(path: &Path) -> Self {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        Self {
            session: stem.as_ref().into(),
            model: String::new(),
            turn: Usage::default(),
            total: None,
            aborted: 0,
            turns: false,
        }
    }

    /// The row of this line, if it ends a turn; `origin` is the trace's start in Unix nanoseconds.
    pub(super) fn row(&mut self, line: &[u8], origin: i128, names: &mut Names) -> Result<Option<TraceRow>, BadLine> {
        let Line { timestamp, kind, payload } = json(line, "a line of a Codex rollout")?;
        match (kind.as_str(), payload.kind.as_str()) {
            ("session_meta", _) => {
                if let Some(id) = payload.id.as_str() {
                    self.session = id.into();
                }
                Ok(None)
            }
            ("turn_context", _) => {
                if let Some(model) = payload.model.as_str() {
                    self.model = model.to_string();
                }
                Ok(None)
            }
            ("event_msg", Some("token_count")) => {
                self.count(&payload.info);
                Ok(None)
            }
            ("event_msg", Some("task_started")) => {
                self.turn = Usage::default();
                Ok(None)
            }
            ("event_msg", Some("turn_aborted")) => {
                self.turn = Usage::default();
                self.turns = true;
                self.aborted += 1;
                Ok(None)
            }
            ("event_msg", Some("task_complete")) => {
                let usage = std::mem::take(&mut self.turn);
                self.turns = true;
                self.complete(line, &payload, timestamp.as_deref(), usage, origin, names).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Adds a `token_count` to the turn. The same count is often written twice: the session's total tells.
    fn count(&mut self, info: &Value) {
        let number = |value: &Value| value.as_u64().map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        let total = info["total_token_usage"]["total_tokens"].as_u64();
        if total.is_some() && total == self.total {
            return;
        }
        self.total = total;
        let last = &info["last_token_usage"];
        if self.turn.input.is_none() {
            self.turn.input = number(&last["input_tokens"]);
            self.turn.cached = number(&last["cached_input_tokens"]).unwrap_or(0);
        }
        self.turn.output = self.turn.output.saturating_add(number(&last["output_tokens"]).unwrap_or(0));
    }

    fn complete(
        &self,
        line: &[u8],
        payload: &Payload,
        written: Option<&str>,
        usage: Usage,
        origin: i128,
        names: &mut Names,
    ) -> Result<TraceRow, BadLine> {
        let millis = |key: &str, value: &Value| match value {
            Value::Null => Ok(None),
            value => match value.as_f64() {
                Some(ms) if ms >= 0.0 => Ok(Some(Span::from_millis_f64(ms))),
                _ => Err(bad_value(line, key, "milliseconds, 0 or more")),
            },
        };
        let duration = millis("duration_ms", &payload.duration_ms)?;
        let took = i128::from(duration.unwrap_or(Span::ZERO).nanos());
        let ended = time(&payload.completed_at).or_else(|| written.and_then(timestamp::date));
        let started = time(&payload.started_at).or(ended.map(|ended| ended - took));
        let Some(started) = started else {
            return Err(bad_value(line, "started_at", "RFC 3339 or Unix seconds"));
        };
        let at = u64::try_from(started - origin)
            .map(Span::from_nanos)
            .map_err(|_| bad_value(line, "started_at", "no earlier than the session's first line"))?;
        let status = status(&payload.error);
        let duration = duration.or(ended.map(|ended| Span::from_nanos(u64::try_from(ended - started).unwrap_or(0))));
        let recorded = Recorded {
            first_token: millis("time_to_first_token_ms", &payload.time_to_first_token_ms)?,
            duration,
            status: Some(status.unwrap_or(200)),
            cached_tokens: usage.input.map(|_| usage.cached),
            ..Recorded::default()
        };
        Ok(TraceRow {
            at,
            session: Some(self.session.clone()),
            model: names.model(&self.model),
            input_tokens: usage.input.unwrap_or(0),
            output_tokens: usage.output,
            ended: duration.map(|duration| at + duration),
            failed: status.is_some(),
            recorded: Some(Box::new(recorded)),
            ..TraceRow::default()
        })
    }
}

/// Unix nanoseconds of RFC 3339 or Unix seconds.
fn time(value: &Value) -> Option<i128> {
    match value {
        Value::String(text) => timestamp::date(text).or_else(|| timestamp::seconds(text)),
        Value::Number(number) => timestamp::seconds(&number.to_string()),
        _ => None,
    }
}

/// The HTTP status that an error amounts to; `None`: no error.
fn status(error: &Value) -> Option<u16> {
    if error.is_null() {
        return None;
    }
    let info = &error["codex_error_info"];
    // a bare name, or a name with details
    let (name, details) = match info {
        Value::String(name) => (name.as_str(), &Value::Null),
        Value::Object(map) => map.iter().next().map_or(("", &Value::Null), |(name, details)| (name.as_str(), details)),
        _ => ("", &Value::Null),
    };
    let told = details["http_status_code"].as_u64().and_then(|status| u16::try_from(status).ok());
    Some(told.unwrap_or(match name {
        "usage_limit_exceeded" => 429,
        "server_overloaded" => 529,
        "internal_server_error" => 500,
        "unauthorized" => 401,
        "bad_request" | "context_window_exceeded" => 400,
        _ => 502,
    }))
}
