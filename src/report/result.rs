//! A result file of any kind: the JSON document of a run, a comparison, a sweep or a search, or the journal of a sweep
//! or a search. The kind is recognised by the content.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::bad_document::BadDocument;
use super::document::{ResultDocument, SCHEMA_VERSION};
use super::{ComparisonReport, Report as _, SweepReport, TuneReport};
use crate::experiment::cell::Figure;
use crate::experiment::journal::{Header, JournalError};
use crate::experiment::stats::Level;
use crate::experiment::sweep::{SweepError, Swept};
use crate::experiment::tune::{Tune, TuneError};

/// What a result file holds.
#[derive(Clone, Debug)]
pub enum ResultFile {
    /// Of `stickysim run`.
    Run(Box<ResultDocument>, Value),
    /// Of `stickysim compare`.
    Comparison(Box<ComparisonReport>),
    /// Of `stickysim sweep` or `merge`.
    Sweep(Box<SweepReport>),
    /// Of `stickysim tune`.
    Tune(Box<TuneReport>),
}

/// A result file with what is known of its making.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The file.
    pub path: PathBuf,
    /// What it holds.
    pub result: ResultFile,
    /// The version of stickysim that made it.
    pub version: String,
}

/// Why a file cannot be used as a result.
#[derive(Debug, thiserror::Error)]
pub enum ResultFileError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// It is not a result.
    #[error(
        "{} is not a result of stickysim: it is {is}; expected the JSON document of run, compare, sweep or tune \
         (--output json --to FILE), or the journal of a sweep or tune (--out FILE)", path.display()
    )]
    NotAResult {
        /// The file.
        path: PathBuf,
        /// What it seems to be.
        is: String,
    },
    /// It was made by a newer version.
    #[error(
        "{} has schema version {found}, this stickysim ({}) reads up to {SCHEMA_VERSION}: draw it with the version \
         that made it{}", path.display(), env!("CARGO_PKG_VERSION"), by(.made_by)
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
        /// The version of stickysim that made it.
        made_by: String,
    },
    /// It begins like a result but is not complete.
    #[error("{} is {kind} of stickysim, but not in the expected form: {source}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What it claims to be.
        kind: &'static str,
        /// What is wrong.
        source: BadDocument,
    },
    /// A journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A sweep's journal cannot be used.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// A search's journal cannot be used.
    #[error(transparent)]
    Tune(#[from] TuneError),
}

fn by(version: &str) -> String {
    if version.is_empty() { String::new() } else { format!(" ({version})") }
}

impl Loaded {
    /// Reads a result file. The values of a sweep's journal are judged by `objectives`.
    ///
    /// # Errors
    /// When it is no result, not whole, or of a newer version.
    pub fn read(path: &Path, objectives: &[Figure]) -> Result<Self, ResultFileError> {
        let not = |is: &str| ResultFileError::NotAResult { path: path.to_owned(), is: is.to_owned() };
        let bytes =
            std::fs::read(path).map_err(|source| ResultFileError::Unreadable { path: path.to_owned(), source })?;
        let Ok(text) = std::str::from_utf8(&bytes) else { return Err(not("no text")) };
        if text.trim().is_empty() {
            return Err(not("empty"));
        }
        if text.starts_with("{\"journal\":") {
            return Self::journal(path, objectives);
        }
        let document: Value = match serde_json::from_str(text) {
            Ok(document) => document,
            Err(_) if text.lines().next().is_some_and(|line| serde_json::from_str::<Value>(line).is_ok()) => {
                return Err(not("JSON lines, such as a trace or a log"));
            }
            // only documents begin with a brace: this one was cut off, or changed by hand
            Err(error) if text.trim_start().starts_with('{') => {
                return Err(not(&format!("incomplete or damaged JSON ({error})")));
            }
            Err(_) => return Err(not(&guess(text))),
        };
        Self::document(path, &document)
    }

    fn journal(path: &Path, objectives: &[Figure]) -> Result<Self, ResultFileError> {
        let header = Header::read(path)?;
        let result = match header.value_of("command") {
            Some("sweep") => {
                let swept = Swept::of_journal(&header, path)?;
                ResultFile::Sweep(Box::new(SweepReport::new(&swept, objectives, Level::PERCENT_95, &[])))
            }
            Some("tune") => {
                let (tune, tuned) = Tune::of_journal(&header, path, Level::PERCENT_95)?;
                ResultFile::Tune(Box::new(TuneReport::new(&tune, tuned)))
            }
            other => {
                let is =
                    other.map_or_else(|| "a journal".to_owned(), |verb| format!("the journal of `stickysim {verb}`"));
                return Err(ResultFileError::NotAResult { path: path.to_owned(), is });
            }
        };
        // a journal of another version has another fingerprint and form: what can be read was written by this one
        Ok(Self { path: path.to_owned(), result, version: env!("CARGO_PKG_VERSION").to_owned() })
    }

    fn document(path: &Path, document: &Value) -> Result<Self, ResultFileError> {
        let not = |is: &str| ResultFileError::NotAResult { path: path.to_owned(), is: is.to_owned() };
        let Value::Object(root) = document else { return Err(not("JSON, but not a document")) };
        let has = |key: &str| root.contains_key(key);
        let version = root.get("stickysim_version").and_then(Value::as_str).unwrap_or_default().to_owned();
        let Some(found) = root.get("schema_version").and_then(Value::as_u64) else {
            let scenario = has("accounts") || has("workload") || has("gateway");
            return Err(not(if scenario { "a scenario, which has to be run first" } else { "some other JSON" }));
        };
        if found > u64::from(SCHEMA_VERSION) {
            return Err(ResultFileError::Newer { path: path.to_owned(), found, made_by: version });
        }
        let bad = |kind: &'static str| move |source| ResultFileError::Form { path: path.to_owned(), kind, source };
        let result = if has("comparison") {
            ResultFile::Comparison(Box::new(ComparisonReport::from_json(document).map_err(bad("a comparison"))?))
        } else if has("sweep") {
            ResultFile::Sweep(Box::new(SweepReport::from_json(document).map_err(bad("a sweep"))?))
        } else if has("arms") && has("advice") {
            ResultFile::Tune(Box::new(TuneReport::from_json(document).map_err(bad("a search"))?))
        } else if has("scheduler_revision") && has("scenario") {
            let run = ResultDocument::from_json(document).map_err(bad("the result of a run"))?;
            ResultFile::Run(Box::new(run), document.clone())
        } else {
            return Err(not("some other document"));
        };
        Ok(Self { path: path.to_owned(), result, version })
    }
}

/// What a text that is not JSON seems to be.
fn guess(text: &str) -> String {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let is_yaml =
        text.lines().any(|line| ["accounts:", "workload:", "gateway:"].iter().any(|key| line.starts_with(key)));
    if is_yaml {
        "a scenario, which has to be run first".to_owned()
    } else if first.matches(',').count() > 1 {
        "CSV, which lacks some of what charts need".to_owned()
    } else if first.starts_with('#') {
        "Markdown, which lacks some of what charts need".to_owned()
    } else {
        "text".to_owned()
    }
}
