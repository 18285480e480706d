//! Files that are either complete or not there: they are written beside their final name and renamed when they are
//! complete.
//!
//! Only a regular file is replaced in this way. A symbolic link is followed and its target is replaced, so that the
//! link stays. A device, a named pipe or a file that is already open (`/dev/stdout`) is written to directly.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Why a file could not be written.
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

    /// The error of the operating system.
    pub fn into_source(self) -> io::Error {
        self.source
    }
}

/// Where a path leads, and how its target is written.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// A regular file, or nothing yet. It is replaced by renaming.
    Replaced(PathBuf),
    /// Anything else. It is written to directly.
    Through(PathBuf),
}

/// The most symbolic links that are followed; it is Linux's own limit.
const MOST_LINKS: usize = 40;

impl Place {
    /// Follows the path to its end.
    fn of(path: &Path) -> io::Result<Self> {
        let mut at = path.to_owned();
        for _ in 0..MOST_LINKS {
            let name = at.file_name().ok_or(io::ErrorKind::IsADirectory)?.to_owned();
            let here = folder_of(&at).canonicalize()?.join(name);
            // an open file (/dev/stdout, /dev/fd/3): a process that holds it would not see a new file under its name
            if cfg!(target_os = "linux") && here.starts_with("/proc") {
                return Ok(Self::Through(here));
            }
            match here.symlink_metadata() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::Replaced(here)),
                Err(error) => return Err(error),
                Ok(found) if found.is_symlink() => at = folder_of(&here).join(here.read_link()?),
                Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
                Ok(found) if found.is_file() => return Ok(Self::Replaced(here)),
                Ok(_) => return Ok(Self::Through(here)),
            }
        }
        Err(io::Error::other("too many symbolic links"))
    }
}

/// The folder that a path lies in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether two paths lead to one file. Links are followed, and the file need not exist. Two paths to one device count
/// as different, because a device is written to directly.
pub fn is_same(one: &Path, other: &Path) -> bool {
    let end = |path: &Path| match Place::of(path) {
        Ok(Place::Replaced(path)) => Some(path),
        Ok(Place::Through(_)) => None,
        // it does not exist yet or is a folder, so names are compared
        Err(_) => std::path::absolute(path).ok(),
    };
    end(one).is_some_and(|one| end(other) == Some(one))
}

/// A file that is being written. It gets its final name by `commit`. If it is dropped without `commit`, it leaves
/// nothing behind.
///
/// Open it before long work, so that a path that cannot be written is found at once.
#[derive(Debug)]
pub struct PendingFile {
    path: PathBuf,
    /// Its temporary and its final path; `None` if it is written to directly.
    renamed: Option<(PathBuf, PathBuf)>,
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
        let directory = folder_of(&path);
        std::fs::create_dir_all(directory).map_err(|error| FileError::new("make", directory, error))?;
        let opened = Place::of(&path).and_then(|place| match place {
            // append, so that what an open file already contains is not overwritten
            Place::Through(place) => Ok((OpenOptions::new().append(true).open(place)?, None)),
            Place::Replaced(place) => {
                let (beside, file) = begin_beside(&place)?;
                Ok((file, Some((beside, place))))
            }
        });
        let (file, renamed) = opened.map_err(|error| FileError::new("write", &path, error))?;
        Ok(Self { path, renamed, writer: Some(BufWriter::with_capacity(1 << 16, file)) })
    }

    /// The name that it will have.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes all of these bytes.
    ///
    /// # Errors
    /// When that fails, with the name that the file would have.
    pub fn put(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.write_all(bytes).map_err(|error| FileError::new("write", &self.path, error))
    }

    /// Writes what is buffered and gives the file its final name. An older file of that name is replaced.
    ///
    /// # Errors
    /// When that fails. Then nothing is left behind, and an older file is unchanged.
    pub fn commit(self) -> Result<(), FileError> {
        self.close(false)
    }

    /// Like `commit`, but returns only when the file and its name are on the disk.
    ///
    /// # Errors
    /// When that fails. An older file is unchanged, unless only the new name could not be forced to the disk.
    pub fn commit_to_disk(self) -> Result<(), FileError> {
        self.close(true)
    }

    fn close(mut self, to_disk: bool) -> Result<(), FileError> {
        let Some(mut writer) = self.writer.take() else { return Ok(()) };
        let done = writer.flush().and_then(|()| {
            let Some((beside, place)) = &self.renamed else { return Ok(()) };
            if to_disk {
                writer.get_ref().sync_all()?;
            }
            std::fs::rename(beside, place)?;
            if to_disk { sync_folder(place) } else { Ok(()) }
        });
        done.map_err(|error| {
            self.discard();
            FileError::new("write", &self.path, error)
        })
    }

    fn discard(&self) {
        if let Some((beside, _)) = &self.renamed {
            // the error that is returned is the first one
            let _ = std::fs::remove_file(beside);
        }
    }
}

/// Begins the file that will replace `place`, under a name of this process, and removes what killed processes left
/// there.
fn begin_beside(place: &Path) -> io::Result<(PathBuf, File)> {
    let name = place.file_name().unwrap_or_default();
    remove_stale(folder_of(place), name);
    let mut beside_name = OsString::from(".");
    beside_name.push(name);
    beside_name.push(format!(".{}.part", std::process::id()));
    let beside = place.with_file_name(beside_name);
    let file = File::create(&beside)?;
    // the lock shows other processes that the file is not stale; a system without locks removes no stale files either
    let _ = file.try_lock();
    if let Ok(older) = place.metadata() {
        // the permissions of the older file are kept if possible
        let _ = file.set_permissions(older.permissions());
    }
    Ok((beside, file))
}

/// Removes what this process has begun for a place and not finished: beside it, and within it if it is a folder. For a
/// process that is about to end.
pub fn remove_unfinished(path: &Path) {
    let end = format!(".{}.part", std::process::id());
    let is_ours = |name: &OsStr| name.to_str().is_some_and(|name| name.starts_with('.') && name.ends_with(&end));
    let within = |folder: &Path, of: Option<&OsStr>| {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let fits = of.is_none_or(|of| name.to_string_lossy() == format!(".{}{end}", of.to_string_lossy()));
            if fits && is_ours(&name) {
                // nothing to be done about what cannot be removed
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                let _ =
                    if is_folder { std::fs::remove_dir_all(entry.path()) } else { std::fs::remove_file(entry.path()) };
            }
        }
    };
    if path.is_dir() {
        return within(path, None);
    }
    if let Ok(Place::Replaced(place)) = Place::of(path) {
        within(folder_of(&place), place.file_name());
    }
}

/// Removes the unfinished files of processes that no longer exist: those without a lock.
fn remove_stale(folder: &Path, name: &OsStr) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Some(found) = entry.file_name().to_str().map(str::to_owned) else { continue };
        let Some(name) = name.to_str() else { continue };
        let process = found
            .strip_prefix('.')
            .and_then(|rest| rest.strip_prefix(name))
            .and_then(|rest| rest.strip_prefix('.').and_then(|rest| rest.strip_suffix(".part")));
        let is_ours = process.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()));
        if is_ours && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            let free = OpenOptions::new().write(true).open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
            if free {
                // a file that cannot be removed does no harm
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

/// Forces a new or renamed name in a folder to the disk, if the system can do that.
///
/// # Errors
/// When the operating system reports an error.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder_of(path))?.sync_all() } else { Ok(()) }
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
            self.discard();
        }
    }
}

/// Writes a whole file in the same way.
///
/// # Errors
/// When it cannot be written. Then an older file is unchanged.
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

    #[cfg(unix)]
    #[test]
    fn a_link_stays_and_what_it_leads_to_is_replaced_also_when_nothing_is_there_yet() -> io::Result<()> {
        let directory = directory("link");
        std::fs::create_dir_all(directory.join("real"))?;
        std::os::unix::fs::symlink("real/target.json", directory.join("middle"))?;
        std::os::unix::fs::symlink("middle", directory.join("link"))?;
        for content in ["first", "second"] {
            write(directory.join("link"), content.as_bytes()).map_err(FileError::into_source)?;
            assert!(directory.join("link").is_symlink() && directory.join("middle").is_symlink());
            assert!(!directory.join("real/target.json").is_symlink());
            assert_eq!(std::fs::read_to_string(directory.join("real/target.json"))?, content);
        }
        assert_eq!(names(&directory.join("real")), ["target.json"]);
        std::os::unix::fs::symlink("round", directory.join("round"))?;
        assert!(write(directory.join("round"), b"").is_err_and(|e| e.to_string().ends_with("too many symbolic links")));
        std::fs::remove_dir_all(&directory)
    }

    #[cfg(unix)]
    #[test]
    fn a_named_pipe_is_written_through_and_stays_one() -> io::Result<()> {
        use std::os::unix::fs::FileTypeExt;
        let directory = directory("pipe");
        std::fs::create_dir_all(&directory)?;
        let pipe = directory.join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status()?.success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || std::fs::read_to_string(pipe)
        });
        write(&pipe, b"through").map_err(FileError::into_source)?;
        assert_eq!(reader.join().map_err(|_| io::Error::other("the reader died"))??, "through");
        assert!(pipe.symlink_metadata()?.file_type().is_fifo());
        assert_eq!(names(&directory), ["pipe"]);
        std::fs::remove_dir_all(&directory)
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not() -> io::Result<()> {
        let directory = directory("stale");
        std::fs::create_dir_all(&directory)?;
        for name in [".result.json.1.part", ".result.json.more.part", ".other.json.1.part", ".result.json.2.part"] {
            std::fs::write(directory.join(name), "half")?;
        }
        let living = File::open(directory.join(".result.json.2.part"))?;
        living.lock()?;
        write(directory.join("result.json"), b"all").map_err(FileError::into_source)?;
        let mut left = names(&directory);
        left.sort();
        assert_eq!(left, [".other.json.1.part", ".result.json.2.part", ".result.json.more.part", "result.json"]);
        std::fs::remove_dir_all(&directory)
    }

    #[cfg(unix)]
    #[test]
    fn who_may_read_a_file_stays_as_it_was() -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let directory = directory("mode");
        let path = directory.join("result.json");
        write(&path, b"older").map_err(FileError::into_source)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        write(&path, b"newer").map_err(FileError::into_source)?;
        assert_eq!(path.metadata()?.permissions().mode() & 0o777, 0o600);
        std::fs::remove_dir_all(&directory)
    }

    #[test]
    fn two_spellings_of_a_path_are_one_file() -> io::Result<()> {
        let directory = directory("same");
        std::fs::create_dir_all(directory.join("in"))?;
        let (one, other) = (directory.join("in/../a"), directory.join("./a"));
        assert!(is_same(&one, &other) && !is_same(&one, &directory.join("b")));
        std::fs::write(&one, "")?;
        assert!(is_same(&one, &other));
        // the folder is not made yet
        assert!(is_same(&directory.join("new/a"), &directory.join("new/a")));
        std::fs::remove_dir_all(&directory)
    }

    #[test]
    fn a_folder_is_no_file() -> io::Result<()> {
        let directory = directory("folder");
        std::fs::create_dir_all(&directory)?;
        let error = PendingFile::create(&directory).map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(error, Err(format!("cannot write {}: is a directory", directory.display())));
        std::fs::remove_dir_all(&directory)
    }
}
