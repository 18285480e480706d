//! Either kind of workload behind one type, so that a run is compiled once.

use crate::engine::Luck;
use crate::ids::{ModelId, SessionRef};
use crate::units::Time;
use crate::workload::config::WorkloadConfig;
use crate::workload::{Ending, Error, ReplayWorkload, Request, SynthWorkload, Workload};

/// A run's workload.
#[derive(Debug)]
pub enum Source {
    /// From a recorded trace.
    Replay(Box<ReplayWorkload>),
    /// From distributions.
    Synth(Box<SynthWorkload>),
}

impl Source {
    /// The workload of these settings, from `start` on.
    ///
    /// # Errors
    /// When a setting is out of range or a trace cannot be read.
    pub fn open(config: WorkloadConfig, luck: Luck, start: Time) -> Result<Self, Error> {
        Ok(match config {
            WorkloadConfig::Replay(config) => Self::Replay(Box::new(ReplayWorkload::open(config, luck, start)?)),
            WorkloadConfig::Synth(config) => Self::Synth(Box::new(SynthWorkload::new(config, luck, start)?)),
        })
    }

    /// Assumptions and oddities of what was played so far, for reports.
    pub fn notes(&self) -> Vec<String> {
        match self {
            Self::Replay(replay) => replay.notes(),
            Self::Synth(_) => Vec::new(),
        }
    }
}

impl Workload for Source {
    #[inline]
    fn peek(&mut self) -> Result<Option<Time>, Error> {
        match self {
            Self::Replay(replay) => replay.peek(),
            Self::Synth(synth) => synth.peek(),
        }
    }

    #[inline]
    fn next(&mut self) -> Result<Option<Request>, Error> {
        match self {
            Self::Replay(replay) => replay.next(),
            Self::Synth(synth) => synth.next(),
        }
    }

    #[inline]
    fn ended(&mut self, request: &Request, ending: Ending) {
        match self {
            Self::Replay(replay) => replay.ended(request, ending),
            Self::Synth(synth) => synth.ended(request, ending),
        }
    }

    #[inline]
    fn retired(&mut self) -> Option<SessionRef> {
        match self {
            Self::Replay(replay) => replay.retired(),
            Self::Synth(synth) => synth.retired(),
        }
    }

    fn model_name(&self, model: ModelId) -> &str {
        match self {
            Self::Replay(replay) => replay.model_name(model),
            Self::Synth(synth) => synth.model_name(model),
        }
    }
}
