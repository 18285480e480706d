//! Formats with one file a session (Weka, Codex, Claude Code), alone or in a folder: the files' rows merged by time. A
//! file is opened when its session starts, so memory holds the sessions that are under way.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::claude::Transcript;
use super::codex::Rollout;
use super::format::Format;
use super::input::{Lines, Opened};
use super::line::BadLine;
use super::names::Names;
use super::row::TraceRow;
use super::sessions::{self, Kind, Look};
use super::tolerance::Tolerance;
use super::weka;
use crate::engine::Luck;
use crate::units::{Span, count};
use crate::workload::config::{Placing, ReadConfig};
use crate::workload::{Error, purpose};

pub(super) struct SessionFiles {
    format: Format,
    placing: Placing,
    /// Files still to be opened with the start of their sessions, the latest first.
    waiting: Vec<Waiting>,
    /// Rows of opened files by time, then file, then place in the file.
    rows: BTreeMap<(Span, u32, u32), TraceRow>,
    opened: u32,
    /// Transcripts: the trace's start in Unix nanoseconds.
    origin: i128,
    /// The answers of Claude Code that were read.
    known: BTreeSet<u64>,
    said: Said,
}

/// What was left out, for notes.
#[derive(Default)]
struct Said {
    codex: bool,
    claude: bool,
    aborted: u64,
    old: u64,
    others: Vec<PathBuf>,
    twice: u64,
}

struct Waiting {
    start: Span,
    path: PathBuf,
    kind: Option<Kind>,
    /// A file that is open already, which may be a pipe.
    opened: Option<Opened>,
}

impl SessionFiles {
    /// The session files of a folder, or the one file that was `opened`.
    pub(super) fn open(
        config: &ReadConfig,
        format: Format,
        opened: Option<Opened>,
        luck: Luck,
        tolerance: &mut Tolerance,
    ) -> Result<Self, Error> {
        let is_folder = opened.is_none();
        let files: Vec<(PathBuf, Option<Opened>)> = match opened {
            Some(opened) => vec![(config.path.clone(), Some(opened))],
            None => list(&config.path, format)?.into_iter().map(|path| (path, None)).collect(),
        };
        let mut said = Said::default();
        let mut starts = Vec::with_capacity(files.len());
        for (place, (path, mut opened)) in files.into_iter().enumerate() {
            if format == Format::Weka {
                let start = place_of(&path, place, config.placing, luck);
                starts.push((i128::from(start.nanos()), path, None, opened));
                continue;
            }
            let look = match &mut opened {
                Some(opened) => sessions::look(opened),
                None => Opened::new(&path).and_then(|mut opened| sessions::look(&mut opened)),
            };
            match look {
                Ok(Look { kind: Kind::OldCodex, .. }) => said.old += 1,
                Ok(Look { kind, start }) if is_of(format, kind) => starts.push((start, path, Some(kind), opened)),
                Ok(_) if is_folder => said.others.push(path),
                Ok(_) => {
                    let message = format!("expected {}, found JSON lines of something else", format.name());
                    tolerance.forgive(Error::new(message, "name its format").at(&path, 1, 0))?;
                }
                Err(error) => tolerance.forgive(error)?,
            }
        }
        let shared = format != Format::Weka;
        let origin = if shared { starts.iter().map(|start| start.0).min().unwrap_or(0) } else { 0 };
        let mut waiting: Vec<Waiting> = starts
            .into_iter()
            .map(|(start, path, kind, opened)| {
                let start = Span::from_nanos(u64::try_from(start - origin).unwrap_or(u64::MAX));
                Waiting { start, path, kind, opened }
            })
            .collect();
        waiting.sort_by(|a, b| (Reverse(a.start), Reverse(&a.path)).cmp(&(Reverse(b.start), Reverse(&b.path))));
        Ok(Self {
            format,
            placing: config.placing,
            waiting,
            rows: BTreeMap::new(),
            opened: 0,
            origin,
            known: BTreeSet::new(),
            said,
        })
    }

    pub(super) fn next(&mut self, names: &mut Names, tolerance: &mut Tolerance) -> Result<Option<TraceRow>, Error> {
        loop {
            let next = self.rows.first_key_value().map(|(&(at, ..), _)| at);
            match self.waiting.last() {
                Some(&Waiting { start, .. }) if next.is_none_or(|next| start <= next) => {
                    let Some(file) = self.waiting.pop() else { return Ok(None) };
                    match self.load(file, names, tolerance) {
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
            if self.format == Format::Weka {
                row.at += start;
                row.ended = row.ended.map(|ended| ended + start);
            }
            self.rows.insert((row.at, self.opened, place as u32), row);
        }
        self.opened += 1;
    }

    fn load(&mut self, file: Waiting, names: &mut Names, tolerance: &mut Tolerance) -> Result<Vec<TraceRow>, Error> {
        let Waiting { start, path, kind, opened } = file;
        let opened = match opened {
            Some(opened) => opened,
            None => Opened::new(&path)?,
        };
        match kind {
            None => weka::read(opened, names),
            Some(Kind::Claude) => {
                self.said.claude = true;
                self.claude(Lines::of(opened), start, names, tolerance)
            }
            Some(_) => {
                self.said.codex = true;
                self.codex(Lines::of(opened), start, names, tolerance)
            }
        }
    }

    fn codex(
        &mut self,
        mut lines: Lines,
        start: Span,
        names: &mut Names,
        tolerance: &mut Tolerance,
    ) -> Result<Vec<TraceRow>, Error> {
        let path = lines.path().to_path_buf();
        let mut rollout = Rollout::new(&path);
        let mut rows = Vec::new();
        while let Some(line) = lines.next()? {
            match rollout.row(line, self.origin, names) {
                Ok(Some(row)) if row.at < start => {
                    let message = "this turn started before its session's first line";
                    let bad = BadLine::new(0, message).remedy("leave out what was copied from another session");
                    tolerance.forgive_line(bad, &path, lines.number())?;
                }
                Ok(row) => rows.extend(row),
                Err(bad) => tolerance.forgive_line(bad, &path, lines.number())?,
            }
        }
        self.said.aborted += rollout.aborted;
        self.said.old += u64::from(!rollout.turns);
        rows.sort_by_key(|row: &TraceRow| row.at);
        Ok(rows)
    }

    fn claude(
        &mut self,
        mut lines: Lines,
        start: Span,
        names: &mut Names,
        tolerance: &mut Tolerance,
    ) -> Result<Vec<TraceRow>, Error> {
        let path = lines.path().to_path_buf();
        let mut transcript = Transcript::default();
        while let Some(line) = lines.next()? {
            if let Err(bad) = transcript.line(line) {
                tolerance.forgive_line(bad, &path, lines.number())?;
            }
        }
        let known = &mut self.known;
        let (mut rows, twice) =
            transcript.rows(self.origin, names, |id| !known.insert(xxhash_rust::xxh64::xxh64(id.as_bytes(), 0)));
        self.said.twice += twice;
        // a line that was copied from an older file keeps its time: it came when this one began
        for row in &mut rows {
            row.at = row.at.max(start);
        }
        Ok(rows)
    }

    /// Why there are no rows, where that is known.
    pub(super) fn why_empty(&self) -> Option<String> {
        (self.said.old > 0).then(|| {
            format!(
                "this Codex version wrote no `task_complete` events ({}): its files hold no turns to play",
                count(self.said.old, "file")
            )
        })
    }

    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.format == Format::Weka {
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
            return notes;
        }
        let said = &self.said;
        if said.codex {
            notes.push("a Codex turn is several requests to the model; each is played as one".to_string());
        }
        if said.claude {
            notes.push(
                "Claude Code writes no time to the first token: only sessions, tokens and times are read".to_string(),
            );
        }
        if said.aborted > 0 {
            notes.push(format!("{} left out", count(said.aborted, "aborted turn")));
        }
        if said.old > 0 {
            let files = count(said.old, "older Codex file");
            notes.push(format!("{files} without `task_complete` events: left out"));
        }
        if said.twice > 0 {
            notes.push(format!("{} in a second file, too: read once", count(said.twice, "answer")));
        }
        if let Some(first) = said.others.first() {
            let name = first.file_name().unwrap_or_default().to_string_lossy();
            let files = count(said.others.len() as u64, "file");
            notes.push(format!("{files} of another kind left out; the first: {name}"));
        }
        notes
    }
}

/// Whether a file of this kind belongs to a trace of this format.
const fn is_of(format: Format, kind: Kind) -> bool {
    match kind {
        Kind::Codex | Kind::OldCodex => matches!(format, Format::Codex | Format::Transcripts),
        Kind::Claude => matches!(format, Format::Claude | Format::Transcripts),
        Kind::Other => false,
    }
}

/// Where a session that shares no clock with others starts.
fn place_of(path: &Path, place: usize, placing: Placing, luck: Luck) -> Span {
    match placing {
        Placing::Every(span) => span.scale(place as f64),
        Placing::Within(span) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let key = xxhash_rust::xxh64::xxh64(name.as_bytes(), 0);
            span.scale(luck.stream(purpose::PLACING, key, 0).open01())
        }
    }
}

/// The files of this format in a folder and (transcripts lie in folders by date or project) below.
fn list(path: &Path, format: Format) -> Result<Vec<PathBuf>, Error> {
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
        let ending = ending_of(format);
        return Err(Error::in_file(path, format!("this folder has no {ending} files (or .gz, .zst of them)"), ""));
    }
    files.sort();
    Ok(files)
}

/// Whether a file in a folder is one of this format, by its ending.
pub(super) fn is_session_file(path: &Path, format: Format) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    name.ends_with(ending_of(format)) && !name.starts_with('.')
}

const fn ending_of(format: Format) -> &'static str {
    if matches!(format, Format::Weka) { ".json" } else { ".jsonl" }
}
