//! Our own CSV (docs/reference/trace-format.md, version 1).

use super::line::{BadLine, LineFormat};
use super::names::Names;
use super::origin::Origin;
use super::row::{PreviousResponse, TraceRow};
use super::table::{COUNT, Fields, Header, count};
use super::timestamp;
use crate::units::Span;
use crate::workload::Recorded;

/// The version of our formats that this program writes, and the newest that it reads.
pub(crate) const VERSION: u32 = 1;

/// All columns. `at_s` or `at` must be there, the others may be missing.
pub(crate) const COLUMNS: [&str; 18] = [
    "at_s",
    "at",
    "session",
    "user",
    "model",
    "input_tokens",
    "output_tokens",
    "patience_ms",
    "response_id",
    "previous_response_id",
    "account",
    "wait_ms",
    "ttft_ms",
    "duration_ms",
    "end_ms",
    "status",
    "cached_tokens",
    "failed",
];

pub(super) struct NativeCsv {
    header: Option<(Header, Columns)>,
    origin: Origin,
    fields: Fields,
}

struct Columns {
    /// Places of [`COLUMNS`].
    places: [Option<usize>; COLUMNS.len()],
    time: usize,
    is_date: bool,
}

impl NativeCsv {
    pub(super) fn new() -> Self {
        Self { header: None, origin: Origin::NEW, fields: Fields::default() }
    }
}

impl Columns {
    fn of(header: &Header) -> Result<Self, BadLine> {
        for name in header.names() {
            if !COLUMNS.contains(&name.as_str()) {
                let known = format!("known are: {}", COLUMNS.join(", "));
                return Err(BadLine::new(0, format!("unknown column `{name}`")).remedy(known).fatal());
            }
        }
        let places = COLUMNS.map(|name| header.find(name));
        let (time, is_date) = match (places[0], places[1]) {
            (Some(place), None) => (place, false),
            (None, Some(place)) => (place, true),
            _ => return Err(BadLine::new(0, "expected exactly one of the columns `at_s` and `at`").fatal()),
        };
        Ok(Self { places, time, is_date })
    }
}

impl LineFormat for NativeCsv {
    fn row(&mut self, line: &[u8], names: &mut Names) -> Result<Option<TraceRow>, BadLine> {
        if self.header.is_none() && line.starts_with(b"#") {
            return version(line).map(|()| None);
        }
        let Some((header, columns)) = &self.header else {
            let header = Header::of_different(line)?;
            let columns = Columns::of(&header)?;
            self.header = Some((header, columns));
            return Ok(None);
        };
        let record = header.record(line, &mut self.fields)?;
        let at = if columns.is_date {
            let nanos = record.parse(columns.time, "a date such as 2026-01-01T00:00:00Z", timestamp::date)?;
            self.origin.span(nanos)?
        } else {
            let is_millis = timestamp::is_unix_millis(record.text(columns.time));
            let expected = match is_millis {
                true => "seconds (this looks like Unix time in milliseconds or smaller: divide it)",
                false => "seconds, 0 or more",
            };
            record.parse(columns.time, expected, |text| timestamp::span(text).filter(|_| !is_millis))?
        };
        let [
            _,
            _,
            session,
            user,
            model,
            input,
            output,
            patience,
            response,
            previous,
            account,
            wait,
            ttft,
            duration,
            end,
            status,
            cached,
            failure,
        ] = columns.places;
        let millis = |place| {
            record.parse_optional(place, "milliseconds, 0 or more", |text| {
                // exact: three digits of a second are one of a millisecond
                timestamp::seconds(text).map(|nanos| Span::from_nanos(u64::try_from(nanos / 1_000).unwrap_or(u64::MAX)))
            })
        };
        let recorded = Recorded {
            account: record.parse_optional(account, "an account id", |text| text.parse().ok())?,
            first_token: millis(ttft)?,
            duration: millis(duration)?,
            status: record.parse_optional(status, "an HTTP status", |text| text.parse().ok())?,
            cached_tokens: record.parse_optional(cached, COUNT, count)?,
            attempts: Vec::new(),
        };
        let after_wait = |duration: Span| Ok(duration + millis(wait)?.unwrap_or(Span::ZERO));
        let took = match millis(end)? {
            Some(end) => Some(end),
            None => recorded.duration.map(after_wait).transpose()?,
        };
        let said_to_have_failed =
            record.parse_optional(failure, "true or false", |text| text.parse().ok())?.unwrap_or(false);
        let row = TraceRow {
            at,
            session: record.optional(session).map(Into::into),
            user: record.optional(user).map(|user| names.user(user)),
            model: names.model(record.optional(model).unwrap_or("")),
            input_tokens: record.parse_optional(input, COUNT, count)?.unwrap_or(0),
            output_tokens: record.parse_optional(output, COUNT, count)?.unwrap_or(0),
            previous: previous_response(record.optional(previous)),
            response_id: record.optional(response).map(Into::into),
            patience: millis(patience)?,
            ended: took.map(|took| at + took),
            failed: failed(recorded.status) || said_to_have_failed,
            recorded: (recorded != Recorded::default()).then(|| Box::new(recorded)),
        };
        Ok(Some(row))
    }
}

/// Whether this recorded HTTP status is no success; 0 is a client that left.
pub(super) fn failed(status: Option<u16>) -> bool {
    status.is_some_and(|status| !(200..300).contains(&status))
}

/// What a row says of the response that it continues: `last` is the last one of its session.
pub(super) fn previous_response(text: Option<&str>) -> PreviousResponse {
    match text {
        None | Some("") => PreviousResponse::None,
        Some("last") => PreviousResponse::Last,
        Some(name) => PreviousResponse::Named(name.into()),
    }
}

/// Checks the version in a line such as `# stickysim-trace 1`; other comments are passed over.
fn version(line: &[u8]) -> Result<(), BadLine> {
    let text = String::from_utf8_lossy(line);
    let Some(version) = text.trim_start_matches('#').trim().strip_prefix("stickysim-trace") else { return Ok(()) };
    check_version(version.trim().parse().unwrap_or(0))
}

/// Refuses versions that this program does not know.
pub(super) fn check_version(version: u32) -> Result<(), BadLine> {
    if (1..=VERSION).contains(&version) {
        return Ok(());
    }
    let message = format!("expected a trace of version 1 to {VERSION}, found version {version}");
    Err(BadLine::new(0, message).remedy("read it with a newer stickysim").fatal())
}
