//! Why a workload cannot go on: one clear message with place, what was expected, and remedy.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

/// A trace that cannot be read, written or played, or a setting of a workload that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The file, if one is to blame.
    pub file: Option<PathBuf>,
    /// The line in it, from 1 (of the unpacked text); 0: the file as a whole.
    pub line: u64,
    /// The column in the line, from 1, counted in bytes; 0: the line as a whole.
    pub column: u64,
    /// What is wrong and what was expected.
    pub message: String,
    /// What to do about it; may be empty.
    pub remedy: String,
}

impl Error {
    /// An error that belongs to no file.
    pub fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { file: None, line: 0, column: 0, message: message.into(), remedy: remedy.into() }
    }

    /// An error about a file as a whole.
    pub fn in_file(file: &Path, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { file: Some(file.to_path_buf()), ..Self::new(message, remedy) }
    }

    /// An operation on a file that the system refused.
    pub fn io(file: &Path, doing: &str, error: &std::io::Error) -> Self {
        Self::in_file(file, format!("cannot {doing}: {error}"), "")
    }

    /// This error at another place.
    #[must_use]
    pub fn at(mut self, file: &Path, line: u64, column: u64) -> Self {
        self.file = Some(file.to_path_buf());
        self.line = line;
        self.column = column;
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            // the name of a file must not steer a terminal either
            for c in file.to_string_lossy().chars() {
                if c.is_control() { write!(f, "{}", c.escape_default())? } else { f.write_char(c)? }
            }
            if self.line > 0 {
                write!(f, ":{}", self.line)?;
                if self.column > 0 {
                    write!(f, ":{}", self.column)?;
                }
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.message)?;
        if !self.remedy.is_empty() {
            write!(f, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<crate::engine::BadParameter> for Error {
    fn from(bad: crate::engine::BadParameter) -> Self {
        Self::new(bad.to_string(), "")
    }
}
