//! Where a verb reads and writes: two outputs at one place, or an output in the place of an input, are refused before
//! anything is opened.

use std::path::{Path, PathBuf};

use crate::files::is_same;
use crate::simulation::Lowered;
use crate::workload::WorkloadConfig;

/// The places of one call of a verb, each with what names it.
#[derive(Debug, Default)]
pub(crate) struct Places {
    read: Vec<(String, PathBuf)>,
    written: Vec<(String, PathBuf)>,
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

    /// Something that is written, if it is: the option and its value.
    pub(crate) fn writes(mut self, option: &str, path: Option<&Path>) -> Self {
        self.written.extend(path.map(|path| (option.to_owned(), path.to_owned())));
        self
    }

    /// Refuses places that meet.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        for (at, (option, path)) in self.written.iter().enumerate() {
            if let Some((what, _)) = self.read.iter().find(|(_, other)| is_same(path, other)) {
                anyhow::bail!("{option} would replace {what}, {}: give another name", path.display());
            }
            if let Some((other, _)) = self.written[..at].iter().find(|(_, other)| is_same(path, other)) {
                anyhow::bail!("{other} and {option} both name {}: give each its own", path.display());
            }
        }
        Ok(())
    }
}
