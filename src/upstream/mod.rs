//! Simulated upstream accounts: how attempts on them go, and the ground truth of their health.
//!
//! [`Upstream`] is what the request loop asks. [`ModelledUpstream`] answers from a [`Config`] (latency, prompt cache,
//! limits, failures, conditions), [`ScriptedUpstream`] from the attempts that a request carries, and
//! [`RecordedUpstream`] from what a trace recorded, with another upstream where it recorded too little.

pub mod baselines;
mod cache;
mod conditions;
pub mod config;
pub mod contract;
mod failure;
mod latency;
mod limits;
mod modelled;
pub mod persistence;
mod recorded;
mod scripted;
#[cfg(test)]
mod testing;

pub use config::Config;
pub use contract::{Attempt, Forward, HealthChange, Upstream};
pub use modelled::ModelledUpstream;
pub use recorded::{RecordedUpstream, Served};
pub use scripted::ScriptedUpstream;

/// The purposes for which this room draws luck.
mod purpose {
    /// One forward; about its request's luck and the visit.
    pub(super) const ATTEMPT: u64 = 0x5550_4154;
    /// How fast a session is served, by its number.
    pub(super) const SESSION: u64 = 0x5550_5345;
    /// One stay of a random condition; about the condition's index and the number of the stay.
    pub(super) const MARKOV: u64 = 0x5550_4d4b;
}
