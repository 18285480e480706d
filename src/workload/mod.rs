//! Where requests come from: replayed traces and synthesis.
mod ahead;
pub mod config;
pub mod convert;
#[cfg(test)]
mod convert_tests;
mod error;
pub mod packed;
mod play;
mod purpose;
pub mod replay;
pub mod request;
mod source;
pub mod stats;
pub mod synth;
pub mod write;

pub use config::{ReadConfig, ReplayConfig, SynthConfig, WorkloadConfig};
pub use error::Error;
pub use play::ReplayWorkload;
pub use request::{Ending, Previous, Recorded, RecordedAttempt, Request, Says, SessionHash, Workload, synthetic_name};
pub use source::Source;
pub use synth::{Expected, SynthWorkload};
