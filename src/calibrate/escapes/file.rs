//! One file of a log: plain, gzip or zstd, UTF-8 or UTF-16, a line each or one document.

use std::collections::BTreeMap;
use std::io::{BufReader, Read as _};
use std::path::Path;

use super::line::{Event, Found, Mention, read, read_document};
use crate::calibrate::looks;
use crate::workload::Error;
use crate::workload::packed::unpacked;

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) escapes: Vec<Event>,
    /// Lines that are not blank.
    pub(super) lines: u64,
    /// Lines of a program's log that are no escapes, and those of level INFO or below.
    pub(super) other_lines: u64,
    pub(super) detailed_lines: u64,
    /// Escape lines that cannot be read, and the first of them.
    pub(super) broken: u64,
    first_broken: Option<(u64, String)>,
    /// Spellings of what speaks of escapes and is none.
    pub(super) mentions: BTreeMap<String, u64>,
    /// First and last time, in ms since 1970.
    pub(super) times: Option<(i64, i64)>,
    /// What is to be said of the file.
    pub(super) note: Option<String>,
    looks_like: String,
}

/// Reads a file.
pub(super) fn part(path: &Path) -> Result<Part, Error> {
    let (text, note) = whole(path)?;
    if text.contains('\0') {
        let what = looks::of_bytes(text.as_bytes()).unwrap_or_else(|| "something that is no text".to_owned());
        let message = format!("it is no text but {what}: expected the gateway's own log, JSON or console form");
        return Err(Error::in_file(path, message, REMEDY));
    }
    let mut part = Part { note, ..Part::default() };
    let start = text.trim_start();
    let is_document = start.starts_with('[') || (start.starts_with('{') && !start.lines().next().is_some_and(is_json));
    if is_document && let Ok(value) = serde_json::from_str::<serde_json::Value>(start) {
        part.lines = 1;
        let found = read_document(&value);
        part.take(found);
    } else {
        let mut torn = String::new();
        for (line, number) in text.lines().zip(1..) {
            if line.trim().is_empty() {
                continue;
            }
            part.lines += 1;
            match of_cri(line) {
                Some((false, rest)) => torn.push_str(rest),
                Some((true, rest)) if !torn.is_empty() => {
                    let whole = std::mem::take(&mut torn) + rest;
                    part.line(&whole, number);
                }
                _ => part.line(line, number),
            }
        }
        if !torn.is_empty() {
            part.line(&torn, part.lines);
        }
    }
    if part.is_foreign() {
        part.looks_like = looks::of_text(start);
    }
    Ok(part)
}

/// A line as CRI writes it, `TIME stdout P TEXT`: whether it ends here (`F`) or goes on in the next one (`P`), and
/// its text.
fn of_cri(line: &str) -> Option<(bool, &str)> {
    let mut parts = line.splitn(4, ' ');
    let (time, stream, tag, text) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_time = time.len() >= 20 && time.as_bytes().get(10) == Some(&b'T');
    let ends = match tag.split(':').next() {
        Some("P") => false,
        Some("F") => true,
        _ => return None,
    };
    (is_time && matches!(stream, "stdout" | "stderr")).then_some((ends, text))
}

fn is_json(line: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(line).is_ok()
}

const REMEDY: &str = "give what the gateway writes to its log, with the sticky_escape_triggered lines; what docker, \
                      kubectl, journalctl or Loki put around them is read as it is";

impl Part {
    fn line(&mut self, line: &str, number: u64) {
        let mention = Mention::find(line);
        let found = read(line);
        let is_escape = found.iter().any(|found| matches!(found, Found::Escape(_)));
        self.take(found);
        match mention {
            Some(mention) if !is_escape && mention.is_triggered() => {
                self.broken += 1;
                self.first_broken.get_or_insert_with(|| (number, looks::shown(line, 160)));
            }
            Some(mention) if !is_escape => *self.mentions.entry(mention.spelling).or_default() += 1,
            _ => {}
        }
    }

    fn take(&mut self, found: Vec<Found>) {
        for found in found {
            let at = match found {
                Found::Escape(event) => {
                    let at = event.at;
                    self.escapes.push(event);
                    Some(at)
                }
                Found::Other { at, is_detailed } => {
                    self.other_lines += 1;
                    self.detailed_lines += u64::from(is_detailed);
                    at
                }
            };
            if let Some(at) = at {
                let (first, last) = self.times.unwrap_or((at.ms, at.ms));
                self.times = Some((first.min(at.ms), last.max(at.ms)));
            }
        }
    }

    /// Whether it has lines and none of them is a gateway's.
    pub(super) fn is_foreign(&self) -> bool {
        self.lines > 0 && self.escapes.is_empty() && self.other_lines == 0 && self.broken == 0
    }

    pub(super) fn foreign(&self, path: &Path) -> Error {
        let what = match self.lines {
            1 => "its one line".to_owned(),
            lines => format!("none of its {lines} lines"),
        };
        let verb = if self.lines == 1 { "cannot be read" } else { "can be read" };
        Error::in_file(path, format!("{what} {verb} as the gateway's own log; {}", self.looks_like), REMEDY)
    }

    pub(super) fn unreadable(&self, path: &Path) -> Error {
        let (line, text) = self.first_broken.clone().unwrap_or_default();
        let all = self.broken + self.escapes.len() as u64;
        let message = format!(
            "{} of {all} sticky_escape_triggered lines cannot be read: expected a time, `account_id` and `reason` \
             in each; the first is: {text}",
            self.broken
        );
        Error::new(message, REMEDY).at(path, line, 0)
    }
}

/// All bytes of a file, unpacked.
pub(in crate::calibrate) fn bytes(path: &Path) -> Result<Vec<u8>, Error> {
    let file = std::fs::File::open(path).map_err(|error| Error::io(path, "open it", &error))?;
    let mut bytes = Vec::new();
    unpacked(BufReader::new(file))
        .and_then(|mut input| input.read_to_end(&mut bytes))
        .map_err(|error| Error::io(path, "read it", &error))?;
    Ok(bytes)
}

/// The first bytes of a file, unpacked; none where it cannot be read.
pub(in crate::calibrate) fn head(path: &Path) -> Vec<u8> {
    const HEAD: u64 = 1 << 16;
    let mut bytes = Vec::new();
    if let Ok(file) = std::fs::File::open(path)
        && file.metadata().is_ok_and(|found| found.is_file())
        && let Ok(input) = unpacked(BufReader::new(file))
    {
        let _ = input.take(HEAD).read_to_end(&mut bytes);
    }
    bytes
}

/// The whole text of a file, unpacked, and what is to be said of it.
fn whole(path: &Path) -> Result<(String, Option<String>), Error> {
    let file = std::fs::File::open(path).map_err(|error| Error::io(path, "read it", &error))?;
    let mut input = unpacked(BufReader::new(file)).map_err(|error| Error::io(path, "unpack it", &error))?;
    let mut bytes = Vec::new();
    let note = match input.read_to_end(&mut bytes) {
        Ok(_) => None,
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof && !bytes.is_empty() => {
            Some(format!("{} is packed and was cut off: what lies behind is missing", path.display()))
        }
        Err(error) => return Err(Error::io(path, "read it", &error)),
    };
    if let Some(what) = looks::of_bytes(&bytes) {
        return Err(Error::in_file(
            path,
            format!("it is no text but {what}: expected the gateway's own log, JSON or console form"),
            REMEDY,
        ));
    }
    let wide = |of: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| of([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    let text = match bytes.get(..2) {
        Some([0xff, 0xfe]) => wide(u16::from_le_bytes),
        Some([0xfe, 0xff]) => wide(u16::from_be_bytes),
        _ => String::from_utf8_lossy(&bytes).trim_start_matches('\u{feff}').to_owned(),
    };
    Ok((text, note))
}

/// The whole text of a file, unpacked.
pub(in crate::calibrate) fn text(path: &Path) -> Result<String, Error> {
    whole(path).map(|(text, _)| text)
}
