//! The journal of a long experiment: what was finished stays finished.
//!
//! An append-only file of JSON lines. The first line says what experiment it is of, every further one holds the result
//! of one cell:
//!
//! ```text
//! {"journal":{"schema_version":1,"fingerprint":"…","cells":500,"shard":null,"about":[…]},"xxh64":"…"}
//! {"cell":17,"result":{…},"xxh64":"…"}
//! ```
//!
//! - **A line is whole or it is not there.** Each carries a checksum over what stands before it, seeded with the
//!   experiment's fingerprint. A line that a crash tore, or a disk damaged, is left out on resuming and its cell runs
//!   again; so does whatever a power cut left behind.
//! - **Nothing finished is lost.** A line is written in one piece and handed to the disk ([`Durability`]) before
//!   [`Journal::append`] returns.
//! - **The same bytes in the end.** Cells finish in any order, so [`Journal::finish`] puts the lines in the order of
//!   the cells, beside the file, and renames. A finished journal is the same file whatever the threads and
//!   interruptions.
//! - **No journal is mistaken for another.** The fingerprint covers everything that the results depend on, and a file
//!   of another experiment, or one that is no journal at all, is refused and not touched.
//! - **One writer.** The file is locked while it is open. Where a file system has no locks, lines are only ever
//!   appended, and whoever finishes keeps the lines of both.
//!
//! Results must be a function of the cell alone: no wall times in them. Floats survive exactly (`float_roundtrip`);
//! those that are not finite do not exist in JSON, so they belong in an `Option`.

mod difference;
mod file;
mod line;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use file::{Durability, Journal, Opened};
pub(super) use file::{ReadFile, may_replace, numbered, read, result_of, results, write_finished};

/// The version of the format that this build writes and reads.
pub const SCHEMA_VERSION: u32 = 1;

/// What the first line says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// Of everything that the results depend on.
    pub fingerprint: Fingerprint,
    /// How many cells the whole experiment has.
    pub cells: usize,
    /// The shard, as `I/N`; `None` for all cells.
    pub shard: Option<String>,
    /// What the experiment is, for people and for error messages: ("command", "sweep"), ("scenario", "slow.yaml"), ...
    pub about: Vec<(String, String)>,
    /// The effective scenarios, without what may differ between machines: where their files lie.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scenarios: Vec<Value>,
}

impl Header {
    /// The header of an experiment of `cells` cells whose results depend on `parts`.
    pub fn new(parts: &[&str], cells: usize, about: Vec<(String, String)>) -> Self {
        let fingerprint = Fingerprint::of(parts);
        Self { schema_version: SCHEMA_VERSION, fingerprint, cells, shard: None, about, scenarios: Vec::new() }
    }

    /// The header of the journal at `path`.
    ///
    /// # Errors
    /// When it cannot be read, is no journal, or of another version.
    pub fn read(path: &Path) -> Result<Self, JournalError> {
        read(path).map(|file| file.header)
    }

    /// What it says of itself under this name.
    pub fn told(&self, name: &str) -> Option<&str> {
        self.about.iter().find(|(told, _)| told == name).map(|(_, text)| text.as_str())
    }

    /// What differs between this header (here) and one that was found (there), in words; empty when nothing does.
    pub fn differences(&self, found: &Self) -> String {
        self.differences_in(found, "here", "there")
    }

    /// The same; `ours` and `theirs` say where each stands.
    pub fn differences_in(&self, other: &Self, ours: &str, theirs: &str) -> String {
        let mut found = difference::between(self, other);
        if found.is_empty() && self.fingerprint != other.fingerprint {
            return "a file that the scenario reads, or stickysim itself, has changed".to_owned();
        }
        let more = found.len().saturating_sub(difference::MOST_TOLD);
        found.truncate(difference::MOST_TOLD);
        let mut words: Vec<String> = found.iter().map(|one| one.words(ours, theirs)).collect();
        if more > 0 {
            words.push(format!("and {more} more"));
        }
        words.join("; ")
    }
}

/// A hash of everything that results depend on: the effective scenario, the arguments, the program's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Of these parts, each hashed with its length, so that text cannot move from one to the next unseen.
    pub fn of(parts: &[&str]) -> Self {
        let mut bytes = Vec::new();
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        Self(xxhash_rust::xxh64::xxh64(&bytes, u64::from(SCHEMA_VERSION)))
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        format!("{:016x}", fingerprint.0)
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let value = u64::from_str_radix(&text, 16).ok().map(Self);
        value.filter(|&f| String::from(f) == text).ok_or_else(|| format!("`{text}` is no fingerprint"))
    }
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system said no.
    #[error("cannot {action} the journal {}: {source}", path.display())]
    Io {
        /// What was tried: "open", "read", "write to", ...
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file exists and is something else.
    #[error(
        "{} exists and is not a journal of stickysim (its first line is not a complete header); it was left as it is: \
         give another name, or remove it", path.display()
    )]
    NotAJournal {
        /// The file.
        path: PathBuf,
    },
    /// The path leads to a folder, a device or a named pipe.
    #[error("{} is not a regular file, and a journal must be one: give another name", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// Somebody wrote into the journal while it was open.
    #[error(
        "another program changed the journal {} while this run was writing it: {lost} finished cells are no longer in \
         it, and it was left as it is; start again with the same arguments", path.display()
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// How many cells that were written are gone.
        lost: usize,
    },
    /// Another file took the journal's name while it was written.
    #[error(
        "another file took the place of the journal {} while this run was writing it; it was left as it is, and this \
         run's journal is {}", path.display(), saved.display()
    )]
    Replaced {
        /// The name.
        path: PathBuf,
        /// Where the journal is.
        saved: PathBuf,
    },
    /// The journal was written in another version of the format.
    #[error(
        "the journal {} has schema version {found}, this stickysim writes {SCHEMA_VERSION}: finish it with the \
         version that began it, or give another name", path.display()
    )]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// The journal is of another experiment.
    #[error(
        "the journal {} is of another experiment ({differences}); it was left as it is: give another name, or repeat \
         the arguments it was begun with", path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What differs.
        differences: String,
    },
    /// Another process has the journal open.
    #[error("the journal {} is being written by another run; wait for it, or give another name", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// One cell has two results: they are not a function of the cell.
    #[error(
        "cell {cell} has two different results ({} and {}): they were not made by the same program, or the machine is \
         faulty",
        first.display(), second.display()
    )]
    Conflict {
        /// The cell.
        cell: usize,
        /// Where the one is.
        first: PathBuf,
        /// Where the other is.
        second: PathBuf,
    },
    /// A result cannot be written as JSON, or a sound line holds no such result.
    #[error("the result of cell {cell} in {} is not in the expected form: {source}", path.display())]
    Form {
        /// The cell.
        cell: usize,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
}

impl JournalError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
