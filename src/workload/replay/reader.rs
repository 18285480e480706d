//! The reader of a trace: rows of any format, in order of time, one at a time.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::azure::Azure;
use super::burstgpt::BurstGpt;
use super::clock::{self, Clock, is_upside_down};
use super::detect::{self, Detected};
use super::folder::SessionFiles;
use super::format::Format;
use super::gateway_log::GatewayLog;
use super::input::{Lines, ONE_READING, Opened, is_read_once};
use super::line::{BadLine, LineFormat};
use super::mooncake::Mooncake;
use super::names::Names;
use super::native_csv::NativeCsv;
use super::native_jsonl::NativeJsonl;
use super::qwen::Qwen;
use super::ragpulse::RagPulse;
use super::row::TraceRow;
use super::tolerance::Tolerance;
use super::usage::UsageRows;
use crate::engine::Luck;
use crate::ids::ModelId;
use crate::units::{Span, agree, count};
use crate::workload::Error;
use crate::workload::config::ReadConfig;

/// A trace being read. Memory holds a line (Weka, Codex: the sessions under way; gateway log: the rows inside the
/// reorder window) and the names of models and users, however long the trace is.
pub struct TraceReader {
    path: PathBuf,
    format: Format,
    source: Source,
    names: Names,
    tolerance: Tolerance,
    rows: u64,
    with_session: u64,
    with_input: u64,
    last: Span,
    default_model: ModelId,
    /// By what the format was recognised; none when it was given.
    detected_by: Option<String>,
    clock: Clock,
    /// Rows whose first token came after their end.
    upside_down: u64,
}

enum Source {
    Lines { lines: Lines, format: Box<dyn LineFormat> },
    ByCompletion(Reorder),
    Files(SessionFiles),
    Usage(UsageRows),
}

impl TraceReader {
    /// Opens a trace. `luck` places sessions that share no clock.
    ///
    /// # Errors
    /// When it cannot be opened or its format is not known.
    pub fn open(config: &ReadConfig, luck: Luck) -> Result<Self, Error> {
        let is_folder =
            std::fs::metadata(&config.path).map_err(|error| Error::io(&config.path, "open it", &error))?.is_dir();
        // opened once, looked at and read: a pipe cannot be opened again
        let mut opened = if is_folder { None } else { Some(Opened::new(&config.path)?) };
        let detected = match (config.format, &mut opened) {
            (Some(format), _) => Detected { format, by: String::new() },
            (None, Some(opened)) => detect::of_file(opened)?,
            (None, None) => detect::of_folder(&config.path)?,
        };
        let format = detected.format;
        let mut tolerance = Tolerance::new(config.skip_bad_lines, &config.path);
        let mut file = || {
            let folder = || Error::in_file(&config.path, format!("it is a folder; {} is a file", format.name()), "");
            opened.take().ok_or_else(folder)
        };
        let by_lines = |file: Result<Opened, Error>, format: Box<dyn LineFormat>| -> Result<Source, Error> {
            Ok(Source::Lines { lines: Lines::of(file?), format })
        };
        let source = match format {
            Format::NativeCsv => by_lines(file(), Box::new(NativeCsv::new()))?,
            Format::NativeJsonl => by_lines(file(), Box::new(NativeJsonl::new()))?,
            Format::AzureLlm2023 | Format::AzureLlm2024 | Format::AzureLmm2024 => {
                by_lines(file(), Box::new(Azure::new()))?
            }
            Format::BurstGpt | Format::BurstGpt3 => by_lines(file(), Box::new(BurstGpt::new()))?,
            Format::Mooncake => by_lines(file(), Box::<Mooncake>::default())?,
            Format::RagPulse => by_lines(file(), Box::<RagPulse>::default())?,
            Format::Qwen => by_lines(file(), Box::<Qwen>::default())?,
            Format::GatewayLog => Source::ByCompletion(Reorder {
                lines: Lines::of(file()?),
                format: GatewayLog::new(),
                window: config.reorder_window,
                held: BTreeMap::new(),
                taken: 0,
                horizon: Span::ZERO,
                first: None,
                done: false,
            }),
            Format::Usage => Source::Usage(UsageRows::read(&config.path, file()?.whole()?)?),
            Format::Weka | Format::Codex | Format::Claude | Format::Transcripts => {
                Source::Files(SessionFiles::open(config, format, opened, luck, &mut tolerance)?)
            }
        };
        Ok(Self {
            path: config.path.clone(),
            format,
            source,
            names: Names::default(),
            tolerance,
            rows: 0,
            with_session: 0,
            with_input: 0,
            last: Span::ZERO,
            default_model: ModelId::BLANK,
            detected_by: Some(detected.by).filter(|by| !by.is_empty()),
            clock: Clock::default(),
            upside_down: 0,
        })
    }

    /// The next row; times never go back.
    ///
    /// # Errors
    /// On a bad line, once more are bad than may be left out.
    pub fn next_row(&mut self) -> Result<Option<TraceRow>, Error> {
        let Some(mut row) = self.source_row()? else { return Ok(None) };
        if row.model == ModelId::BLANK {
            row.model = self.default_model;
        }
        self.rows += 1;
        self.with_session += u64::from(row.session.is_some());
        self.with_input += u64::from(row.input_tokens > 0);
        self.upside_down += u64::from(is_upside_down(&row));
        self.last = row.at;
        Ok(Some(row))
    }

    #[inline]
    fn source_row(&mut self) -> Result<Option<TraceRow>, Error> {
        match &mut self.source {
            Source::Lines { lines, format } => loop {
                let Some(line) = lines.next()? else { return Ok(None) };
                let bad = match format.row(line, &mut self.names) {
                    Ok(None) => continue,
                    Ok(Some(mut row)) => match self.clock.read(&mut row) {
                        Ok(()) if row.at >= self.last => return Ok(Some(row)),
                        Ok(()) => out_of_order(row.at, self.last),
                        Err(bad) => bad,
                    },
                    Err(bad) => bad,
                };
                self.tolerance.forgive_line(bad, lines.path(), lines.number())?;
            },
            Source::ByCompletion(reorder) => reorder.next(&mut self.names, &mut self.tolerance),
            Source::Usage(rows) => Ok(rows.next(&mut self.names)),
            Source::Files(files) => loop {
                let Some(mut row) = files.next(&mut self.names, &mut self.tolerance)? else { return Ok(None) };
                match self.clock.read(&mut row) {
                    Ok(()) => return Ok(Some(row)),
                    Err(bad) => self.tolerance.forgive(Error::in_file(&self.path, bad.message, bad.remedy))?,
                }
            },
        }
    }

    /// Starts again from the first row, with the names met so far.
    pub(crate) fn read_again(&mut self, config: &ReadConfig, luck: Luck) -> Result<(), Error> {
        if is_read_once(&config.path) {
            return Err(Error::in_file(&config.path, "the trace would have to be read again", ONE_READING));
        }
        let config = ReadConfig { format: Some(self.format), ..config.clone() };
        let mut again = Self::open(&config, luck)?;
        std::mem::swap(&mut again.names, &mut self.names);
        again.default_model = self.default_model;
        *self = again;
        Ok(())
    }

    /// Gives these models their numbers before any other is met.
    pub(crate) fn number_models(&mut self, names: &[String]) {
        for name in names {
            self.names.model(name);
        }
    }

    /// The model of rows that name none; without this, the blank one.
    pub(crate) fn set_default_model(&mut self, name: &str) {
        self.default_model = self.names.model(name);
    }

    /// The trace's format.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// By what the format was recognised, in words; `None` when it was given.
    pub fn recognised_by(&self) -> Option<&str> {
        self.detected_by.as_deref()
    }

    /// What to say of a trace without rows.
    pub(crate) fn without_rows(&self) -> Error {
        let why = match &self.source {
            Source::Files(files) => files.why_empty(),
            Source::Lines { .. } | Source::ByCompletion(_) | Source::Usage(_) => None,
        };
        let message = why.map_or_else(
            || "expected a trace, found one without rows".to_owned(),
            |why| format!("found no rows: {why}"),
        );
        Error::in_file(&self.path, message, "give a trace that has some")
    }

    /// Names of the models and users met so far.
    pub const fn names(&self) -> &Names {
        &self.names
    }

    /// How many rows were read so far.
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// How many bad lines were left out so far.
    pub const fn skipped(&self) -> u64 {
        self.tolerance.skipped()
    }

    /// Assumptions and oddities of what was read so far, for reports.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.tolerance.notes();
        notes.extend(match &self.source {
            Source::Lines { format, .. } => format.notes(),
            Source::ByCompletion(reorder) => reorder.format.notes(),
            Source::Files(files) => files.notes(),
            Source::Usage(rows) => rows.notes(),
        });
        notes.extend(self.clock.note());
        if self.upside_down > 0 {
            notes.push(format!(
                "{} {}: two clocks, or seconds for milliseconds?",
                count(self.upside_down, "request"),
                agree(self.upside_down, "has its first token after its end", "have their first token after their end")
            ));
        }
        if self.rows > 0 && self.with_session == 0 {
            notes.push("the trace has no sessions: nothing is sticky".to_string());
        } else if self.with_session < self.rows {
            let without = self.rows - self.with_session;
            let verb = agree(without, "carries", "carry");
            notes.push(format!("{without} of {} {verb} no session", count(self.rows, "request")));
        }
        if self.rows > 0 && self.with_input == 0 {
            notes.push("the trace has no input tokens: 0 is assumed".to_string());
        }
        notes
    }
}

impl fmt::Debug for TraceReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceReader").field("format", &self.format).field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Iterator for TraceReader {
    type Item = Result<TraceRow, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_row().transpose()
    }
}

fn out_of_order(at: Span, last: Span) -> BadLine {
    let message = format!("expected rows in order of time, found {} s after {} s", at.secs(), last.secs());
    BadLine::new(0, message).remedy("sort the rows by time")
}

/// Puts rows that come in order of completion in order of arrival. A row is given out once a completion more than
/// `window` after its arrival was read: nothing that took no longer than `window` can then come before it.
struct Reorder {
    lines: Lines,
    format: GatewayLog,
    window: Span,
    held: BTreeMap<(Span, u64), TraceRow>,
    taken: u64,
    /// Nothing before this may come any more.
    horizon: Span,
    /// The first arrival, from which the trace's time is counted.
    first: Option<Span>,
    done: bool,
}

impl Reorder {
    fn next(&mut self, names: &mut Names, tolerance: &mut Tolerance) -> Result<Option<TraceRow>, Error> {
        loop {
            let due = self.held.first_key_value().is_some_and(|(&(at, _), _)| self.done || at <= self.horizon);
            if due || self.done {
                let Some(((at, _), mut row)) = self.held.pop_first() else { return Ok(None) };
                let first = *self.first.get_or_insert(at);
                row.at = at.saturating_sub(first);
                row.ended = row.ended.map(|ended| ended.saturating_sub(first));
                return Ok(Some(row));
            }
            let Some(line) = self.lines.next()? else {
                self.done = true;
                continue;
            };
            match self.format.row(line, names) {
                Ok(None) => {}
                Ok(Some(row)) if clock::longest(&row) > clock::LONGEST => {
                    let bad = clock::too_long(&row);
                    tolerance.forgive_line(bad, self.lines.path(), self.lines.number())?;
                }
                Ok(Some(row)) if row.at < self.horizon => {
                    let bad = self.late(&row);
                    tolerance.forgive_line(bad, self.lines.path(), self.lines.number())?;
                }
                Ok(Some(row)) => {
                    let ended = row.ended.unwrap_or(row.at);
                    self.horizon = self.horizon.max(ended.saturating_sub(self.window));
                    self.held.insert((row.at, self.taken), row);
                    self.taken += 1;
                }
                Err(bad) => tolerance.forgive_line(bad, self.lines.path(), self.lines.number())?,
            }
        }
    }

    fn late(&self, row: &TraceRow) -> BadLine {
        let took = row.ended.unwrap_or(row.at).saturating_sub(row.at);
        let late = self.horizon.saturating_sub(row.at);
        let message = if took > self.window {
            let window = self.window.secs();
            format!("this request took {} s, longer than the reorder window of {window} s", took.secs())
        } else {
            format!(
                "expected rows in order of completion; this one arrived {} s before what was given out",
                late.secs()
            )
        };
        BadLine::new(0, message).remedy("widen the reorder window (reorder_window)")
    }
}
