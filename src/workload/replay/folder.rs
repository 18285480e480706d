//! Formats with one file a session (Weka, Codex), alone or in a folder: the files' rows merged by time. A file is opened
//! when its session starts, so memory holds the sessions that are under way.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::codex::{self, Rollout};
use super::format::Format;
use super::input::Lines;
use super::line::BadLine;
use super::names::Names;
use super::row::TraceRow;
use super::tolerance::Tolerance;
use super::weka;
use crate::engine::Luck;
use crate::units::Span;
use crate::workload::config::{Placing, ReadConfig};
use crate::workload::{Error, purpose};

pub(super) struct SessionFiles {
    codex: bool,
    placing: Placing,
    /// Files still to be opened with the start of their sessions, the latest first.
    waiting: Vec<(Span, PathBuf)>,
    /// Rows of opened files by time, then file, then place in the file.
    rows: BTreeMap<(Span, u32, u32), TraceRow>,
    opened: u32,
    /// Codex: the trace's start in Unix nanoseconds.
    origin: i128,
    aborted: u64,
}

impl SessionFiles {
    pub(super) fn open(
        config: &ReadConfig,
        format: Format,
        luck: Luck,
        tolerance: &mut Tolerance,
    ) -> Result<Self, Error> {
        let files = list(&config.path, format)?;
        let codex = format == Format::Codex;
        let mut starts = Vec::with_capacity(files.len());
        for (place, path) in files.into_iter().enumerate() {
            if codex {
                match codex::start(&path) {
                    Ok(start) => starts.push((start, path)),
                    Err(error) => tolerance.forgive(error)?,
                }
            } else {
                let start = match config.placing {
                    Placing::Every(span) => span.scale(place as f64),
                    Placing::Within(span) => {
                        let name = path.file_name().unwrap_or_default().to_string_lossy();
                        let key = xxhash_rust::xxh64::xxh64(name.as_bytes(), 0);
                        span.scale(luck.stream(purpose::PLACING, key, 0).open01())
                    }
                };
                starts.push((i128::from(start.nanos()), path));
            }
        }
        let origin = if codex { starts.iter().map(|&(start, _)| start).min().unwrap_or(0) } else { 0 };
        let mut waiting: Vec<(Span, PathBuf)> = starts
            .into_iter()
            .map(|(start, path)| (Span::from_nanos(u64::try_from(start - origin).unwrap_or(u64::MAX)), path))
            .collect();
        waiting.sort_by(|a, b| (Reverse(a.0), Reverse(&a.1)).cmp(&(Reverse(b.0), Reverse(&b.1))));
        Ok(Self { codex, placing: config.placing, waiting, rows: BTreeMap::new(), opened: 0, origin, aborted: 0 })
    }

    pub(super) fn next(&mut self, names: &mut Names, tolerance: &mut Tolerance) -> Result<Option<TraceRow>, Error> {
        loop {
            let next = self.rows.first_key_value().map(|(&(at, ..), _)| at);
            match self.waiting.last() {
                Some(&(start, _)) if next.is_none_or(|next| start <= next) => {
                    let Some((start, path)) = self.waiting.pop() else { return Ok(None) };
                    match self.load(&path, start, names, tolerance) {
                        Ok(rows) => self.add(rows, start),
                        Err(error) => tolerance.forgive(error)?,
                    }
                }
                _ => return Ok(self.rows.pop_first().map(|(_, row)| row)),
            }
        }
    }

    fn add(&mut self, rows: Vec<TraceRow>, start: Span) {
        for (place, mut row) in rows.into_iter().enumerate() {
            if !self.codex {
                row.at += start;
                row.ended = row.ended.map(|ended| ended + start);
            }
            self.rows.insert((row.at, self.opened, place as u32), row);
        }
        self.opened += 1;
    }

    fn load(
        &mut self,
        path: &Path,
        start: Span,
        names: &mut Names,
        tolerance: &mut Tolerance,
    ) -> Result<Vec<TraceRow>, Error> {
        if !self.codex {
            return weka::read(path, names);
        }
        let mut lines = Lines::open(path)?;
        let mut rollout = Rollout::new(path);
        let mut rows = Vec::new();
        while let Some(line) = lines.next()? {
            match rollout.row(line, self.origin, names) {
                Ok(Some(row)) if row.at < start => {
                    let message = "this turn started before its session's first line";
                    let bad = BadLine::new(0, message).remedy("leave out what was copied from another session");
                    tolerance.forgive_line(bad, path, lines.number())?;
                }
                Ok(row) => rows.extend(row),
                Err(bad) => tolerance.forgive_line(bad, path, lines.number())?,
            }
        }
        self.aborted += rollout.aborted;
        rows.sort_by_key(|row: &TraceRow| row.at);
        Ok(rows)
    }

    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.codex {
            notes.push("a Codex turn is several requests to the model; each is played as one".to_string());
            if self.aborted > 0 {
                notes.push(format!("{} turns were aborted and are left out", self.aborted));
            }
        } else {
            notes.push(match self.placing {
                Placing::Every(span) => {
                    format!(
                        "sessions share no clock: they were placed {} s after each other, in order of file names",
                        span.secs()
                    )
                }
                Placing::Within(span) => {
                    format!("sessions share no clock: they were placed at random within {} s", span.secs())
                }
            });
        }
        notes
    }
}

/// The session files of a path: itself, or those of this format in the folder and (Codex keeps folders by date) below.
fn list(path: &Path, format: Format) -> Result<Vec<PathBuf>, Error> {
    let metadata = std::fs::metadata(path).map_err(|error| Error::io(path, "open it", &error))?;
    if !metadata.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut files = Vec::new();
    let mut folders = vec![path.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| Error::io(&folder, "list it", &error))?;
        for entry in entries {
            let path = entry.map_err(|error| Error::io(&folder, "list it", &error))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if is_session_file(&path, format) {
                files.push(path);
            }
        }
    }
    if files.is_empty() {
        let ending = if format == Format::Codex { ".jsonl" } else { ".json" };
        return Err(Error::in_file(path, format!("this folder has no {ending} files (or .gz, .zst of them)"), ""));
    }
    files.sort();
    Ok(files)
}

/// Whether a file in a folder is one of this format, by its ending.
pub(super) fn is_session_file(path: &Path, format: Format) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    name.ends_with(if format == Format::Codex { ".jsonl" } else { ".json" }) && !name.starts_with('.')
}
