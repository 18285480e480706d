//! How many bad lines are left out before one is an error.

use std::path::{Path, PathBuf};

use super::line::BadLine;
use crate::workload::Error;

#[derive(Clone, Debug)]
pub(super) struct Tolerance {
    allowed: u64,
    skipped: u64,
    first: Option<Error>,
    /// The trace: notes name files as they lie in it. Where it lies itself, and what it is called, is another matter on
    /// each machine, and notes are part of results.
    trace: PathBuf,
}

impl Tolerance {
    pub(super) fn new(allowed: u64, trace: &Path) -> Self {
        Self { allowed, skipped: 0, first: None, trace: trace.to_owned() }
    }

    /// How many were left out.
    pub(super) const fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Leaves a bad line out, or gives the error back if there were too many.
    pub(super) fn forgive(&mut self, error: Error) -> Result<(), Error> {
        if self.skipped >= self.allowed {
            return Err(error);
        }
        self.skipped += 1;
        self.first.get_or_insert(error);
        Ok(())
    }

    /// The same for a line; one that makes all later ones unreadable is always an error.
    pub(super) fn forgive_line(&mut self, bad: BadLine, path: &Path, line: u64) -> Result<(), Error> {
        let remedy = match (bad.fatal, bad.remedy.is_empty(), self.allowed) {
            (true, ..) => bad.remedy,
            (_, false, _) => format!("{}, or leave bad lines out (skip_bad_lines, --skip-bad-lines N)", bad.remedy),
            (_, true, 0) => "correct the line, or leave bad lines out (skip_bad_lines, --skip-bad-lines N)".to_string(),
            (_, true, allowed) => format!("correct the line, or allow more than {allowed} bad lines"),
        };
        let error = Error::new(bad.message, remedy).at(path, line, bad.column);
        if bad.fatal { Err(error) } else { self.forgive(error) }
    }

    pub(super) fn notes(&self) -> Vec<String> {
        match &self.first {
            Some(first) => {
                vec![format!("{} bad lines were left out; the first: {}", self.skipped, self.within_trace(first))]
            }
            None => Vec::new(),
        }
    }

    fn within_trace(&self, error: &Error) -> String {
        let within = error.file.as_ref().and_then(|file| file.strip_prefix(&self.trace).ok());
        let is_itself = within.is_none_or(|within| within.as_os_str().is_empty());
        let (line, column) = (error.line, error.column);
        let error = Error { file: within.filter(|_| !is_itself).map(Path::to_owned), ..error.clone() };
        match (is_itself, line, column) {
            (false, ..) | (_, 0, _) => error.to_string(),
            (_, line, 0) => format!("line {line}: {error}"),
            (_, line, column) => format!("line {line}, column {column}: {error}"),
        }
    }
}
