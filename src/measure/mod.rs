//! Observers of a run and the figures they make (spec simulator.md, "What is measured").
//!
//! A run reports its steps through `Observer`. `Panel` is the observer that makes all figures. `Figures` names each
//! figure by a path with dots and knows its unit and its direction, so that a figure can be compared, swept and used in
//! gates by its name.

pub mod accounts;
pub mod check;
pub mod compose;
pub mod cost;
pub mod detection;
mod drift;
pub mod escapes;
pub mod figures;
pub mod histogram;
pub mod latency;
mod nanos;
pub mod notes;
pub mod observer;
pub mod outcomes;
pub mod panel;
pub mod provenance;
pub mod scheduling;
pub mod series;
pub mod sessions;
pub mod settings;
pub mod tail;
#[cfg(test)]
pub(crate) mod testing;

pub use figures::Figures;
pub use histogram::Percentiles;
pub use notes::{Merged, Note};
pub use observer::{BindingCause, Considered, Finished, Forwarded, Observer, Reported, Selected, StateChange, Status};
pub use panel::{Panel, Results};
pub use provenance::Provenance;
pub use settings::{AccountInfo, CacheRules, ConditionInfo, EscapeGate, Groups, Price, Settings};
