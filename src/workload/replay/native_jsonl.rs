//! Our own JSON lines (docs/reference/trace-format.md, version 1): what the CSV has, and scripted attempts.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::line::{BadLine, LineFormat, bad_value, json};
use super::loose::{Name, Whole, or_default};
use super::names::Names;
use super::native_csv::{check_version, failed, previous_response};
use super::origin::Origin;
use super::row::TraceRow;
use super::timestamp;
use crate::units::Span;
use crate::workload::{Recorded, RecordedAttempt, Says};

pub(super) struct NativeJsonl {
    origin: Origin,
    begun: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    stickysim_trace: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    at_s: Option<f64>,
    #[serde(borrow)]
    at: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    session: Name<'a>,
    #[serde(borrow, default)]
    user: Name<'a>,
    #[serde(borrow, default)]
    model: Name<'a>,
    #[serde(default)]
    input_tokens: Whole<u32>,
    #[serde(default)]
    output_tokens: Whole<u32>,
    patience_ms: Option<f64>,
    #[serde(borrow, default)]
    response_id: Name<'a>,
    #[serde(borrow, default)]
    previous_response_id: Name<'a>,
    #[serde(borrow, default, deserialize_with = "or_default")]
    attempts: Vec<Attempt<'a>>,
    recorded: Option<Box<RecordedLine<'a>>>,
    #[serde(default, rename = "request")]
    _request: IgnoredAny,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecordedLine<'a> {
    #[serde(default)]
    account: Whole<i64>,
    wait_ms: Option<f64>,
    ttft_ms: Option<f64>,
    duration_ms: Option<f64>,
    #[serde(alias = "http", default)]
    status: Whole<u16>,
    #[serde(default)]
    cached_tokens: Whole<u32>,
    end_ms: Option<f64>,
    #[serde(default, deserialize_with = "or_default")]
    failed: bool,
    #[serde(default, rename = "felt_ttft_ms")]
    _felt_ttft_ms: IgnoredAny,
    #[serde(borrow, default, deserialize_with = "or_default")]
    visits: Vec<Attempt<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attempt<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    ttft_us: Whole<u64>,
    end_us: Whole<u64>,
    #[serde(default)]
    status: Whole<u16>,
    reset_after_s: Option<f64>,
    #[serde(default, deserialize_with = "or_default")]
    would_fail_over: bool,
    #[serde(default, deserialize_with = "or_default")]
    passing: bool,
    #[serde(borrow)]
    says: Option<Cow<'a, str>>,
    retry_after_s: Option<f64>,
    #[serde(default)]
    durable: bool,
    #[serde(default, rename = "account")]
    _account: IgnoredAny,
    #[serde(default, rename = "start_s")]
    _start_s: IgnoredAny,
}

impl NativeJsonl {
    pub(super) const fn new() -> Self {
        Self { origin: Origin::NEW, begun: false }
    }
}

impl LineFormat for NativeJsonl {
    fn row(&mut self, line: &[u8], names: &mut Names) -> Result<Option<TraceRow>, BadLine> {
        if !std::mem::replace(&mut self.begun, true)
            && let Ok(head) = serde_json::from_slice::<Head>(line)
        {
            return check_version(head.stickysim_trace).map(|()| None);
        }
        let parsed: Line<'_> = json(line, "a stickysim trace record")?;
        let at = match (parsed.at_s, &parsed.at) {
            (Some(at_s), None) if (0.0..1e10).contains(&at_s) => Span::from_secs_f64(at_s),
            (None, Some(at)) => match timestamp::date(at) {
                Some(nanos) => self.origin.span(nanos)?,
                None => return Err(bad_value(line, "at", "a date such as 2026-01-01T00:00:00Z")),
            },
            (Some(_), None) => return Err(bad_value(line, "at_s", "seconds from the start, 0 or more")),
            _ => return Err(BadLine::new(0, "expected exactly one of `at_s` and `at`")),
        };
        let mut row = TraceRow {
            at,
            session: parsed.session.owned(),
            user: parsed.user.given().map(|user| names.user(&user)),
            model: names.model(parsed.model.or_blank()),
            input_tokens: parsed.input_tokens.or_zero(),
            output_tokens: parsed.output_tokens.or_zero(),
            previous: previous_response(parsed.previous_response_id.given().as_deref()),
            response_id: parsed.response_id.owned(),
            patience: millis(line, "patience_ms", parsed.patience_ms)?,
            ..TraceRow::default()
        };
        let mut recorded = Recorded::default();
        let mut visits = Vec::new();
        if let Some(given) = parsed.recorded {
            recorded.account = given.account.0;
            recorded.first_token = millis(line, "ttft_ms", given.ttft_ms)?;
            recorded.duration = millis(line, "duration_ms", given.duration_ms)?;
            recorded.status = given.status.0;
            recorded.cached_tokens = given.cached_tokens.0;
            let wait = millis(line, "wait_ms", given.wait_ms)?.unwrap_or(Span::ZERO);
            let end = millis(line, "end_ms", given.end_ms)?;
            row.ended = end.or(recorded.duration.map(|duration| duration + wait)).map(|took| at + took);
            row.failed = given.failed || failed(given.status.0);
            visits = given.visits;
        }
        let script = if parsed.attempts.is_empty() { visits } else { parsed.attempts };
        recorded.attempts = script.iter().map(|given| attempt(line, given)).collect::<Result<_, _>>()?;
        row.recorded = (recorded != Recorded::default()).then(|| Box::new(recorded));
        Ok(Some(row))
    }
}

fn millis(line: &[u8], key: &str, value: Option<f64>) -> Result<Option<Span>, BadLine> {
    match value {
        Some(ms) if !(0.0..1e13).contains(&ms) => Err(bad_value(line, key, "milliseconds, 0 or more")),
        value => Ok(value.map(Span::from_millis_f64)),
    }
}

fn attempt(line: &[u8], given: &Attempt<'_>) -> Result<RecordedAttempt, BadLine> {
    let Whole(Some(end)) = given.end_us else { return Err(bad_value(line, "end_us", "microseconds, 0 or more")) };
    let (end, ttft) = (Span::from_micros(end), given.ttft_us.0.map(Span::from_micros));
    match &*given.kind {
        "ok" => match ttft {
            Some(ttft) if ttft <= end => Ok(RecordedAttempt::Ok { ttft, end }),
            _ => Err(bad_value(line, "ttft_us", "given for an attempt of kind \"ok\", and no more than `end_us`")),
        },
        "broken" => Ok(RecordedAttempt::Broken { ttft, end, would_fail_over: given.would_fail_over }),
        "status" => match given.status.0 {
            Some(status) => Ok(RecordedAttempt::Status {
                status,
                end,
                reset_after: given.reset_after_s.map(Span::from_secs_f64),
                retry_after: given.retry_after_s.map(Span::from_secs_f64),
                says: says(line, given)?,
            }),
            None => Err(bad_value(line, "status", "given for an attempt of kind \"status\"")),
        },
        "transport" => Ok(RecordedAttempt::Transport { end, durable: given.durable }),
        _ => Err(bad_value(line, "kind", "\"ok\", \"broken\", \"status\" or \"transport\"")),
    }
}

/// `passing: true` is the older way to write `says: passing`.
fn says(line: &[u8], given: &Attempt<'_>) -> Result<Says, BadLine> {
    match &given.says {
        None if given.passing => Ok(Says::Passing),
        None => Ok(Says::Nothing),
        Some(name) => Says::of_name(name).ok_or_else(|| {
            let names = Says::ALL.map(|says| format!("\"{}\"", says.name())).join(", ");
            bad_value(line, "says", &format!("one of {names}"))
        }),
    }
}
