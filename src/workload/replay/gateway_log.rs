//! The gateway's own log as spec/sub2api-export.sql exports it: JSON lines ordered by completion, which `reorder` puts
//! in order of arrival.
//!
//! `input_tokens` there are those that were neither read from nor written to the prompt cache (the gateway subtracts
//! them for billing), so a request's input is the sum of the three. A row's attempts are rebuilt for
//! `service: recorded`: the failed ones from `attempts[]` (each begins where the one before ended; the first at the
//! arrival, so it contains any waiting), then the answer from `ttft_ms` and `duration_ms`.

use serde::Deserialize;

use super::line::{BadLine, LineFormat, bad_value, json};
use super::loose::{Name, Whole};
use super::names::Names;
use super::origin::Origin;
use super::row::TraceRow;
use crate::units::{Span, count};
use crate::workload::{Recorded, RecordedAttempt, Says};

/// Arrivals are counted from this long before the first completion: the reader shifts them to the first arrival once it
/// has them in order.
const HEADROOM_MS: i128 = 366 * 86_400_000;

pub(super) struct GatewayLog {
    origin: Option<Origin>,
    without_tokens: u64,
    without_arrival: u64,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    outcome: std::borrow::Cow<'a, str>,
    #[serde(default)]
    partial_error: Whole<u16>,
    completed_ms: i64,
    arrival_ms: i64,
    #[serde(borrow)]
    arrival_src: Option<std::borrow::Cow<'a, str>>,
    #[serde(default)]
    user_id: Whole<i64>,
    #[serde(default)]
    account_id: Whole<i64>,
    #[serde(borrow, default)]
    model: Name<'a>,
    #[serde(default)]
    ttft_ms: Whole<u32>,
    #[serde(default)]
    duration_ms: Whole<u32>,
    #[serde(default)]
    input_tokens: Whole<u32>,
    #[serde(default)]
    output_tokens: Whole<u32>,
    #[serde(default)]
    cache_read_tokens: Whole<u32>,
    #[serde(default)]
    cache_creation_tokens: Whole<u32>,
    #[serde(borrow, default)]
    session: Name<'a>,
    #[serde(default)]
    status: Whole<u16>,
    attempts: Option<Vec<FailedAttempt<'a>>>,
}

#[derive(Deserialize)]
struct FailedAttempt<'a> {
    #[serde(default)]
    at_ms: Whole<i64>,
    #[serde(default)]
    status: Whole<u16>,
    #[serde(borrow)]
    kind: Option<std::borrow::Cow<'a, str>>,
}

/// Whether a line is one of the account snapshot (sub2api-export-accounts.sql), which may stand in the same file.
fn is_account(line: &[u8]) -> bool {
    let has = |key: &[u8]| line.windows(key.len()).any(|part| part == key);
    has(b"\"concurrency\"") && has(b"\"account_id\"") && !has(b"\"completed_ms\"")
}

impl GatewayLog {
    pub(super) const fn new() -> Self {
        Self { origin: None, without_tokens: 0, without_arrival: 0 }
    }
}

impl LineFormat for GatewayLog {
    fn row(&mut self, line: &[u8], names: &mut Names) -> Result<Option<TraceRow>, BadLine> {
        if is_account(line) {
            return Ok(None);
        }
        let parsed: Line<'_> = json(line, "a record of sub2api-export.sql")?;
        let ok = match &*parsed.outcome {
            "ok" => true,
            "error" => false,
            _ => return Err(bad_value(line, "outcome", "\"ok\" or \"error\"")),
        };
        if parsed.arrival_ms > parsed.completed_ms {
            return Err(bad_value(line, "arrival_ms", "no later than `completed_ms`"));
        }
        let (arrival, completed) = (i128::from(parsed.arrival_ms), i128::from(parsed.completed_ms));
        let origin = self.origin.get_or_insert(Origin::at((completed - HEADROOM_MS) * 1_000_000));
        let at = origin.span(arrival * 1_000_000)?;
        let ended = origin.span(completed * 1_000_000)?;
        self.without_tokens += u64::from(!ok && parsed.input_tokens.or_zero() == 0);
        self.without_arrival += u64::from(parsed.arrival_src.as_deref() == Some("error_time"));
        let partial = parsed.partial_error.0.is_some();
        let status = if ok { parsed.partial_error.0.or(Some(200)) } else { parsed.status.0 };
        let millis = |ms: Option<u32>| ms.map(|ms| Span::from_millis(u64::from(ms)));
        let recorded = Recorded {
            account: parsed.account_id.0,
            first_token: millis(parsed.ttft_ms.0),
            duration: millis(parsed.duration_ms.0),
            status,
            cached_tokens: ok.then_some(parsed.cache_read_tokens.or_zero()),
            attempts: attempts(&parsed, ok),
        };
        Ok(Some(TraceRow {
            at,
            session: parsed.session.owned(),
            user: parsed.user_id.0.map(|id| names.user(&id.to_string())),
            model: names.model(parsed.model.or_blank()),
            input_tokens: parsed
                .input_tokens
                .or_zero()
                .saturating_add(parsed.cache_read_tokens.or_zero())
                .saturating_add(parsed.cache_creation_tokens.or_zero()),
            output_tokens: parsed.output_tokens.or_zero(),
            ended: Some(ended),
            failed: !ok || partial,
            recorded: Some(Box::new(recorded)),
            ..TraceRow::default()
        }))
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.without_tokens > 0 {
            notes.push(format!(
                "{} failed in reality without counts of tokens: 0 is assumed",
                count(self.without_tokens, "request")
            ));
        }
        if self.without_arrival > 0 {
            notes.push(format!(
                "{} without a time of arrival (no access log): the time of the error is assumed",
                count(self.without_arrival, "request")
            ));
        }
        notes
    }
}

fn attempts(line: &Line<'_>, ok: bool) -> Vec<RecordedAttempt> {
    let mut attempts = Vec::new();
    let mut from_ms = line.arrival_ms;
    for failed in line.attempts.as_deref().unwrap_or_default() {
        let at_ms = failed.at_ms.0.unwrap_or(from_ms);
        let end = Span::from_millis(u64::try_from(at_ms.saturating_sub(from_ms)).unwrap_or(0));
        from_ms = from_ms.max(at_ms);
        attempts.push(match (failed.status.0.filter(|&status| status > 0), failed.kind.as_deref()) {
            (None, _) | (_, Some("request_error")) => RecordedAttempt::transport(end),
            // a 400 that failed over is one of the upstream's passing troubles
            (Some(status), kind) => RecordedAttempt::Status {
                status,
                end,
                reset_after: None,
                retry_after: None,
                says: if status == 400 && kind == Some("failover") { Says::Passing } else { Says::Nothing },
            },
        });
    }
    if let (true, Some(duration)) = (ok, line.duration_ms.0) {
        let end = Span::from_millis(u64::from(duration));
        let ttft = line.ttft_ms.0.map(|ms| Span::from_millis(u64::from(ms)).min(end));
        attempts.push(match line.partial_error.0 {
            Some(_) => RecordedAttempt::Broken { ttft, end, would_fail_over: false },
            None => RecordedAttempt::Ok { ttft: ttft.unwrap_or(end), end },
        });
    }
    attempts
}
