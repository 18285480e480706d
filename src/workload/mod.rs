//! Where requests come from: replayed traces and synthesis.
pub mod config;
mod error;
mod purpose;
pub mod replay;
pub mod request;
pub mod synth;

pub use config::{ReadConfig, ReplayConfig, SynthConfig, WorkloadConfig};
pub use error::Error;
pub use request::{Attempt as RecordedAttempt, Ending, Previous, Recorded, Request, SessionHash, Workload};
pub use synth::SynthWorkload;
