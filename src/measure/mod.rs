//! Observers of a run and the figures they make.
pub mod observer;

pub use observer::{Binding, Finished, Forwarded, Observer, Report, Selected, StateChange, Status};
