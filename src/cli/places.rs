//! Where a verb reads and writes: two outputs at one place, or an output in the place of an input, are refused before
//! anything is opened.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::interrupt;
use crate::files::is_same;
use crate::simulation::Lowered;
use crate::workload::WorkloadConfig;
use crate::workload::replay::{ONE_READING, is_read_once};

/// `-` is standard input.
pub(crate) fn or_stdin(path: &Path) -> PathBuf {
    if path == Path::new("-") { PathBuf::from("/dev/stdin") } else { path.to_owned() }
}

/// What a path leads to as a file that can be read as often as one likes: standard input (`-`) and pipes are copied
/// to a temporary one first, which is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Kept {
    path: PathBuf,
    is_copy: bool,
}

impl Kept {
    /// Copies go to the system's folder for such, or to `beside` where that takes none.
    pub(crate) fn of(path: &Path, beside: &Path) -> anyhow::Result<Self> {
        let path = or_stdin(path);
        if !is_read_once(&path) {
            return Ok(Self { path, is_copy: false });
        }
        let mut input = std::fs::File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
        for (folder, number) in [std::env::temp_dir(), beside.to_owned()].into_iter().zip(0..) {
            let name = format!(".standard-input-{}.{}.part", Self::next(&folder), std::process::id());
            let copy = folder.join(name);
            match std::fs::File::create(&copy) {
                Ok(mut file) => {
                    std::io::copy(&mut input, &mut file).with_context(|| format!("cannot copy {}", path.display()))?;
                    return Ok(Self { path: copy, is_copy: true });
                }
                Err(error) if number == 1 => {
                    return Err(anyhow::Error::new(error).context(format!("cannot copy {} anywhere", path.display())));
                }
                Err(_) => {}
            }
        }
        Ok(Self { path, is_copy: false })
    }

    /// A number that no copy in this folder has.
    fn next(folder: &Path) -> u32 {
        let is_free =
            |number: &u32| !folder.join(format!(".standard-input-{number}.{}.part", std::process::id())).exists();
        (1..u32::MAX).find(is_free).unwrap_or(0)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if self.is_copy {
            // nothing to be done about a copy that cannot be removed
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// The places of one call of a verb, each with what names it.
#[derive(Debug, Default)]
pub(crate) struct Places {
    read: Vec<(String, PathBuf)>,
    written: Vec<(String, PathBuf)>,
    /// Read by every run of several.
    read_often: Vec<PathBuf>,
}

impl Places {
    /// Something that is read; `what` as the subject of a sentence: `the scenario`.
    pub(crate) fn reads(mut self, what: &str, path: &Path) -> Self {
        self.read.push((what.to_owned(), path.to_owned()));
        self
    }

    /// The trace that a scenario replays, if it does.
    pub(crate) fn reads_trace_of(self, lowered: &Lowered) -> Self {
        match &lowered.workload {
            WorkloadConfig::Replay(replay) => self.reads("the trace", &replay.read.path),
            WorkloadConfig::Synth(_) => self,
        }
    }

    /// The same of several runs, each of which reads it.
    pub(crate) fn reads_trace_often_of(mut self, lowered: &Lowered) -> Self {
        if let WorkloadConfig::Replay(replay) = &lowered.workload {
            self.read_often.push(replay.read.path.clone());
        }
        self.reads_trace_of(lowered)
    }

    /// Something that is written, if it is: the option and its value.
    pub(crate) fn writes(mut self, option: &str, path: Option<&Path>) -> Self {
        self.written.extend(path.map(|path| (option.to_owned(), path.to_owned())));
        self
    }

    /// Refuses places that meet, and pipes that would have to be read more than once. From here on an interrupt removes
    /// what is unfinished at these places.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        if let Some(path) = self.read_often.iter().find(|path| is_read_once(path)) {
            anyhow::bail!("{}: every run reads the trace; {ONE_READING}", path.display());
        }
        for (at, (option, path)) in self.written.iter().enumerate() {
            if let Some((what, _)) = self.read.iter().find(|(_, other)| is_same(path, other)) {
                anyhow::bail!("{option} would replace {what}, {}: give another name", path.display());
            }
            if let Some((other, _)) = self.written[..at].iter().find(|(_, other)| is_same(path, other)) {
                anyhow::bail!("{other} and {option} both name {}: give each its own", path.display());
            }
        }
        interrupt::watch(self.written.iter().map(|(_, path)| path.clone()).collect());
        Ok(())
    }
}
