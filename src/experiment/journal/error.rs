//! Why a journal cannot be used.

use std::path::{Path, PathBuf};

use super::header::SCHEMA_VERSION;

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system said no.
    #[error("cannot {action} the journal {}: {source}", path.display())]
    Io {
        /// What was tried: "open", "read", "write to", ...
        action: &'static str,
        /// The file as it was named.
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
        /// The file as it was named.
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
        /// The file as it was named.
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
        /// The file as it was named.
        path: PathBuf,
        /// The version of its form.
        found: u32,
    },
    /// The journal is of another experiment.
    #[error(
        "the journal {} is of another experiment ({differences}); it was left as it is: give another name, or repeat \
         the arguments it was begun with", path.display()
    )]
    Foreign {
        /// The file as it was named.
        path: PathBuf,
        /// What differs.
        differences: String,
    },
    /// Another process has the journal open.
    #[error("the journal {} is being written by another run; wait for it, or give another name", path.display())]
    Busy {
        /// The file as it was named.
        path: PathBuf,
    },
    /// One cell has two results: they are not a function of the cell.
    #[error(
        "cell {cell} has two different results ({} and {}): they were not made by the same program, or the machine is \
         faulty",
        first.display(), second.display()
    )]
    Conflict {
        /// The number of the cell, counted from 0.
        cell: usize,
        /// Where the one is.
        first: PathBuf,
        /// Where the other is.
        second: PathBuf,
    },
    /// A result cannot be written as JSON, or a sound line holds no such result.
    #[error("the result of cell {cell} in {} is not in the expected form: {source}", path.display())]
    Form {
        /// The number of the cell, counted from 0.
        cell: usize,
        /// The file as it was named.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
}

impl JournalError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
