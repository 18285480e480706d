//! Writing traces in our own formats (docs/reference/trace-format.md): streamed, packed by the file's ending, under
//! another name until it is complete.

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::files::{FileError, PendingFile};
use crate::units::{Span, count};
use crate::workload::packed::ZstdWriter;
use crate::workload::replay::native_csv::VERSION;
use crate::workload::replay::{Names, PreviousResponse, TraceRow};
use crate::workload::{Error, Recorded, RecordedAttempt, Says};

/// The two formats that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NativeFormat {
    /// One header, one row a line. Cannot hold scripted attempts.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

impl NativeFormat {
    /// The format that a file's name asks for: `.csv`, `.jsonl` or `.ndjson`, maybe with `.gz` or `.zst` after it.
    pub fn of_path(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(name);
        match name.rsplit_once('.')?.1 {
            "csv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            _ => None,
        }
    }
}

/// A trace being written. Nothing stands under its name before [`TraceWriter::finish`].
pub struct TraceWriter {
    format: NativeFormat,
    output: Output,
    /// What it will be called; `None` when it is no file of its own.
    path: Option<PathBuf>,
    line: String,
    rows: u64,
    attempts_lost: u64,
}

enum Output {
    Over(Box<dyn Write>),
    Plain(PendingFile),
    Gzip(flate2::write::GzEncoder<PendingFile>),
    Zstd(ZstdWriter<PendingFile>),
}

const HEADER: &str = "at_s,session,user,model,input_tokens,output_tokens,patience_ms,response_id,previous_response_id,\
                      account,ttft_ms,duration_ms,end_ms,status,cached_tokens,failed";

impl TraceWriter {
    /// Begins a file; its ending says whether it is packed (`.gz`, `.zst`), and its format if none is given.
    ///
    /// # Errors
    /// When neither the ending nor `format` gives the format, or the file cannot be written.
    pub fn create(path: &Path, format: Option<NativeFormat>) -> Result<Self, Error> {
        let format = format.or_else(|| NativeFormat::of_path(path)).ok_or_else(|| {
            Error::in_file(
                path,
                "its name does not tell the format to write",
                "end it in .csv or .jsonl (or .csv.gz, .jsonl.zst...)",
            )
        })?;
        let packed = |error: &std::io::Error| Error::io(path, "write it", error);
        let file = PendingFile::create(path).map_err(|error| packed(&error.into_source()))?;
        let output = match path.extension().and_then(|ending| ending.to_str()) {
            // the header of gzip holds no time: the same trace gives the same bytes
            Some("gz") => Output::Gzip(flate2::write::GzEncoder::new(file, flate2::Compression::default())),
            Some("zst") => Output::Zstd(ZstdWriter::new(file)),
            _ => Output::Plain(file),
        };
        Self::begin(format, output, Some(path.to_path_buf()))
    }

    /// Writes to anything (say, standard output) instead of a file of its own.
    ///
    /// # Errors
    /// When it cannot be written to.
    pub fn over(output: Box<dyn Write>, format: NativeFormat) -> Result<Self, Error> {
        Self::begin(format, Output::Over(output), None)
    }

    fn begin(format: NativeFormat, output: Output, path: Option<PathBuf>) -> Result<Self, Error> {
        let mut writer = Self { format, output, path, line: String::new(), rows: 0, attempts_lost: 0 };
        match format {
            NativeFormat::Csv => writeln!(writer.line, "# stickysim-trace {VERSION}\n{HEADER}"),
            NativeFormat::Jsonl => writeln!(writer.line, "{{\"stickysim_trace\":{VERSION}}}"),
        }
        .map_err(|_| Error::new("a line cannot be formed", ""))?;
        // of standard output nothing is taken back: its header goes with the first row, which may never come
        if !matches!(writer.output, Output::Over(_)) {
            writer.put_line()?;
        }
        Ok(writer)
    }

    /// Writes a row; `names` are those of the reader that it comes from.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, row: &TraceRow, names: &Names) -> Result<(), Error> {
        self.rows += 1;
        match self.format {
            NativeFormat::Csv => self.csv(row, names),
            NativeFormat::Jsonl => json(&mut self.line, row, names),
        }
        self.put_line()
    }

    /// How many rows were written.
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// What could not be kept.
    pub fn notes(&self) -> Vec<String> {
        if self.attempts_lost == 0 {
            return Vec::new();
        }
        vec![format!(
            "CSV holds no scripted attempts: those of {} were left out; JSONL keeps them",
            count(self.attempts_lost, "row")
        )]
    }

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(mut self) -> Result<(), Error> {
        self.put_line()?;
        let output = std::mem::replace(&mut self.output, Output::Over(Box::new(std::io::sink())));
        let commit = |file: PendingFile| file.commit().map_err(FileError::into_source);
        let done = match output {
            Output::Over(mut output) => output.flush(),
            Output::Plain(file) => commit(file),
            Output::Gzip(encoder) => encoder.finish().and_then(commit),
            Output::Zstd(encoder) => encoder.finish().and_then(commit),
        };
        done.map_err(|error| Error::io(self.name(), "write it", &error))
    }

    fn name(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new("the output"))
    }

    fn put_line(&mut self) -> Result<(), Error> {
        let written = match &mut self.output {
            Output::Over(output) => output.write_all(self.line.as_bytes()),
            Output::Plain(file) => file.write_all(self.line.as_bytes()),
            Output::Gzip(encoder) => encoder.write_all(self.line.as_bytes()),
            Output::Zstd(encoder) => encoder.write_all(self.line.as_bytes()),
        };
        self.line.clear();
        written.map_err(|error| Error::io(self.name(), "write it", &error))
    }

    fn csv(&mut self, row: &TraceRow, names: &Names) {
        let nothing = Recorded::default();
        let recorded = row.recorded.as_deref().unwrap_or(&nothing);
        self.attempts_lost += u64::from(!recorded.attempts.is_empty());
        let line = &mut self.line;
        decimal(line, row.at.nanos(), 9);
        for text in
            [row.session.as_deref(), row.user.map(|user| names.user_name(user)), Some(names.model_name(row.model))]
        {
            line.push(',');
            field(line, text.unwrap_or(""));
        }
        for number in [row.input_tokens, row.output_tokens] {
            line.push(',');
            decimal(line, number.into(), 0);
        }
        millis(line, row.patience);
        for text in [row.response_id.as_deref(), previous(&row.previous)] {
            line.push(',');
            field(line, text.unwrap_or(""));
        }
        line.push(',');
        if let Some(account) = recorded.account {
            let _ = write!(line, "{account}");
        }
        millis(line, recorded.first_token);
        millis(line, recorded.duration);
        millis(line, row.ended.map(|ended| ended.saturating_sub(row.at)));
        for number in [recorded.status.map(u32::from), recorded.cached_tokens] {
            line.push(',');
            if let Some(number) = number {
                decimal(line, number.into(), 0);
            }
        }
        line.push_str(if row.failed { ",true\n" } else { ",\n" });
    }
}

impl std::fmt::Debug for TraceWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TraceWriter").field("format", &self.format).field("rows", &self.rows).finish_non_exhaustive()
    }
}

/// A whole number of 10^-`digits`, without trailing zeros.
fn decimal(line: &mut String, number: u64, digits: u32) {
    let unit = 10u64.pow(digits);
    let _ = write!(line, "{}", number / unit);
    let mut rest = number % unit;
    if rest > 0 {
        let mut places = digits as usize;
        while rest.is_multiple_of(10) {
            rest /= 10;
            places -= 1;
        }
        let _ = write!(line, ".{rest:0places$}");
    }
}

fn millis(line: &mut String, span: Option<Span>) {
    line.push(',');
    if let Some(span) = span {
        decimal(line, span.nanos(), 6);
    }
}

/// A CSV field, in quotes where it needs them. Line ends, which our CSV cannot hold, become blanks.
fn field(line: &mut String, text: &str) {
    if text.contains([',', '"', '\n', '\r']) || text.trim() != text {
        let _ = write!(line, "\"{}\"", text.replace('"', "\"\"").replace(['\n', '\r'], " "));
    } else {
        line.push_str(text);
    }
}

const fn previous(previous: &PreviousResponse) -> Option<&str> {
    match previous {
        PreviousResponse::None => None,
        PreviousResponse::Last => Some("last"),
        PreviousResponse::Named(name) => Some(name),
    }
}

fn json(line: &mut String, row: &TraceRow, names: &Names) {
    line.push_str("{\"at_s\":");
    decimal(line, row.at.nanos(), 9);
    let texts = [
        ("session", row.session.as_deref()),
        ("user", row.user.map(|user| names.user_name(user))),
        ("model", Some(names.model_name(row.model)).filter(|model| !model.is_empty())),
    ];
    texts.into_iter().for_each(|(key, text)| json_text(line, key, text));
    let _ = write!(line, ",\"input_tokens\":{},\"output_tokens\":{}", row.input_tokens, row.output_tokens);
    json_millis(line, "patience_ms", row.patience);
    json_text(line, "response_id", row.response_id.as_deref());
    json_text(line, "previous_response_id", previous(&row.previous));
    if let Some(recorded) = &row.recorded
        && !recorded.attempts.is_empty()
    {
        line.push_str(",\"attempts\":[");
        for (place, attempt) in recorded.attempts.iter().enumerate() {
            line.push_str(if place > 0 { "," } else { "" });
            json_attempt(line, attempt);
        }
        line.push(']');
    }
    let mut inner = String::new();
    if let Some(recorded) = &row.recorded {
        if let Some(account) = recorded.account {
            let _ = write!(inner, ",\"account\":{account}");
        }
        json_millis(&mut inner, "ttft_ms", recorded.first_token);
        json_millis(&mut inner, "duration_ms", recorded.duration);
        for (key, number) in [("status", recorded.status.map(u32::from)), ("cached_tokens", recorded.cached_tokens)] {
            if let Some(number) = number {
                let _ = write!(inner, ",\"{key}\":{number}");
            }
        }
    }
    json_millis(&mut inner, "end_ms", row.ended.map(|ended| ended.saturating_sub(row.at)));
    if row.failed {
        inner.push_str(",\"failed\":true");
    }
    if let Some(inner) = inner.strip_prefix(',') {
        let _ = write!(line, ",\"recorded\":{{{inner}}}");
    }
    line.push_str("}\n");
}

fn json_text(line: &mut String, key: &str, text: Option<&str>) {
    if let Some(text) = text {
        let _ = write!(line, ",\"{key}\":{}", serde_json::Value::from(text));
    }
}

fn json_millis(line: &mut String, key: &str, span: Option<Span>) {
    if let Some(span) = span {
        let _ = write!(line, ",\"{key}\":");
        decimal(line, span.nanos(), 6);
    }
}

fn json_attempt(line: &mut String, attempt: &RecordedAttempt) {
    let micros = |span: Span| span.nanos() / 1_000;
    let end = micros(attempt.end());
    let _ = match *attempt {
        RecordedAttempt::Ok { ttft, .. } => {
            write!(line, "{{\"kind\":\"ok\",\"ttft_us\":{},\"end_us\":{end}}}", micros(ttft))
        }
        RecordedAttempt::Broken { ttft, would_fail_over, .. } => {
            let ttft = ttft.map_or(String::new(), |ttft| format!("\"ttft_us\":{},", micros(ttft)));
            write!(line, "{{\"kind\":\"broken\",{ttft}\"end_us\":{end},\"would_fail_over\":{would_fail_over}}}")
        }
        RecordedAttempt::Status { status, reset_after, retry_after, says, .. } => {
            let _ = write!(line, "{{\"kind\":\"status\",\"status\":{status},\"end_us\":{end}");
            if let Some(reset) = reset_after {
                line.push_str(",\"reset_after_s\":");
                decimal(line, reset.nanos(), 9);
            }
            if let Some(retry) = retry_after {
                line.push_str(",\"retry_after_s\":");
                decimal(line, retry.nanos(), 9);
            }
            match says {
                Says::Nothing => write!(line, "}}"),
                Says::Passing => write!(line, ",\"passing\":true}}"),
                _ => write!(line, ",\"says\":\"{}\"}}", says.name()),
            }
        }
        RecordedAttempt::Transport { durable, .. } => {
            let durable = if durable { ",\"durable\":true" } else { "" };
            write!(line, "{{\"kind\":\"transport\",\"end_us\":{end}{durable}}}")
        }
    };
}
