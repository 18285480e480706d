//! Where a verb reads and writes: two outputs at one place, or an output in the place of an input, are refused before
//! anything is opened.

use std::path::{Path, PathBuf};

use super::interrupt;
use crate::files::is_same;
use crate::simulation::Lowered;
use crate::workload::WorkloadConfig;
use crate::workload::replay::{ONE_READING, is_read_once};

/// `-` is standard input.
pub(crate) fn or_stdin(path: &Path) -> PathBuf {
    if path == Path::new("-") { PathBuf::from("/dev/stdin") } else { path.to_owned() }
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
