//! Simulated upstream accounts: how an attempt on an account goes, and the ground truth of its health.

pub mod config;
pub mod contract;

pub use config::Config;
pub use contract::{Attempt, Forward, HealthChange, Upstream};
