//! The gateway's log as docs/export/sub2api-export.sql gives it, with all that calibration asks and a replay does not:
//! group, key, user agent, effort, the accounts of failed attempts.
//!
//! Real exports are broken now and then. What can be left out is left out, counted and explained; where too much is bad
//! it is no log, and that is an error with file, line and what was expected.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use serde::Deserialize;

use super::records::{FailedTry, Log, MOST_BAD, Record, RecordedEnd};
use crate::units::plural;
use crate::workload::Error;

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    outcome: Option<Cow<'a, str>>,
    partial_error: Option<u16>,
    completed_ms: Option<i64>,
    arrival_ms: Option<i64>,
    ws: Option<bool>,
    #[serde(borrow)]
    arrival_src: Option<Cow<'a, str>>,
    pre_forward_ms: Option<i64>,
    group_id: Option<i64>,
    user_id: Option<i64>,
    api_key_id: Option<i64>,
    account_id: Option<i64>,
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    #[serde(borrow)]
    reasoning_effort: Option<Cow<'a, str>>,
    ttft_ms: Option<i64>,
    duration_ms: Option<i64>,
    input_tokens: Option<u32>,
    output_tokens: Option<u32>,
    cache_read_tokens: Option<u32>,
    cache_creation_tokens: Option<u32>,
    #[serde(borrow)]
    session: Option<Cow<'a, str>>,
    #[serde(borrow)]
    ua_hash: Option<Cow<'a, str>>,
    status: Option<u16>,
    attempts: Option<Vec<Attempt<'a>>>,
}

#[derive(Deserialize)]
struct Attempt<'a> {
    at_ms: Option<i64>,
    account_id: Option<i64>,
    status: Option<u16>,
    #[serde(borrow)]
    kind: Option<Cow<'a, str>>,
}

const TWICE: &str = "the same line again (rows exported twice)";

/// Why lines were left out, with how many and the first of them.
#[derive(Default)]
struct Skips(BTreeMap<&'static str, (u64, u64)>);

impl Skips {
    fn add(&mut self, why: &'static str, line: u64) {
        self.0.entry(why).or_insert((0, line)).0 += 1;
    }
}

/// Reads a log, plain, gzip or zstd.
///
/// # Errors
/// When it cannot be read, or more than a twentieth of its lines (and more than one) are bad.
pub fn read(path: &Path) -> Result<Log, Error> {
    let file = std::fs::File::open(path).map_err(|error| Error::io(path, "open it", &error))?;
    let mut text = crate::workload::packed::unpacked(BufReader::with_capacity(1 << 16, file))
        .map_err(|error| Error::io(path, "read it", &error))?;
    let mut reading = Reading::default();
    let mut line = Vec::new();
    let mut number = 0_u64;
    loop {
        line.clear();
        let length = match (&mut text).take(64 << 20).read_until(b'\n', &mut line) {
            Ok(length) => length,
            // a packed file that was cut off: what came before is good
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof && number > 0 => {
                reading.skips.add("the file is packed and was cut off: what lies behind is missing", number);
                break;
            }
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                let message = "the file is packed and was cut off before its first line";
                return Err(Error::in_file(path, message, "export it again"));
            }
            Err(error) => return Err(Error::io(path, "read on", &error).at(path, number + 1, 0)),
        };
        if length == 0 {
            break;
        }
        number += 1;
        let whole = line.ends_with(b"\n");
        let content = line.trim_ascii();
        let content = if number == 1 { content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content) } else { content };
        if content.is_empty() {
            continue;
        }
        if let Err(why) = reading.line(content, number) {
            let why = if !whole && why.starts_with("not JSON") { "the last line was cut off" } else { why };
            reading.skips.add(why, number);
            reading.first_bad.get_or_insert((number, why));
            reading.bad += 1;
        }
    }
    reading.finish(path, number)
}

/// Whether a line is one of the account snapshot, which may stand in the same file.
fn is_account(content: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Account {
        completed_ms: Option<serde::de::IgnoredAny>,
        account_id: Option<i64>,
        concurrency: Option<i64>,
    }
    // requests have neither of the two, so most lines are recognised without reading them to their end
    content.windows(13).any(|part| part == b"\"concurrency\"")
        && serde_json::from_slice::<Account>(content).is_ok_and(|account| {
            account.completed_ms.is_none() && account.account_id.is_some() && account.concurrency.is_some()
        })
}

/// How and when a request ended, in milliseconds since 1970.
#[derive(Clone, Copy)]
struct End {
    ok: bool,
    completed: i64,
}

/// A line of the export, and how its request ended.
fn checked(content: &[u8]) -> Result<(Line<'_>, End), &'static str> {
    let line: Line<'_> = serde_json::from_slice(content).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => "a value is of the wrong type, or out of range",
        _ => "not JSON: expected one object a line, as docs/export/sub2api-export.sql gives it",
    })?;
    let ok = match line.outcome.as_deref() {
        Some("ok") => true,
        Some("error") => false,
        Some(_) => return Err("`outcome` is neither \"ok\" nor \"error\""),
        // an export older than the column: a row with a duration ended well
        None => line.duration_ms.is_some() && line.status.is_none_or(|status| status < 400),
    };
    let Some(completed) = line.completed_ms else {
        return Err("no `completed_ms`: expected the end of the request in ms since 1970");
    };
    if !(0..=9_000_000_000_000).contains(&completed) || (completed > 0 && completed < 20_000_000_000) {
        return Err("`completed_ms` is no time in ms since 1970 (seconds instead?)");
    }
    if line.ttft_ms.is_some_and(|ms| ms < 0) || line.duration_ms.is_some_and(|ms| ms < 0) {
        return Err("a negative `ttft_ms` or `duration_ms`");
    }
    Ok((line, End { ok, completed }))
}

/// The times of a request, in milliseconds since 1970.
struct Times {
    /// From where the log counts its seconds.
    base: i64,
    arrival: i64,
    completed: i64,
    /// Whether the arrival is that of the access log.
    exact: bool,
    ok: bool,
}

impl Times {
    fn seconds(&self, ms: i64) -> f64 {
        (ms - self.base) as f64 / 1e3
    }

    /// Whether an attempt of the request may have been at this time. An arrival that is not known lies before the one
    /// taken, by no more than a request may last.
    const fn contain(&self, at: i64) -> bool {
        at >= self.arrival - if self.exact { 5_000 } else { 3_600_000 } && at <= self.completed + 5_000
    }
}

fn failed_tries(line: &Line<'_>, times: &Times) -> Vec<FailedTry> {
    let tried = |attempt: &Attempt<'_>| FailedTry {
        at_s: attempt.at_ms.filter(|&at| times.contain(at)).map(|at| times.seconds(at)),
        account: attempt.account_id.filter(|&id| id > 0),
        status: attempt.status.filter(|&status| status > 0 && attempt.kind.as_deref() != Some("request_error")),
        failed_over: attempt.kind.as_deref() == Some("failover"),
    };
    line.attempts.as_deref().unwrap_or_default().iter().map(tried).collect()
}

#[derive(Default)]
struct Reading {
    log: Log,
    kinds: BTreeMap<String, u32>,
    seen: BTreeSet<u64>,
    alike: Vec<(usize, u64)>,
    groups: BTreeMap<Option<i64>, u64>,
    skips: Skips,
    first_bad: Option<(u64, &'static str)>,
    bad: u64,
    without_arrival: u64,
    later_arrival: u64,
    websocket: u64,
    twisted: u64,
    untrusted_cache: u64,
    strangers: u64,
    base_ms: Option<i64>,
}

impl Reading {
    fn line(&mut self, content: &[u8], number: u64) -> Result<(), &'static str> {
        if is_account(content) {
            self.log.snapshot.push_str(&String::from_utf8_lossy(content));
            self.log.snapshot.push('\n');
            return Ok(());
        }
        let (line, end) = checked(content)?;
        if !self.seen.insert(xxhash_rust::xxh64::xxh64(content, 0)) {
            if end.ok {
                self.skips.add(TWICE, number);
                return Ok(());
            }
            // refusals carry so little that two of one millisecond may be alike: only a log that doubles answers is
            // believed to double them, too
            self.alike.push((self.log.records.len(), number));
        }
        let times = self.times(&line, end);
        let record = self.record(&line, &times);
        self.log.is_export = true;
        self.log.has_accounts |= record.account.is_some();
        self.log.records.push(record);
        Ok(())
    }

    /// When a request arrived, as far as its row knows, and when it ended.
    fn times(&mut self, line: &Line<'_>, end: End) -> Times {
        let End { ok, completed } = end;
        let mut arrival = line.arrival_ms.unwrap_or(completed - line.duration_ms.unwrap_or(0));
        if arrival > completed {
            self.twisted += 1;
            arrival = completed - line.duration_ms.unwrap_or(0);
        }
        let exact = line.arrival_src.as_deref() == Some("access");
        if line.arrival_src.as_deref() == Some("error_time") {
            self.without_arrival += 1;
        } else if !exact {
            self.later_arrival += 1;
        }
        let base = *self.base_ms.get_or_insert(arrival);
        Times { base, arrival, completed, exact, ok }
    }

    fn record(&mut self, line: &Line<'_>, times: &Times) -> Record {
        self.websocket += u64::from(line.ws == Some(true));
        let outside = |attempt: &Attempt<'_>| attempt.at_ms.is_some_and(|at| !times.contain(at));
        self.strangers += u64::from(line.attempts.iter().flatten().any(outside));
        let failed = failed_tries(line, times);
        let name = match line.reasoning_effort.as_deref().filter(|effort| !effort.is_empty()) {
            Some(effort) => format!("{}/{effort}", line.model.as_deref().unwrap_or_default()),
            None => line.model.as_deref().unwrap_or_default().to_owned(),
        };
        let kind = self.log.kind(&mut self.kinds, &name);
        let tokens = [line.input_tokens, line.cache_read_tokens, line.cache_creation_tokens];
        let input = tokens.iter().flatten().fold(0_u32, |sum, &tokens| sum.saturating_add(tokens));
        let ok = times.ok;
        let mut cached = line.cache_read_tokens.filter(|_| ok);
        if cached.is_some() && !failed.is_empty() {
            self.untrusted_cache += 1;
            cached = None;
        }
        let proxy = format!("{:?} {:?} {:?} {:?}", line.group_id, line.api_key_id, line.ua_hash, line.model);
        *self.groups.entry(line.group_id).or_default() += 1;
        // whole milliseconds, rounded down
        let middle = |ms: Option<i64>| ms.map(|ms| (ms as f64 + 0.5) / 1e3);
        Record {
            at_s: times.seconds(times.arrival),
            exact_arrival: times.exact,
            end_s: times.seconds(times.completed),
            session: line.session.as_deref().filter(|session| !session.is_empty()).map(Into::into),
            proxy: xxhash_rust::xxh64::xxh64(proxy.as_bytes(), 0),
            user: line.user_id.map(|user| user.to_string().into()),
            kind,
            input_tokens: Some(input).filter(|&input| ok || input > 0),
            output_tokens: line.output_tokens.filter(|&output| ok || output > 0),
            cached_tokens: cached,
            outcome: match (ok, line.partial_error) {
                (true, None) => RecordedEnd::Ok,
                (true, Some(_)) => RecordedEnd::Broken,
                (false, _) => RecordedEnd::Failed(line.status.unwrap_or(0)),
            },
            account: line.account_id.filter(|&id| id > 0),
            ttft_s: middle(line.ttft_ms).filter(|_| ok),
            duration_s: middle(line.duration_ms).filter(|_| ok),
            before_s: line.pre_forward_ms.filter(|_| times.exact).map(|ms| ms.max(0) as f64 / 1e3),
            failed,
        }
    }

    fn finish(mut self, path: &Path, lines: u64) -> Result<Log, Error> {
        if self.skips.0.contains_key(TWICE) {
            for (place, number) in std::mem::take(&mut self.alike).into_iter().rev() {
                self.log.records.remove(place);
                self.skips.add(TWICE, number);
            }
        }
        let good = self.log.records.len() as u64;
        if good == 0 || (self.bad > 1 && self.bad as f64 > MOST_BAD * (good + self.bad) as f64) {
            return Err(self.refusal(path, lines));
        }
        self.say_what_was_left_out();
        self.say_what_was_assumed(good);
        let group = self.groups.iter().max_by_key(|&(_, count)| *count).map(|(&group, &count)| (group, count));
        if let Some((group, count)) = group {
            self.log.group = group;
            if self.groups.len() > 1 {
                self.log.notes.push(format!(
                    "requests belong to {} groups; all are played on one pool, as group {} ({count} of {good} \
                     requests): export one group alone if their pools differ",
                    self.groups.len(),
                    group.map_or_else(|| "none".to_owned(), |group| group.to_string()),
                ));
            }
        }
        self.log.epoch_ms = self.base_ms;
        self.log.has_clock = true;
        self.log.sort();
        self.log.say_if_parted();
        Ok(self.log)
    }

    /// Why the file cannot be read as an export.
    fn refusal(&self, path: &Path, lines: u64) -> Error {
        let (line, why) = self.first_bad.unwrap_or((0, "it has no rows"));
        let message = if self.bad == 0 {
            "there is no request in it: expected one JSON object a line".to_owned()
        } else {
            format!("{} of {lines} lines are bad, the first: {why}", self.bad)
        };
        let is_gateway_log = || super::escapes::text(path).is_ok_and(|text| super::escapes::is_gateway_log(&text));
        if self.log.records.is_empty() && is_gateway_log() {
            let message = "this is the gateway's own log: it has its escapes and not its requests";
            let remedy = "export the requests with docs/export/sub2api-export.sql, give them as LOG and this file \
                          with --escape-log";
            return Error::in_file(path, message, remedy);
        }
        let remedy = "export it again with docs/export/sub2api-export.sql, or say what it is with --format";
        Error::new(message, remedy).at(path, line, 0)
    }

    fn say_what_was_left_out(&mut self) {
        for (why, (count, line)) in &self.skips.0 {
            self.log.notes.push(if *count == 1 {
                format!("line {line} is left out: {why}")
            } else {
                format!("{count} lines are left out (the first is line {line}): {why}")
            });
        }
    }

    /// What was assumed about how many of the `good` requests.
    fn say_what_was_assumed(&mut self, good: u64) {
        let assumed = [
            (
                self.without_arrival,
                "have no time of arrival (an error without an access log): that of their end is taken",
            ),
            (
                self.later_arrival,
                "have no row in the access log: they arrived earlier than taken here, by what they waited and by their \
                 failed attempts",
            ),
            (
                self.websocket,
                "are turns of WebSocket connections: where the access log has the connection, their times are its \
                 times",
            ),
            (
                self.twisted,
                "seemed to end before they arrived (clocks that disagree): arrival taken from end and duration",
            ),
            (
                self.strangers,
                "had failed attempts at times outside of the request (clocks or time zones that disagree): these times \
                 are not looked at",
            ),
            (self.untrusted_cache, "had failed attempts: their cached tokens are not looked at"),
        ];
        for (count, what) in assumed.into_iter().filter(|&(count, _)| count > 0) {
            self.log.notes.push(format!("{count} of {good} {} {what}", plural(good, "request")));
        }
    }
}
