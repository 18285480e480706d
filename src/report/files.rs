//! Result files that are whole or not there: written beside their final name and renamed when they are complete.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Why a result file could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", .path.display())]
pub struct FileError {
    /// What was tried.
    action: &'static str,
    /// The file or directory.
    path: PathBuf,
    source: io::Error,
}

impl FileError {
    /// A failed attempt to do `action` to `path`.
    pub fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self { action, path: path.to_owned(), source }
    }
}

/// A file under way. It has its final name only after `commit`; dropped without, it leaves nothing.
///
/// Open it before the long work, so that a path that cannot be written is known at once.
#[derive(Debug)]
pub struct PendingFile {
    path: PathBuf,
    beside: PathBuf,
    /// `None` after `commit`.
    writer: Option<BufWriter<File>>,
}

impl PendingFile {
    /// Opens a file that will be called `path`; missing directories are made.
    ///
    /// # Errors
    /// When the directory or the file cannot be made, or `path` names a directory.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, FileError> {
        let path = path.into();
        let Some(name) = path.file_name().filter(|_| !path.is_dir()) else {
            return Err(FileError::new("write", &path, io::ErrorKind::IsADirectory.into()));
        };
        if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
            std::fs::create_dir_all(directory).map_err(|error| FileError::new("make", directory, error))?;
        }
        let mut beside_name = std::ffi::OsString::from(".");
        beside_name.push(name);
        beside_name.push(format!(".{}.part", std::process::id()));
        let beside = path.with_file_name(beside_name);
        let file = File::create(&beside).map_err(|error| FileError::new("write", &path, error))?;
        Ok(Self { path, beside, writer: Some(BufWriter::with_capacity(1 << 16, file)) })
    }

    /// The name that it will have.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes out what is left and gives the file its name, in the place of an older one.
    ///
    /// # Errors
    /// When that fails; then nothing is left behind and an older file is as it was.
    pub fn commit(mut self) -> Result<(), FileError> {
        let writer = self.writer.take();
        let done =
            writer.map_or(Ok(()), |mut writer| writer.flush()).and_then(|()| std::fs::rename(&self.beside, &self.path));
        done.map_err(|error| {
            let _ = std::fs::remove_file(&self.beside);
            FileError::new("write", &self.path, error)
        })
    }
}

impl Write for PendingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.as_mut().map_or(Ok(0), |writer| writer.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for PendingFile {
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            let _ = std::fs::remove_file(&self.beside);
        }
    }
}

/// Writes a whole file at once, in the same way.
///
/// # Errors
/// When it cannot be written; then an older file is as it was.
pub fn write(path: impl Into<PathBuf>, content: &[u8]) -> Result<(), FileError> {
    let mut file = PendingFile::create(path)?;
    file.write_all(content).map_err(|error| FileError::new("write", &file.path, error))?;
    file.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(name: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("stickysim-files-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        directory
    }

    fn names(directory: &Path) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_file_has_its_name_only_when_it_is_whole() -> Result<(), FileError> {
        let directory = directory("whole");
        let path = directory.join("deep/result.json");
        let mut file = PendingFile::create(&path)?;
        file.write_all(b"all of it").map_err(|error| FileError::new("write", &path, error))?;
        assert!(!path.exists());
        file.commit()?;
        assert_eq!(names(&directory.join("deep")), ["result.json"]);
        assert_eq!(std::fs::read(&path).ok().as_deref(), Some(&b"all of it"[..]));
        let _ = std::fs::remove_dir_all(&directory);
        Ok(())
    }

    #[test]
    fn what_is_not_committed_leaves_nothing_and_an_older_file_stays() -> Result<(), FileError> {
        let directory = directory("dropped");
        let path = directory.join("result.json");
        write(&path, b"older")?;
        let mut file = PendingFile::create(&path)?;
        file.write_all(b"half").map_err(|error| FileError::new("write", &path, error))?;
        drop(file);
        assert_eq!(
            (names(&directory), std::fs::read(&path).ok()),
            (vec!["result.json".into()], Some(b"older".to_vec()))
        );
        let _ = std::fs::remove_dir_all(&directory);
        Ok(())
    }

    #[test]
    fn a_path_that_cannot_be_written_is_known_before_the_work() {
        let directory = directory("blocked");
        assert!(write(&directory, b"").is_ok());
        let error = PendingFile::create(directory.join("result.json")).map(|_| ()).map_err(|error| error.to_string());
        assert!(error.as_ref().is_err_and(|text| text.starts_with("cannot make ")), "{error:?}");
        let _ = std::fs::remove_file(&directory);
    }
}
