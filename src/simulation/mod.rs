//! Puts the rooms together and makes one run from (scenario, seed).

mod followed;
pub mod lower;
mod run;
mod service;
mod unused;

pub use crate::gateway::RunError;
pub use lower::{LowerError, Lowered, lower, settings};
pub use run::{Run, simulate, simulate_inlined, simulate_seen_by};
