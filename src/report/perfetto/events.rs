//! Events of a trace, written one after another: Chrome's Trace Event Format, which ui.perfetto.dev reads.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::Value;

use crate::units::{Span, Time};

/// A track: an account (or the gateway) and one of its lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Track {
    /// The process: whose track it is.
    pub process: u32,
    /// The thread: which lane of it.
    pub lane: u32,
}

/// Writes events; the first error is kept and nothing is written after it.
#[derive(Debug)]
pub struct Events<W: Write> {
    writer: W,
    start: Time,
    line: String,
    first: bool,
    error: Option<io::Error>,
}

impl<W: Write> Events<W> {
    /// When the trace begins.
    pub const fn start(&self) -> Time {
        self.start
    }

    /// Begins a trace whose time 0 is `start`; `about` is what the viewer shows of its origin.
    pub fn new(writer: W, start: Time, about: &[(&str, String)]) -> Self {
        let mut events = Self { writer, start, line: String::new(), first: true, error: None };
        let about: Vec<String> = about.iter().map(|(name, value)| format!("{}:{}", text(name), text(value))).collect();
        events.raw(&format!("{{\"displayTimeUnit\":\"ms\",\"otherData\":{{{}}},\"traceEvents\":[", about.join(",")));
        events
    }

    /// Names a process and says where it stands among the others.
    pub fn process(&mut self, process: u32, name: &str) {
        let name = text(name);
        self.event(format_args!(
            "\"ph\":\"M\",\"name\":\"process_name\",\"pid\":{process},\"args\":{{\"name\":{name}}}"
        ));
        self.event(format_args!(
            "\"ph\":\"M\",\"name\":\"process_sort_index\",\"pid\":{process},\"args\":{{\"sort_index\":{process}}}"
        ));
    }

    /// Names a lane; lanes stand in the order of their numbers.
    pub fn lane(&mut self, track: Track, name: &str) {
        let (Track { process, lane }, name) = (track, text(name));
        self.event(format_args!(
            "\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":{process},\"tid\":{lane},\"args\":{{\"name\":{name}}}"
        ));
        self.event(format_args!(
            "\"ph\":\"M\",\"name\":\"thread_sort_index\",\"pid\":{process},\"tid\":{lane},\
             \"args\":{{\"sort_index\":{lane}}}"
        ));
    }

    /// Something that lasts.
    pub fn slice(&mut self, track: Track, name: &str, from: Time, lasts: Span, args: &[(&str, Value)]) {
        let (name, ts, dur) = (text(name), self.micros(from), micros(lasts));
        let (Track { process, lane }, args) = (track, object(args));
        self.event(format_args!(
            "\"ph\":\"X\",\"name\":{name},\"pid\":{process},\"tid\":{lane},\"ts\":{ts},\"dur\":{dur},\"args\":{args}"
        ));
    }

    /// Something that happens.
    pub fn instant(&mut self, track: Track, name: &str, at: Time, args: &[(&str, Value)]) {
        let (name, ts, args, Track { process, lane }) = (text(name), self.micros(at), object(args), track);
        self.event(format_args!(
            "\"ph\":\"i\",\"s\":\"t\",\"name\":{name},\"pid\":{process},\"tid\":{lane},\"ts\":{ts},\"args\":{args}"
        ));
    }

    /// A value that changes.
    pub fn counter(&mut self, process: u32, name: &str, at: Time, value: f64) {
        let (name, ts) = (text(name), self.micros(at));
        self.event(format_args!(
            "\"ph\":\"C\",\"name\":{name},\"pid\":{process},\"ts\":{ts},\"args\":{{\"value\":{value}}}"
        ));
    }

    /// An arrow from the slice that holds one point to the slice that holds another.
    pub fn arrow(&mut self, number: u64, name: &str, from: (Track, Time), to: (Track, Time)) {
        let name = text(name);
        for (phase, (Track { process, lane }, at)) in [("s", from), ("f", to)] {
            let ts = self.micros(at);
            let bind = if phase == "f" { ",\"bp\":\"e\"" } else { "" };
            self.event(format_args!(
                "\"ph\":\"{phase}\"{bind},\"cat\":\"move\",\"id\":{number},\"name\":{name},\"pid\":{process},\
                 \"tid\":{lane},\"ts\":{ts}"
            ));
        }
    }

    /// Ends the trace.
    ///
    /// # Errors
    /// The first one of all.
    pub fn finish(mut self) -> io::Result<W> {
        self.raw("\n]}\n");
        match self.error {
            None => self.writer.flush().map(|()| self.writer),
            Some(error) => Err(error),
        }
    }

    fn event(&mut self, fields: std::fmt::Arguments<'_>) {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        line.push_str(if self.first { "\n{" } else { ",\n{" });
        self.first = false;
        // writing to a string cannot fail
        let _ = line.write_fmt(fields);
        line.push('}');
        self.raw(&line);
        self.line = line;
    }

    fn raw(&mut self, text: &str) {
        if self.error.is_none()
            && let Err(error) = self.writer.write_all(text.as_bytes())
        {
            self.error = Some(error);
        }
    }

    fn micros(&self, at: Time) -> String {
        micros(at.since(self.start))
    }
}

/// Microseconds with the nanoseconds behind the point.
fn micros(span: Span) -> String {
    format!("{}.{:03}", span.nanos() / 1_000, span.nanos() % 1_000)
}

/// A JSON string.
fn text(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

fn object(args: &[(&str, Value)]) -> String {
    let fields: Vec<String> = args.iter().map(|(name, value)| format!("{}:{value}", text(name))).collect();
    format!("{{{}}}", fields.join(","))
}
