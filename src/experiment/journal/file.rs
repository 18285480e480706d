//! The file of a journal: opening and resuming, appending, finishing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::JournalError;
use super::header::Header;
use super::line::{First, decode_cell, decode_header, encode_cell, encode_header};
use crate::files::{FileError, PendingFile, sync_folder};

/// How often lines are forced to the disk itself. Every line is handed to the operating system at once whatever this
/// is, so a killed process loses nothing; it is a power cut that this is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// After every line: some milliseconds a cell.
    EveryLine,
    /// After every so many lines; a power cut loses fewer than these.
    Every(u32),
    /// Never; for file systems that live in memory.
    Never,
}

/// A journal that is open for appending the results of cells.
#[derive(Debug)]
pub struct Journal<R> {
    path: PathBuf,
    file: File,
    header: Header,
    sync: Durability,
    /// Lines since the last time they were forced to the disk.
    unsynced: u32,
    /// Whether the file is locked: it is not on file systems that have no locks.
    locked: bool,
    /// The length up to which all lines are whole, where nobody else can write.
    length: u64,
    /// Whether the last line may be torn, where it cannot be cut off: others may have written behind it.
    torn: bool,
    /// The cells that are in it.
    cells: BTreeSet<usize>,
    results: PhantomData<fn(R)>,
}

/// A journal with what was already in it.
#[derive(Debug)]
pub struct Opened<R> {
    /// Open for the rest.
    pub journal: Journal<R>,
    /// The cells that were finished, ascending.
    pub finished: Vec<(usize, R)>,
    /// Lines that were torn or damaged and left out; their cells run again.
    pub dropped: usize,
}

/// The lines of a journal file.
pub(in crate::experiment) struct ReadFile {
    pub header: Header,
    /// Each cell's line, with its line feed, in `bytes`.
    pub lines: BTreeMap<usize, std::ops::Range<usize>>,
    pub bytes: Vec<u8>,
    pub dropped: usize,
    /// The length up to the last line feed.
    pub whole: usize,
}

impl ReadFile {
    /// The line of each cell.
    fn by_cell(&self) -> BTreeMap<usize, &[u8]> {
        self.lines.iter().map(|(&cell, line)| (cell, &self.bytes[line.clone()])).collect()
    }

    /// The text of a cell's result.
    fn result(&self, line: &std::ops::Range<usize>) -> Option<&str> {
        decode_cell(&self.bytes[line.start..line.end - 1], self.header.fingerprint).map(|(_, result)| result)
    }
}

/// Reads the lines of a journal.
pub(in crate::experiment) fn parse(path: &Path, bytes: Vec<u8>) -> Result<ReadFile, JournalError> {
    let line_end = |start: usize| bytes[start..].iter().position(|&b| b == b'\n').map(|at| start + at + 1);
    let not_a_journal = || JournalError::NotAJournal { path: path.to_owned() };
    let first = line_end(0).ok_or_else(not_a_journal)?;
    let header = match decode_header(&bytes[..first - 1]) {
        First::Header(header) => header,
        First::OtherVersion(found) => return Err(JournalError::OtherVersion { path: path.to_owned(), found }),
        First::Nothing => return Err(not_a_journal()),
    };
    let mut lines: BTreeMap<usize, std::ops::Range<usize>> = BTreeMap::new();
    let (mut start, mut dropped) = (first, 0);
    while let Some(end) = line_end(start) {
        match decode_cell(&bytes[start..end - 1], header.fingerprint) {
            Some((cell, _)) if cell < header.cells => {
                if let Some(before) = lines.insert(cell, start..end)
                    && bytes[before] != bytes[start..end]
                {
                    return Err(JournalError::Conflict { cell, first: path.to_owned(), second: path.to_owned() });
                }
            }
            _ => dropped += 1,
        }
        start = end;
    }
    dropped += usize::from(start < bytes.len());
    Ok(ReadFile { header, lines, bytes, dropped, whole: start })
}

impl Header {
    /// The header of the journal at `path`.
    ///
    /// # Errors
    /// When it cannot be read, is no journal, or of another version.
    pub fn read(path: &Path) -> Result<Self, JournalError> {
        read(path).map(|file| file.header)
    }
}

/// Reads a journal for merging, without opening it for writing.
pub(in crate::experiment) fn read(path: &Path) -> Result<ReadFile, JournalError> {
    parse(path, std::fs::read(path).map_err(JournalError::io("read", path))?)
}

/// All results of a journal of this header, in the order of the cells.
pub(in crate::experiment) fn results<R: DeserializeOwned>(
    path: &Path,
    header: &Header,
) -> Result<Vec<R>, JournalError> {
    Ok(numbered(path, header)?.into_iter().map(|(_, result)| result).collect())
}

/// The same with the number of each cell.
pub(in crate::experiment) fn numbered<R: DeserializeOwned>(
    path: &Path,
    header: &Header,
) -> Result<Vec<(usize, R)>, JournalError> {
    let there = read(path)?;
    if there.header.fingerprint != header.fingerprint {
        let differences = header.differences(&there.header);
        return Err(JournalError::Foreign { path: path.to_owned(), differences });
    }
    let result = |(&cell, line): (&usize, &std::ops::Range<usize>)| {
        let text = there.result(line).unwrap_or_default();
        let result = serde_json::from_str(text);
        result.map(|result| (cell, result)).map_err(|source| JournalError::Form { cell, path: path.to_owned(), source })
    };
    there.lines.iter().map(result).collect()
}

/// The result in the line of a cell, of the journal at `path`.
pub(in crate::experiment) fn result_of<R: DeserializeOwned>(
    path: &Path,
    header: &Header,
    cell: usize,
    line: &[u8],
) -> Result<R, JournalError> {
    let text = decode_cell(line.strip_suffix(b"\n").unwrap_or(line), header.fingerprint).map(|(_, result)| result);
    serde_json::from_str(text.unwrap_or_default()).map_err(|source| JournalError::Form {
        cell,
        path: path.to_owned(),
        source,
    })
}

/// Writes a finished journal, lines in the order of the cells, beside `path`, and renames it.
pub(in crate::experiment) fn write_finished<'a>(
    path: &Path,
    header: &Header,
    lines: impl Iterator<Item = &'a [u8]>,
    sync: Durability,
) -> Result<(), JournalError> {
    let write = || -> std::io::Result<()> {
        let mut file = PendingFile::create(path).map_err(FileError::into_source)?;
        file.write_all(&encode_header(header)?)?;
        for line in lines {
            file.write_all(line)?;
        }
        let done = if sync == Durability::Never { file.commit() } else { file.commit_to_disk() };
        done.map_err(FileError::into_source)
    };
    write().map_err(JournalError::io("write", path))
}

/// A journal is a regular file: another kind could not be read again.
fn refuse_other_kinds(path: &Path) -> Result<(), JournalError> {
    match path.metadata() {
        Ok(found) if !found.is_file() => Err(JournalError::NotAFile { path: path.to_owned() }),
        _ => Ok(()),
    }
}

/// Locks an open journal; whether that could be had: file systems without locks (NFS often) are no reason to refuse,
/// see [`Journal::finish`].
fn lock(file: &File, path: &Path) -> Result<bool, JournalError> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Err(JournalError::Busy { path: path.to_owned() }),
        Err(TryLockError::Error(_)) => Ok(false),
    }
}

/// Whether a finished journal of this header may take the place of what is at `path`: nothing, an empty file, or a
/// journal of the very same that nobody writes and that does not contradict. Gives what to hold until it is written.
pub(in crate::experiment) fn may_replace(
    path: &Path,
    header: &Header,
    lines: &[&[u8]],
) -> Result<Option<File>, JournalError> {
    refuse_other_kinds(path)?;
    let mut file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(JournalError::io("read", path))?,
    };
    lock(&file, path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(JournalError::io("read", path))?;
    if bytes.is_empty() {
        return Ok(Some(file));
    }
    let there = parse(path, bytes)?;
    if there.header != *header {
        let differences = header.differences(&there.header);
        return Err(JournalError::Foreign { path: path.to_owned(), differences });
    }
    for (&cell, line) in &there.lines {
        if lines.get(cell).is_some_and(|ours| *ours != &there.bytes[line.clone()]) {
            return Err(JournalError::Conflict { cell, first: path.to_owned(), second: path.to_owned() });
        }
    }
    Ok(Some(file))
}

impl<R: Serialize + DeserializeOwned> Journal<R> {
    /// Opens the journal at `path`: begins it when there is none, resumes it when there is one of the same experiment
    /// and shard.
    ///
    /// # Errors
    /// When the file is no journal, of another experiment, in use, or cannot be read or written. It is not changed
    /// then.
    pub fn open(path: &Path, header: &Header, sync: Durability) -> Result<Opened<R>, JournalError> {
        refuse_other_kinds(path)?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(JournalError::io("make the folder of", path))?;
        }
        // appending: where two writers cannot lock each other out, neither writes over the other's lines
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(JournalError::io("open", path))?;
        let locked = lock(&file, path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(JournalError::io("read", path))?;
        let first_line = encode_header(header).map_err(|error| JournalError::io("write", path)(error.into()))?;
        let mut journal = Self {
            path: path.to_owned(),
            file,
            header: header.clone(),
            sync,
            unsynced: 0,
            locked,
            length: 0,
            torn: false,
            cells: BTreeSet::new(),
            results: PhantomData,
        };
        // Empty, or torn while the very first line of this experiment was written.
        if bytes.len() < first_line.len() && first_line.starts_with(&bytes) {
            journal.file.set_len(0).map_err(JournalError::io("write", path))?;
            journal.write(&first_line).map_err(JournalError::io("write", path))?;
            if sync != Durability::Never {
                journal.file.sync_all().and_then(|()| sync_folder(path)).map_err(JournalError::io("write", path))?;
            }
            return Ok(Opened { journal, finished: Vec::new(), dropped: 0 });
        }
        let there = parse(path, bytes)?;
        if there.header != *header {
            let differences = header.differences(&there.header);
            return Err(JournalError::Foreign { path: path.to_owned(), differences });
        }
        let mut finished = Vec::with_capacity(there.lines.len());
        for (&cell, line) in &there.lines {
            let text = there.result(line).unwrap_or_default();
            let result = serde_json::from_str(text);
            finished.push((cell, result.map_err(|source| JournalError::Form { cell, path: path.to_owned(), source })?));
        }
        journal.length = there.whole as u64;
        journal.torn = there.whole < there.bytes.len();
        journal.cells = there.lines.keys().copied().collect();
        journal.cut().map_err(JournalError::io("write", path))?;
        Ok(Opened { journal, finished, dropped: there.dropped })
    }

    /// Adds the result of a cell. When this returns, the line outlives the process.
    ///
    /// # Errors
    /// When it cannot be written (a full disk), the file is cut back to its last whole line, and may be resumed later.
    pub fn append(&mut self, cell: usize, result: &R) -> Result<(), JournalError> {
        let line = encode_cell(cell, result, self.header.fingerprint).map_err(|source| JournalError::Form {
            cell,
            path: self.path.clone(),
            source,
        })?;
        self.write(&line).map_err(JournalError::io("write to", &self.path))?;
        self.cells.insert(cell);
        self.unsynced = self.unsynced.saturating_add(1);
        let due = match self.sync {
            Durability::EveryLine => true,
            Durability::Every(lines) => self.unsynced >= lines,
            Durability::Never => false,
        };
        if due {
            self.unsynced = 0;
            self.file.sync_data().map_err(JournalError::io("write to", &self.path))?;
        }
        Ok(())
    }

    /// Closes the journal: the lines in the order of the cells, all on the disk. To be called when all cells of this
    /// shard are done.
    ///
    /// What stands under its name by then need not be what was opened: another writer may have finished the same
    /// journal (where there are no locks), and then the lines of both are kept; or somebody may have put another file
    /// there.
    ///
    /// # Errors
    /// When it cannot be written; the unsorted journal is still there then. When another file stands under its name;
    /// that one is left as it is, and the journal is written beside it.
    pub fn finish(mut self) -> Result<(), JournalError> {
        let mut bytes = Vec::new();
        self.file
            .rewind()
            .and_then(|()| self.file.read_to_end(&mut bytes))
            .map_err(JournalError::io("read", &self.path))?;
        let ours = parse(&self.path, bytes)?;
        let lost = self.cells.iter().filter(|cell| !ours.lines.contains_key(cell)).count();
        if ours.header != self.header || lost > 0 {
            return Err(JournalError::Changed { path: self.path, lost });
        }
        let there = match read(&self.path) {
            Ok(there) if there.header == self.header => there,
            Err(JournalError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                return self.write_lines(&self.path, &ours.by_cell());
            }
            _ => return Err(self.save_elsewhere(&ours)),
        };
        let mut lines = ours.by_cell();
        for (cell, line) in there.by_cell() {
            if *lines.entry(cell).or_insert(line) != line {
                let (first, second) = (self.path.clone(), self.path.clone());
                return Err(JournalError::Conflict { cell, first, second });
            }
        }
        self.write_lines(&self.path, &lines)
    }

    fn write_lines(&self, path: &Path, lines: &BTreeMap<usize, &[u8]>) -> Result<(), JournalError> {
        write_finished(path, &self.header, lines.values().copied(), self.sync)
    }

    /// Writes the journal under a name that is free, because its own is taken.
    fn save_elsewhere(&self, ours: &ReadFile) -> JournalError {
        let name = |number: usize| {
            let mut name = self.path.file_name().unwrap_or_default().to_owned();
            name.push(format!(".saved-{number}"));
            self.path.with_file_name(name)
        };
        let Some(saved) = (1..1000).map(name).find(|path| !path.exists()) else {
            return JournalError::Replaced { path: self.path.clone(), saved: "nowhere".into() };
        };
        match self.write_lines(&saved, &ours.by_cell()) {
            Ok(()) => JournalError::Replaced { path: self.path.clone(), saved },
            Err(error) => error,
        }
    }

    /// As if the file system had no locks.
    #[cfg(test)]
    pub(super) fn without_lock(mut self) -> Self {
        self.file.unlock().unwrap();
        self.locked = false;
        self
    }

    /// Whether the cell is in it.
    pub fn has(&self, cell: usize) -> bool {
        self.cells.contains(&cell)
    }
}

impl<R> Journal<R> {
    /// Writes a whole line at the end, or nothing that would be taken for one.
    fn write(&mut self, line: &[u8]) -> std::io::Result<()> {
        let ended;
        let line = if self.torn {
            ended = [b"\n", line].concat();
            ended.as_slice()
        } else {
            line
        };
        if let Err(error) = self.file.write_all(line) {
            self.torn = true;
            // the error that matters is the first
            let _ = self.cut();
            return Err(error);
        }
        self.torn = false;
        self.length += line.len() as u64;
        Ok(())
    }

    /// Cuts off what lies behind the last whole line, where nobody else can have written there.
    fn cut(&mut self) -> std::io::Result<()> {
        if self.locked && self.torn {
            self.file.set_len(self.length)?;
            self.torn = false;
        }
        Ok(())
    }
}
