//! A simulated run as the gateway would have logged it: the export of its databases and its escape log. Calibrating
//! from that must give the scenario back: the truth is known.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::measure::{Finished, Forwarded, Observer, Selected, Status};
use crate::units::Time;
use crate::workload::RecordedAttempt;

/// Collects the log of a run.
#[derive(Clone, Debug)]
pub struct LogExport {
    ids: Vec<i64>,
    group: Option<i64>,
    models: fn(u32) -> String,
    failed: Vec<Vec<Value>>,
    last: Vec<Option<(Time, u64)>>,
    rows: Vec<(Time, u64, Value)>,
    /// The escape log.
    pub escapes: String,
}

impl LogExport {
    /// Of a pool with these ids; `models` names the models by their numbers.
    pub fn new(ids: Vec<i64>, group: Option<i64>, models: fn(u32) -> String) -> Self {
        Self { ids, group, models, failed: Vec::new(), last: Vec::new(), rows: Vec::new(), escapes: String::new() }
    }

    /// The export, in order of completion.
    pub fn lines(mut self) -> String {
        self.rows.sort_by_key(|&(at, number, _)| (at, number));
        self.rows.iter().fold(String::new(), |mut text, (_, _, row)| {
            let _ = writeln!(text, "{row}");
            text
        })
    }

    fn room(&mut self, number: u64) -> usize {
        let place = number as usize;
        if self.failed.len() <= place {
            self.failed.resize(place + 1, Vec::new());
            self.last.resize(place + 1, None);
        }
        place
    }
}

fn ms(time: Time) -> u64 {
    time.unix_nanos() / 1_000_000
}

impl Observer for LogExport {
    fn selected(&mut self, step: &Selected<'_>) {
        if let Some(escape) = step.decision.escape {
            let at =
                jiff::Timestamp::from_millisecond(ms(step.now) as i64).map(|at| at.to_string()).unwrap_or_default();
            let line = json!({
                "level": "INFO", "time": at, "msg": "sticky_escape_triggered",
                "account_id": self.ids.get(escape.account.at()), "reason": escape.reason.name(),
            });
            let _ = writeln!(self.escapes, "{line}");
        }
    }

    fn forwarded(&mut self, step: &Forwarded<'_>) {
        let place = self.room(step.number);
        let fate = &step.attempt.fate;
        let at = step.connected + fate.end();
        let failed = |status: Option<u16>, kind: &str| {
            let mut value = json!({"at_ms": ms(at), "account_id": self.ids[step.account.at()], "kind": kind});
            if let Some(status) = status {
                value["status"] = json!(status);
            }
            value
        };
        let failed = match fate {
            RecordedAttempt::Ok { .. } | RecordedAttempt::Broken { .. } => None,
            RecordedAttempt::Status { status, .. } => Some(failed(Some(*status), "failover")),
            RecordedAttempt::Transport { .. } => Some(failed(None, "request_error")),
        };
        self.failed[place].extend(failed);
        self.last[place] = Some((step.began, step.number));
    }

    fn finished(&mut self, finished: &Finished<'_>) {
        let place = self.room(finished.number);
        let request = finished.request;
        let ok = finished.status == Status::Ok || finished.status == Status::StreamBroken;
        let began = self.last[place].map(|(began, _)| began);
        let mut row = json!({
            "outcome": if ok { "ok" } else { "error" },
            "completed_ms": ms(finished.end), "arrival_ms": ms(request.at), "arrival_src": "access",
            "user_id": 1, "api_key_id": 1, "ua_hash": "0",
            "account_id": finished.account.map(|account| self.ids[account.at()]),
            "model": (self.models)(request.model.0.into()),
        });
        let mut put = |key: &str, value: Value| row[key] = value;
        if let Some(group) = self.group {
            put("group_id", json!(group));
        }
        if let Some(session) = request.session {
            put("session", json!(format!("sid:{:016x}", session.number)));
        }
        if let (true, Some(began)) = (ok, began) {
            put("duration_ms", json!(finished.end.since(began).whole_millis()));
            put("pre_forward_ms", json!(began.since(request.at).whole_millis()));
            put("ttft_ms", json!(finished.upstream_ttft.map(crate::units::Span::whole_millis)));
            put("input_tokens", json!(request.input_tokens.saturating_sub(finished.cached_tokens)));
            put("cache_read_tokens", json!(finished.cached_tokens));
            put("output_tokens", json!(request.output_tokens));
            if finished.status == Status::StreamBroken {
                put("partial_error", json!(502));
            }
        } else {
            put("status", json!(finished.http_status));
        }
        if !self.failed[place].is_empty() {
            let attempts = std::mem::take(&mut self.failed[place]);
            put("attempts", Value::Array(attempts));
        }
        self.rows.push((finished.end, finished.number, row));
    }
}
