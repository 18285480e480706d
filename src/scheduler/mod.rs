//! The sticky-escape scheduler: a port that answers like the original to the last bit (spec scheduler.md).
//!
//! Time and state come in, decisions go out; no clock, no I/O, no knowledge of the simulator.

pub mod account;
pub mod config;
pub mod decision;

pub use account::Account;
pub use config::{Config, Weights};
pub use decision::{Decision, Escape, EscapeReason, Layer, Outcome, SlotToken, WaitPlan};
