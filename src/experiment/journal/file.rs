//! The file of a journal: opening and resuming, appending, finishing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::line::{First, decode_cell, decode_header, encode_cell, encode_header};
use super::{Header, JournalError};

/// How often lines are forced to the disk itself. Every line is handed to the operating system at once whatever this
/// is, so a killed process loses nothing; it is a power cut that this is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
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
    sync: Sync,
    /// Lines since the last time they were forced to the disk.
    unsynced: u32,
    /// The length up to which all lines are whole.
    length: u64,
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

/// Writes a finished journal, lines in the order of the cells, beside `path`, and renames it.
pub(in crate::experiment) fn write_finished<'a>(
    path: &Path,
    header: &Header,
    lines: impl Iterator<Item = &'a [u8]>,
    sync: Sync,
) -> Result<(), JournalError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let beside = path.with_file_name(name);
    let write = || -> std::io::Result<()> {
        let mut file = std::io::BufWriter::new(File::create(&beside)?);
        file.write_all(&encode_header(header)?)?;
        for line in lines {
            file.write_all(line)?;
        }
        let file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        if sync == Sync::Never {
            return std::fs::rename(&beside, path);
        }
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        sync_folder(path)
    };
    write().map_err(|source| {
        // the first error is the one to tell
        let _ = std::fs::remove_file(&beside);
        JournalError::Io { action: "write", path: path.to_owned(), source }
    })
}

/// Forces a new or renamed name to the disk, where the system can do that to a folder.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

impl<R: Serialize + DeserializeOwned> Journal<R> {
    /// Opens the journal at `path`: begins it when there is none, resumes it when there is one of the same experiment
    /// and shard.
    ///
    /// # Errors
    /// When the file is no journal, of another experiment, in use, or cannot be read or written. It is not changed then.
    pub fn open(path: &Path, header: &Header, sync: Sync) -> Result<Opened<R>, JournalError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(JournalError::io("open", path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::Busy { path: path.to_owned() }),
            // A file system without locks (NFS often) is no reason to refuse: equal lines of two writers do no harm.
            Err(TryLockError::Error(_)) => {}
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(JournalError::io("read", path))?;
        let first_line = encode_header(header).map_err(|error| JournalError::io("write", path)(error.into()))?;
        let mut journal = Self {
            path: path.to_owned(),
            file,
            header: header.clone(),
            sync,
            unsynced: 0,
            length: 0,
            cells: BTreeSet::new(),
            results: PhantomData,
        };
        // Empty, or torn while the very first line of this experiment was written.
        if bytes.len() < first_line.len() && first_line.starts_with(&bytes) {
            journal.cut().map_err(JournalError::io("write", path))?;
            journal.write(&first_line).map_err(JournalError::io("write", path))?;
            if sync != Sync::Never {
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
            Sync::EveryLine => true,
            Sync::Every(lines) => self.unsynced >= lines,
            Sync::Never => false,
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
    /// # Errors
    /// When it cannot be written; the unsorted journal is still there then.
    pub fn finish(self) -> Result<(), JournalError> {
        let there = read(&self.path)?;
        let lines = there.lines.values().map(|line| &there.bytes[line.clone()]);
        write_finished(&self.path, &self.header, lines, self.sync)
    }

    /// Whether the cell is in it.
    pub fn has(&self, cell: usize) -> bool {
        self.cells.contains(&cell)
    }
}

impl<R> Journal<R> {
    /// Writes a whole line at the end, or nothing.
    fn write(&mut self, line: &[u8]) -> std::io::Result<()> {
        if let Err(error) = self.file.write_all(line) {
            // the error that matters is the first
            let _ = self.cut();
            return Err(error);
        }
        self.length += line.len() as u64;
        Ok(())
    }

    /// Cuts off what lies behind the last whole line, and goes there.
    fn cut(&mut self) -> std::io::Result<()> {
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::Start(self.length)).map(|_| ())
    }
}
