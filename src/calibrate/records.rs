//! What a log says of each request, whatever its format, in order of arrival.

use std::collections::BTreeMap;
use std::path::Path;

use crate::engine::Luck;
use crate::units;
use crate::workload::replay::usage::UsageRows;
use crate::workload::replay::{Format, Names, TraceReader, TraceRow};
use crate::workload::{Error, ReadConfig};

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordedEnd {
    /// A complete answer.
    Ok,
    /// An answer that broke off.
    Broken,
    /// This HTTP status (0: not known) in the place of an answer.
    Failed(u16),
}

/// A failed attempt within a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FailedTry {
    /// When it failed, in s from the start of the log; `None`: not known.
    pub at_s: Option<f64>,
    /// The id of the account that failed, if the log names it.
    pub account: Option<i64>,
    /// With which HTTP status; `None`: a transport error.
    pub status: Option<u16>,
    /// Whether the gateway went on to another account.
    pub failed_over: bool,
}

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Arrival, in s from the start of the log.
    pub at_s: f64,
    /// Whether the arrival is that of the access log (otherwise waiting and failed attempts lie before it).
    pub exact_arrival: bool,
    /// End, in s from the start of the log.
    pub end_s: f64,
    /// The session that the log names.
    pub session: Option<Box<str>>,
    /// What stands for a session where none is named: a hash of group, key, user agent and model.
    pub proxy: u64,
    /// Who sent it.
    pub user: Option<Box<str>>,
    /// Model and effort: a place in `Log::kinds`.
    pub kind: u32,
    /// Tokens of input, cached ones included; `None`: not known (failed requests).
    pub input_tokens: Option<u32>,
    /// Tokens of output; `None`: not known.
    pub output_tokens: Option<u32>,
    /// Input tokens found in the prompt cache; `None`: not known, or not to be trusted (after failed attempts).
    pub cached_tokens: Option<u32>,
    /// How it ended.
    pub outcome: RecordedEnd,
    /// The account that served it, or the last that was chosen.
    pub account: Option<i64>,
    /// From the forward to the first token, in s.
    pub ttft_s: Option<f64>,
    /// From the forward to the end, in s.
    pub duration_s: Option<f64>,
    /// From the arrival to the last forward, in s: waiting, failed attempts, and the gateway's own work.
    pub before_s: Option<f64>,
    /// Attempts that failed, in order.
    pub failed: Vec<FailedTry>,
}

/// The requests of a period, with what is known of the log as a whole.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// In order of arrival.
    pub records: Vec<Record>,
    /// Names of models, with the reasoning effort after a slash where there is one.
    pub kinds: Vec<String>,
    /// Unix time of second 0 of the log in ms, if it has a clock.
    pub epoch_ms: Option<i64>,
    /// The group that most requests belong to.
    pub group: Option<i64>,
    /// Whether sessions share a clock: without one, nothing can be said of when an account was slow.
    pub has_clock: bool,
    /// Whether this is the export of the gateway's own database.
    pub is_export: bool,
    /// Whether requests say which account served them.
    pub has_accounts: bool,
    /// What was left out, assumed or odd, one sentence each.
    pub notes: Vec<String>,
    /// The account snapshot, where the same file holds it: its lines.
    pub snapshot: String,
}

/// More bad lines than this share of the requests, and it is no log.
pub(super) const MOST_BAD: f64 = 0.05;

impl Log {
    /// From the first arrival to the last.
    pub fn span_s(&self) -> f64 {
        self.records.last().map_or(0.0, |record| record.at_s)
    }

    /// A part of the log with its end where the log ends, in s.
    pub fn period(&self, (from_s, to_s): (f64, f64)) -> (f64, f64) {
        (from_s, to_s.min(self.span_s()).max(from_s))
    }

    /// The typical time that the gateway spends on a request that neither waits nor fails, in s.
    pub fn overhead_s(&self) -> f64 {
        let mut before: Vec<f64> = self
            .records
            .iter()
            .filter(|record| record.failed.is_empty() && record.outcome == RecordedEnd::Ok)
            .filter_map(|record| record.before_s)
            .collect();
        before.sort_by(f64::total_cmp);
        // the slowest quarter may have waited
        let unhurried = before.len() - before.len() / 4;
        before.get(unhurried / 2).copied().unwrap_or(0.0).min(0.080)
    }

    /// A log of a trace that any reader knows; all requests without an account are taken to be served by account 1.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of_trace(read: &ReadConfig) -> Result<Self, Error> {
        let mut reader = TraceReader::open(&ReadConfig { skip_bad_lines: u64::MAX, ..read.clone() }, Luck::new(1))?;
        let mut log = Self::default();
        let mut kinds = BTreeMap::new();
        while let Some(row) = reader.next_row()? {
            log.take(row, reader.names(), &mut kinds);
        }
        log.notes = reader.notes();
        let (bad, good) = (reader.skipped(), log.records.len() as u64);
        if good == 0 || (bad > 1 && bad as f64 > MOST_BAD * (good + bad) as f64) {
            // read once more, to stop at the first bad line and say what is wrong with it
            let mut strict = TraceReader::open(&ReadConfig { skip_bad_lines: 0, ..read.clone() }, Luck::new(1))?;
            while strict.next_row()?.is_some() {}
            return Err(Error::in_file(&read.path, "there is no request in it", "say what it is with --format"));
        }
        if bad > 0 {
            let lines = units::count(bad, "bad line");
            log.notes.push(format!("{lines} (cut off, or not of the format) left out"));
        }
        log.name_one_account();
        log.has_clock = reader.format() != Format::Weka;
        log.say_what_a_trace_lacks(reader.format());
        log.sort();
        Ok(log)
    }

    /// The gateway's own usage export (the CSV or Excel file of a usage page). It knows no arrival, no failure and no
    /// session; who asked for which model stands for a session, where that shows any.
    ///
    /// # Errors
    /// When it is none.
    pub fn of_usage(path: &Path) -> Result<Self, Error> {
        let mut rows = UsageRows::read(path, super::escapes::bytes(path)?)?;
        let (mut log, mut names, mut kinds) = (Self::default(), Names::default(), BTreeMap::new());
        while let Some(row) = rows.next(&mut names) {
            let user = row.user;
            log.take(row, &names, &mut kinds);
            if let (Some(record), Some(user)) = (log.records.last_mut(), user) {
                record.proxy = xxhash_rust::xxh64::xxh64(format!("{user} {}", record.kind).as_bytes(), 0);
            }
        }
        if log.records.is_empty() {
            return Err(Error::in_file(path, "there is no request in it", "export a longer period"));
        }
        for record in &mut log.records {
            (record.exact_arrival, record.before_s) = (false, None);
        }
        log.name_one_account();
        (log.notes, log.epoch_ms, log.has_clock) = (rows.notes(), rows.epoch_ms, true);
        log.sort();
        // seconds count from the first arrival already
        log.epoch_ms = rows.epoch_ms;
        Ok(log)
    }

    /// One account stands for all where the log knows none.
    fn name_one_account(&mut self) {
        if !self.has_accounts {
            self.records.iter_mut().for_each(|record| record.account = Some(1));
        }
    }

    /// A row of a trace.
    fn take(&mut self, row: TraceRow, names: &Names, kinds: &mut BTreeMap<String, u32>) {
        let kind = self.kind(kinds, names.model_name(row.model));
        let recorded = row.recorded.as_deref();
        let at_s = row.at.secs();
        let status = recorded.and_then(|recorded| recorded.status).filter(|&status| status >= 400).unwrap_or(0);
        // 0 is how some write that there was none
        let account = recorded.and_then(|recorded| recorded.account).filter(|&id| id > 0);
        self.has_accounts |= account.is_some();
        let duration_s = recorded.and_then(|recorded| recorded.duration).map(|duration| duration.secs());
        let end_s = row.ended.map(|ended| ended.secs());
        self.records.push(Record {
            at_s,
            exact_arrival: true,
            end_s: end_s.unwrap_or(at_s + duration_s.unwrap_or(0.0)),
            proxy: 0,
            user: row.user.map(|user| format!("u{user}").into()),
            kind,
            input_tokens: Some(row.input_tokens).filter(|&tokens| tokens > 0),
            output_tokens: Some(row.output_tokens).filter(|&tokens| tokens > 0),
            cached_tokens: recorded.and_then(|recorded| recorded.cached_tokens),
            outcome: if row.failed { RecordedEnd::Failed(status) } else { RecordedEnd::Ok },
            account,
            ttft_s: recorded.and_then(|recorded| recorded.first_token).map(|ttft| ttft.secs()),
            duration_s,
            before_s: end_s.zip(duration_s).map(|(end, duration)| (end - at_s - duration).max(0.0)),
            failed: Vec::new(),
            session: row.session,
        });
    }

    /// A trace that says of no request how long it waited says nothing of waiting; and what else it does not know.
    fn say_what_a_trace_lacks(&mut self, format: Format) {
        const ROUNDING_S: f64 = 1e-6;
        if !self.has_accounts || !self.records.iter().any(|record| record.before_s.is_some_and(|s| s > ROUNDING_S)) {
            for record in &mut self.records {
                record.before_s = None;
            }
        }
        if self.has_accounts {
            let waits = if self.records.iter().any(|record| record.before_s.is_some()) {
                ""
            } else {
                ", how long requests waited"
            };
            self.notes.push(format!(
                "read as a trace ({}): it does not say which attempts failed within a request{waits}",
                format.name()
            ));
        }
    }

    /// A table of requests with their TTFT as CSV: `trace` (the session), `t_s` from the start of the session, `model`,
    /// `input_tokens`, `output_tokens`, `ttft_s`, `api_time_s`. Sessions share no clock: they start a minute apart.
    ///
    /// # Errors
    /// When it cannot be read or a column is missing.
    pub fn of_table(path: &Path) -> Result<Self, Error> {
        let bad = |line: u64, message: String| Error::new(message, "").at(path, line, 0);
        let mut table = csv::Reader::from_path(path).map_err(|error| bad(0, error.to_string()))?;
        let head = table.headers().map_err(|error| bad(1, error.to_string()))?.clone();
        let place = |name: &str| {
            let at = head.iter().position(|column| column == name);
            at.ok_or_else(|| {
                bad(1, format!("expected a column `{name}`, found {}", head.iter().collect::<Vec<_>>().join(",")))
            })
        };
        let columns = (place("trace")?, place("t_s")?, place("model")?, place("ttft_s")?);
        let (input, output, api) = (place("input_tokens")?, place("output_tokens")?, place("api_time_s")?);
        let mut log = Self::default();
        let mut kinds = BTreeMap::new();
        let mut sessions: BTreeMap<String, f64> = BTreeMap::new();
        for (row, line) in table.records().zip(2_u64..) {
            let row = row.map_err(|error| bad(line, error.to_string()))?;
            let number = |at: usize| {
                row.get(at).and_then(|text| text.parse::<f64>().ok()).filter(|n| n.is_finite() && *n >= 0.0)
            };
            let (session, _, model, _) = columns;
            let session = row.get(session).unwrap_or_default().to_owned();
            let next = sessions.len() as f64 * 60.0;
            let start = *sessions.entry(session.clone()).or_insert(next);
            let t = number(columns.1).ok_or_else(|| bad(line, "expected seconds in `t_s`".to_owned()))?;
            let kind = log.kind(&mut kinds, row.get(model).unwrap_or_default());
            let at_s = start + t;
            let duration_s = number(api).filter(|&s| s > 0.0);
            log.records.push(Record {
                at_s,
                exact_arrival: true,
                end_s: at_s + duration_s.unwrap_or(0.0),
                session: Some(session.into()),
                proxy: 0,
                user: None,
                kind,
                input_tokens: number(input).map(|n| n as u32),
                output_tokens: number(output).map(|n| n as u32),
                cached_tokens: None,
                outcome: RecordedEnd::Ok,
                account: Some(1),
                ttft_s: number(columns.3).filter(|&s| s > 0.0),
                duration_s,
                before_s: None,
                failed: Vec::new(),
            });
        }
        log.notes.push("sessions of the table share no clock: they start a minute apart".to_owned());
        log.sort();
        Ok(log)
    }

    /// Adds a note where the log falls apart in time.
    pub(super) fn say_if_parted(&mut self) {
        const LEAST_S: f64 = 3_600.0;
        let gaps = self.records.windows(2).map(|pair| (pair[1].at_s - pair[0].at_s, pair[0].at_s));
        let Some((gap, from)) = gaps.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|gap| gap.0 > LEAST_S) else { return };
        if gap > 50.0 * self.span_s() / self.records.len() as f64 {
            self.notes.push(format!(
                "no request for {:.1} h, from {:.1} h after the first one on: an idle time, or rows of two time \
                 zones or periods put together",
                gap / 3_600.0,
                from / 3_600.0
            ));
        }
    }

    pub(super) fn kind(&mut self, known: &mut BTreeMap<String, u32>, name: &str) -> u32 {
        if let Some(&kind) = known.get(name) {
            return kind;
        }
        let kind = u32::try_from(self.kinds.len()).unwrap_or(u32::MAX);
        self.kinds.push(name.to_owned());
        known.insert(name.to_owned(), kind);
        kind
    }

    /// Takes back the times of answers whose first token comes after their end (two clocks, or seconds for
    /// milliseconds), and says how many there are.
    fn take_back_impossible(&mut self) {
        // both are rounded to whole milliseconds
        const ROUNDING_S: f64 = 0.001_5;
        let mut first = None;
        let mut count = 0_usize;
        for record in &mut self.records {
            let (Some(ttft), Some(duration)) = (record.ttft_s, record.duration_s) else { continue };
            if ttft > duration + ROUNDING_S {
                first.get_or_insert((ttft, duration));
                count += 1;
                (record.ttft_s, record.duration_s) = (None, None);
            }
        }
        if let Some((ttft, duration)) = first {
            self.notes.push(format!(
                "{count} of {} {} (the first: TTFT {ttft:.3} s, duration {duration:.3} s): two clocks, or one of the \
                 two in another unit; these times are left out of the fit",
                units::count(self.records.len() as u64, "request"),
                units::agree(
                    count as u64,
                    "has its first token after its end",
                    "have their first token after their end"
                ),
            ));
        }
    }

    /// Puts records in order of arrival and the first arrival at second 0.
    pub(super) fn sort(&mut self) {
        self.take_back_impossible();
        self.records.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
        let Some(first) = self.records.first().map(|record| record.at_s) else { return };
        if let Some(epoch) = &mut self.epoch_ms {
            *epoch += (first * 1e3) as i64;
        }
        for record in &mut self.records {
            record.at_s -= first;
            record.end_s -= first;
            for failed in &mut record.failed {
                failed.at_s = failed.at_s.map(|at| at - first);
            }
        }
    }
}
