//! Where requests come from: replayed traces and synthesis.
pub mod request;

pub use request::{Attempt as RecordedAttempt, Ending, Previous, Recorded, Request, SessionHash, Workload};

/// Why a workload cannot go on: one clear message with place and remedy.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub String);
