//! Results that are all there or not there at all: written to a folder of their own inside the one asked for, and moved
//! when all of them are complete. Results of an earlier calibration are replaced on demand only.

use std::path::{Path, PathBuf};

/// The name of the file with the requests.
pub const TRACE: &str = "trace.jsonl.gz";
/// The name of the file with the fitted scenario.
pub const SCENARIO: &str = "scenario.yaml";
/// The name of the file with the whole report.
pub const REPORT: &str = "report.md";

/// How the folder of results under way is called, with the process in between.
const START: &str = ".calibrate.";
const END: &str = ".part";

/// Why results cannot be written to a folder.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The system refused.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// There is something that would be lost.
    #[error("{} is there already; give another folder with --out, or --force to replace it", .0.display())]
    Taken(PathBuf),
}

/// Results under way; dropped before [`Staged::commit`] they leave nothing behind.
#[derive(Debug)]
pub struct Staged {
    out: PathBuf,
    folder: PathBuf,
    /// Whether `out` was made for them.
    made: bool,
    done: bool,
}

fn io<T>(doing: &'static str, path: &Path, result: std::io::Result<T>) -> Result<T, FolderError> {
    result.map_err(|source| FolderError::Io { doing, path: path.to_path_buf(), source })
}

impl Staged {
    /// Begins results that will stand in `out`.
    ///
    /// # Errors
    /// When the folder cannot be made, or has results already and `force` does not say that they may go.
    pub fn begin(out: &Path, force: bool) -> Result<Self, FolderError> {
        let taken = [SCENARIO, TRACE, REPORT].into_iter().map(|name| out.join(name)).find(|path| path.exists());
        if let Some(path) = taken.filter(|_| !force) {
            return Err(FolderError::Taken(path));
        }
        remove_stale(out);
        let made = !out.exists();
        let folder = out.join(format!("{START}{}{END}", std::process::id()));
        io("make", out, std::fs::create_dir_all(out))?;
        let staged = Self { out: out.to_path_buf(), folder, made, done: false };
        io("make", &staged.folder, std::fs::create_dir_all(&staged.folder))?;
        Ok(staged)
    }

    /// Where a file is to be written.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<(), FolderError> {
        let path = self.path(name);
        io("write", &path, std::fs::write(&path, text))
    }

    /// Moves everything to where it belongs. The scenario goes first and comes last, so that at no moment one stands
    /// beside another's trace.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn commit(mut self) -> Result<(), FolderError> {
        for name in [SCENARIO, REPORT, TRACE] {
            let path = self.out.join(name);
            if path.exists() {
                io("replace", &path, std::fs::remove_file(&path))?;
            }
        }
        for name in [TRACE, REPORT, SCENARIO] {
            let (from, to) = (self.path(name), self.out.join(name));
            if from.exists() {
                io("write", &to, std::fs::rename(&from, &to))?;
            }
        }
        self.done = true;
        remove_stale(&self.out);
        Ok(())
    }
}

/// Removes what calibrations left in a folder that were interrupted: those whose process is no more. A folder with
/// nothing else in it was made by them, and goes as well.
fn remove_stale(out: &Path) {
    let mut removed = false;
    for entry in std::fs::read_dir(out).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let process = name.strip_prefix(START).and_then(|rest| rest.strip_suffix(END));
        if process.is_some_and(|process| !is_running(process)) {
            // nothing to be done about a folder that cannot be removed
            removed |= std::fs::remove_dir_all(entry.path()).is_ok();
        }
    }
    if removed {
        let _ = std::fs::remove_dir(out);
    }
}

/// Whether a process of this number runs, another one than this. Where that is unknown, none of them does.
fn is_running(process: &str) -> bool {
    process != std::process::id().to_string() && Path::new("/proc").join(process).exists()
}

impl Drop for Staged {
    fn drop(&mut self) {
        // nothing to be done about a folder that cannot be removed
        let _ = std::fs::remove_dir_all(&self.folder);
        if self.made && !self.done {
            let _ = std::fs::remove_dir(&self.out);
        }
    }
}
