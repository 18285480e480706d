//! The gateway's `sticky_escape_triggered` lines: JSON or console form, in whatever docker, kubectl, journald or a
//! log store wrapped them, from one file or many. They carry no request id: they are counted, by account and time.
//!
//! What cannot be read is never counted as nothing: a file of which no line is a gateway's is an error that names
//! what it looks like; one that does not cover the period, or has no lines of level INFO, says that escapes are not
//! known.

mod file;
mod line;
mod time;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use self::file::{Part, part};
use self::line::plainly;
use crate::workload::Error;

pub(super) use self::file::{bytes, head, text};

/// Whether a line is one of a program's log, an escape or another.
fn is_log_line(line: &str) -> bool {
    !self::line::read(line).is_empty()
}

/// Whether a text that was given as LOG is the gateway's own log.
pub(super) fn is_gateway_log(text: &str) -> bool {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).take(20).collect();
    lines.iter().filter(|line| is_log_line(line)).count() * 2 > lines.len()
}

/// Reasons, in the order of figures.
pub const REASONS: [&str; 3] = ["ttft", "error_rate", "concurrency_full"];

/// One escape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Escape {
    /// When, in s from the start of the log.
    pub at_s: f64,
    /// From which account; `None`: not by its number.
    pub account: Option<i64>,
    /// A place in `REASONS`.
    pub reason: usize,
}

/// The escapes within the log's time, and what was left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Escapes {
    /// In order of the files.
    pub all: Vec<Escape>,
    /// Whether these are all that there were. Otherwise their number is unknown, and nothing is compared with it.
    pub is_complete: bool,
    /// What was left out, one sentence each.
    pub notes: Vec<String>,
}

/// A name in place of the usual one is worth a note.
const USUAL: &str = "sticky_escape_triggered";
/// Of the period, as much may be missing at either end of a log.
const MOST_MISSING: f64 = 0.1;
/// More lines than this that cannot be read (and more than one), and it is no log.
const MOST_BROKEN: f64 = 0.05;
/// Lines that show whether a log has those of level INFO.
const ENOUGH_LINES: u64 = 20;

/// Reads the escapes from `epoch_ms` on for `span_s` seconds from files and folders of them.
///
/// # Errors
/// When one cannot be read, is no log of a gateway, or every escape lies outside the log's time.
pub fn read(paths: &[PathBuf], epoch_ms: Option<i64>, span_s: f64) -> Result<Escapes, Error> {
    let mut reading = Reading { epoch_ms, span_s, ..Reading::default() };
    for path in paths {
        if path.is_dir() {
            reading.folder(path)?;
        } else {
            let part = part(path)?;
            if part.is_foreign() {
                return Err(part.foreign(path));
            }
            reading.add(path, part)?;
        }
    }
    reading.finish(paths.first().map_or(Path::new(""), PathBuf::as_path))
}

#[derive(Default)]
struct Reading {
    epoch_ms: Option<i64>,
    span_s: f64,
    /// How often each line came, in the file in which it came most often: rotated copies overlap.
    seen: BTreeMap<(i64, u64), u64>,
    all: Vec<Escape>,
    notes: Vec<String>,
    reasons: BTreeMap<String, u64>,
    spellings: BTreeMap<String, u64>,
    other_mentions: BTreeMap<String, u64>,
    repeated: u64,
    outside: u64,
    first_outside: Option<f64>,
    without_zone: u64,
    broken: u64,
    lines: u64,
    other_lines: u64,
    detailed_lines: u64,
    /// First and last time of any line, in s from the start of the log.
    covered: Option<(f64, f64)>,
}

impl Reading {
    fn folder(&mut self, folder: &Path) -> Result<(), Error> {
        let mut folders = vec![folder.to_path_buf()];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            let entries = std::fs::read_dir(&folder).map_err(|error| Error::io(&folder, "list it", &error))?;
            for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
                let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
                match path.is_dir() {
                    _ if is_hidden => {}
                    true => folders.push(path),
                    false => files.push(path),
                }
            }
        }
        files.sort();
        let mut foreign = None;
        let (mut logs, mut strangers) = (0_u64, Vec::new());
        for path in files {
            let part = part(&path)?;
            if part.is_foreign() {
                strangers.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
                foreign.get_or_insert(part.foreign(&path));
            } else {
                logs += 1;
                self.add(&path, part)?;
            }
        }
        match foreign {
            Some(error) if logs == 0 => return Err(error),
            None if logs == 0 => {
                let remedy = "give the folder with the gateway's own log";
                return Err(Error::in_file(folder, "there is no file in this folder", remedy));
            }
            _ => {}
        }
        if !strangers.is_empty() {
            self.notes.push(format!(
                "files in {} that are no log of the gateway: {}",
                folder.display(),
                strangers.join(", ")
            ));
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, part: Part) -> Result<(), Error> {
        let good = part.escapes.len() as u64;
        if part.broken > 0
            && (good == 0 || part.broken > 1 && part.broken as f64 > MOST_BROKEN * (good + part.broken) as f64)
        {
            return Err(part.unreadable(path));
        }
        self.notes.extend(part.note.iter().cloned());
        self.broken += part.broken;
        self.lines += part.lines;
        self.other_lines += part.other_lines;
        self.detailed_lines += part.detailed_lines;
        for (spelling, count) in part.mentions {
            *self.other_mentions.entry(spelling).or_default() += count;
        }
        let place = |ms: i64| self.epoch_ms.map_or(0.0, |epoch| (ms - epoch) as f64 / 1e3);
        if let Some((first, last)) = part.times {
            let (from, to) = self.covered.unwrap_or((f64::INFINITY, f64::NEG_INFINITY));
            self.covered = Some((from.min(place(first)), to.max(place(last))));
        }
        let mut own: BTreeMap<(i64, u64), u64> = BTreeMap::new();
        for event in part.escapes {
            let count = own.entry((event.at.ms, event.hash)).or_default();
            *count += 1;
            let most = self.seen.entry((event.at.ms, event.hash)).or_default();
            if *count <= *most {
                self.repeated += 1;
                continue;
            }
            *most = *count;
            self.without_zone += u64::from(!event.at.has_zone);
            let at_s = self.epoch_ms.map_or(0.0, |epoch| (event.at.ms - epoch) as f64 / 1e3);
            if at_s < -5.0 || at_s > self.span_s + 5.0 {
                self.outside += 1;
                self.first_outside.get_or_insert(at_s);
                continue;
            }
            if event.spelling != USUAL {
                *self.spellings.entry(event.spelling).or_default() += 1;
            }
            match REASONS.iter().position(|reason| plainly(reason) == plainly(&event.reason)) {
                Some(reason) => self.all.push(Escape { at_s, account: event.account, reason }),
                None => *self.reasons.entry(event.reason).or_default() += 1,
            }
        }
        Ok(())
    }

    fn finish(mut self, path: &Path) -> Result<Escapes, Error> {
        let counted = self.all.len() as u64 + self.reasons.values().sum::<u64>();
        if let Some(off) = self.first_outside {
            let (outside, span_s) = (self.outside, self.span_s);
            if counted == 0 {
                let message = format!(
                    "all {outside} escapes lie outside the log's time, the first by {:.2} h: another day, or another \
                     time zone",
                    if off < 0.0 { off } else { off - span_s } / 3_600.0
                );
                let remedy = "give the escape log of the same period, with zones in its times";
                return Err(Error::in_file(path, message, remedy));
            }
            self.notes.push(format!(
                "{outside} escapes outside the log's time are not counted, the first lies {:.2} h off it (a longer \
                 log, or times of another zone among them)",
                (if off < 0.0 { -off } else { off - span_s }) / 3_600.0
            ));
        }
        let listed = |counts: &BTreeMap<String, u64>| {
            counts.iter().map(|(name, count)| format!("`{name}` {count}")).collect::<Vec<_>>().join(", ")
        };
        if self.without_zone > 0 {
            self.notes.push(format!("{} escapes have times without a zone: UTC is assumed", self.without_zone));
        }
        if self.broken > 0 {
            self.notes.push(format!("{} escape lines cannot be read (cut off) and are not counted", self.broken));
        }
        if self.repeated > 0 {
            self.notes.push(format!("{} escape lines stand in several files and are counted once", self.repeated));
        }
        if !self.spellings.is_empty() {
            self.notes
                .push(format!("escapes that are spelled in another way are counted: {}", listed(&self.spellings)));
        }
        if !self.reasons.is_empty() {
            self.notes.push(format!(
                "escapes for reasons that the gateway simulated here does not have are counted apart and compared with \
                 nothing: {}",
                listed(&self.reasons)
            ));
        }
        if counted == 0 && !self.other_mentions.is_empty() {
            self.notes.push(format!("lines that speak of escapes and are none: {}", listed(&self.other_mentions)));
        }
        let mut is_complete = self.is_complete(counted, path);
        if self.epoch_ms.is_none() {
            is_complete = false;
            self.notes
                .push("the log has no dates: its escapes cannot be placed in time and are not compared".to_owned());
        }
        Ok(Escapes { all: self.all, is_complete, notes: self.notes })
    }

    /// Whether all escapes of the period must be in what was read, with a note where not or where there are none.
    fn is_complete(&mut self, counted: u64, path: &Path) -> bool {
        // where nothing but escapes was kept, nothing can be said of it
        let is_whole = self.other_lines > counted && self.other_lines >= ENOUGH_LINES;
        if is_whole && self.detailed_lines == 0 && counted == 0 {
            self.notes.push(format!(
                "none of the {} lines of {} is of level INFO, at which escapes are logged: whether there were any is \
                 not known",
                self.lines,
                path.display()
            ));
            return false;
        }
        if let (true, Some(_), Some((from, to))) = (is_whole, self.epoch_ms, self.covered) {
            let (before, after) = (from.max(0.0), (self.span_s - to).max(0.0));
            if before.max(after) > MOST_MISSING * self.span_s && before.max(after) > 60.0 {
                self.notes.push(format!(
                    "the escape log covers {from:.0} s to {to:.0} s of a log of {:.0} s (were older files rotated \
                     away?): how many escapes there were in all is not known",
                    self.span_s
                ));
                return false;
            }
        }
        if counted == 0 && self.lines == 0 {
            self.notes.push(format!(
                "{} is empty: taken for a search that found no escape; leave it out if it is not",
                path.display()
            ));
        } else if counted == 0 {
            self.notes.push(format!(
                "none of the {} lines of {} is an escape: taken for none at all (were lines of level INFO logged?)",
                self.lines,
                path.display()
            ));
        }
        true
    }
}
